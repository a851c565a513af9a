"""Which records a request has used, which have changed, and what of them the base shows while it is copied."""

import copy
from collections import defaultdict, deque
from typing import Any

import pytest
from ministack.core.responses import AccountScopedDict

from loopback.ministack.records import Records, Uses, fingerprint, note_uses, show_only

A, B = ("1", "a"), ("1", "b")


@pytest.fixture
def records() -> Records:
    found = Records("thing")
    found.update({A: {"n": [1]}, B: {"n": [2]}})
    found.mark_saved([A, B])
    return found


def used(records: Records, act: Any) -> list[Any]:
    uses = Uses()
    with note_uses(uses):
        act(records)
    return sorted(key for _, keys in uses.close() for key in keys)


@pytest.mark.parametrize(
    ("act", "keys"),
    [
        (lambda r: r[A], [A]),
        (lambda r: r.get(A), [A]),
        (lambda r: r.get(("1", "c")), [("1", "c")]),
        (lambda r: r.setdefault(A, {}), [A]),
        (lambda r: r.pop(A), [A]),
        (lambda r: r.__delitem__(A), [A]),
        (lambda r: r.update({A: {}}), [A]),
        (lambda r: list(r.values()), [A, B]),
        (lambda r: list(r.items()), [A, B]),
        (lambda r: r.clear(), [A, B]),
        (list, []),
        (lambda r: A in r, []),
    ],
)
def test_what_a_request_takes_out_of_a_store_is_noted(records: Records, act: Any, keys: list[Any]) -> None:
    assert used(records, act) == keys


def test_a_change_in_place_is_found(records: Records) -> None:
    records[A]["n"].append(2)
    assert records.changed_keys([A, B]) == [A]
    records.mark_saved([A])
    assert records.changed_keys([A, B]) == []


def test_a_deleted_record_and_a_new_one_are_found(records: Records) -> None:
    del records[A]
    records[("1", "c")] = {}
    assert sorted(records.changed_keys(records.known_keys())) == [A, ("1", "c")]


def test_what_is_used_after_the_answer_is_not_noted(records: Records) -> None:
    uses = Uses()
    with note_uses(uses):
        uses.close()
        assert records[A]
    assert list(uses.close()) == []


def test_a_narrowed_copy_has_these_records_only(records: Records) -> None:
    store = AccountScopedDict()
    store._data = records
    with show_only(frozenset([A])):
        twin = copy.deepcopy(store)
        assert list(records.items()) == [(A, records[A])]
        assert dict(records) == {A: records[A]}
    assert twin._data == {A: {"n": [1]}}
    assert twin._data[A]["n"] is not records[A]["n"]
    assert copy.deepcopy(store)._data == {A: {"n": [1]}, B: {"n": [2]}}


def test_a_bucket_is_compared_without_its_objects_and_a_function_by_the_hash_of_its_code() -> None:
    buckets = Records("s3")
    buckets[A] = {"region": "x", "objects": {}}
    buckets.mark_saved([A])
    buckets[A]["objects"]["k"] = 1
    assert buckets.changed_keys([A]) == []
    functions = Records("lambda_svc")
    functions[A] = {"versions": {"1": {"code_zip": b"a" * 100}}}
    functions.mark_saved([A])
    functions[A]["versions"]["1"]["code_zip"] = b"b" * 100
    assert functions.changed_keys([A]) == [A]


@pytest.mark.parametrize("value", [{"a": [1, "x", b"y"]}, {1, 2}, defaultdict(dict, a={}), deque([1]), object()])
def test_equal_values_have_equal_fingerprints(value: Any) -> None:
    if type(value) is object:
        assert fingerprint(lambda: value) != fingerprint(lambda: value)  # what cannot be compared is always new
    else:
        assert fingerprint(value) == fingerprint(copy.deepcopy(value))


def test_a_string_that_is_shared_is_no_change() -> None:
    text = str(b"shared", "ascii")
    assert fingerprint([text, text]) == fingerprint([str(b"shared", "ascii"), "shared"])
