"""The quantile sketch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.analysis.sketch import Sketch

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 60_000)


def _of(values, parts=1):
    sketch = Sketch()
    for part in np.array_split(values, parts):
        sketch.add(part)
    return sketch


def _worst(sketch, values):
    """The largest rank error, as a share of the count."""
    at = np.unique(values)
    true = np.searchsorted(np.sort(values), at, side="right")
    return float(np.abs(sketch.ranks(at) - true).max()) / len(values)


def test_few_values_are_kept_exactly():
    sketch = _of(np.array([3.0, 1.0, 2.0]))
    assert sketch.data() == [[1.0, 2.0, 3.0]]
    assert sketch.ranks(np.array([0.0, 1.0, 2.5, 3.0])).tolist() == [0, 1, 2, 3]


@settings(max_examples=25, deadline=None)
@given(seeds, sizes, st.integers(1, 20), st.sampled_from(["random", "sorted", "few", "reversed"]))
def test_ranks_are_right_within_one_percent_and_the_weight_is_exact(seed, size, parts, shape):
    values = np.random.default_rng(seed).normal(size=size)
    values = {"random": values, "sorted": np.sort(values), "few": np.round(values), "reversed": -np.sort(-values)}[
        shape
    ]
    sketch = _of(values, parts)
    assert sketch.count == size
    assert sum(map(len, sketch.data())) < 8000
    assert _worst(sketch, values) < 0.01


@settings(max_examples=15, deadline=None)
@given(seeds, st.tuples(sizes, sizes, sizes))
def test_merging_in_any_order_stays_within_the_bound(seed, counts):
    parts = [np.random.default_rng(seed + index).exponential(size=n) + index for index, n in enumerate(counts)]
    a, b, c = map(_of, parts)
    every = np.concatenate(parts)
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(a).merge(b)):
        assert merged.count == len(every)
        assert _worst(merged, every) < 0.01


def test_what_was_written_reads_back():
    sketch = _of(np.random.default_rng(1).normal(size=50_000))
    again = Sketch.read(sketch.data())
    at = np.linspace(-3, 3, 50)
    assert again.ranks(at).tolist() == sketch.ranks(at).tolist()


def test_equal_input_gives_an_equal_sketch():
    values = np.random.default_rng(2).normal(size=30_000)
    assert _of(values, 7).data() == _of(values, 7).data()


@pytest.mark.parametrize(
    ("values", "counts"),
    [(np.arange(11.0), [1] * 9 + [2]), (np.array([5.0, 5.0]), [0] * 9 + [2])],
)
def test_the_last_bucket_is_closed_on_both_ends(values, counts):
    buckets = _of(values).histogram(values.min(), values.max())
    assert [bucket["count"] for bucket in buckets] == counts
    assert (buckets[0]["lower_bound"], buckets[-1]["upper_bound"]) == (values.min(), values.max())
