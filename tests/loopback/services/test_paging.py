"""Pages over several selections, and of things at hand."""

import base64
import json
from typing import Any

import pytest

from loopback.core import queries
from loopback.core.errors import ServiceError, ValidationException
from loopback.core.kinds import MODEL, PACKAGE
from loopback.core.queries import NAME, Selection
from loopback.core.store import Store
from loopback.services.paging import Items, Paging

PAGING = Paging()
NAMES = Items("Names", lambda row: row.name, 2)


class Strange(ServiceError):
    """A service's own error for a token."""


@pytest.fixture
def filled(store: Store) -> Store:
    for name in "abc":
        store.create(MODEL, name, {})
    for name in "xyz":
        store.create(PACKAGE, name, {})
    return store


def pages(store: Store, selections: list[Selection], items: Items = NAMES, **request: Any) -> list[list[str]]:
    found = []
    while True:
        answer = PAGING.of_rows(store, request, selections, items)
        found.append(answer["Names"])
        if "NextToken" not in answer:
            return found
        request["NextToken"] = answer["NextToken"]


def test_selections_follow_each_other(filled: Store) -> None:
    both = [Selection(MODEL, order=NAME), Selection(PACKAGE, order=NAME)]
    assert pages(filled, both) == [["a", "b"], ["c", "x"], ["y", "z"]]
    assert pages(filled, both, MaxResults=3) == [["a", "b", "c"], ["x", "y", "z"]]
    assert pages(filled, [both[0], Selection(PACKAGE, "nobody")], MaxResults=3) == [["a", "b", "c"]]


def kept(names: str) -> Items:
    return Items("Names", lambda row: row.name, 1, lambda row: row.name in names)


def test_what_sql_cannot_say_is_looked_at_row_by_row(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    by_name = [Selection(MODEL, order=NAME)]
    assert pages(filled, by_name, kept("ac")) == [["a"], ["c"]]
    monkeypatch.setattr("loopback.services.paging.SCANNED", 1)
    assert pages(filled, by_name, kept("c")) == [[], [], ["c"]]


def test_a_deleted_row_is_no_end(filled: Store) -> None:
    answer = PAGING.of_rows(filled, {}, [Selection(MODEL, order=NAME)], NAMES)
    filled.delete(MODEL, "b")
    token = {"NextToken": answer["NextToken"]}
    assert PAGING.of_rows(filled, token, [Selection(MODEL, order=NAME)], NAMES)["Names"] == ["c"]


def test_things_at_hand_come_in_pages_too() -> None:
    first = PAGING.of_items({"A": 1}, "abc", "Things", 2)
    assert first["Things"] == ["a", "b"]
    assert PAGING.of_items({"A": 1, "NextToken": first["NextToken"]}, "abc", "Things", 2) == {"Things": ["c"]}
    with pytest.raises(ValidationException, match="NextToken is not one that this operation gave for this request"):
        PAGING.of_items({"A": 2, "NextToken": first["NextToken"]}, "abc", "Things", 2)
    with pytest.raises(ValidationException, match="NextToken"):
        PAGING.of_items({"A": 1, "NextToken": first["NextToken"]}, "a", "Things", 2)


def forged(*place: Any) -> str:
    """A token that knows the mark of the request {}, and says another place."""
    mark = PAGING._mark({}, "Names")
    return base64.urlsafe_b64encode(json.dumps([mark, *place]).encode()).decode()


@pytest.mark.parametrize(
    "place",
    [(), (1, None), (-1, None), (0,), (0, ["a"]), (0, [True, "a"]), (0, [1, 2]), (0, [float("nan"), "a"]),
     (0, [10**30, "a"]), ("0", None), (0, None, None), (0, [None, "a"])],
)  # fmt: skip
def test_a_forged_place_is_refused(filled: Store, place: Any) -> None:
    with pytest.raises(ValidationException, match="NextToken"):
        PAGING.of_rows(filled, {"NextToken": forged(*place)}, [Selection(MODEL)], NAMES)


def test_a_service_names_its_members_and_its_error(filled: Store) -> None:
    own = Paging("nextToken", "maxResults", "followingToken", Strange)
    answer = own.of_rows(filled, {"maxResults": 1}, [Selection(MODEL, order=NAME)], NAMES)
    assert (answer["Names"], set(answer)) == (["a"], {"Names", "followingToken"})
    with pytest.raises(Strange, match="nextToken is not one"):
        own.of_rows(filled, {"nextToken": "x"}, [Selection(MODEL)], NAMES)


@pytest.mark.parametrize(
    ("name", "inside"), [("ab", True), ("ab-1", True), ("abz", True), ("aaz", False), ("ac", False)]
)
def test_around_a_prefix(name: str, inside: bool) -> None:
    below, above = queries.around("ab")
    assert (below < name < above) == inside
