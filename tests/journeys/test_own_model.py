"""Three classes and a model.py of scikit-learn: from a table to production, which answers and is watched."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.slipway.build.made import WINES, wines

from .conftest import until
from .drifting import Mill

pytestmark = pytest.mark.journey

PROD = """
instances: {type: ml.m5.large, count: 1}
capture: {sampling_percent: 100}
monitor:
  data_quality: hourly
  model_quality: hourly
  bias: hourly
  explainability: hourly
  ground_truth: labels/
  labels_after_hours: 1
"""
CHECKED = f"""
bias: {{facets: {{hue: [0.9]}}, positive: ["{WINES[0]}"]}}
explainability: {{rows: 30, num_samples: 60}}
"""
STAGING = """
instances: {type: ml.m5.large, count: 1}
capture: {sampling_percent: 100}
tests: {requests: 20, warm_up: 0, p95_ms: 2000}
"""


class Winery(Mill):
    """A project whose pipeline `slipway new` has made of scikit-learn's wines, with a model.py."""

    pipeline = "wine"

    @property
    def table(self) -> Path:
        return self.folder / "wine.csv"

    def write_pipeline(self, config: str) -> None:
        del config
        with self.table.open("w", newline="") as file:
            csv.writer(file).writerows(wines())
        made = self("new", "wine", "--data", str(self.table), "--label", "grower", "--model")
        assert (made["problem"], sorted(made["label"]["classes"])) == ("multiclass", sorted(WINES))
        written = self.folder / "pipelines/wine/config.yml"
        written.write_text(written.read_text() + CHECKED)

    def bring_data(self) -> None:
        self.s3.upload_file(str(self.table), self.bucket, "data/wine/wine.csv")


@pytest.fixture(scope="module")
def winery(shared: Any, tmp_path_factory: pytest.TempPathFactory) -> Winery:
    return Winery(shared, tmp_path_factory.mktemp("winery"), until, {"prod": PROD, "staging": STAGING})


def lines(rows: list[list[Any]]) -> list[str]:
    return [",".join(map(str, row[:-1])) for row in rows]


def test_it_arrives_answers_and_is_watched(winery: Winery) -> None:
    rows = wines()[1:]
    plain = {"EndpointName": "plant-prod", "ContentType": "text/csv", "Accept": "text/csv"}
    labels, right = [], 0
    for number, (row, line) in enumerate(zip(rows, lines(rows), strict=True)):
        answer = winery.runtime.invoke_endpoint(**plain, Body=line, InferenceId=f"w-{number}")
        ((name, *chances),) = csv.reader([answer["Body"].read().decode()])
        assert len(chances) == len(WINES)
        assert sum(map(float, chances)) == pytest.approx(1, abs=1e-5)
        right += name == row[-1]
        known = {"groundTruthData": {"data": quoted(row[-1]), "encoding": "CSV"}, "eventVersion": "0"}
        labels.append(json.dumps(known | {"eventMetadata": {"eventId": f"w-{number}"}}))
    assert right / len(rows) > 0.9
    winery.wait(lambda: winery.captured("prod", '"w-') >= len(rows), 60, lambda: str(winery.captured("prod")))
    key = f"labels/{datetime.now(UTC):%Y/%m/%d/%H}/labels.jsonl"
    winery.s3.put_object(Bucket=winery.bucket, Key=key, Body="\n".join(labels).encode())
    assert winery.look_by_ourselves().status == "Completed"
    look = winery.look_by_ourselves("plant-prod-model-quality", later=1)
    assert look.status == "Completed"
    found = json.loads(winery.read(f"s3://{winery.bucket}/{look.folder}/statistics.json"))
    metrics = found["multiclass_classification_metrics"]
    assert metrics["accuracy"]["value"] == pytest.approx(right / len(rows))
    assert set(metrics["confusion_matrix"]) == {*WINES}


def test_its_bias_and_its_reasons_are_watched(winery: Winery) -> None:
    """After the requests and labels of the story before."""
    look = winery.look_by_ourselves("plant-prod-bias", later=1)
    assert look.status == "Completed"
    found = json.loads(winery.read(f"s3://{winery.bucket}/{look.folder}/analysis.json"))
    assert found["post_training_bias_metrics"]["label_value_or_threshold"] == WINES[0]
    assert {metric["name"] for metric in metrics_of(found)} >= {"DPPL", "DI", "AD"}
    look = winery.look_by_ourselves("plant-prod-attribution")
    assert look.status == "Completed"
    explained = json.loads(winery.read(f"s3://{winery.bucket}/{look.folder}/analysis.json"))["explanations"]
    assert sorted(explained["kernel_shap"]) == sorted(WINES)
    assert (explained["asked"]["rows"], explained["asked"]["num_samples"]) == (30, 60)
    state = {row["schedule"]: row["message"] for row in winery("monitor", "status")["monitors"]}
    assert "30 rows of 30 among " in state["plant-prod-attribution"]
    shown = {monitor["type"]: monitor for monitor in winery("drift", "prod")["monitors"]}
    assert {pair["group"] for pair in shown["ModelExplainability"]["figures"]} == {"all classes", *WINES}
    assert {pair["group"] for pair in shown["ModelBias"]["figures"]} == {"hue"}


def metrics_of(analysis: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of the only group."""
    [report] = analysis["post_training_bias_metrics"]["facets"]["hue"]
    return list(report["metrics"])


def quoted(label: str) -> str:
    """A label as a line of CSV has it."""
    return f'"{label}"' if "," in label else label


def test_requests_that_are_none_are_refused(winery: Winery) -> None:
    client = winery.runtime
    with pytest.raises(client.exceptions.ModelError) as raised:
        client.invoke_endpoint(EndpointName="plant-prod", ContentType="text/csv", Body="1,2\n")
    assert raised.value.response["OriginalStatusCode"] == 400
    assert "row 1: 2 values, expected 13" in raised.value.response["OriginalMessage"]


def test_the_project_s_files_are_those_that_new_has_written(winery: Winery) -> None:
    written = {path.name for path in Path(winery.folder, "pipelines/wine").glob("*.*")}
    assert written == {"__init__.py", "config.yml", "model.py", "pipeline.py"}
