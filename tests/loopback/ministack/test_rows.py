"""The base's state comes back from its rows as it was."""

from typing import Any

import pytest
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

from loopback.ministack import rows
from loopback.ministack.rows import RecordPlace

REGIONAL, GLOBAL = ("1", "us-east-1", "a"), ("1", ("bucket", "key"))


def store(kind: type, **records: Any) -> Any:
    made = kind()
    made._data.update({("1", "us-east-1", name): record for name, record in records.items()})
    return made


def again(state: str, stores: dict[str, Any]) -> Any:
    texts = [(row, rows.encode(row, value)) for row, value in rows.split_state(state, stores)]
    return rows.join_states((row, rows.decode(text)) for row, text in texts)[state]


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": [None, True, 1.5]},
        {"code": b"\x00\xff"},
        {("acc", "key"): {"x": 1}},
        {"members": {1, 2}},
        {("a", 1): {"deep": {"s": {"x"}}}},
    ],
)
def test_a_record_comes_back(value: Any) -> None:
    for kind, key in ((AccountRegionScopedDict, REGIONAL), (AccountScopedDict, GLOBAL)):
        made = kind()
        made._data[key] = value
        found = again("x", {"things": made})["things"]
        assert type(found) is kind
        assert found._data == {key: value}


def test_a_member_that_is_no_store_comes_back() -> None:
    assert again("rds", {"port_counter": 15432, "list": ["a"]}) == {"port_counter": 15432, "list": ["a"]}


def test_messages_are_rows_of_their_own_and_keep_their_order() -> None:
    messages = [{"id": name, "body": name} for name in ("c", "a", "b")]
    queues = store(AccountRegionScopedDict, q={"name": "q", "messages": messages}, empty={"messages": []})
    places = [row for row, _ in rows.split_state("sqs", {"queues": queues})]
    assert [row.part for row in places] == ["", "c", "a", "b", ""]
    assert again("sqs", {"queues": queues})["queues"]._data == queues._data


def test_a_log_group_has_a_row_for_each_stream() -> None:
    groups = store(AccountRegionScopedDict, g={"arn": "x", "streams": {"s/1": {"events": [1]}, "s/2": {"events": []}}})
    assert [row.part for row, _ in rows.split_state("cloudwatch_logs", {"log_groups": groups})] == [
        "",
        '"s/1"',
        '"s/2"',
    ]
    assert again("cloudwatch_logs", {"log_groups": groups})["log_groups"]._data == groups._data


def test_parts_may_be_read_before_their_record() -> None:
    queues = store(AccountRegionScopedDict, q={"messages": [{"id": "a"}]})
    places = list(rows.split_state("sqs", {"queues": queues}))
    assert rows.join_states(reversed(places))["sqs"]["queues"]._data == queues._data


def test_what_has_no_text_is_named() -> None:
    with pytest.raises(rows.Unwritable, match=r"locks of x cannot be written: .*object"):
        rows.encode(RecordPlace("x", "locks", "k"), {"a": object()})
