"""The threshold: what it optimizes on the rows that it is chosen on, and where it goes from there."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score

from slipway.tabular.decision import Rule, threshold

CHANCE = np.random.default_rng(3)
LABELS = (CHANCE.random(400) < 0.15).astype(np.float32)
SCORES = np.round(1 / (1 + np.exp(-CHANCE.normal(3 * LABELS - 2, 1.0))), 2).astype(np.float32)  # with ties
CUTS = np.unique(SCORES)


def decided(**rule):
    found = threshold(LABELS, SCORES, Rule.read(rule))
    return found, found <= SCORES


def test_the_best_f1():
    _, yes = decided()
    assert f1_score(LABELS, yes) == pytest.approx(max(f1_score(LABELS, cut <= SCORES) for cut in CUTS))


@pytest.mark.parametrize("missed", [1, 5, 50])
def test_the_least_cost(missed):
    def cost(yes):
        return np.sum(yes & (LABELS == 0)) + missed * np.sum(~yes & (LABELS == 1))

    _, yes = decided(choose="cost", false_negative=missed)
    assert cost(yes) == min(cost(cut <= SCORES) for cut in CUTS)


@pytest.mark.parametrize("recall", [0.5, 0.9, 1.0])
def test_the_highest_threshold_that_finds_enough(recall):
    found, yes = decided(choose="recall", recall=recall)
    assert recall_score(LABELS, yes) >= recall
    higher = CUTS[np.searchsorted(CUTS, found) + 1] <= SCORES
    assert recall_score(LABELS, higher) < recall


def test_a_fixed_one_and_one_where_there_is_nothing_to_choose():
    assert decided(choose="fixed", threshold=0.3)[0] == 0.3
    assert threshold(np.ones(9), SCORES[:9], Rule()) == 0.5


def test_no_score_lies_on_a_threshold():
    """A score that is rounded on its way stays on its side."""
    for rule in ({}, {"choose": "cost", "false_negative": 5}, {"choose": "recall", "recall": 0.8}):
        assert np.min(np.abs(SCORES - decided(**rule)[0])) > 1e-3


def test_the_model_carries_it_to_the_report_the_endpoint_and_the_staging_test(churn):
    report = churn.script("evaluate").main(churn.folders, churn.config)
    inference = churn.script("inference")
    model = inference.model_fn(str(churn.folder / "model"))
    golden = json.loads((churn.folders.output / "golden.json").read_text())
    row = json.dumps(golden["rows"][0]["instance"])
    answer = json.loads(inference.transform_fn(model, row, "application/json", "application/json")[0])
    assert report["decision"] == {**churn.config["decision"], "threshold": model.threshold}
    assert golden["threshold"] == model.threshold
    assert answer["threshold"] == pytest.approx(model.threshold, abs=1e-6)
    matrix = report["binary_classification_metrics"]["confusion_matrix"]
    found = matrix["1"]["1"] / (matrix["1"]["1"] + (matrix["0"]["1"] + matrix["1"]["0"]) / 2)
    assert report["binary_classification_metrics"]["f1"]["value"] == pytest.approx(found, abs=1e-5)


def test_a_regression_decides_nothing(abalone):
    model = abalone.script("inference").model_fn(str(abalone.folder / "model"))
    assert model.threshold is None
