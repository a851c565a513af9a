"""What happens next to the executions of one pipeline: facts in, moves out. No clock, store or process inside.

Contracts 11.4: a stage holds one execution, except in mode PARALLEL; an execution waits in front of a stage that is
taken or whose door is shut, and in mode SUPERSEDED only the newest goes on waiting. A rollback runs one stage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from loopback.delivery.model import PARALLEL, SUPERSEDED, Stage, Structure


@dataclass(frozen=True)
class Run:
    """One execution that is InProgress or Stopping.

    `order` grows with each start. `at` is the index of the stage that it is in or waits for; `stage` the status of
    that stage for it, "" while it waits. `actions` are the statuses of the actions of that stage, by name.
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

    @property
    def here(self) -> Stage:
        """The stage that it is in or waits for."""
        return self.structure.stages[self.at]


@dataclass(frozen=True)
class Facts:
    """All running executions of a pipeline, and the stages that nothing may enter."""

    runs: Sequence[Run]
    mode: str
    shut: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Enter:
    """The execution goes into the stage that it waits for."""

    run: Run


@dataclass(frozen=True)
class Start:
    """An action begins."""

    run: Run
    action: str


@dataclass(frozen=True)
class Abandon:
    """An action that runs is given up."""

    run: Run
    action: str


@dataclass(frozen=True)
class Leave:
    """The stage is over for the execution: Succeeded, Failed or Stopped. A success leads on to the next stage."""

    run: Run
    status: str


@dataclass(frozen=True)
class RetryStage:
    """The stage's own onFailure tries once more: FAILED_ACTIONS or ALL_ACTIONS."""

    run: Run
    mode: str


@dataclass(frozen=True)
class RollBack:
    """The stage's own onFailure asks for the newest execution that succeeded there."""

    run: Run


@dataclass(frozen=True)
class Finish:
    """The execution is over: Succeeded, Failed, Stopped or Superseded."""

    run: Run
    status: str


Move = Enter | Start | Abandon | Leave | RetryStage | RollBack | Finish


def plan(facts: Facts) -> list[Move]:
    """The moves that are due; call again with what followed from them until there are none."""
    moves: list[Move] = []
    for run in facts.runs:
        moves += _in_stage(run) if run.stage else _stopped_while_waiting(run)
    return moves or list(_entries(facts))


def _in_stage(run: Run) -> Iterator[Move]:
    statuses = run.actions
    if run.stopping == "abandon":
        running = [name for name, status in statuses.items() if status == "InProgress"]
        if running:
            yield from (Abandon(run, name) for name in running)
            return
    if "InProgress" in statuses.values() and (run.stopping or _failed(run)):
        return  # what runs goes on; nothing new begins
    if all(statuses.get(action.name) == "Succeeded" for action in run.here.actions):
        yield from _success(run)
    elif run.stopping:
        yield Leave(run, "Stopped")
        yield Finish(run, "Stopped")
    elif _failed(run):
        yield from _failure(run)
    else:
        yield from (Start(run, name) for name in _due(run))


def _failed(run: Run) -> bool:
    return any(status in ("Failed", "Abandoned") for status in run.actions.values())


def _due(run: Run) -> list[str]:
    """The actions of the lowest run order that is not done, less those that have begun."""
    open_ones = [action for action in run.here.actions if run.actions.get(action.name) != "Succeeded"]
    lowest = min(action.run_order for action in open_ones)
    return [action.name for action in open_ones if action.run_order == lowest and action.name not in run.actions]


def _success(run: Run) -> Iterator[Move]:
    yield Leave(run, "Succeeded")
    if run.rollback or run.at + 1 == len(run.structure.stages):
        yield Finish(run, "Succeeded")


def _failure(run: Run) -> Iterator[Move]:
    policy = run.here.on_failure
    if policy == "RETRY" and run.auto_retries == 0:
        yield RetryStage(run, run.here.retry_mode)
        return
    yield Leave(run, "Failed")
    yield Finish(run, "Failed")
    if policy == "ROLLBACK" and not run.rollback and run.structure.mode != PARALLEL:
        yield RollBack(run)


def _stopped_while_waiting(run: Run) -> Iterator[Move]:
    if run.stopping:
        yield Finish(run, "Stopped")


def _entries(facts: Facts) -> Iterator[Move]:
    """Who may enter, stage by stage; and who is overtaken."""
    taken = {run.here.name for run in facts.runs if run.stage}
    waiting: dict[str, list[Run]] = {}
    for run in sorted(facts.runs, key=lambda each: each.order):
        if not run.stage:
            waiting.setdefault(run.here.name, []).append(run)
    for stage, queue in waiting.items():
        ready = queue
        if facts.mode == SUPERSEDED:
            yield from (Finish(run, "Superseded") for run in queue[:-1])
            ready = queue[-1:]
        if stage in facts.shut:
            continue
        if facts.mode == PARALLEL:
            yield from (Enter(run) for run in ready)
        elif stage not in taken:
            yield Enter(ready[0])


def shut_stages(structure: Structure, transitions: Mapping[str, Mapping[str, object]]) -> frozenset[str]:
    """The stages whose door is shut: their inbound transition is disabled, or the outbound one before them."""
    names = [stage.name for stage in structure.stages]
    shut = {name for name in names if "Inbound" in transitions.get(name, {})}
    shut |= {after for before, after in pairwise(names) if "Outbound" in transitions.get(before, {})}
    return frozenset(shut)
