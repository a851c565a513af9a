"""Statistics of points, against numpy and a slow reading; compaction keeps them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.engines.cloudwatch.points import BASIC, Point, compact_points, is_statistic, point_of, value_of

NOW = 1_800_000_000.0
values = st.lists(st.integers(0, 50).map(float), min_size=1, max_size=30)


def point(value: float, count: float = 1.0) -> Point:
    return Point(NOW, count, value * count, value, value)


@given(values, st.integers(0, 1000).map(lambda tenth: tenth / 10))
def test_percentiles_are_those_of_numpy(numbers: list[float], percent: float) -> None:
    found = value_of([point(number) for number in numbers], f"p{percent}")
    assert found == pytest.approx(float(np.percentile(numbers, percent)))


@given(values)
def test_counts_stand_for_repeated_values(numbers: list[float]) -> None:
    counted = [point(number, numbers.count(number)) for number in set(numbers)]
    for statistic in (*BASIC, "p50", "p99.9"):
        assert value_of(counted, statistic) == pytest.approx(value_of([point(n) for n in numbers], statistic))


def test_a_statistic_set_has_no_percentiles() -> None:
    found = point_of({"Timestamp": NOW, "_stat": {"SampleCount": 3, "Sum": 9, "Minimum": 1, "Maximum": 5}})
    assert [value_of([found], name) for name in (*BASIC, "p50")] == [3, 9, 3, 1, 5, None]


@pytest.mark.parametrize(("name", "known"), [("p99.9", True), ("p100", True), ("tm99", False), ("p101", False)])
def test_which_statistics_there_are(name: str, known: bool) -> None:
    assert is_statistic(name) is known


ages = st.lists(st.tuples(st.floats(0, 100_000), st.integers(0, 9).map(float)), min_size=1, max_size=60)


@given(ages)
def test_compaction_keeps_the_statistics_of_each_hour(aged: list[tuple[float, float]]) -> None:
    stored = [{"Timestamp": NOW - age, "Value": value, "Unit": "None"} for age, value in aged]
    kept = compact_points(stored, NOW)
    assert len(kept) <= len(stored)
    for start in {p["Timestamp"] // 3600 for p in stored}:
        was = [point_of(p) for p in stored if p["Timestamp"] // 3600 == start]
        now = [point_of(p) for p in kept if p["Timestamp"] // 3600 == start]
        for statistic in BASIC:
            assert value_of(now, statistic) == pytest.approx(value_of(was, statistic))
    assert compact_points(kept, NOW) == kept


def test_compaction_bounds_what_is_kept_and_keeps_percentiles_near() -> None:
    stored = [{"Timestamp": NOW - age / 10, "Value": float(age % 997), "Unit": "None"} for age in range(0, 300_000, 7)]
    kept = compact_points(stored, NOW)
    assert len(kept) < 180 * 40 + 900 * 10 / 7 + 300_000 / 3000 * 10
    start = (NOW - 3600) // 60 * 60
    was, now = ([point_of(p) for p in points if start <= p["Timestamp"] < start + 60] for points in (stored, kept))
    assert value_of(now, "p90") == pytest.approx(value_of(was, "p90"), rel=0.05)
    assert compact_points([{"Timestamp": NOW - 1_300_000, "Value": 1.0}], NOW) == []


def test_statistic_sets_are_merged_into_one() -> None:
    parts = {"SampleCount": 2, "Sum": 6, "Minimum": 1, "Maximum": 5}
    old = (NOW - 3600) // 60 * 60
    stored = [{"Timestamp": old, "_stat": parts, "Value": 3.0}, {"Timestamp": old + 1, "Value": 9.0}]
    (kept,) = compact_points(stored, NOW)
    assert kept["_stat"] == {"SampleCount": 3, "Sum": 15, "Minimum": 1, "Maximum": 9}
