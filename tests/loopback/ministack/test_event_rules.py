"""What PutEvents, DeleteRule and rules of named buses are answered."""

import importlib
import json
from typing import Any

import pytest

from loopback.ministack import event_rules

GOOD = {"Source": "a", "DetailType": "b", "Detail": "{}"}
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/mine"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ""),
        ({"Source": ""}, "InvalidArgument"),
        ({"DetailType": None}, "InvalidArgument"),
        ({"Detail": ""}, "InvalidArgument"),
        ({"Detail": "no json"}, "MalformedDetail"),
        ({"Detail": "[]"}, "MalformedDetail"),
        ({"Detail": "[" * 100_000}, "MalformedDetail"),
    ],
)
def test_an_entry(changes: dict[str, Any], code: str) -> None:
    assert (event_rules.entry_fault(GOOD | changes) or {}).get("ErrorCode", "") == code


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = importlib.import_module("ministack.services.eventbridge")
    for hook in event_rules.HOOKS["ministack.services.eventbridge"]:
        monkeypatch.setattr(module, hook, getattr(module, hook))
    asked: list[Any] = []

    def put_events(data: dict[str, Any]) -> Any:
        asked.append(data)
        made = [{"EventId": str(number)} for number, _ in enumerate(data["Entries"])]
        return 200, {}, json.dumps({"FailedEntryCount": 0, "Entries": made}).encode()

    def put_rule(data: dict[str, Any]) -> Any:
        asked.append(data)

    monkeypatch.setattr(module, "_put_events", put_events)
    monkeypatch.setattr(module, "_put_rule", put_rule)
    monkeypatch.setattr(module, "_delete_rule", put_rule)
    monkeypatch.setattr(module, "_targets", {"default|used": [{"Id": "1"}], "mine|used": [{"Id": "1"}]})
    event_rules.install()
    module.asked = asked
    yield module
    del module.asked


def test_entries_that_fail_are_counted_in_their_place(events: Any) -> None:
    _, _, body = events._put_events({"Entries": [GOOD | {"Detail": "x"}, GOOD, GOOD | {"Source": ""}]})
    answer = json.loads(body)
    assert answer["FailedEntryCount"] == 2
    assert [entry.get("EventId") or entry["ErrorCode"] for entry in answer["Entries"]] == [
        "MalformedDetail",
        "0",
        "InvalidArgument",
    ]
    assert events.asked == [{"Entries": [GOOD]}]


def test_a_rule_with_targets_is_not_deleted(events: Any) -> None:
    for request in ({"Name": "used"}, {"Name": "used", "EventBusName": BUS}):
        status, _, body = events._delete_rule(request)
        assert (status, event_rules.HAS_TARGETS in body.decode()) == (400, True)
    events._delete_rule({"Name": "unused"})
    assert events.asked == [{"Name": "unused"}]


def test_a_bus_by_its_arn(events: Any) -> None:
    events._put_rule({"Name": "r", "EventBusName": BUS})
    events._put_rule({"Name": "r", "EventBusName": "mine"})
    assert events.asked == [{"Name": "r", "EventBusName": "mine"}] * 2
