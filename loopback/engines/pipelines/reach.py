"""Which steps may run now, later or never, and which failures nobody waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from loopback.engines.pipelines import foreach
from loopback.engines.pipelines.facts import StepFact
from loopback.engines.pipelines.model import Definition, Step


@dataclass(frozen=True)
class Reach:
    """A view on the execution; `steps` may change while planning goes on, and every question sees that.

    A step that is not in `selected` does not run, and whoever waits for it need not.
    """

    definition: Definition
    steps: Mapping[str, StepFact]
    selected: frozenset[str] | None

    @cached_property
    def _selected_loops(self) -> frozenset[str]:
        return (self.selected or frozenset()) & self.definition.bodies.keys()

    def is_selected(self, step: Step) -> bool:
        """Whether `step` belongs to this execution; a selected ForEach brings its body with it."""
        return self.selected is None or step.name in self.selected or step.parent in self._selected_loops

    def is_ready(self, step: Step, iteration: int | None) -> bool:
        """Whether everything that `step` waits for has come true."""
        condition = self._condition(step)
        if condition is not None:
            fact = self.steps.get(condition.name)
            if fact is None or not _takes(fact, step.branch):
                return False
        return all(self._is_met(name, trigger, step, iteration) for name, trigger in step.dependencies.items())

    def may_run(self, step: Step, iteration: int | None) -> bool:
        """Whether `step`, which has not started, still can, now or later."""
        condition = self._condition(step)
        if condition is not None:
            fact = self.steps.get(condition.name)
            if not (self.may_run(condition, None) if fact is None else _takes(fact, step.branch)):
                return False
        return all(self._may_be_met(name, trigger, step, iteration) for name, trigger in step.dependencies.items())

    def unhandled_failures(self) -> list[str]:
        """Steps whose failure or stop nobody waits for; those of a ForEach body are their ForEach's affair."""
        return [
            name
            for name, fact in self.steps.items()
            if fact.status in ("Failed", "Stopped") and not fact.waiting and not self._is_handled(name, fact.status)
        ]

    def handled_failures(self) -> list[str]:
        """Steps that failed or stopped while another step waited for just that."""
        waited_for = (name for name in self.definition.handlers if name in self.steps)
        return [name for name in waited_for if self.steps[name].ended and self.steps[name].status != "Succeeded"]

    def _condition(self, step: Step) -> Step | None:
        """The Condition that decides about `step`, if it is part of this execution."""
        if step.parent is None or step.branch == "ForEachBody":
            return None
        condition = self.definition.steps[step.parent]
        return condition if self.is_selected(condition) else None

    def _is_met(self, upstream: str, trigger: str, step: Step, iteration: int | None) -> bool:
        other = self.definition.steps[upstream]
        if not self.is_selected(other):
            return True
        fact = self.steps.get(_fact_name(other, step, iteration))
        return fact is not None and fact.ended and trigger in (fact.status, "Any")

    def _may_be_met(self, upstream: str, trigger: str, step: Step, iteration: int | None) -> bool:
        other = self.definition.steps[upstream]
        if not self.is_selected(other):
            return True
        fact = self.steps.get(_fact_name(other, step, iteration))
        if fact is None:
            return self.may_run(other, iteration)
        return not fact.ended or trigger in (fact.status, "Any")

    def _is_handled(self, name: str, status: str) -> bool:
        known = self.definition.steps
        if name not in known:
            return True
        waiting = self.definition.handlers.get(name, ())
        return any(trigger in (status, "Any") and self.is_selected(known[by]) for by, trigger in waiting)


def _takes(condition: StepFact, branch: str | None) -> bool:
    taken = "IfSteps" if condition.properties.get("Outcome") == "True" else "ElseSteps"
    return condition.status == "Succeeded" and branch == taken


def _fact_name(other: Step, step: Step, iteration: int | None) -> str:
    """The name of the fact of `other` that `step` in `iteration` looks at."""
    if iteration is not None and other.branch == "ForEachBody" and other.parent == step.parent:
        return foreach.instance(other, iteration)
    return other.name
