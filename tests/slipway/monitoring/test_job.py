"""A monitor's job: what it reads, writes and says. CloudWatch's names are held to those of Model Monitor's."""

import json

import numpy as np
import pytest

from loopback.images.model_monitor.analyzer import main as analyzer
from loopback.services.sagemaker.monitoring import metrics as platform
from slipway.analysis import quality_baseline

ROWS = [f"{20 + number % 40},{'yes' if number % 3 else 'no'}" for number in range(300)]
BASELINE = "age,plan\n" + "\n".join(ROWS) + "\n"
OTHERS = [f"{70 + number % 20},yes" for number in range(100)]
HOUR, FOLDER = "2026/11/30/07", "2026/11/30/08"
DOCUMENTS = ["constraint_violations.json", "constraints.json", "execution.json", "statistics.json"]
LABELLED = {
    "monitor": "model_quality",
    "schedule": "demo-prod-model-quality",
    "labels": "s3://b/labels",
    "labels_after_hours": "24",
    "problem_type": "BinaryClassification",
}
ASKED, ANSWERED = "2026/11/29/07", {f"2026/11/29/07-{number}": str(number % 2) for number in range(300)}


def test_the_hour_s_requests_meet_their_baseline(monitor):
    monitor.baseline(BASELINE)
    monitor.capture(HOUR, *ROWS[:100])
    monitor.capture(HOUR, "plan,age\n" + "\n".join(f"{plan},{age}" for age, plan in (row.split(",") for row in ROWS)))
    monitor.capture("2026/11/30/06", *OTHERS)  # another hour's
    monitor.capture("2026/11/30/08", *OTHERS)
    assert monitor.run() == "Completed: Job completed successfully with no violations."
    assert monitor.code == 0
    assert monitor.written == [f"{FOLDER}/{name}" for name in DOCUMENTS]
    assert monitor.document(f"{FOLDER}/statistics.json")["dataset"]["item_count"] == 400
    assert monitor.document(f"{FOLDER}/constraint_violations.json") == {"violations": []}
    facts = monitor.document(f"{FOLDER}/execution.json")
    assert (facts["files"], facts["rows"], facts["window"]["start"]) == (2, 400, "2026-11-30T07:00:00+00:00")


def test_drift_is_a_violation_as_model_monitor_tells_it(monitor):
    monitor.baseline(BASELINE)
    monitor.capture(HOUR, *OTHERS)
    assert monitor.run().startswith("CompletedWithViolations: Job completed successfully with ")
    found = {
        (v["feature_name"], v["constraint_check_type"])
        for v in monitor.document(f"{FOLDER}/constraint_violations.json")["violations"]
    }
    assert ("age", "baseline_drift_check") in found


def test_an_hour_that_is_looked_at_again_has_the_verdict_of_what_is_there_by_then(monitor):
    monitor.baseline(BASELINE)
    monitor.capture(HOUR, *OTHERS[:30])
    assert monitor.run().startswith("CompletedWithViolations")
    for _ in range(9):
        monitor.capture(HOUR, *ROWS)  # came late
    assert monitor.run().startswith("Completed: ")
    assert monitor.written == [f"{FOLDER}/{name}" for name in DOCUMENTS]
    assert monitor.document(f"{FOLDER}/constraint_violations.json") == {"violations": []}
    times = {entry["Timestamp"].isoformat() for request in monitor.cloudwatch.told for entry in request["MetricData"]}
    assert times == {"2026-11-30T08:00:00+00:00"}


def test_an_hour_without_requests_is_no_failure_and_no_verdict(monitor):
    monitor.baseline(BASELINE)
    monitor.capture("2026/11/30/05", *ROWS)
    assert monitor.run() == (
        "NoData: demo-prod captured nothing from 2026-11-30 07:00 to 2026-11-30 08:00 UTC below s3://b/captured"
    )
    assert monitor.code == 0
    assert monitor.written == [f"{FOLDER}/execution.json"]
    assert monitor.cloudwatch.told == []


def test_variants_are_read_together_and_a_day_is_its_hours(monitor):
    monitor.baseline(BASELINE)
    monitor.capture("2026/11/29/00", *ROWS[:50])
    monitor.capture("2026/11/29/23", *ROWS[:70], variant="challenger")
    monitor.capture("2026/11/30/00", *ROWS)
    monitor.run(started="2026-11-30T00:15:00Z", hours="24")
    assert monitor.document("2026/11/30/00/statistics.json")["dataset"]["item_count"] == 120


def test_what_somebody_asks_for_lies_apart_and_tells_cloudwatch_nothing(monitor):
    monitor.baseline(BASELINE)
    monitor.capture("2026/11/30/08", *ROWS[:100])
    monitor.run(until="2026-11-30T09:00:00Z", asked="20261130-083000")
    assert monitor.written == [f"asked/20261130-083000/{name}" for name in DOCUMENTS]
    assert monitor.cloudwatch.told == []


def test_cloudwatch_is_told_as_model_monitor_s_container_tells_it(monitor, tmp_path):
    monitor.baseline(BASELINE)
    monitor.capture(HOUR, *ROWS[:100])
    monitor.run()
    (tmp_path / "same.csv").write_text("age,plan\n" + "\n".join(ROWS[:100]))
    environ = {
        "SAGEMAKER_BASE_DIR": str(tmp_path / "container"),
        "dataset_source": str(tmp_path / "same.csv"),
        "dataset_format": json.dumps({"csv": {"header": True}}),
        "output_path": str(tmp_path / "out"),
        "baseline_statistics": str(tmp_path / "processing/baseline/stats"),
        "baseline_constraints": str(tmp_path / "processing/baseline/constraints"),
        "publish_cloudwatch_metrics": "Enabled",
        "sagemaker_endpoint_name": "demo-prod",
        "sagemaker_monitoring_schedule_name": "demo-prod-data-quality",
    }
    assert analyzer(environ) == 0
    lines = (tmp_path / "container/output/metrics/cloudwatch/metrics.jsonl").read_text().splitlines()
    (theirs,) = platform.requests(environ, [json.loads(line) for line in lines])
    (ours,) = monitor.cloudwatch.told
    assert ours["Namespace"] == theirs["Namespace"]
    untimed = [[{**entry, "Timestamp": 0} for entry in side["MetricData"]] for side in (ours, theirs)]
    assert untimed[0] == untimed[1]


def test_what_cloudwatch_refuses_is_said_and_the_verdict_stays(monitor):
    monitor.baseline(BASELINE)
    monitor.capture(HOUR, *ROWS[:100])
    monitor.cloudwatch.refuses = True
    told = monitor.run()
    assert told.startswith("Completed: ")
    assert "CloudWatch took no metrics: An error occurred (AccessDenied)" in told
    assert monitor.code == 0


def test_labels_are_joined_with_the_requests_of_their_hour(monitor):
    answers = tuple("0.9" if number % 2 else "0.1" for number in range(300))
    monitor.capture(ASKED, *ROWS, answers=answers)
    monitor.label(ASKED, dict(list(ANSWERED.items())[:250]))
    told = monitor.run(**LABELLED)
    assert told.startswith(
        "Completed: Job completed successfully with no violations. merged 250 of 300 captured records"
    )
    assert "50 have none (yet)" in told
    figures = monitor.document(f"{FOLDER}/statistics.json")["binary_classification_metrics"]
    assert figures["accuracy"]["value"] == 1.0
    assert monitor.cloudwatch.told[0]["Namespace"] == "aws/sagemaker/Endpoints/model-metrics"


def test_a_label_that_comes_before_the_window_is_looked_at_counts(monitor):
    monitor.capture(ASKED, *ROWS)
    monitor.label(ASKED, dict(list(ANSWERED.items())[:100]))
    monitor.label(ASKED, dict(list(ANSWERED.items())[100:]))  # another file, later
    assert "merged 300 of 300" in monitor.run(**LABELLED)


def test_a_worse_model_violates_what_its_evaluation_found(monitor):
    rules = {"accuracy": {"threshold": 0.9, "comparison_operator": "LessThanThreshold"}}
    folder = monitor.base / "processing/baseline/constraints"
    folder.mkdir(parents=True)
    (folder / "constraints.json").write_text(json.dumps({"binary_classification_constraints": rules}))
    monitor.capture(ASKED, *ROWS, answers=("0.9",) * 300)
    monitor.label(ASKED, ANSWERED)
    assert monitor.run(**LABELLED).startswith("CompletedWithViolations: Job completed successfully with 1 violations.")
    (found,) = monitor.document(f"{FOLDER}/constraint_violations.json")["violations"]
    assert (found["metric_name"], found["constraint_check_type"]) == ("accuracy", "LessThanThreshold")


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"monitor": "weather"}, "monitor is 'weather'; expected data_quality or model_quality"),
        ({"hours": "0"}, "hours is '0'"),
        ({"hours": "an hour"}, "hours is 'an hour'"),
        ({"started": "yesterday"}, "'yesterday' is no time"),
        ({"until": "yesterday"}, "'yesterday' is no time"),
        ({"captures": ""}, "not set: captures"),
        ({"asked": "../../elsewhere"}, "asked is '../../elsewhere'"),
        ({**LABELLED, "labels": ""}, "model_quality needs labels and problem_type"),
        ({**LABELLED, "labels_after_hours": "-1"}, "labels_after_hours is '-1'"),
        ({**LABELLED, "probability_threshold": "2"}, "probability_threshold is '2'"),
        ({**LABELLED, "problem_type": "Ranking"}, "problem_type is 'Ranking'"),
    ],
)
def test_what_is_wrong_is_one_message_and_exit_code_1(monitor, capsys, environ, told):
    monitor.capture(ASKED, *ROWS)
    monitor.label(ASKED, ANSWERED)
    assert told in monitor.run(**environ)
    assert monitor.code == 1
    assert told in capsys.readouterr().err
    assert not [name for name in monitor.written if name.endswith("statistics.json")]


def test_labels_that_are_not_there_are_told_with_what_to_do(monitor):
    monitor.capture(ASKED, *ROWS)
    monitor.label("2026/11/29/08", ANSWERED)
    told = monitor.run(**LABELLED)
    assert "there are no labels from 2026-11-29 07:00 to 2026-11-29 08:00 UTC below s3://b/labels/" in told
    assert monitor.code == 1


def test_a_bucket_that_may_not_be_read_is_one_message(monitor):
    monitor.s3.refuses = True
    assert monitor.run().startswith("Error: An error occurred (AccessDenied)")
    assert monitor.code == 1


def estimable(monitor, count=2000):
    """A version whose scores are what they say, registered from that many test rows."""
    chance = np.random.default_rng(3)
    scores = chance.beta(0.4, 1.0, count)
    labels = (chance.random(count) < scores).astype(float)
    statistics, _ = quality_baseline.of_binary(labels, scores, 0.4, 100)
    path = monitor.base / "processing/baseline/performance/model_quality_statistics.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(statistics))
    return statistics


def answers_of(seed, shift, count=300):
    chance = np.random.default_rng(seed)
    return tuple(f"{score:.7f}" for score in chance.beta(0.4 * shift, 1.0 * shift, count))


def test_the_performance_is_estimated_without_labels(monitor):
    monitor.baseline(BASELINE)
    registered = estimable(monitor)["binary_classification_metrics"]["auc"]["value"]
    monitor.capture(HOUR, *ROWS, answers=answers_of(4, 1.0))
    told = monitor.run()
    assert told.startswith("Completed: ")
    assert "Estimated without labels: f1 0." in told
    found = monitor.document(f"{FOLDER}/estimated_performance.json")
    auc = found["binary_classification_metrics"]["auc"]
    assert (found["dataset"], auc["registered"]) == ({"item_count": 300, "unreadable_answers": 0}, registered)
    assert auc["low"] < registered < auc["high"]
    assert "no concept drift" in found["method"]
    names = {entry["MetricName"]: entry.get("Value") for entry in monitor.cloudwatch.told[0]["MetricData"]}
    assert (names["estimated_auc"], names["estimated_auc_low"]) == (auc["value"], auc["low"])


def test_an_estimate_below_what_the_stage_asks_for_is_a_violation_and_else_it_is_shown(monitor):
    monitor.baseline(BASELINE)
    estimable(monitor)
    monitor.capture(HOUR, *ROWS, answers=answers_of(5, 12.0))  # the model is unsure of everything
    assert monitor.run().startswith("Completed: ")
    assert monitor.run(estimated_performance='{"auc": 0.8, "accuracy": 0.1}').startswith("CompletedWithViolations: ")
    [found] = monitor.document(f"{FOLDER}/constraint_violations.json")["violations"]
    assert (found["metric_name"], found["constraint_check_type"]) == ("estimated auc", "estimated_performance_check")
    assert found["description"].startswith("Metric auc is estimated 0.")


@pytest.mark.parametrize(
    ("answer", "rows", "unreadable"),
    [("0.25\n0.75", 600, 0), ('{"predictions": [0.25, 0.75], "threshold": 0.5}', 600, 0), ("oops", 0, 300)],
)
def test_answers_are_read_in_every_form(monitor, answer, rows, unreadable):
    monitor.baseline(BASELINE)
    estimable(monitor)
    monitor.capture(HOUR, *ROWS, answers=(answer,) * 300, encoding="JSON" if answer[0] == "{" else "CSV")
    monitor.run()
    found = monitor.document(f"{FOLDER}/estimated_performance.json")
    assert found["dataset"] == {"item_count": rows, "unreadable_answers": unreadable}
    assert bool(found["binary_classification_metrics"]) == bool(rows)


CLASSES = ("low", "mid", "high")


def of_classes(seed, count):
    """Probabilities that are what they say, and the true classes."""
    chance = np.random.default_rng(seed)
    probabilities = chance.dirichlet([1.0, 0.7, 0.5], count)
    truth = (chance.random((count, 1)) > np.cumsum(probabilities, axis=1)).sum(axis=1)
    return probabilities, np.minimum(truth, 2)


@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_the_performance_of_several_classes_is_estimated(monitor, kind):
    monitor.baseline(BASELINE)
    probabilities, truth = of_classes(6, 3000)
    statistics, _ = quality_baseline.of_multiclass(CLASSES, truth, probabilities, 100)
    path = monitor.base / "processing/baseline/performance/model_quality_statistics.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(statistics))
    answered = [(CLASSES[row.argmax()], [round(value, 7) for value in row.tolist()]) for row in of_classes(7, 300)[0]]
    if kind == "CSV":
        answers = [",".join([name, *map(str, row)]) for name, row in answered]
    else:
        said = [{"predicted_label": name, "probability": max(row), "probabilities": row} for name, row in answered]
        answers = [json.dumps({"predictions": [one], "labels": CLASSES}) for one in said]
    monitor.capture(HOUR, *ROWS, answers=tuple(answers), encoding=kind)
    assert "Estimated without labels: f1 0." in monitor.run(estimated_performance='{"accuracy": 0.99}')
    found = monitor.document(f"{FOLDER}/estimated_performance.json")
    accuracy = found["multiclass_classification_metrics"]["accuracy"]
    assert found["dataset"] == {"item_count": 300, "unreadable_answers": 0}
    assert accuracy["low"] < accuracy["registered"] < accuracy["high"]
    [violation] = monitor.document(f"{FOLDER}/constraint_violations.json")["violations"]
    assert violation["metric_name"] == "estimated accuracy"


def test_a_version_that_does_not_say_what_its_scores_are_worth_is_not_estimated(monitor):
    monitor.baseline(BASELINE)
    path = monitor.base / "processing/baseline/performance/statistics.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"version": 0.0, "regression_metrics": {}}')
    monitor.capture(HOUR, *ROWS[:100])
    monitor.run()
    assert monitor.written == [f"{FOLDER}/{name}" for name in DOCUMENTS]


def test_a_limit_that_is_no_number_is_named(monitor):
    assert "estimated_performance is '[1]'; expected a JSON object" in monitor.run(estimated_performance="[1]")
    assert monitor.code == 1
