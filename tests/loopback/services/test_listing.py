"""Lists over a store of models and jobs; SageMaker's filters and orders."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopback.core import queries
from loopback.core.errors import ValidationException
from loopback.core.kinds import MODEL, PROCESSING_JOB
from loopback.core.store import Store
from loopback.services.listing import Listing, select
from loopback.services.registry import Context

LISTING = Listing("Items", PROCESSING_JOB, page=2, shown={"Queued": "InProgress"})
MODELS = Listing("Items", MODEL)


@pytest.fixture
def jobs(store: Store, clock: Any) -> None:
    """a and d are queued, b has failed, c runs; one a second; b and c changed later."""
    start = clock.now
    for number, name in enumerate("abcd"):
        clock.now = start + number
        store.create(PROCESSING_JOB, name, {})
    for name, events in (("b", ("lease", "fail")), ("c", ("lease",))):
        for event in events:
            clock.now = start + 10
            store.fire(PROCESSING_JOB, name, event)


def names(context: Context, listing: Listing = LISTING, **request: Any) -> list[str]:
    return [item["Name"] for item in shown(context, listing, **request)["Items"]]


def shown(context: Context, listing: Listing = LISTING, **request: Any) -> dict[str, Any]:
    return select(request, context, listing, lambda row, _: {"Name": row.name})


def everything(context: Context, listing: Listing, **request: Any) -> list[str]:
    answer = shown(context, listing, **request)
    found = [item["Name"] for item in answer["Items"]]
    while "NextToken" in answer:
        answer = shown(context, listing, **request, NextToken=answer["NextToken"])
        found += [item["Name"] for item in answer["Items"]]
    return found


START = 1_800_000_000


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, "dc"),
        ({"SortOrder": "Ascending"}, "ab"),
        ({"SortBy": "Name", "SortOrder": "Descending", "MaxResults": 1}, "d"),
        ({"SortBy": "Status", "SortOrder": "Ascending", "MaxResults": 4}, "bacd"),
        ({"SortBy": "Status", "MaxResults": 4}, "dcab"),
        ({"SortBy": "Status", "MaxResults": 3}, "dca"),
        ({"NameContains": "B"}, "b"),
        ({"StatusEquals": "Failed"}, "b"),
        ({"StatusEquals": "InProgress", "MaxResults": 9}, "dca"),
        ({"StatusEquals": "InProgress", "SortBy": "Name", "MaxResults": 9}, "dca"),
        ({"StatusEquals": "Stopped"}, ""),
        ({"CreationTimeAfter": START + 0.5, "CreationTimeBefore": "2027-01-15T08:00:02.500000+00:00"}, "cb"),
        ({"CreationTimeAfter": START + 1, "CreationTimeBefore": START + 3}, "c"),
        ({"SortBy": "Name", "CreationTimeAfter": START + 0.5, "CreationTimeBefore": START + 2.5}, "cb"),
        ({"LastModifiedTimeAfter": START + 5, "StatusEquals": "InProgress"}, "c"),
        ({"LastModifiedTimeBefore": START + 5, "MaxResults": 9}, "da"),
    ],
)
def test_filters_and_orders(context: Context, request_: dict[str, Any], expected: str) -> None:
    assert "".join(names(context, **request_)) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.text("abc", min_size=1, max_size=3), st.integers(0, 3)), unique_by=lambda each: each[0]),
    st.fixed_dictionaries(
        {
            "MaxResults": st.integers(1, 5),
            "SortBy": st.sampled_from(["Name", "CreationTime"]),
            "SortOrder": st.sampled_from(["Ascending", "Descending"]),
        }
    ),
    st.sampled_from([{}, {"NameContains": "a"}, {"CreationTimeAfter": START + 0.5}]),
)
def test_pages_show_every_item_once_and_in_order(
    context: Context, clock: Any, made: list[tuple[str, int]], request_: dict[str, Any], more: dict[str, Any]
) -> None:
    for row in context.store.find(MODEL):
        context.store.delete(MODEL, row.name)
    for name, second in made:
        clock.now = START + second
        context.store.create(MODEL, name, {})
    keys = {"Name": lambda each: each[0], "CreationTime": lambda each: (each[1], each[0])}
    kept = [each for each in made if "a" in each[0] or "NameContains" not in more]
    kept = [each for each in kept if each[1] > 0 or "CreationTimeAfter" not in more]
    expected = [
        name for name, _ in sorted(kept, key=keys[request_["SortBy"]], reverse=request_["SortOrder"] == "Descending")
    ]
    assert everything(context, MODELS, **request_, **more) == expected


def test_a_rare_name_is_found_page_by_page(context: Context, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "SCANNED", 4)
    monkeypatch.setattr(queries, "WINDOW", 3)
    for number in range(30):
        clock.now += 1
        context.store.create(MODEL, f"rare-{number}" if number in (3, 17) else f"m-{number}", {})
    answer = shown(context, MODELS, NameContains="rare")
    assert (answer["Items"], "NextToken" in answer) == ([], True)
    assert everything(context, MODELS, NameContains="rare") == ["rare-17", "rare-3"]
    assert everything(context, MODELS, NameContains="rare", SortBy="Name", MaxResults=1) == ["rare-3", "rare-17"]


def test_an_item_that_arrives_between_pages_repeats_nothing(context: Context, clock: Any) -> None:
    for name in "abc":
        clock.now += 1
        context.store.create(MODEL, name, {})
    first = shown(context, MODELS, MaxResults=2)
    clock.now += 1
    context.store.create(MODEL, "new", {})
    second = shown(context, MODELS, MaxResults=2, NextToken=first["NextToken"])
    assert [item["Name"] for item in first["Items"] + second["Items"]] == ["c", "b", "a"]


@pytest.mark.parametrize(
    "token", ["nonsense", "MQ==", "", "W10=", "bnVsbA==", "ü", "W" * 5000, "W1tbW1tbW1tbW1tbW1tbW1tb", "WzFlOTk5XQ=="]
)
def test_a_token_of_somewhere_else_is_refused(context: Context, token: str) -> None:
    with pytest.raises(ValidationException, match="NextToken is not one that this operation gave"):
        shown(context, NextToken=token)


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize(
    "other", [{"SortBy": "Name"}, {"SortOrder": "Ascending"}, {"NameContains": "a"}, {"StatusEquals": "Failed"}]
)
def test_a_token_is_good_for_the_request_that_it_is_of(context: Context, other: dict[str, Any]) -> None:
    token = shown(context)["NextToken"]
    assert names(context, NextToken=token, MaxResults=1) == ["b"]  # the size of pages may change
    with pytest.raises(ValidationException, match="for this request; start again"):
        shown(context, NextToken=token, **other)
    with pytest.raises(ValidationException, match="for this request"):
        shown(context, Listing("Others", PROCESSING_JOB), NextToken=token)
