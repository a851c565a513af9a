"""Figures against scikit-learn, intervals against known spreads, the split against its shares."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from pipelines.tabular import classification, regression
from pipelines.tabular.champion import comparison
from pipelines.tabular.split import Strata, StratifiedSplit

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


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


@pytest.mark.parametrize(("higher", "champion", "worse"), [(True, 0.97, 0.02), (False, 0.97, -0.02), (True, 0.95, 0.0)])
def test_worse_by_is_positive_when_the_champion_is_better(higher, champion, worse):
    report = comparison("m", 0.95, champion, "arn", higher_is_better=higher)
    assert report["worse_by"]["value"] == pytest.approx(worse)
    assert report["compared"]


def test_split_is_the_same_however_the_rows_arrive():
    strata = np.random.default_rng(0).integers(0, 3, 10_000)
    whole = StratifiedSplit(SHARES, 7).assign(strata)
    stream = StratifiedSplit(SHARES, 7)
    assert np.array_equal(whole, np.concatenate([stream.assign(part) for part in np.array_split(strata, 37)]))
    assert not np.array_equal(whole, StratifiedSplit(SHARES, 8).assign(strata))
    for stratum in range(3):
        shares = np.bincount(whole[strata == stratum]) / np.sum(strata == stratum)
        assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.01)


def test_strata_of_numbers_keep_their_edges():
    strata = Strata(classification=False)
    first = strata.of(np.arange(100.0))
    assert np.unique(first).size == 10
    assert strata.of(np.array([5.0, 95.0])).tolist() == [first[5], first[95]]
