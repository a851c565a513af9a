"""The next actions of a pipeline execution. The driver records and carries out all of them, then asks again.

Choices where AWS's documentation is silent or newer than the service model:

* A step that fails or is stopped keeps new steps from starting, unless another step waits for that outcome
  (`Trigger`). What runs is left to finish, its retries included.
* An execution that went on past a failure ends Failed, with a reason that says so: the service model has no
  CompletedWithFailures, and Succeeded would hide the failure.
* Iterations of a ForEach are independent: one that fails does not keep the others from running.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from loopback.engines.pipelines import arguments, conditions, foreach, retries
from loopback.engines.pipelines.facts import (
    ACTIVE,
    Action,
    EndExecution,
    EndStep,
    ExecutionFacts,
    OpenForEach,
    RetryStep,
    StartStep,
    StepFact,
    StopStep,
    record,
)
from loopback.engines.pipelines.model import Definition, Step
from loopback.engines.pipelines.reach import Reach
from loopback.engines.pipelines.references import Scope, Unresolvable, for_item, resolve

STEPS_FAILED = "Step failure: One or multiple steps failed."  # AWS's words
HANDLED = "Completed with failures."
__all__ = [
    "Action",
    "EndExecution",
    "EndStep",
    "ExecutionFacts",
    "OpenForEach",
    "RetryStep",
    "StartStep",
    "StepFact",
    "StopStep",
    "plan",
    "record",
]

_WITHOUT_WORK = ("Condition", "Fail", "ForEach")  # decided here, so they take no place of max_parallel
_MAX_REASON = 1300
JOB_NAME = "\0job name\0"  # stands in a step's arguments for the name of its own job until that has one
_JOB_NAMES = {
    "Processing": "ProcessingJobName",
    "QualityCheck": "ProcessingJobName",
    "ClarifyCheck": "ProcessingJobName",
    "Training": "TrainingJobName",
}
_Candidate = tuple[Step, str, int | None]  # a step, the name of its fact, its iteration


def plan(definition: Definition, facts: ExecutionFacts, read_json: Callable[[str], Any], now: float) -> list[Action]:
    """What to do now, in order; empty while everything that runs is left to run.

    `read_json` reads an S3 URI for Std:JsonGet (raises LookupError, OSError or ValueError).
    Planning again with the recorded actions gives nothing new until a step changes or a retry is due.
    """
    return _Planning(definition, facts, read_json, now).run()


class _Planning:
    """One call of `plan`: the facts as they become while actions are decided."""

    def __init__(
        self, definition: Definition, facts: ExecutionFacts, read_json: Callable[[str], Any], now: float
    ) -> None:
        self.definition, self.facts, self.read_json, self.now = definition, facts, read_json, now
        self.steps = dict(facts.steps)
        self.reach = Reach(definition, self.steps, facts.selected)
        self.actions: list[Action] = []

    def run(self) -> list[Action]:
        """Retries or stops first, then whatever can start or end now, then the end of the execution itself."""
        if self.facts.stopping:
            self._stop()
        else:
            self._schedule_retries()
        while self._advance():
            pass
        if not any(fact.status in ACTIVE or fact.waiting for fact in self.steps.values()):
            self.actions.append(self._finish())
        return self.actions

    def _do(self, action: StartStep | OpenForEach | EndStep | RetryStep | StopStep) -> None:
        self.actions.append(action)
        self.steps[action.name] = record(self.steps.get(action.name), action, self.now)

    def _stop(self) -> None:
        for name, fact in list(self.steps.items()):
            if fact.waiting:
                self._do(EndStep(name, "Stopped"))
            elif fact.status in ("Starting", "Executing") and not self._is_for_each(name):
                self._do(StopStep(name))

    def _schedule_retries(self) -> None:
        for name, fact in list(self.steps.items()):
            if fact.status != "Failed" or fact.failure_kind is None or fact.retry_at is not None:
                continue
            policies = self._step(name)[0].raw.get("RetryPolicies") or ()
            delay = retries.next_delay(policies, fact.failure_kind, fact.attempts, fact.first_started, self.now)
            if delay is not None:
                self._do(RetryStep(name, self.now + delay))

    def _advance(self) -> bool:
        """Start and conclude what can be; True when a conclusion may have made more possible."""
        before = len(self.actions)
        halted = self.facts.stopping or bool(self.reach.unhandled_failures())
        for step, name, iteration in list(self._candidates(halted)):
            self._begin(step, name, iteration)
            if self._has_failed_since(before):
                return True
        for name, fact in list(self.steps.items()):
            if fact.status == "Executing" and self._is_for_each(name):
                self._close(name, fact)
        return any(isinstance(action, OpenForEach | EndStep) for action in self.actions[before:])

    def _has_failed_since(self, index: int) -> bool:
        return any(isinstance(action, EndStep) and action.status == "Failed" for action in self.actions[index:])

    def _candidates(self, halted: bool) -> Iterator[_Candidate]:
        """Steps whose turn it is: retries that are due, then steps that have not started, in document order."""
        for name, fact in self.steps.items():
            if fact.retry_at is not None and fact.waiting and fact.retry_at <= self.now:
                step, iteration = self._step(name)
                yield step, name, iteration
        if not halted:
            for step, name, iteration in self._instances():
                if name not in self.steps and self.reach.is_selected(step) and self.reach.is_ready(step, iteration):
                    yield step, name, iteration

    def _instances(self) -> Iterator[_Candidate]:
        """Every step once, and the body of every open ForEach once for each item."""
        for step in self.definition.scheduled:
            yield step, step.name, None
        for parent, body in self.definition.bodies.items():
            opened = self.steps.get(parent)
            if opened is not None and opened.status == "Executing":
                for index in foreach.iterations(opened):
                    for step in body:
                        yield step, foreach.instance(step, index), index

    def _begin(self, step: Step, name: str, iteration: int | None) -> None:
        if self.facts.stopping or not self._has_place(step):
            return
        scope = self._scope(step, iteration)
        try:
            if step.type == "Condition":
                holds = [conditions.evaluate(c, lambda v: resolve(v, scope)) for c in step.arguments["Conditions"]]
                self._do(EndStep(name, "Succeeded", {"Outcome": str(all(holds))}))
            elif step.type == "Fail":
                message = str(resolve(step.arguments.get("ErrorMessage", ""), scope))
                self._do(EndStep(name, "Failed", {"ErrorMessage": message}, message))
            elif step.type == "ForEach":
                self._do(OpenForEach(name, foreach.start_properties(resolve(step.arguments["IterableItems"], scope))))
            else:
                attempt = self.steps[name].attempts + 1 if name in self.steps else 1
                request, extra = arguments.resolve_arguments(step, scope), arguments.envelope(step, scope)
                self._do(StartStep(step, name, request, extra, attempt, iteration))
        except (Unresolvable, conditions.Incomparable) as error:
            self._do(EndStep(name, "Failed", failure_reason=f"ClientError: {error}"))

    def _close(self, name: str, fact: StepFact) -> None:
        """End a ForEach when none of its iterations runs, or will."""
        step, body = self.definition.steps[name], self.definition.bodies[name]
        instances = [(s, i, self.steps.get(foreach.instance(s, i))) for i in foreach.iterations(fact) for s in body]
        to_come = any(child is None and self.reach.may_run(s, i) for s, i, child in instances)
        halted = self.facts.stopping or bool(self.reach.unhandled_failures())
        if any(child is not None and not child.ended for _, _, child in instances) or (to_come and not halted):
            return
        try:
            status, properties = foreach.outcome(step, body, fact, self.steps, cut_short=to_come)
        except Unresolvable as error:
            self._do(EndStep(name, "Failed", failure_reason=f"ClientError: {error}"))
            return
        reason = f"{properties['FailedStepCount']} step(s) of the body failed" if status == "Failed" else ""
        self._do(EndStep(name, status, properties, reason))

    def _has_place(self, step: Step) -> bool:
        if step.type in _WITHOUT_WORK:
            return True
        active = [name for name, fact in self.steps.items() if fact.status in ACTIVE and not self._is_for_each(name)]
        if self.facts.max_parallel is not None and len(active) >= self.facts.max_parallel:
            return False
        if step.branch != "ForEachBody" or step.parent is None:
            return True
        siblings = {sibling.name for sibling in self.definition.bodies[step.parent]}
        running = sum(self._step(name)[0].name in siblings for name in active)
        return bool(running < self.definition.steps[step.parent].arguments["MaxConcurrency"])

    def _is_for_each(self, name: str) -> bool:
        return name in self.definition.bodies

    def _step(self, name: str) -> tuple[Step, int | None]:
        """The step behind the name of a fact, and its iteration."""
        step = self.definition.steps.get(name)
        if step is not None:
            return step, None
        body_step, _, index = name.rpartition("-")
        return self.definition.steps[body_step], int(index)

    def _scope(self, step: Step, iteration: int | None) -> Scope:
        properties: dict[str, Mapping[str, Any]] = {**self.facts.source}
        for name in step.dependencies:
            if name in self.steps:
                properties[name] = _referred_to(self.definition.steps[name], self.steps[name].properties)
        moment = datetime.fromtimestamp(self.now, UTC).isoformat().replace("+00:00", "Z")
        variables = {"CurrentDateTime": moment, **self.facts.variables}
        if step.type in _JOB_NAMES:
            variables[_JOB_NAMES[step.type]] = JOB_NAME
        files = self.definition.property_files
        scope = Scope(self.facts.parameters, variables, properties, self.read_json, files)
        if iteration is None or step.parent is None:
            return scope
        siblings = {
            sibling.name: self.steps[foreach.instance(sibling, iteration)].properties
            for sibling in self.definition.bodies[step.parent]
            if foreach.instance(sibling, iteration) in self.steps
        }
        return for_item(scope, self.steps[step.parent].properties[foreach.ITEMS][iteration], siblings)

    def _finish(self) -> EndExecution:
        unhandled = self.reach.unhandled_failures()
        for name in unhandled:
            if self.definition.steps[name].type == "Fail":
                return EndExecution("Failed", self.steps[name].failure_reason[:_MAX_REASON])
        failed = [name for name in unhandled if self.steps[name].status == "Failed"]
        if self.facts.stopping and not failed:
            return EndExecution("Stopped")
        if unhandled:
            return EndExecution("Failed", self._reason(STEPS_FAILED, unhandled))
        if self.reach.handled_failures():
            return EndExecution("Failed", self._reason(HANDLED, self.reach.handled_failures()))
        return EndExecution("Succeeded")

    def _reason(self, text: str, names: list[str]) -> str:
        told = [f"{name} {self.steps[name].status.lower()}: {self.steps[name].failure_reason}" for name in names]
        return f"{text} {'; '.join(line.removesuffix(': ') for line in told)}"[:_MAX_REASON]


def _referred_to(step: Step, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """A step's properties as others refer to them: the outcome of a Condition is a boolean, `false` within a text."""
    if step.type == "Condition" and "Outcome" in properties:
        return {**properties, "Outcome": properties["Outcome"] == "True"}
    return properties
