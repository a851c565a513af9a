"""Where rows go: whatever is added, removed or reordered, what one model was trained on never tests the next."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.tabular import hashing
from slipway.tabular.split import PARTS, Dealt, Split, candidates, count_duplicates, no_identifier

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
SPLIT = Split(SHARES, 7)
CUSTOMERS = np.arange(20_000)


def hashed(values):
    return hashing.of_values(pa.array(values))


def keys(values):
    return hashed([f"customer {value}" for value in values])


def test_shares_come_out_by_the_hash():
    shares = np.bincount(SPLIT.parts(keys(CUSTOMERS))) / len(CUSTOMERS)
    assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.01)


@pytest.mark.parametrize(
    "others",
    [CUSTOMERS[500:], np.append(CUSTOMERS, 99_999), np.random.default_rng(0).permutation(CUSTOMERS)],
    ids=["removed", "appended", "reordered"],
)
def test_a_row_stays_where_it_was(others):
    before = dict(zip(CUSTOMERS, SPLIT.parts(keys(CUSTOMERS)), strict=True))
    assert all(before.get(row, part) == part for row, part in zip(others, SPLIT.parts(keys(others)), strict=True))


def test_a_seed_deals_anew():
    agree = np.mean(SPLIT.parts(keys(CUSTOMERS)) == Split(SHARES, 8).parts(keys(CUSTOMERS)))
    assert agree == pytest.approx(0.7**2 + 2 * 0.15**2, abs=0.02)


def test_hashes_are_those_of_every_release():
    """Another hash here moves every row of every project: then SCHEME is another number."""
    table = pa.table({"a": ["x", "Größe", "", None], "b": [1.5, -0.0, None, 3e38]})
    found = hashing.of_rows((column.combine_chunks() for column in table.columns), 4)
    assert [f"{value:x}" for value in found] == RECORDED
    assert SPLIT.parts(found).tolist() == RECORDED_PARTS


RECORDED = ["1401f352c99ee0a1", "12d8dd05abdccc9a", "130b84c96476921d", "c5bd5da40c194888"]
RECORDED_PARTS = [0, 2, 0, 0]


@given(st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=40))
def test_equal_texts_and_only_they_have_equal_hashes(texts):
    found = hashed(pa.array(texts, pa.string())).tolist()
    assert len(set(found)) == len(set(texts))
    sliced = hashing.of_values(pa.array(["before", *texts], pa.string()).slice(1))
    assert sliced.tolist() == found


def test_a_text_of_many_rows_has_the_hash_of_a_text_of_one():
    """Texts that repeat are hashed once for each, those that do not all together."""
    assert set(hashed(["a", "b"] * 50).tolist()) == set(hashed(["a", "b"]).tolist())
    assert hashed(["a", None] * 50)[1] == hashed(["a", None])[1]


@given(st.lists(st.floats(width=32, allow_infinity=False), max_size=30))
def test_equal_numbers_have_equal_hashes(numbers):
    known = {repr(number + 0.0) for number in numbers}
    assert len(set(hashed(pa.array(numbers, pa.float64())).tolist())) == len(known)


def test_values_change_places_and_the_hash_changes():
    rows = [hashing.of_rows([pa.array([a]), pa.array([b])], 1)[0] for a, b in (("x", "y"), ("y", "x"), ("xy", ""))]
    assert len(set(rows)) == 3


ROWS = hashed([f"{n % 900}" for n in range(1000)])  # 100 of them repeat one
COLUMNS = {
    "a number of each customer": ([n % 900 for n in range(1000)], 0, ""),
    "a customer that stands in each monthly export": ([n % 50 for n in range(1000)], 0, ""),
    "a number of each row": (range(1000), 0, "100 rows are equal to another row"),
    "a constant": ([1] * 1000, 0, "one of its values stands in 1,000 of 1,000 rows"),
    "mostly empty": ([n % 900 for n in range(1000)], 600, "it is empty in 600 of 1,000 rows"),
}


@pytest.mark.parametrize(("values", "missing", "reason"), COLUMNS.values(), ids=COLUMNS)
def test_an_identifier_that_is_one(values, missing, reason):
    found = no_identifier(keys(values), ROWS, missing)
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


def test_repeated_rows_are_counted():
    assert count_duplicates(ROWS) == 100


@pytest.mark.parametrize(
    ("group", "columns"),
    [
        ({}, ["id", "phone", ""]),
        ({"group": None}, ["id", "phone", ""]),
        ({"group": "state"}, ["state"]),
        ({"group": False}, [""]),
    ],
)
def test_what_rows_are_split_by(group, columns):
    assert [split.by for split in candidates({**SHARES, "seed": 1, **group}, ("id", "phone"))] == columns


def test_a_split_is_what_was_written(tmp_path):
    dealt = Dealt(SPLIT, dict.fromkeys(PARTS, 5), 2)
    dealt.save(tmp_path)
    assert Dealt.load(tmp_path) == dealt
    assert Dealt.load(tmp_path / "other") is None
