"""Limits of model quality: what an hour like the test rows keeps, and what it does not."""

import numpy as np
import pytest

from slipway.analysis import model_quality, quality_baseline
from slipway.analysis.model_quality import Outcomes, QualityFigures, violations

HOUR = 100


def rows(seed, count, noise=0.2):
    chance = np.random.default_rng(seed)
    labels = (chance.random(count) < 0.3).astype(float)
    return labels, np.clip(labels * 0.4 + 0.3 + chance.normal(size=count) * noise, 0, 1)


def found(labels, scores, rules):
    values = model_quality.binary(Outcomes(labels, (scores >= 0.5).astype(float), scores))
    return list(violations(QualityFigures(len(labels), values, {}), rules["binary_classification_constraints"]))


@pytest.fixture(scope="module")
def baseline():
    return quality_baseline.of_binary(*rows(1, 3000), 0.5, HOUR)


def test_hours_like_the_test_rows_do_not_violate(baseline):
    bad = [seed for seed in range(400) if found(*rows(100 + seed, HOUR), baseline[1])]
    assert len(bad) <= 8  # 2 are to be expected


def test_an_hour_of_a_worse_model_does(baseline):
    assert all(found(*rows(600 + seed, HOUR, noise=0.9), baseline[1]) for seed in range(50))


def test_the_documents_are_model_monitor_s(baseline):
    statistics, constraints = baseline
    assert statistics["dataset"] == {"item_count": 3000}
    rules = constraints["binary_classification_constraints"]
    assert rules["accuracy"]["comparison_operator"] == "LessThanThreshold"
    assert rules["false_positive_rate"]["comparison_operator"] == "GreaterThanThreshold"
    assert not [name for name in rules if "constant" in name]
    assert all(0 <= rule["threshold"] <= 1 for rule in rules.values())
    figures = statistics["binary_classification_metrics"]
    assert rules["accuracy"]["threshold"] < figures["accuracy"]["value"]


def test_what_a_score_is_worth_is_in_it(baseline):
    calibration = baseline[0]["calibration"]
    assert calibration["threshold"] == 0.5
    assert len(calibration["scores"]) == len(calibration["probabilities"])


def test_a_regression_may_be_worse_by_chance_only():
    chance = np.random.default_rng(3)
    labels = chance.normal(size=1000)
    statistics, constraints = quality_baseline.of_regression(labels, labels + chance.normal(size=1000), HOUR)
    rules, figures = constraints["regression_constraints"], statistics["regression_metrics"]
    assert rules["rmse"]["threshold"] > figures["rmse"]["value"]
    assert rules["r2"]["threshold"] < figures["r2"]["value"]
    assert "calibration" not in statistics


def test_equal_rows_give_equal_documents(baseline):
    assert quality_baseline.of_binary(*rows(1, 3000), 0.5, HOUR) == baseline


def test_a_model_that_made_no_mistake_may_make_one():
    truth = np.arange(30) % 3
    _, constraints = quality_baseline.of_multiclass(("a", "b", "c"), truth, np.eye(3)[truth], 100)
    limits = constraints["multiclass_classification_constraints"]
    assert {0.85 < rule["threshold"] < 0.95 for rule in limits.values()} == {True}
