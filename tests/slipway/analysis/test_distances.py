"""Distances between distributions."""

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from slipway.analysis import distances
from slipway.analysis.sketch import Sketch


def _sketch(values):
    sketch = Sketch()
    sketch.add(np.asarray(values, dtype=float))
    return sketch


@pytest.mark.parametrize("shift", [0.0, 0.3, 2.0])
def test_the_simple_distance_is_that_of_kolmogorov_and_smirnov(shift):
    chance = np.random.default_rng(5)
    first, second = chance.normal(size=1500), chance.normal(size=900) + shift
    simple = distances.numeric(_sketch(first), _sketch(second), robust=False)
    assert simple == pytest.approx(ks_2samp(first, second).statistic)
    robust = distances.numeric(_sketch(first), _sketch(second), robust=True)
    assert robust == pytest.approx(max(0.0, simple - 1.8 * math.sqrt((1500 + 900) / (1500 * 900))))


def test_the_same_data_is_at_no_distance():
    sketch = _sketch(range(100_000))
    assert distances.numeric(sketch, Sketch.read(sketch.data()), robust=False) == 0.0


def test_categories():
    before, now = {"a": 50, "b": 50}, {"a": 20, "c": 80}
    assert distances.categorical(before, now, robust=False) == pytest.approx(0.8)
    assert distances.categorical(before, now, robust=True) == pytest.approx(0.8 - 1.8 * math.sqrt(200 / 10_000))


@pytest.mark.parametrize(
    ("before", "now", "differ"),
    [
        ({"a": 500, "b": 500}, {"a": 510, "b": 490}, False),
        ({"a": 500, "b": 500}, {"a": 700, "b": 300}, True),
        ({"a": 500, "b": 500, "c": 1, "d": 1}, {"a": 505, "b": 495, "e": 2}, False),
        ({"a": 5}, {"a": 5}, False),
    ],
)
def test_chi_squared(before, now, differ):
    assert (distances.chi_squared_p(before, now) < 0.05) is differ
