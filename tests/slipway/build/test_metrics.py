"""Figures against scikit-learn, intervals against known spreads."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from slipway.tabular import classification, regression, resampling


def scored(rows, ties=False):
    chance = np.random.default_rng(1)
    labels = (chance.random(rows) < 0.3).astype(np.float32)
    scores = np.clip(chance.normal(0.35 + 0.3 * labels, 0.2), 0.06, 0.94).astype(np.float32)
    return labels, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("rows", [60, 3_000, 50_000])
def test_classification_agrees_with_scikit_learn(rows, ties):
    labels, scores = scored(rows, ties)
    found = classification.figures(labels, scores)
    yes = scores >= 0.5
    assert found["auc"] == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-6)
    assert found["log_loss"] == pytest.approx(sk.log_loss(labels, scores), abs=1e-5)
    for name in ("accuracy", "precision", "recall", "f1"):
        assert found[name] == pytest.approx(getattr(sk, f"{name}_score")(labels, yes), abs=1e-6), name


def test_classification_report_has_sagemaker_s_shape_and_is_json():
    report = json.loads(json.dumps(classification.report(*scored(5_000)), allow_nan=False))
    assert set(report["auc"]) == {"value", "standard_deviation", "low", "high"}
    assert sum(sum(row.values()) for row in report["confusion_matrix"].values()) == 5_000
    curve = report["receiver_operating_characteristic_curve"]
    assert (curve["false_positive_rates"][0], curve["true_positive_rates"][-1]) == (0, 1)
    assert {"precision_recall_curve", "f1", "log_loss"} <= set(report)


def test_the_interval_of_the_auc_has_the_width_it_should_have():
    spreads = []
    for seed in range(60):
        chance = np.random.default_rng(seed)
        labels = (chance.random(800) < 0.3).astype(np.float32)
        spreads.append(classification.figures(labels, chance.normal(labels, 1.0) / 9 + 0.4)["auc"])
    labels, scores = (np.random.default_rng(0).random(800) < 0.3).astype(np.float32), None
    scores = np.random.default_rng(5).normal(labels, 1.0) / 9 + 0.4
    assert classification.report(labels, scores)["auc"]["standard_deviation"] == pytest.approx(
        np.std(spreads), rel=0.35
    )


@pytest.mark.parametrize("rows", [50, 30_000])
def test_regression_agrees_with_scikit_learn(rows):
    chance = np.random.default_rng(2)
    labels = chance.gamma(9, 1, rows)
    predictions = labels + chance.normal(0, 2, rows)
    report = regression.report(labels, predictions)
    assert report["rmse"]["value"] == pytest.approx(sk.root_mean_squared_error(labels, predictions))
    assert report["mae"]["value"] == pytest.approx(sk.mean_absolute_error(labels, predictions))
    assert report["r2"]["value"] == pytest.approx(sk.r2_score(labels, predictions))
    # the standard error of the RMSE of normal errors is sigma / sqrt(2 n)
    assert report["rmse"]["standard_deviation"] == pytest.approx(2 / np.sqrt(2 * rows), rel=0.35)


def test_intervals_are_seeded():
    assert classification.report(*scored(500)) == classification.report(*scored(500))


@pytest.mark.parametrize("metric", ["auc", "log_loss", "accuracy", "precision", "recall", "f1"])
def test_a_metric_of_weighted_rows_is_scikit_learn_s(metric):
    labels, scores = scored(500, ties=True)
    weights = np.random.default_rng(3).poisson(1, 500).astype(float)
    functions = {"auc": sk.roc_auc_score, "log_loss": sk.log_loss}
    told = scores if metric in functions else scores >= 0.5
    expected = functions.get(metric, getattr(sk, f"{metric}_score", None))(labels, told, sample_weight=weights)
    assert classification.judge(metric, labels, scores)(weights) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("metric", "function"), [("mae", sk.mean_absolute_error), ("r2", sk.r2_score)])
def test_a_regression_s_metric_of_weighted_rows_is_scikit_learn_s(metric, function):
    chance = np.random.default_rng(2)
    labels = chance.gamma(9, 1, 300)
    predictions, weights = labels + chance.normal(0, 2, 300), chance.poisson(1, 300).astype(float)
    expected = function(labels, predictions, sample_weight=weights)
    assert regression.judge(metric, labels, predictions)(weights) == pytest.approx(expected)


def test_the_interval_of_a_difference_is_that_of_pairs():
    """Two models that err alike: each AUC has a standard deviation of .02, their difference one of a tenth."""
    chance = np.random.default_rng(4)
    labels = (chance.random(600) < 0.3).astype(float)
    one = chance.normal(labels, 1.0)
    other = one + chance.normal(0, 0.05, 600)
    alone = classification.report(labels, 1 / (1 + np.exp(-one)))["auc"]["standard_deviation"]
    judges = [classification.judge("auc", labels, scores) for scores in (one, other)]
    assert np.std(resampling.paired_difference(*judges, 600)) < alone / 5
