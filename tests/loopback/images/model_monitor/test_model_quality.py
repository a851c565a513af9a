"""Model quality: predictions against ground truth."""

import json
import re

import numpy as np
import pytest
from sklearn import metrics

from slipway.analysis.model_quality import QualityFigures, violations

HEADER = {"csv": {"header": True}}
CAPTURE = {"sagemakerCaptureJson": {}}
BINARY = {
    "analysis_type": "MODEL_QUALITY",
    "problem_type": "BinaryClassification",
    "probability_attribute": "score",
    "ground_truth_attribute": "truth",
}
REGRESSION = {
    "analysis_type": "MODEL_QUALITY",
    "problem_type": "Regression",
    "inference_attribute": "told",
    "ground_truth_attribute": "truth",
}


def _scores(seed, noise, count=500):
    chance = np.random.default_rng(seed)
    truth = chance.integers(0, 2, count)
    return truth, np.clip(truth * 0.5 + 0.25 + chance.normal(size=count) * noise, 0, 1).round(2)


def test_a_binary_classification_agrees_with_scikit_learn(analysis, csv_text):
    truth, score = _scores(1, 0.3)
    analysis.put("base/a.csv", csv_text("truth,score", *zip(truth, score, strict=True)))
    analysis.run("base", HEADER, **BINARY)
    found = analysis.document("out/statistics.json")["binary_classification_metrics"]
    told = score >= 0.5
    expected = {
        "recall": metrics.recall_score(truth, told),
        "precision": metrics.precision_score(truth, told),
        "accuracy": metrics.accuracy_score(truth, told),
        "f2": metrics.fbeta_score(truth, told, beta=2),
        "f0_5": metrics.fbeta_score(truth, told, beta=0.5),
        "auc": metrics.roc_auc_score(truth, score),
        "true_negative_rate": metrics.recall_score(truth, told, pos_label=0),
        "accuracy_best_constant_classifier": max(truth.mean(), 1 - truth.mean()),
    }
    assert {name: found[name]["value"] for name in expected} == pytest.approx(expected)
    matrix = metrics.confusion_matrix(truth, told)
    assert found["confusion_matrix"] == {str(t): {str(p): int(matrix[t][p]) for p in (0, 1)} for t in (0, 1)}
    assert 0 < found["auc"]["standard_deviation"] < 0.05
    assert found["receiver_operating_characteristic_curve"]["true_positive_rates"][-1] == 1.0


def test_a_worse_model_violates_the_baseline(analysis, csv_text):
    for folder, noise in (("base", 0.2), ("new", 0.6)):
        rows = zip(*_scores(2, noise), strict=True)
        analysis.put(f"{folder}/a.csv", csv_text("truth,score", *rows))
    analysis.run("base", HEADER, **BINARY)
    assert analysis.check("base", HEADER, **BINARY) == []
    found = {entry["metric_name"]: entry for entry in analysis.check("new", HEADER, **BINARY)}
    assert found["auc"]["constraint_check_type"] == "LessThanThreshold"
    assert found["falsePositiveRate"]["constraint_check_type"] == "GreaterThanThreshold"
    assert not [name for name in found if "_" in name]
    assert re.fullmatch(
        r"Metric f2 with 0\.\d+ \+/- \d\.\d+(E-\d)? was LessThanThreshold '0\.\d+'", found["f2"]["description"]
    )


def test_its_baseline_is_constraints_alone(analysis, csv_text):
    """ModelQualityBaselineConfig has one member, ConstraintsResource (botocore); real jobs get no statistics."""
    for folder, noise in (("base", 0.2), ("new", 0.6)):
        analysis.put(f"{folder}/a.csv", csv_text("truth,score", *zip(*_scores(2, noise), strict=True)))
    analysis.run("base", HEADER, **BINARY)
    alone = {"baseline_constraints": "/opt/ml/out/constraints.json"}
    assert analysis.run("new", HEADER, "now", **BINARY, **alone).startswith("CompletedWithViolations")


def test_a_regression(analysis, csv_text):
    truth = np.arange(100.0)
    told = truth + np.tile([1, -3], 50)
    analysis.put("base/a.csv", csv_text("truth,told", *zip(truth, told, strict=True)))
    analysis.run("base", HEADER, **REGRESSION)
    found = analysis.document("out/statistics.json")["regression_metrics"]
    assert found["mae"] == {"value": 2.0, "standard_deviation": None}
    assert found["rmse"]["value"] == pytest.approx(5**0.5)
    assert found["r2"]["value"] == pytest.approx(metrics.r2_score(truth, told))
    rules = analysis.document("out/constraints.json")["regression_constraints"]
    assert rules["mae"] == {"threshold": 2.0, "comparison_operator": "GreaterThanThreshold"}
    assert rules["r2"]["comparison_operator"] == "LessThanThreshold"


def test_merged_captures(analysis):
    def line(truth, score):
        output = {"data": f"{score}\n", "encoding": "CSV"}
        ground = {"data": str(truth), "encoding": "CSV"}
        return json.dumps({"captureData": {"endpointOutput": output}, "groundTruthData": ground})

    analysis.put("merged/a.jsonl", "\n".join(line(t, s) for t, s in zip(*_scores(3, 0.3), strict=True)))
    environ = {key: value for key, value in BINARY.items() if key != "ground_truth_attribute"}
    analysis.run("merged", CAPTURE, **{**environ, "probability_attribute": "0"})
    document = analysis.document("out/statistics.json")
    assert document["dataset"]["item_count"] == 500
    assert document["binary_classification_metrics"]["auc"]["value"] > 0.7


def test_several_classes_agree_with_scikit_learn(analysis, csv_text):
    chance = np.random.default_rng(4)
    truth = chance.choice(["cat", "dog", "eel"], 600, p=[0.6, 0.3, 0.1])
    told = np.where(chance.random(600) < 0.7, truth, chance.choice(["cat", "dog", "eel", "fox"], 600))
    analysis.put("in/a.csv", csv_text("truth,told", *zip(truth, told, strict=True)))
    environ = REGRESSION | {"problem_type": "MulticlassClassification"}
    assert analysis.run("in", HEADER, **environ).startswith("Completed")
    document = analysis.document("out/statistics.json")
    found = document["multiclass_classification_metrics"]
    matrix = metrics.confusion_matrix(truth, told, labels=["cat", "dog", "eel", "fox"])
    assert [list(row.values()) for row in found["confusion_matrix"].values()] == matrix.tolist()
    expected = {
        "accuracy": metrics.accuracy_score(truth, told),
        "weighted_recall": metrics.recall_score(truth, told, average="weighted", zero_division=0),
        "weighted_precision": metrics.precision_score(truth, told, average="weighted", zero_division=0),
        "weighted_f2": metrics.fbeta_score(truth, told, beta=2, average="weighted", zero_division=0),
        "accuracy_best_constant_classifier": (truth == "cat").mean(),
    }
    assert {name: found[name]["value"] for name in expected} == pytest.approx(expected)
    rules = analysis.document("out/constraints.json")["multiclass_classification_constraints"]
    assert rules["weighted_f1"]["comparison_operator"] == "LessThanThreshold"


def test_a_label_is_the_same_class_however_its_number_is_written(analysis, csv_text):
    analysis.put("in/a.csv", csv_text("truth,told", (1, "1.0"), (2, "2.0"), (2, "1")))
    analysis.run("in", HEADER, **(REGRESSION | {"problem_type": "MulticlassClassification"}))
    found = analysis.document("out/statistics.json")["multiclass_classification_metrics"]
    assert found["confusion_matrix"] == {"1": {"1": 1, "2": 0}, "2": {"1": 1, "2": 1}}


def test_figures_are_published_by_their_names(analysis, csv_text):
    analysis.put("in/a.csv", csv_text("truth,told", (1, 2), (2, 2)))
    names = {"sagemaker_endpoint_name": "ep", "sagemaker_monitoring_schedule_name": "s"}
    analysis.run("in", HEADER, **REGRESSION, **names, publish_cloudwatch_metrics="Enabled")
    lines = (analysis.base / "output/metrics/cloudwatch/metrics.jsonl").read_text().splitlines()
    told = {line["MetricName"]: line["Value"] for line in map(json.loads, lines)}
    assert told == {"mae": 0.5, "mse": 0.5, "rmse": 0.5**0.5, "r2": pytest.approx(-1.0)}


@pytest.mark.parametrize(
    ("content", "environ", "told"),
    [
        (
            "truth,score\n1,0.5\n",
            {**BINARY, "problem_type": "Ranking"},
            "'Ranking'; model quality is analyzed",
        ),
        (
            "truth,score\n1,0.5\n",
            {**BINARY, "probability_attribute": "p"},
            "probability_attribute is 'p'; it must be a column of the data: truth, score",
        ),
        (
            "truth,score\n7,0.5\n",
            BINARY,
            "'truth' (ground_truth_attribute) must hold 0, 1, true or false in every row; found '7'",
        ),
        ("truth,told\n1,x\n", REGRESSION, "'told' (inference_attribute) must hold numbers in every row"),
        ("truth,told\n", REGRESSION, "there is no data"),
    ],
)
def test_bad_input(analysis, content, environ, told):
    analysis.put("in/a.csv", content)
    assert told in analysis.run("in", HEADER, **environ)
    assert analysis.code == 1


@pytest.mark.parametrize(
    ("value", "threshold", "operator", "told"),
    [
        (0.5, 0.6, "LessThanThreshold", "Metric truePositiveRate with 0.5 was LessThanThreshold '0.6'"),
        (0.6, 0.6, "LessThanThreshold", None),
        (0.3336493361000003, 0.3336493361, "GreaterThanThreshold", None),  # one unit in the last place is no change
        (0.34, 0.33, "GreaterThanThreshold", "Metric truePositiveRate with 0.34 was GreaterThanThreshold '0.33'"),
    ],
)
def test_violations(value, threshold, operator, told):
    found = QualityFigures(9, {"true_positive_rate": value}, {})
    rules = {"true_positive_rate": {"threshold": threshold, "comparison_operator": operator}}
    broken = list(violations(found, rules))
    assert [entry["description"].startswith(told or "?") for entry in broken] == [True] * bool(told)


def test_a_real_reports_text():
    """teslanando/AAI540_MLOps_Final_Team4, main.ipynb, cells 45 and 66."""
    found = QualityFigures(402, {"accuracy": 0.2537912578055308, "f0_5": 0.1}, {"accuracy": 6.962471778914953e-4})
    rules = {
        name: {"threshold": 0.5964912280701754, "comparison_operator": "LessThanThreshold"} for name in found.values
    }
    assert list(violations(found, rules)) == [
        {
            "metric_name": "accuracy",
            "constraint_check_type": "LessThanThreshold",
            "description": "Metric accuracy with 0.2537912578055308 +/- 6.962471778914953E-4 was LessThanThreshold "
            "'0.5964912280701754'",
        }
    ]


def test_cloudwatch_hears_of_the_precision_recall_area_and_of_violations(analysis, csv_text):
    truth, score = _scores(5, 0.4)
    analysis.put("base/a.csv", csv_text("truth,score", *zip(truth, score, strict=True)))
    analysis.run("base", HEADER, **BINARY)
    analysis.check("base", HEADER, **BINARY, publish_cloudwatch_metrics="Enabled")
    lines = (analysis.base / "output/metrics/cloudwatch/metrics.jsonl").read_text().splitlines()
    told = {line["MetricName"]: line["Value"] for line in map(json.loads, lines)}
    precisions, recalls, _ = metrics.precision_recall_curve(truth, score)
    first = recalls[-2] * precisions[-2]  # where scikit-learn begins at 1, Spark begins at the first precision
    assert told["au_prc"] == pytest.approx(first + metrics.auc(recalls[:-1], precisions[:-1]))
    assert told["total_number_of_violations"] == 0
