"""Monitors of explanations where the model tells one of several classes: the wines, all the way from their table."""

import json
import shutil

import numpy as np
import pytest

from slipway.tabular.baselines import Lifecycle
from slipway.tabular.checking import Folders, raw_rows
from slipway.tabular.scripts import explain
from tests.slipway.build.made import WINES, pipeline, wine_settings, wines

FIRST = Lifecycle(skip_check=True, register_new=True, group="g")
HOUR, FOLDER = "2026/11/30/07", "2026/11/30/08"
EXPLAINED = {"monitor": "explainability", "schedule": "demo-prod-attribution"}
SHAP = {"engine": "slipway", "methods": {"shap": {"agg_method": "mean_abs"}}}


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """The wines' version, and what its pipeline has left for the monitors."""
    made = pipeline(tmp_path_factory.mktemp("wine"), "wine", wine_settings(explainability={"rows": 100}), wines())
    made.prepare()
    made.train()
    made.evaluate()
    folders = Folders(made.work / "archive", made.out / "checked", made.work / "explained", made.work / "explained")
    explain.main(folders, {"explainability": {"agg_method": "mean_abs"}}, FIRST)
    return made


@pytest.fixture
def watched(monitor, version):
    """The monitor's job with the version's documents."""
    monitor.baseline((version.out / "baseline" / "baseline.csv").read_text())
    places = monitor.base / "processing/baseline"
    for name in ("analysis", "config", "model"):
        (places / name).mkdir()
    shutil.copy(version.work / "explained" / "analysis.json", places / "analysis")
    (places / "config" / "analysis_config.json").write_text(json.dumps(SHAP))
    shutil.copy(version.work / "archive" / "model.tar.gz", places / "model")
    return monitor


@pytest.fixture(scope="module")
def requests(version):
    return raw_rows(version.out / "checked" / "explained.csv").splitlines()


def test_requests_like_those_of_the_version_are_explained_alike(watched, requests):
    watched.capture(HOUR, *requests)
    assert watched.run(**EXPLAINED) == "Completed: Job completed successfully with no violations."
    found = watched.document(f"{FOLDER}/analysis.json")["explanations"]
    assert list(found["kernel_shap"]) == [*WINES]
    assert found["over_classes"]["global_shap_values"].keys() == found["kernel_shap"]["3"]["global_shap_values"].keys()


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
