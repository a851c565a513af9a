import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopback.core.errors import ValidationException
from loopback.services.listing import Listing, select

LISTING = Listing("Items", "Name", "Status", page=2)


def views(*names: str) -> list[dict[str, object]]:
    return [
        {
            "Name": name,
            "Status": "Failed" if n % 2 else "Completed",
            "CreationTime": float(n),
            "LastModifiedTime": n + 0.5,
        }
        for n, name in enumerate(names)
    ]


def names(answer: dict[str, object]) -> list[str]:
    return [item["Name"] for item in answer["Items"]]  # type: ignore[index,attr-defined]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, ["d", "c"]),
        ({"SortOrder": "Ascending"}, ["a", "b"]),
        ({"SortBy": "Name", "SortOrder": "Descending", "MaxResults": 1}, ["d"]),
        ({"SortBy": "Status", "SortOrder": "Ascending", "MaxResults": 4}, ["a", "c", "b", "d"]),
        ({"NameContains": "B"}, ["b"]),
        ({"StatusEquals": "Failed"}, ["d", "b"]),
        ({"CreationTimeAfter": 0.5, "CreationTimeBefore": "1970-01-01T00:00:02.500000+00:00"}, ["c", "b"]),
        ({"LastModifiedTimeAfter": 2.9}, ["d"]),
    ],
)
def test_filters_and_orders(request_: dict[str, object], expected: list[str]) -> None:
    assert names(select(views("a", "b", "c", "d"), request_, LISTING)) == expected


@given(
    st.lists(st.text("abc", min_size=1, max_size=3), unique=True),
    st.integers(1, 5),
    st.sampled_from(["Name", "CreationTime"]),
    st.sampled_from(["Ascending", "Descending"]),
)
def test_pages_show_every_item_once_and_in_order(found: list[str], size: int, sort_by: str, order: str) -> None:
    request = {"MaxResults": size, "SortBy": sort_by, "SortOrder": order}
    whole = names(select(views(*found), request | {"MaxResults": 100}, LISTING))
    pages, token = [], {}
    while True:
        answer = select(views(*found), request | token, LISTING)
        pages += names(answer)
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert pages == whole


def test_an_item_that_arrives_between_pages_repeats_nothing() -> None:
    first = select(views("a", "b", "c"), {}, LISTING)
    second = select(views("a", "b", "c", "new"), {"NextToken": first["NextToken"]}, LISTING)
    assert names(first) + names(second) == ["c", "b", "a"]


def test_a_token_of_somewhere_else_is_refused() -> None:
    with pytest.raises(ValidationException, match="NextToken"):
        select(views("a"), {"NextToken": "nonsense"}, LISTING)
