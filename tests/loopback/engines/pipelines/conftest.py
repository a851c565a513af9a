"""Builders of definitions, and a driver that carries out actions at once."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from loopback.engines.pipelines.definition import Definition, parse
from loopback.engines.pipelines.plan import (
    Action,
    EndExecution,
    ExecutionFacts,
    StartStep,
    StepFact,
    StopStep,
    plan,
    record,
)


def _step(name: str, kind: str = "Processing", *after: Any, **more: Any) -> dict[str, Any]:
    depends = {"DependsOn": list(after)} if after else {}
    return {"Name": name, "Type": kind, "Arguments": {}, **depends, **more}


def _gate(name: str, left: Any, right: Any, then: list[Any], otherwise: list[Any], *after: Any) -> dict[str, Any]:
    conditions = [{"Type": "GreaterThan", "LeftValue": left, "RightValue": right}]
    arguments = {"Conditions": conditions, "IfSteps": then, "ElseSteps": otherwise}
    return _step(name, "Condition", *after, Arguments=arguments)


def _loop(name: str, items: Any, body: list[Any], *after: Any, most: int = 50, **more: Any) -> dict[str, Any]:
    arguments = {"IterableItems": items, "MaxConcurrency": most, "ForEachBody": body, **more}
    return _step(name, "ForEach", *after, Arguments=arguments)


def _define(*steps: dict[str, Any], parameters: list[Any] | None = None, most: int = 50) -> Definition:
    return parse(json.dumps({"Version": "2020-12-01", "Parameters": parameters or [], "Steps": steps}), most)


class Run:
    """An execution whose work ends when the test says so."""

    def __init__(self, definition: Definition, documents: Mapping[str, Any], **facts: Any) -> None:
        self.definition, self.documents, self.facts = definition, documents, facts
        self.steps: dict[str, StepFact] = {}
        self.now = 1000.0
        self.started: list[StartStep] = []
        self.finish: EndExecution | None = None

    def go(self) -> list[str]:
        """Plan, record, and tell the actions as `Kind name`."""
        actions = plan(
            self.definition, ExecutionFacts(steps=self.steps, **self.facts), self.documents.__getitem__, self.now
        )
        for action in actions:
            self._carry_out(action)
        return [
            f"{type(action).__name__} {getattr(action, 'name', getattr(action, 'status', ''))}" for action in actions
        ]

    def end(self, name: str, status: str = "Succeeded", **fact: Any) -> list[str]:
        """Let the work of `name` end, then plan."""
        before = self.steps[name]
        self.steps[name] = StepFact(status, attempts=before.attempts, first_started=before.first_started, **fact)
        return self.go()

    def _carry_out(self, action: Action) -> None:
        if isinstance(action, EndExecution):
            self.finish = action
            return
        if isinstance(action, StartStep):
            self.started.append(action)
        if isinstance(action, StopStep):
            assert self.steps[action.name].status in ("Starting", "Executing")
        self.steps[action.name] = record(self.steps.get(action.name), action, self.now)


@pytest.fixture
def step() -> Callable[..., dict[str, Any]]:
    return _step


@pytest.fixture
def gate() -> Callable[..., dict[str, Any]]:
    return _gate


@pytest.fixture
def loop() -> Callable[..., dict[str, Any]]:
    return _loop


@pytest.fixture
def define() -> Callable[..., Definition]:
    return _define


@pytest.fixture
def run() -> Callable[..., Run]:
    def begin(*steps: dict[str, Any], documents: Mapping[str, Any] | None = None, **facts: Any) -> Run:
        return Run(_define(*steps, most=500), documents or {}, **facts)

    return begin
