"""A stack does not take over what exists."""

import importlib
from typing import Any

import pytest

from loopback.ministack import taken
from loopback.ministack.taken import AlreadyExists, check


@pytest.mark.parametrize("kind", [*taken.TYPES])
def test_a_name_in_use_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = taken.TYPES[kind]
    module: Any = importlib.import_module(f"ministack.services.{names.module}")
    check(kind, {names.property: "mine"})
    key = "arn:aws:x:us-east-1:000000000000:kind/mine" if names.by_arn else "mine"
    monkeypatch.setattr(module, names.stores[0], {key: {}})
    with pytest.raises(AlreadyExists, match=f"'{kind}' with identifier 'mine' already exists"):
        check(kind, {names.property: "mine"})
    check(kind, {names.property: "other"})
    check(kind, {names.property: "ine"})
    check(kind, {})


def test_a_rule_is_one_of_its_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    events: Any = importlib.import_module("ministack.services.eventbridge")
    monkeypatch.setattr(events, "_rules", {events._rule_key("r", "bus"): {}})
    check("AWS::Events::Rule", {"Name": "r"})
    with pytest.raises(AlreadyExists, match="'r' already exists"):
        check("AWS::Events::Rule", {"Name": "r", "EventBusName": "arn:aws:events:us-east-1:000000000000:event-bus/bus"})


def test_types_of_others_are_theirs_to_check() -> None:
    check("AWS::SageMaker::Model", {"ModelName": "m"})
