"""Estimated figures against a simulated truth, and calibration against scikit-learn's."""

import json

import numpy as np
import pytest
from sklearn import metrics
from sklearn.isotonic import IsotonicRegression

from slipway.analysis import cbpe
from slipway.analysis.calibration import Calibration, ClassCalibration

NAMES = ("accuracy", "precision", "recall", "f1", "auc")


def worth(scores):
    """What a score is really worth: this model is too sure of itself."""
    return 0.2 + 0.6 * scores


BELIEF = Calibration(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.empty((0, 2)))  # scores are probabilities


def rows(seed, count, shift=1.0):
    """Scores whose distribution `shift` moves, and what became of the rows."""
    chance = np.random.default_rng(seed)
    scores = chance.beta(0.8 * shift, 0.8, count)
    return scores, (chance.random(count) < worth(scores)).astype(float)


def realized(scores, labels):
    told = scores >= 0.5
    return {
        "accuracy": metrics.accuracy_score(labels, told),
        "precision": metrics.precision_score(labels, told),
        "recall": metrics.recall_score(labels, told),
        "f1": metrics.f1_score(labels, told),
        "auc": metrics.roc_auc_score(labels, scores),
    }


@pytest.fixture(scope="module")
def calibration():
    return Calibration.fit(*rows(1, 20_000))


@pytest.mark.parametrize("shift", [1.0, 0.5, 2.0])
def test_the_estimate_follows_a_drift_of_the_requests(calibration, shift):
    scores, labels = rows(2, 50_000, shift)
    found = cbpe.binary(scores, 0.5, calibration)
    truth = realized(scores, labels)
    assert {name: found[name].value for name in NAMES} == pytest.approx(truth, abs=0.02)


def test_without_calibration_it_would_believe_the_model():
    scores, labels = rows(3, 50_000)
    believed = cbpe.binary(scores, 0.5, BELIEF)["accuracy"].value
    assert believed > realized(scores, labels)["accuracy"] + 0.1


def test_the_interval_holds_the_truth_in_about_95_of_100_cases(calibration):
    within = dict.fromkeys(NAMES, 0)
    for seed in range(200):
        scores, labels = rows(1000 + seed, 400)
        found, truth = cbpe.binary(scores, 0.5, calibration), realized(scores, labels)
        for name in NAMES:
            within[name] += found[name].low <= truth[name] <= found[name].high
    assert all(180 <= count <= 200 for count in within.values()), within


def test_fewer_rows_make_a_wider_interval(calibration):
    few, many = (cbpe.binary(scores, 0.5, calibration) for scores in (rows(4, 100)[0], rows(4, 10_000)[0]))
    assert all(few[name].high - few[name].low > many[name].high - many[name].low for name in NAMES)


def test_several_classes_follow_the_truth():
    chance = np.random.default_rng(5)
    probabilities = chance.dirichlet([0.5, 0.7, 1.0], 30_000)
    truth = (chance.random((30_000, 1)) > np.cumsum(probabilities, axis=1)).sum(axis=1)
    told = probabilities.argmax(axis=1)
    found = cbpe.multiclass(probabilities, ClassCalibration((BELIEF,) * 3))
    expected = {
        "accuracy": metrics.accuracy_score(truth, told),
        "precision": metrics.precision_score(truth, told, average="macro"),
        "recall": metrics.recall_score(truth, told, average="macro"),
        "f1": metrics.f1_score(truth, told, average="macro"),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected, abs=0.01)
    assert all(found[name].low <= found[name].value <= found[name].high for name in expected)


def test_equal_rows_give_equal_figures(calibration):
    scores = rows(6, 500)[0]
    first, second = (cbpe.binary(scores, 0.5, calibration) for _ in range(2))
    assert first == second


def test_the_interval_also_says_what_a_small_calibration_does_not_know():
    """As 750 test rows of a template's pipeline: with the chance of the rows alone it held 4 of 10 truths."""
    within = dict.fromkeys(NAMES, 0)
    for seed in range(40):
        fitted = Calibration.fit(*rows(2000 + seed, 750))
        scores, labels = rows(3000 + seed, 5000)
        found, truth = cbpe.binary(scores, 0.5, fitted), realized(scores, labels)
        for name in NAMES:
            within[name] += found[name].low <= truth[name] <= found[name].high
    assert all(count >= 34 for count in within.values()), within


@pytest.mark.parametrize("positive", [True, False])
def test_one_kind_of_answer_only(positive):
    found = cbpe.binary(np.array([0.3, 0.4]), 0.2 if positive else 0.5, BELIEF)
    assert found["accuracy"].value == pytest.approx(0.35 if positive else 0.65, abs=0.05)
    assert all(0 <= one.low <= one.value <= one.high <= 1 for one in found.values())


def test_without_rows_there_is_nothing_to_say():
    assert cbpe.binary(np.empty(0), 0.5, BELIEF) == {}
    assert cbpe.multiclass(np.empty((0, 3)), ClassCalibration((BELIEF,) * 3)) == {}


def answered(seed, count, shift=1.0):
    """Probabilities of a model that is too sure of itself, whose requests `shift` moves, and the true classes."""
    chance = np.random.default_rng(seed)
    real = chance.dirichlet(np.array([1.0, 0.7, 0.5]) * shift, count)
    sure = real**2
    truth = np.minimum((chance.random((count, 1)) > np.cumsum(real, axis=1)).sum(axis=1), 2)
    return sure / sure.sum(axis=1, keepdims=True), truth


def of_classes(probabilities, truth):
    told = probabilities.argmax(axis=1)
    more = {"average": "macro", "zero_division": 0}
    return {
        "accuracy": metrics.accuracy_score(truth, told),
        "precision": metrics.precision_score(truth, told, **more),
        "recall": metrics.recall_score(truth, told, **more),
        "f1": metrics.f1_score(truth, told, **more),
    }


@pytest.mark.parametrize("shift", [1.0, 0.4, 3.0])
def test_several_classes_of_a_model_that_is_too_sure(shift):
    calibration = ClassCalibration.fit(*answered(11, 20_000))
    probabilities, truth = answered(12, 50_000, shift)
    found = cbpe.multiclass(probabilities, calibration)
    expected = of_classes(probabilities, truth)
    assert {name: one.value for name, one in found.items()} == pytest.approx(expected, abs=0.03)


def test_the_intervals_of_several_classes_hold():
    """Nineteen of twenty should; a calibration of 800 rows and hours of 2,000."""
    within = dict.fromkeys(("accuracy", "precision", "recall", "f1"), 0)
    for seed in range(8):
        calibration = ClassCalibration.fit(*answered(4000 + seed, 800))
        probabilities, truth = answered(5000 + seed, 2000)
        found, expected = cbpe.multiclass(probabilities, calibration), of_classes(probabilities, truth)
        for name in within:
            within[name] += found[name].low <= expected[name] <= found[name].high
    assert all(count >= 7 for count in within.values()), within


def test_too_few_rows_of_a_class_tell_nothing():
    probabilities, truth = answered(13, 400)
    assert ClassCalibration.fit(probabilities, np.where(truth == 2, 0, truth)) is None


def test_the_calibration_of_classes_as_json():
    calibration = ClassCalibration.fit(*answered(14, 1000))
    again = ClassCalibration.read(json.loads(json.dumps(calibration.document())))
    probabilities = answered(15, 50)[0]
    assert again.of(probabilities) == pytest.approx(calibration.of(probabilities))
    assert calibration.of(probabilities).sum(axis=1) == pytest.approx(1)


def test_calibration_is_isotonic_regression():
    scores, labels = rows(7, 5000)
    found = Calibration.fit(scores, labels)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels)
    at = np.linspace(0.05, 0.95, 50)
    assert found.of(at) == pytest.approx(theirs.predict(at), abs=0.02)  # ours keeps a row of doubt
    assert (np.diff(found.probabilities) >= 0).all()
    assert found.of(np.array([-1.0, 2.0])).tolist() == [found.probabilities[0], found.probabilities[-1]]


def test_a_calibration_is_written_and_read():
    found = Calibration.fit(*rows(8, 2000))
    again = Calibration.read(json.loads(json.dumps(found.document())))
    at = np.linspace(0, 1, 11)
    assert again.of(at).tolist() == found.of(at).tolist()
    assert again.each(at) == pytest.approx(found.each(at), abs=1e-6)


def test_too_few_rows_of_a_class_make_no_calibration():
    scores, labels = rows(9, 1000)
    assert Calibration.fit(scores, np.zeros_like(labels)) is None
    assert Calibration.fit(scores[:60], labels[:60]) is None
