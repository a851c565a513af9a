"""Captured records joined with ground truth."""

import json

import pytest

CAPTURE = {"sagemakerCaptureJson": {}}
MERGE = {"analysis_type": "GROUND_TRUTH_MERGE", "ground_truth_source": "/opt/ml/truth"}
HOUR = "2024/05/01/07"


def _record(event, inference=None, data="0.5\n"):
    about = {"eventId": event, "inferenceTime": "2024-05-01T07:00:00Z"} | (
        {"inferenceId": inference} if inference else {}
    )
    side = {"observedContentType": "text/csv", "mode": "OUTPUT", "data": data, "encoding": "CSV"}
    return json.dumps({"captureData": {"endpointOutput": side}, "eventMetadata": about, "eventVersion": "0"})


def _label(identity, value="1"):
    about = {"eventId": identity}
    return json.dumps(
        {"groundTruthData": {"data": value, "encoding": "CSV"}, "eventMetadata": about, "eventVersion": "0"}
    )


def _merged(analysis):
    """{path: [(id, label)]} of what was written."""
    found = {}
    for path in sorted((analysis.base / "out").rglob("*.jsonl")):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        assert all(set(r) == {"captureData", "eventMetadata", "eventVersion", "groundTruthData"} for r in records)
        told = [(r["eventMetadata"]["eventId"], r["groundTruthData"]["data"]) for r in records]
        found[path.parent.relative_to(analysis.base / "out").as_posix()] = told
    return found


def test_the_caller_s_id_comes_before_the_event_s_and_the_layout_stays(analysis):
    analysis.put(f"in/Ep/A/{HOUR}/x.jsonl", "\n".join([_record("e1"), _record("e2", "order-2"), _record("e3")]))
    analysis.put("in/Ep/B/2024/05/01/08/y.jsonl", _record("e4"))
    analysis.put(f"truth/{HOUR}/l.jsonl", "\n".join([_label("e1"), _label("order-2", "0"), _label("e2"), _label("e9")]))
    analysis.put("truth/2024/05/01/08/l.jsonl", _label("e4"))
    message = analysis.run("in", CAPTURE, **MERGE)
    assert message == (
        "Completed: merged 3 of 4 captured records with ground truth. 1 have none (yet). "
        "2 labels belong to no captured record of the window."
    )
    assert _merged(analysis) == {f"A/{HOUR}": [("e1", "1"), ("e2", "0")], "B/2024/05/01/08": [("e4", "1")]}


def test_a_second_run_after_late_labels_replaces_the_hour_s_file(analysis):
    analysis.put(f"in/Ep/A/{HOUR}/x.jsonl", "\n".join([_record("e1"), _record("e2")]))
    analysis.put(f"truth/{HOUR}/1.jsonl", _label("e1"))
    assert "merged 1 of 2" in analysis.run("in", CAPTURE, **MERGE)
    analysis.put(f"truth/{HOUR}/2.jsonl", "\n".join([_label("e2"), _label("e1", "0")]))
    assert "merged 2 of 2" in analysis.run("in", CAPTURE, **MERGE)
    assert _merged(analysis) == {f"A/{HOUR}": [("e1", "0"), ("e2", "1")]}


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (_label("other"), "none of the 1 captured records has ground truth among 1 labels"),
        ('{"groundTruthData": {}}', "l.jsonl, line 1: ground truth needs groundTruthData and eventMetadata.eventId"),
        ("nope", "l.jsonl, line 1 is not JSON"),
    ],
)
def test_ground_truth_that_fits_nothing(analysis, label, told):
    analysis.put(f"in/Ep/A/{HOUR}/x.jsonl", _record("e1"))
    analysis.put(f"truth/{HOUR}/l.jsonl", label)
    assert told in analysis.run("in", CAPTURE, **MERGE)
    assert analysis.code == 1


def test_merged_records_are_what_model_quality_judges(analysis):
    analysis.put(f"in/Ep/A/{HOUR}/x.jsonl", "\n".join(_record(f"e{i}", data=f"{i / 10}\n") for i in range(10)))
    analysis.put(f"truth/{HOUR}/l.jsonl", "\n".join(_label(f"e{i}", str(int(i > 4))) for i in range(10)))
    analysis.run("in", CAPTURE, output="merged", **MERGE)
    environ = {"analysis_type": "MODEL_QUALITY", "problem_type": "BinaryClassification", "probability_attribute": "0"}
    analysis.run("merged", CAPTURE, **environ)
    assert analysis.document("out/statistics.json")["binary_classification_metrics"]["auc"]["value"] == 1.0
