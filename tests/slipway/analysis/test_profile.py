"""Column profiles: kinds of values, statistics, and merging."""

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.analysis.columns import UnreadableColumn
from slipway.analysis.profile import ColumnProfile, DatasetProfile, profile, statistics
from tests.tables import table


@pytest.mark.parametrize(
    ("values", "kind", "counts"),
    [
        (["1", "-2", "+3"], "Integral", (3, 0, 0, 0)),
        (["1", "2.5", "1e-3", ".5", "3."], "Fractional", (1, 4, 0, 0)),
        (["1.0", "2.0"], "Fractional", (0, 2, 0, 0)),
        (["1", "x", "2.5", ""], "String", (1, 1, 1, 1)),
        (["true", "false"], "String", (0, 0, 2, 0)),
        (["0042-1", "1 2"], "String", (0, 0, 2, 0)),
        ([None, "", "NaN", "inf", "-Infinity"], "Unknown", (0, 0, 0, 5)),
        (["1"] * 300 + ["x"], "String", (300, 0, 1, 0)),
        (["1"] * 300 + ["0.5"], "Fractional", (300, 1, 0, 0)),
        (["1"] * 300 + ["", None], "Integral", (300, 0, 0, 2)),
        (["1"] * 300 + ["nan", "0.5"], "Fractional", (300, 1, 0, 1)),
        (["1.5"] * 300 + ["-inf", "1e999", "2"], "Fractional", (1, 300, 0, 2)),
        (["1.5"] * 300 + ["nan", "x"], "String", (0, 300, 1, 1)),
        (["123456789012345678901234567890"], "Integral", (1, 0, 0, 0)),
        (["1.5", "1e999"], "Fractional", (0, 1, 0, 1)),
        ([1, None, 3], "Integral", (2, 0, 0, 1)),
        ([1.5, math.nan, math.inf, None], "Fractional", (0, 1, 0, 3)),
        ([True, None], "String", (0, 0, 1, 1)),
        ([None, None], "Unknown", (0, 0, 0, 2)),
    ],
)
def test_kinds_of_values(values, kind, counts):
    column = ColumnProfile.of(pa.array(values))
    assert column.inferred_type == kind
    assert (column.integral, column.fractional, column.texts, column.missing) == counts


def test_a_column_of_lists_is_refused_by_name():
    with pytest.raises(UnreadableColumn, match="column 'x' is of type list"):
        profile([pa.RecordBatch.from_pydict({"x": [[1]]})])


def test_statistics_of_churn_agree_with_numpy():
    from pyarrow import csv

    rows = csv.read_csv(table("churn"))
    document = statistics(profile(rows.to_batches(max_chunksize=700)))
    assert document["version"] == 0.0
    assert document["dataset"] == {"item_count": 5000}
    assert [feature["name"] for feature in document["features"]] == rows.column_names
    by_name = {feature["name"]: feature for feature in document["features"]}
    values = rows["Day Mins"].to_numpy()
    found = by_name["Day Mins"]["numerical_statistics"]
    assert found["common"] == {"num_present": 5000, "num_missing": 0}
    expected = [values.mean(), values.sum(), values.std(), values.min(), values.max()]
    assert [found[key] for key in ("mean", "sum", "std_dev", "min", "max")] == pytest.approx(expected)
    kll = found["distribution"]["kll"]
    assert kll["sketch"]["parameters"] == {"c": 0.64, "k": 2048.0}
    assert sum(bucket["count"] for bucket in kll["buckets"]) == 5000
    true, _ = np.histogram(values, bins=10)
    assert [bucket["count"] for bucket in kll["buckets"]] == pytest.approx(true.tolist(), abs=50)
    answers = Counter(rows["Churn?"].to_pylist())
    assert by_name["Churn?"]["string_statistics"] == {
        "common": {"num_present": 5000, "num_missing": 0},
        "distinct_count": 2.0,
        "distribution": {
            "categorical": {"buckets": [{"value": answer, "count": answers[answer]} for answer in ("False.", "True.")]}
        },
    }
    assert "distribution" not in by_name["Phone"]["string_statistics"]


def test_distinct_texts_are_estimated_in_bounded_memory():
    column = ColumnProfile.of(pa.array([f"user-{n}" for n in range(50_000)]))
    assert column.categories is None
    assert column.distinct.count() == pytest.approx(50_000, rel=0.05)
    assert len(column.distinct.smallest) == 4096


cells = st.one_of(st.none(), st.sampled_from(["a", "b", "", "7", "0.5", "NaN"]), st.integers(-5, 5).map(str))
columns = st.lists(cells, max_size=30).map(lambda values: ColumnProfile.of(pa.array(values, pa.string())))


def _facts(column):
    moments = column.moments
    return {
        "counts": (column.rows, column.integral, column.fractional, column.texts, moments.count),
        "bounds": (moments.low, moments.high),
        "categories": column.categories,
        "distinct": column.distinct.smallest.tolist(),
        "sketch": column.sketch.data(),
    }


@settings(deadline=None)
@given(columns, columns, columns)
def test_merging_is_associative_and_the_order_does_not_matter(a, b, c):
    left, right, turned = a.merge(b).merge(c), a.merge(b.merge(c)), c.merge(b).merge(a)
    assert _facts(left) == _facts(right) == _facts(turned)
    for other in (right, turned):
        assert left.moments.mean == pytest.approx(other.moments.mean)
        assert left.moments.squares == pytest.approx(other.moments.squares, abs=1e-9)


@settings(deadline=None)
@given(st.lists(cells, max_size=40), st.integers(1, 40))
def test_reading_in_chunks_changes_nothing(values, size):
    whole = pa.RecordBatch.from_pydict({"x": pa.array(values, pa.string())})
    chunks = [whole.slice(at, size) for at in range(0, len(values), size)]
    once, often = profile([whole]), profile(chunks)
    assert once.rows == often.rows
    if values:
        assert _facts(once.columns["x"]) == _facts(often.columns["x"])


def test_a_column_that_a_chunk_lacks_is_missing_there():
    batches = [pa.RecordBatch.from_pydict({"a": [1]}), pa.RecordBatch.from_pydict({"a": [2], "b": ["x"]})]
    data = profile(batches)
    assert isinstance(data, DatasetProfile)
    assert (data.columns["b"].rows, data.columns["b"].missing) == (2, 1)
