"""Monitors of bias and of explanations: an hour's requests against the analyses of the version."""

import json
import shutil

import numpy as np
import pytest

from slipway.tabular.baselines import Lifecycle
from slipway.tabular.checking import Folders, raw_rows
from slipway.tabular.scripts import bias, explain

FIRST = Lifecycle(skip_check=True, register_new=True, group="g")
HOUR, ASKED, FOLDER = "2026/11/30/07", "2026/11/29/07", "2026/11/30/08"
GROUP = {"name_or_index": "intl_plan", "value_or_threshold": ["yes"]}
LABELLED = {"monitor": "bias", "schedule": "demo-prod-bias", "labels": "s3://b/labels", "labels_after_hours": "24"}


@pytest.fixture(scope="module")
def version(churn, tmp_path_factory):
    """Rows of a version, and what its pipeline has left for the monitors."""
    folder = tmp_path_factory.mktemp("version")
    asked = {"bias": {"facets": {"intl_plan": ["yes"]}}, "explainability": {"rows": 500}}
    churn.script("prepare").main(churn.folder / "in", folder, churn.config | asked)
    used = list(churn.script("evaluate").Columns.from_config(churn.config["data"]).features)
    config = {
        "headers": [*used, "churn"],
        "label": "churn",
        "label_values_or_threshold": [1],
        "facet": [GROUP],
    }
    for script, name, own in (
        (bias, "bias", config),
        (explain, "explainability", {"explainability": {"rows": 200, "num_samples": 200, "agg_method": "mean_abs"}}),
    ):
        script.main(Folders(churn.folder / "archive", folder / "checked", folder / name, folder / name), own, FIRST)
    (folder / "bias" / "config.json").write_text(json.dumps(config))
    shap = {"engine": "slipway", "methods": {"shap": {"agg_method": "mean_abs"}}}
    (folder / "explainability" / "config.json").write_text(json.dumps(shap))
    return folder


@pytest.fixture
def watched(monitor, version, churn):
    """The monitor's job with the version's documents."""
    monitor.baseline((version / "baseline" / "baseline.csv").read_text())
    places = monitor.base / "processing/baseline"

    def given(kind, analysis):
        for name, source in (("analysis", f"{kind}/{analysis}.json"), ("config", f"{kind}/config.json")):
            (places / name).mkdir(exist_ok=True)
            shutil.copy(version / source, places / name)
        (places / "model").mkdir(exist_ok=True)
        shutil.copy(churn.folder / "archive" / "model.tar.gz", places / "model")
        return monitor

    return given


@pytest.fixture(scope="module")
def rows(version):
    """Requests of the test rows, and their labels."""
    text = (version / "checked" / "test.csv").read_text().splitlines()
    return raw_rows(version / "checked" / "test.csv").splitlines(), [line.rpartition(",")[2] for line in text]


EXPLAINED = {"monitor": "explainability", "schedule": "demo-prod-attribution"}


def test_requests_like_those_of_the_version_are_explained_alike(watched, rows):
    monitor = watched("explainability", "analysis")
    monitor.capture(HOUR, *rows[0])
    assert monitor.run(**EXPLAINED) == "Completed: Job completed successfully with no violations."
    assert monitor.written == [f"{FOLDER}/{n}.json" for n in ("analysis", "constraint_violations", "execution")]
    before = json.loads((monitor.base / "processing/baseline/analysis/analysis.json").read_text())
    label, live = (
        document["explanations"]["kernel_shap"]["label0"]
        for document in (before, monitor.document(f"{FOLDER}/analysis.json"))
    )
    assert live["global_shap_values"]["day_mins"] == pytest.approx(label["global_shap_values"]["day_mins"], rel=0.25)
    [told] = monitor.cloudwatch.told
    assert told["Namespace"] == "aws/sagemaker/Endpoints/explainability-metrics"
    assert {"feature_day_mins", "ExpectedValue"} <= {entry["MetricName"] for entry in told["MetricData"]}


def test_requests_that_are_answered_for_other_reasons_violate(watched, rows, version, churn):
    monitor = watched("explainability", "analysis")
    place = list(churn.script("evaluate").Columns.from_config(churn.config["data"]).features).index("day_mins")
    first = rows[0][0].split(",")
    first[place] = "180"
    monitor.capture(HOUR, *(",".join(first) for _ in range(50)))  # always the same customer
    path = monitor.base / "processing/baseline/analysis/analysis.json"
    document = json.loads(path.read_text())
    values = document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    document["explanations"]["kernel_shap"]["label0"]["global_shap_values"] = dict(
        zip(sorted(values, key=values.get), sorted(values.values(), reverse=True), strict=True)
    )
    path.write_text(json.dumps(document))
    assert monitor.run(**EXPLAINED).startswith("CompletedWithViolations: ")
    [found] = monitor.document(f"{FOLDER}/constraint_violations.json")["violations"]
    assert (found["label"], found["constraint_check_type"]) == ("label0", "feature_attribution_drift_check")


def test_requests_in_every_form_are_explained_and_those_that_the_model_refuses_are_counted(watched, rows, churn):
    monitor = watched("explainability", "analysis")
    names = list(churn.script("evaluate").Columns.from_config(churn.config["data"]).features)
    monitor.capture(HOUR, ",".join(names) + "\n" + "\n".join(rows[0][:30]), "a,b", *rows[0][30:60])
    told = monitor.run(**EXPLAINED)
    assert told.endswith("1 captured requests could not be read.")
    assert monitor.document(f"{FOLDER}/execution.json")["rows"] == 60


def test_a_group_that_is_treated_as_before_does_not_violate(watched, rows):
    monitor = watched("bias", "model")
    requests, labels = rows
    answers = answers_of(labels, chance=0.06)
    monitor.capture(ASKED, *requests, answers=answers)
    monitor.label(ASKED, {f"{ASKED}-{number}": label for number, label in enumerate(labels)})
    told = monitor.run(**LABELLED)
    assert "merged" in told
    analysis = monitor.document(f"{FOLDER}/analysis.json")
    assert {"pre_training_bias_metrics", "post_training_bias_metrics"} <= analysis.keys()
    [told] = monitor.cloudwatch.told
    assert told["Namespace"] == "aws/sagemaker/Endpoints/bias-metrics"
    dimensions = {d["Name"]: d["Value"] for d in told["MetricData"][0]["Dimensions"]}
    assert dimensions["Facet"], dimensions["FacetValue"] == ("intl_plan", "yes")


def answers_of(labels, chance, wrong_for=lambda number: False):
    """Probabilities that are right, but for a share of the rows, and for all rows of a group."""
    drawn = np.random.default_rng(4).random(len(labels))
    return tuple(
        "0.9" if (label == "1") != bool(drawn[number] < chance or wrong_for(number)) else "0.1"
        for number, label in enumerate(labels)
    )


def test_a_group_that_is_treated_worse_violates(watched, rows, churn):
    monitor = watched("bias", "model")
    requests, labels = rows
    place = list(churn.script("evaluate").Columns.from_config(churn.config["data"]).features).index("intl_plan")
    of_group = [request.split(",")[place] == "yes" for request in requests]
    monitor.capture(ASKED, *requests, answers=answers_of(labels, 0.02, lambda number: of_group[number]))
    monitor.label(ASKED, {f"{ASKED}-{number}": label for number, label in enumerate(labels)})
    assert monitor.run(**LABELLED).startswith("CompletedWithViolations: ")
    found = monitor.document(f"{FOLDER}/constraint_violations.json")["violations"]
    assert {"AD"} <= {violation["metric_name"] for violation in found}
    assert {violation["constraint_check_type"] for violation in found} == {"bias_drift_check"}


def test_an_hour_with_few_rows_of_a_group_proves_nothing(watched, rows, churn):
    monitor = watched("bias", "model")
    place = list(churn.script("evaluate").Columns.from_config(churn.config["data"]).features).index("intl_plan")
    of_group = [number for number, request in enumerate(rows[0]) if request.split(",")[place] == "yes"]
    others = [number for number in range(len(rows[0])) if number not in of_group]
    some = [*of_group[:20], *others[:200]]
    requests, labels = [rows[0][number] for number in some], [rows[1][number] for number in some]
    monitor.capture(ASKED, *requests, answers=answers_of(labels, 0.02, lambda number: number < 20))
    monitor.label(ASKED, {f"{ASKED}-{number}": label for number, label in enumerate(labels)})
    assert monitor.run(**LABELLED).startswith("Completed: ")


def test_what_is_missing_is_named(watched, rows, monitor):
    watched("bias", "model")
    assert monitor.run(monitor="bias") == "Error: bias needs labels"
    monitor.capture(ASKED, *rows[0][:5], answers=("oops",) * 5)
    monitor.label(ASKED, {f"{ASKED}-{number}": "1" for number in range(5)})
    assert "the answer is 'oops'; expected a probability" in monitor.run(**LABELLED)
    watched("explainability", "analysis")
    (monitor.base / "processing/baseline/model/model.tar.gz").unlink()
    monitor.capture(HOUR, *rows[0][:5])
    assert "model.tar.gz is missing" in monitor.run(**EXPLAINED)
