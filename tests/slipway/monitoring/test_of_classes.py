"""Monitors of bias and explanations where the model tells one of several classes: the wines, from their table on."""

import json
import shutil

import numpy as np
import pytest

from slipway.build import bias_analysis
from slipway.tabular import explaining
from slipway.tabular.baselines import Lifecycle
from slipway.tabular.checking import Folders, raw_rows
from slipway.tabular.scripts import bias, explain
from tests.slipway.build.made import WINES, pipeline, wine_settings, wines

FIRST = Lifecycle(skip_check=True, register_new=True, group="g")
HOUR, ASKED, FOLDER = "2026/11/30/07", "2026/11/29/07", "2026/11/30/08"
LABELLED = {"monitor": "bias", "schedule": "demo-prod-bias", "labels": "s3://b/labels", "labels_after_hours": "24"}
BAROLO = WINES[0]
EXPLAINED = {"monitor": "explainability", "schedule": "demo-prod-attribution"}
SHAP = {"engine": "slipway", "methods": {"shap": {"agg_method": "mean_abs"}}}


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """The wines' version, and what its pipeline has left for the monitors."""
    asked = {"explainability": {"rows": 100}, "bias": {"facets": {"hue": [0.9]}, "positive": [BAROLO]}}
    table = wines()
    made = pipeline(tmp_path_factory.mktemp("wine"), "wine", wine_settings(**asked), [table[0], *table[1:] * 5])
    made.prepare()
    made.train()
    made.evaluate()
    config = bias_analysis.configuration(made.config.bias, made.config.data)
    for script, name, own, of_monitor in (
        (explain, "explained", {"explainability": {"rows": 200, "num_samples": 200, "agg_method": "mean_abs"}}, SHAP),
        (bias, "bias", config, config),
    ):
        folder = made.work / name
        script.main(Folders(made.work / "archive", made.out / "checked", folder, folder), own, FIRST)
        (folder / "analysis_config.json").write_text(json.dumps(of_monitor))
    return made


@pytest.fixture
def watched(monitor, version):
    """The monitor's job with the version's documents for explanations."""
    give(monitor, version, "explained/analysis.json")
    (monitor.base / "processing/baseline/model").mkdir()
    shutil.copy(version.work / "archive" / "model.tar.gz", monitor.base / "processing/baseline/model")
    return monitor


@pytest.fixture
def fair(monitor, version):
    """The monitor's job with the version's documents for bias."""
    give(monitor, version, "bias/model.json")
    return monitor


def give(monitor, version, analysis):
    monitor.baseline((version.out / "baseline" / "baseline.csv").read_text())
    places = monitor.base / "processing/baseline"
    for name, source in (("analysis", analysis), ("config", f"{analysis.partition('/')[0]}/analysis_config.json")):
        (places / name).mkdir()
        shutil.copy(version.work / source, places / name)


@pytest.fixture(scope="module")
def requests(version):
    return raw_rows(version.out / "checked" / "explained.csv").splitlines()


def test_requests_like_those_of_the_version_are_explained_alike(watched, requests):
    watched.capture(HOUR, *requests)
    assert watched.run(**EXPLAINED) == "Completed: Job completed successfully with no violations."
    found = watched.document(f"{FOLDER}/analysis.json")["explanations"]
    assert list(found["kernel_shap"]) == [*WINES]
    assert found["over_classes"]["global_shap_values"].keys() == found["kernel_shap"]["3"]["global_shap_values"].keys()


def test_of_an_hour_with_more_figures_than_are_kept_some_requests_are_explained(watched, requests, monkeypatch):
    monkeypatch.setattr(explaining, "FEWEST", 10)
    monkeypatch.setattr(explaining, "FIGURES", 20 * len(WINES) * 14)
    watched.capture(HOUR, *requests)
    assert watched.run(**EXPLAINED).endswith(f" 20 rows of 20 among {len(requests)} captured requests were explained.")
    assert watched.document(f"{FOLDER}/execution.json")["rows"] == 20


def test_cloudwatch_is_told_how_much_features_count_over_all_classes(watched, requests):
    watched.capture(HOUR, *requests[:10])
    watched.run(**EXPLAINED)
    over = watched.document(f"{FOLDER}/analysis.json")["explanations"]["over_classes"]["global_shap_values"]
    [told] = watched.cloudwatch.told
    values = {entry["MetricName"]: entry["Value"] for entry in told["MetricData"]}
    assert values == {f"feature_{name}": value for name, value in over.items()}
    dimensions = {(d["Name"], d["Value"]) for entry in told["MetricData"] for d in entry["Dimensions"]}
    assert {value for name, value in dimensions if name == "Label"} == {"all classes"}


def test_requests_that_are_answered_for_other_reasons_violate(watched, requests, version):
    place = version.config.data.used.index("proline")
    rows = [request.split(",") for request in requests]
    for row in rows:
        row[place] = "700"  # what counted most tells nothing any more
    path = watched.base / "processing/baseline/analysis/analysis.json"
    document = json.loads(path.read_text())
    values = document["explanations"]["over_classes"]["global_shap_values"]
    document["explanations"]["over_classes"]["global_shap_values"] = values | {"ash": 5 * sum(values.values())}
    path.write_text(json.dumps(document))
    watched.capture(HOUR, *map(",".join, rows))
    assert watched.run(**EXPLAINED).startswith("CompletedWithViolations: ")
    [found] = watched.document(f"{FOLDER}/constraint_violations.json")["violations"]
    assert (found["label"], found["constraint_check_type"]) == ("all classes", "feature_attribution_drift_check")
    assert np.isfinite(float(found["description"].split()[3]))


def asked_of(monitor, version, answer, label=lambda name: name):
    """Requests of the test rows with their labels; `answer` says what of (row, label) is answered."""
    path = version.out / "checked" / "test.csv"
    names = version.config.data.used
    rows = [dict(zip(names, line.split(","), strict=True)) for line in raw_rows(path).splitlines()]
    truth = [WINES[int(line.rpartition(",")[2])] for line in path.read_text().splitlines()]
    told = tuple(f"{quote(answer(row, name))},0.5,0.3,0.2" for row, name in zip(rows, truth, strict=True))
    monitor.capture(ASKED, *(",".join(row.values()) for row in rows), answers=told)
    monitor.label(ASKED, {f"{ASKED}-{number}": quote(label(name)) for number, name in enumerate(truth)})


def quote(name):
    return f'"{name}"' if "," in name else name


def test_a_group_that_gets_the_positive_class_as_before_does_not_violate(fair, version):
    asked_of(fair, version, lambda _, name: name)
    assert fair.run(**LABELLED).startswith("Completed: ")
    analysis = fair.document(f"{FOLDER}/analysis.json")
    before = json.loads((fair.base / "processing/baseline/analysis/model.json").read_text())
    post = "post_training_bias_metrics"
    for found in (analysis[post], analysis["pre_training_bias_metrics"], before[post]):
        assert (found["label"], found["label_value_or_threshold"]) == ("grower", BAROLO)
    [told] = fair.cloudwatch.told
    dimensions = {d["Name"]: d["Value"] for d in told["MetricData"][0]["Dimensions"]}
    assert (dimensions["Facet"], dimensions["FacetValue"], dimensions["LabelValue"]) == ("hue", "0.9", BAROLO)


def test_a_group_that_no_longer_gets_the_positive_class_violates(fair, version):
    asked_of(fair, version, lambda row, _: "3" if float(row["hue"]) > 0.9 else BAROLO)
    assert fair.run(**LABELLED).startswith("CompletedWithViolations: ")
    found = {one["metric_name"]: one for one in fair.document(f"{FOLDER}/constraint_violations.json")["violations"]}
    assert found["DPPL"]["description"].startswith("Metric value 1.0 doesn't meet the baseline constraint requirement")
    assert (found["DPPL"]["facet"], found["DPPL"]["facet_value"]) == ("hue", "0.9")


def test_labels_may_be_spelled_as_a_number_is(fair, version):
    asked_of(fair, version, lambda _, name: name, label=lambda name: "3.0" if name == "3" else name)
    assert fair.run(**LABELLED).startswith("Completed: ")


def test_a_label_or_an_answer_that_is_no_class_is_named(fair, version):
    asked_of(fair, version, lambda _, name: name, label=lambda _: "Brunello")
    told = fair.run(**LABELLED)
    assert "line 1: the label is 'Brunello'; expected one of Barolo, red, grignolino, 3" in told


def test_an_hour_without_a_positive_answer_says_so(fair, version):
    asked_of(fair, version, lambda *_: "grignolino")
    told = fair.run(**LABELLED)
    assert told.startswith("Completed: ")
    assert told.endswith("No answer is Barolo, red: nothing is said of how the model treats the groups.")
    assert "post_training_bias_metrics" not in fair.document(f"{FOLDER}/analysis.json")
