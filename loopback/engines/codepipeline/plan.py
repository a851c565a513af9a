"""What happens next to the executions of one pipeline: facts in, moves out. No clock, store or process inside.

A stage holds one execution, except in mode PARALLEL; an execution waits in front of a stage that is
taken or whose door is shut, and in mode SUPERSEDED only the newest goes on waiting. A rollback runs one stage.
The entry condition of a stage is looked at inside it: no other execution may slip in meanwhile.

Source: AWS, concepts-how-it-works.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from loopback.engines.codepipeline.model import ENTRY, FAILURE, PARALLEL, SUCCESS, SUPERSEDED, Stage, Structure

MET, UNMET = ("Succeeded", "Overridden"), ("Failed", "Errored")


@dataclass(frozen=True)
class RunningExecution:
    """One execution that is InProgress or Stopping.

    `order` grows with each start. `at` is the index of the stage that it is in or waits for; `stage` the status of
    that stage for it, "" while it waits. `actions` are the statuses of the actions of that stage, by name.
    `conditions` are the statuses of its conditions, by kind, and `rules` those of the rules of each; a rule that could
    not be looked at is Errored.
    """

    id: str
    order: int
    structure: Structure
    at: int
    stage: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)
    stopping: str = ""  # "", "wait" or "abandon"
    rollback: bool = False
    auto_retries: int = 0
    conditions: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def here(self) -> Stage:
        """The stage that it is in or waits for."""
        return self.structure.stages[self.at]

    @property
    def last(self) -> bool:
        """Whether the execution is over after this stage."""
        return self.rollback or self.at + 1 == len(self.structure.stages)

    def condition_status(self, kind: str) -> str:
        """What a condition of this stage came to: "" before it is looked at, Succeeded where there is none."""
        return self.conditions.get(kind, "") if kind in self.here.conditions else "Succeeded"


@dataclass(frozen=True)
class PipelineFacts:
    """All running executions of a pipeline, and the stages that nothing may enter."""

    runs: Sequence[RunningExecution]
    mode: str
    shut: frozenset[str] = frozenset()


@dataclass(frozen=True)
class EnterStage:
    """The execution goes into the stage that it waits for."""

    run: RunningExecution


@dataclass(frozen=True)
class StartAction:
    """An action begins."""

    run: RunningExecution
    action: str


@dataclass(frozen=True)
class AbandonAction:
    """An action that runs is given up; a rule, where `condition` is its kind."""

    run: RunningExecution
    action: str
    condition: str = ""


@dataclass(frozen=True)
class CheckCondition:
    """The rules of a condition begin."""

    run: RunningExecution
    condition: str


@dataclass(frozen=True)
class EndCondition:
    """A condition is over: Succeeded, Failed, Errored, Cancelled or Abandoned."""

    run: RunningExecution
    condition: str
    status: str


@dataclass(frozen=True)
class LeaveStage:
    """The stage is over for the execution: Succeeded, Skipped, Failed or Stopped. The first two lead on to the next."""

    run: RunningExecution
    status: str


@dataclass(frozen=True)
class RetryStage:
    """The stage's own onFailure tries once more: FAILED_ACTIONS or ALL_ACTIONS."""

    run: RunningExecution
    mode: str


@dataclass(frozen=True)
class RollBackStage:
    """The stage's own onFailure asks for the newest execution that succeeded there."""

    run: RunningExecution


@dataclass(frozen=True)
class FinishExecution:
    """The execution is over: Succeeded, Failed, Stopped or Superseded."""

    run: RunningExecution
    status: str


Move = (
    EnterStage
    | StartAction
    | AbandonAction
    | CheckCondition
    | EndCondition
    | LeaveStage
    | RetryStage
    | RollBackStage
    | FinishExecution
)


def plan(facts: PipelineFacts) -> list[Move]:
    """The moves that are due; call again with what followed from them until there are none."""
    moves: list[Move] = []
    for run in facts.runs:
        moves += _in_stage(run) if run.stage else _stop_waiting(run)
    return moves or list(_entries(facts))


def _in_stage(run: RunningExecution) -> Iterator[Move]:
    running = [name for name, status in run.actions.items() if status == "InProgress"]
    looking = next((kind for kind, status in run.conditions.items() if status == "InProgress"), None)
    if looking is not None:
        yield from _check_rules(run, looking)
    elif running and run.stopping == "abandon":
        yield from (AbandonAction(run, name) for name in running)
    elif running and (run.stopping or _has_failed(run)):
        return  # what runs goes on; nothing new begins
    elif all(run.actions.get(action.name) == "Succeeded" for action in run.here.actions):
        yield from _success(run)
    elif run.stopping:
        yield from _over(run, "Stopped")
    elif not run.condition_status(ENTRY):
        yield CheckCondition(run, ENTRY)
    elif run.condition_status(ENTRY) in UNMET:
        yield from _refuse_entry(run)
    elif _has_failed(run):
        yield from _failure(run)
    else:
        yield from (StartAction(run, name) for name in _due(run))


def _check_rules(run: RunningExecution, kind: str) -> Iterator[Move]:
    """A condition fails with its first rule that fails; a stop does not wait for one."""
    rules = run.rules.get(kind, {})
    if run.stopping:
        status = "Abandoned" if run.stopping == "abandon" else "Cancelled"
    elif unmet := [each for each in ("Failed", "Errored") if each in rules.values()]:
        status = unmet[0]
    elif "InProgress" in rules.values():
        return
    else:
        status = "Succeeded"
    yield from (AbandonAction(run, name, kind) for name, each in rules.items() if each == "InProgress")
    yield EndCondition(run, kind, status)


def _over(run: RunningExecution, status: str) -> Iterator[Move]:
    yield LeaveStage(run, status)
    yield FinishExecution(run, status)


def _refuse_entry(run: RunningExecution) -> Iterator[Move]:
    """A rule that could not be looked at skips nothing: the stage has failed then."""
    if run.condition_status(ENTRY) == "Failed" and run.here.conditions[ENTRY].result == "SKIP":
        yield from _on(run, "Skipped")
    else:
        yield from _over(run, "Failed")


def _on(run: RunningExecution, status: str) -> Iterator[Move]:
    yield LeaveStage(run, status)
    if run.last:
        yield FinishExecution(run, "Succeeded")


def _has_failed(run: RunningExecution) -> bool:
    return any(status in ("Failed", "Abandoned") for status in run.actions.values())


def _due(run: RunningExecution) -> list[str]:
    """The actions of the lowest run order that is not done, less those that have begun."""
    open_ones = [action for action in run.here.actions if run.actions.get(action.name) != "Succeeded"]
    lowest = min(action.run_order for action in open_ones)
    return [action.name for action in open_ones if action.run_order == lowest and action.name not in run.actions]


def _success(run: RunningExecution) -> Iterator[Move]:
    said = run.condition_status(SUCCESS)
    if said in MET:
        yield from _on(run, "Succeeded")
    elif run.stopping:
        yield from _over(run, "Stopped")
    elif said in UNMET:
        yield from _failed_for_good(run, _result(run, SUCCESS))
    else:
        yield CheckCondition(run, SUCCESS)


def _failure(run: RunningExecution) -> Iterator[Move]:
    if not run.condition_status(FAILURE):
        yield CheckCondition(run, FAILURE)
        return
    policy = _result(run, FAILURE) if FAILURE in run.here.conditions else run.here.on_failure
    if policy == "RETRY" and run.auto_retries == 0:
        yield RetryStage(run, run.here.retry_mode)
    else:
        yield from _failed_for_good(run, policy)


def _result(run: RunningExecution, kind: str) -> str:
    """What the condition asks for when it has failed; one that could not be looked at asks for nothing."""
    return run.here.conditions[kind].result if run.condition_status(kind) == "Failed" else "FAIL"


def _failed_for_good(run: RunningExecution, policy: str) -> Iterator[Move]:
    yield from _over(run, "Failed")
    if policy == "ROLLBACK" and not run.rollback and run.structure.mode != PARALLEL:
        yield RollBackStage(run)


def _stop_waiting(run: RunningExecution) -> Iterator[Move]:
    if run.stopping:
        yield FinishExecution(run, "Stopped")


def _entries(facts: PipelineFacts) -> Iterator[Move]:
    """Who may enter, stage by stage; and who is overtaken."""
    taken = {run.here.name for run in facts.runs if run.stage}
    waiting: dict[str, list[RunningExecution]] = {}
    for run in sorted(facts.runs, key=lambda each: each.order):
        if not run.stage:
            waiting.setdefault(run.here.name, []).append(run)
    for stage, queue in waiting.items():
        ready = queue
        if facts.mode == SUPERSEDED:
            yield from (FinishExecution(run, "Superseded") for run in queue[:-1])
            ready = queue[-1:]
        if stage in facts.shut:
            continue
        if facts.mode == PARALLEL:
            yield from (EnterStage(run) for run in ready)
        elif stage not in taken:
            yield EnterStage(ready[0])


def shut_stages(structure: Structure, transitions: Mapping[str, Mapping[str, object]]) -> frozenset[str]:
    """The stages whose door is shut: their inbound transition is disabled, or the outbound one before them."""
    names = [stage.name for stage in structure.stages]
    shut = {name for name in names if "Inbound" in transitions.get(name, {})}
    shut |= {after for before, after in pairwise(names) if "Outbound" in transitions.get(before, {})}
    return frozenset(shut)
