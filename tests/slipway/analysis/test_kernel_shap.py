"""Kernel SHAP: Shapley values by their definition on small models, and the shap package where it is installed."""

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb, factorial

import numpy as np
import pytest

from slipway.analysis.kernel_shap import Coalitions
from slipway.analysis.sketch import Floats

Function = Callable[[Floats], Floats]  # rows of features -> rows of scores


def additive(rows: Floats) -> Floats:
    return np.column_stack([rows @ np.arange(1.0, rows.shape[1] + 1), rows.sum(axis=1)])


def tangled(rows: Floats) -> Floats:
    """Scores that no sum of features tells."""
    product = np.prod(1 + 0.3 * rows, axis=1)
    return np.column_stack([product, np.sin(rows.sum(axis=1)) + rows[:, 0] * rows[:, -1], rows.max(axis=1)])


def explain(function: Function, rows: Floats, usual: Floats, chosen: Coalitions) -> Floats:
    mixed = np.where(chosen.members[None], rows[:, None], usual)
    nobody, everybody = function(usual[None])[0], function(rows)
    answers = function(mixed.reshape(-1, rows.shape[1])).reshape(len(rows), len(chosen.members), len(nobody))
    return chosen.solve(answers, nobody, everybody)


def shapley(function: Function, row: Floats, usual: Floats) -> Floats:
    """The mean of what a feature adds to those that came before it, over all orders."""
    count = len(row)

    def answer(members: Sequence[int]) -> Floats:
        mixed = usual.copy()
        mixed[list(members)] = row[list(members)]
        found: Floats = function(mixed[None])[0]
        return found

    found = np.zeros((count, len(answer(()))))
    for feature in range(count):
        others = [other for other in range(count) if other != feature]
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for before in combinations(others, size):
                found[feature] += weight * (answer((*before, feature)) - answer(before))
    return found


def drawn(features: int, rows: int = 3) -> tuple[Floats, Floats]:
    chance = np.random.default_rng(features)
    return chance.normal(size=(rows, features)), chance.normal(size=features)


@pytest.mark.parametrize("features", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("function", [additive, tangled])
def test_of_few_features_it_is_shapley_s_value(function: Function, features: int) -> None:
    rows, usual = drawn(features)
    chosen = Coalitions.choose(features, 2**features)
    assert len(chosen.members) == max(2**features - 2, 0)
    expected = np.array([shapley(function, row, usual) for row in rows])
    assert explain(function, rows, usual, chosen) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("features", "samples"), [(8, 40), (12, 24), (20, 200), (100, 200), (60, 1000)])
def test_values_add_up_and_a_sum_is_told_exactly_however_few_are_asked(features: int, samples: int) -> None:
    rows, usual = drawn(features)
    chosen = Coalitions.choose(features, samples)
    assert 2 * features <= len(chosen.members) <= max(samples, 2 * features)
    found = explain(tangled, rows, usual, chosen)
    assert found.sum(axis=1) == pytest.approx(tangled(rows) - tangled(usual[None]), abs=1e-9)
    summed = explain(additive, rows, usual, chosen)
    assert summed[..., 1] == pytest.approx(rows - usual, abs=1e-6)
    assert summed[..., 0] == pytest.approx((rows - usual) * np.arange(1, features + 1), abs=1e-6)


def test_more_questions_come_nearer() -> None:
    rows, usual = drawn(11)
    exact = explain(tangled, rows, usual, Coalitions.choose(11, 2**11))
    off = [np.abs(explain(tangled, rows, usual, Coalitions.choose(11, n)) - exact).max() for n in (22, 300, 1500)]
    assert off[0] > off[1] > off[2]
    assert off[2] < 0.05 * np.abs(exact).max()


def test_equal_questions_are_equal_and_another_seed_draws_others() -> None:
    first, again, other = (Coalitions.choose(20, 200, seed) for seed in (0, 0, 1))
    assert (first.members == again.members).all()
    assert first.members.shape != other.members.shape or (first.members != other.members).any()


@pytest.mark.parametrize(("features", "samples"), [(8, 40), (13, 200), (20, 200), (30, 100)])
def test_each_coalition_comes_once_with_what_its_size_weighs(features: int, samples: int) -> None:
    chosen = Coalitions.choose(features, samples)
    assert len({row.tobytes() for row in chosen.members}) == len(chosen.members)
    sizes = chosen.members.sum(axis=1)
    assert sizes.min() == 1
    assert sizes.max() == features - 1
    for size in (1, features - 1):  # all of them, each with the kernel's own weight
        found = chosen.weights[sizes == size]
        kernel = (features - 1) / (comb(features, size) * size * (features - size))
        assert found == pytest.approx(np.full(features, kernel))
    whole = sum((features - 1) / (size * (features - size)) for size in range(1, features))
    assert chosen.weights.sum() == pytest.approx(whole)


@pytest.mark.parametrize("features", [3, 5, 9])
def test_agrees_with_the_shap_package(features: int) -> None:
    oracle = pytest.importorskip("shap")
    rows, usual = drawn(features)
    asked = oracle.KernelExplainer(tangled, usual[None])
    theirs = np.asarray(asked.shap_values(rows, nsamples=2**features, l1_reg=False, silent=True))
    ours = explain(tangled, rows, usual, Coalitions.choose(features, 2**features))
    assert ours == pytest.approx(theirs, abs=1e-7)
