"""Executions on their way: the engine's moves are carried out on values, by tables and by chance."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopback.engines.codepipeline import plan as engine
from loopback.engines.codepipeline.model import ENTRY, FAILURE, SUCCESS, Action, Condition, Stage, Structure
from loopback.engines.codepipeline.plan import (
    AbandonAction,
    CheckCondition,
    EndCondition,
    EnterStage,
    FinishExecution,
    LeaveStage,
    PipelineFacts,
    RetryStage,
    RollBackStage,
    RunningExecution,
    StartAction,
)


def structure(
    *stages: list[tuple[str, int]], mode: str = "SUPERSEDED", on_failure: str = "FAIL", **results: str
) -> Structure:
    """`results` are those of conditions of two rules, `r` and `q`, of every stage but the first; keys are the kinds."""

    def action(name: str, order: int) -> Action:
        return Action(name, "Approval", "AWS", "Manual", "1", order, {}, (), (), "", "", None)

    conditions = {kind: Condition(result, (action("r", 1), action("q", 1))) for kind, result in results.items()}
    made = [
        Stage(
            f"s{i}",
            tuple(action(*each) for each in stage),
            on_failure if i else "FAIL",
            conditions=conditions if i else {},
        )
        for i, stage in enumerate(stages)
    ]
    return Structure("p", "role", mode, tuple(made))


@dataclass
class World:
    """What the driver does with rows, on values."""

    structure: Structure
    runs: dict[str, RunningExecution] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    shut: frozenset[str] = frozenset()
    moves: list[str] = field(default_factory=list)
    rollbacks: int = 0

    def start(self, **more: Any) -> RunningExecution:
        name = f"e{len(self.runs) + len(self.ended)}"
        self.runs[name] = RunningExecution(name, len(self.runs) + len(self.ended), self.structure, **{"at": 0, **more})
        self.settle()
        return self.runs.get(name) or RunningExecution(name, 0, self.structure, 0)

    def settle(self) -> None:
        for _ in range(1000):
            moves = engine.plan(PipelineFacts(list(self.runs.values()), self.structure.mode, self.shut))
            if not moves:
                self.check()
                return
            for move in moves:
                self.apply(move)
        pytest.fail("the engine does not come to rest")

    def check(self) -> None:
        inside = [run.here.name for run in self.runs.values() if run.stage]
        assert self.structure.mode == "PARALLEL" or len(inside) == len(set(inside))

    def apply(self, move: engine.Move) -> None:
        run = self.runs.get(move.run.id, move.run)
        match move:
            case EnterStage():
                assert not run.stage
                assert run.here.name not in self.shut
                self.runs[run.id] = replace(
                    run, stage="InProgress", actions={}, auto_retries=0, conditions={}, rules={}
                )
            case (
                CheckCondition()
                | EndCondition()
                | AbandonAction(condition="BEFORE_ENTRY" | "ON_SUCCESS" | "ON_FAILURE")
            ):
                self.runs[run.id] = looked(run, move)
            case StartAction(action=name):
                assert name not in run.actions
                self.runs[run.id] = replace(run, actions={**run.actions, name: "InProgress"})
            case AbandonAction(action=name):
                self.runs[run.id] = replace(run, actions={**run.actions, name: "Abandoned"})
            case LeaveStage(status="Succeeded" | "Skipped"):
                last = run.at + 1 == len(run.structure.stages)
                self.runs[run.id] = replace(run, stage="", actions={}, at=run.at if last else run.at + 1)
            case LeaveStage():
                self.runs[run.id] = replace(run, stage="")
            case RetryStage():
                self.runs[run.id] = retried(run, move.mode)
            case RollBackStage():
                self.rollbacks += 1
            case FinishExecution(status=status):
                assert status != "Superseded" or not run.stage, "superseded only between stages"
                del self.runs[run.id]
                self.ended[run.id] = status
        self.moves.append(f"{type(move).__name__} {run.id}")

    def finish(self, run: str, action: str, status: str = "Succeeded") -> None:
        self.runs[run] = replace(self.runs[run], actions={**self.runs[run].actions, action: status})
        self.settle()

    def says(self, run: str, kind: str, *statuses: str) -> None:
        """The rules of a condition end so, `r` first."""
        for name, status in zip(("r", "q"), statuses, strict=False):
            rules = {**self.runs[run].rules, kind: {**self.runs[run].rules[kind], name: status}}
            self.runs[run] = replace(self.runs[run], rules=rules)
        self.settle()

    def stop(self, run: str, mode: str) -> None:
        self.runs[run] = replace(self.runs[run], stopping=mode)
        self.settle()


def looked(run: RunningExecution, move: CheckCondition | EndCondition | AbandonAction) -> RunningExecution:
    """What a move does to a condition."""
    kind = move.condition
    if isinstance(move, EndCondition):
        return replace(run, conditions={**run.conditions, kind: move.status})
    if isinstance(move, AbandonAction):
        return replace(run, rules={**run.rules, kind: {**run.rules[kind], move.action: "Abandoned"}})
    assert kind not in run.conditions
    rules = {**run.rules, kind: {rule.name: "InProgress" for rule in run.here.conditions[kind].rules}}
    return replace(run, conditions={**run.conditions, kind: "InProgress"}, rules=rules)


def retried(run: RunningExecution, mode: str) -> RunningExecution:
    kept = {} if mode == "ALL_ACTIONS" else run.actions
    kept = {name: status for name, status in kept.items() if status == "Succeeded"}
    return replace(run, actions=kept, auto_retries=run.auto_retries + 1, conditions={})


TWO = ([("src", 1)], [("a", 1), ("b", 1), ("c", 2)])


def test_equal_orders_run_together_and_higher_ones_after() -> None:
    world = World(structure(*TWO))
    world.start()
    assert world.runs["e0"].actions == {"src": "InProgress"}
    world.finish("e0", "src")
    assert world.runs["e0"].actions == {"a": "InProgress", "b": "InProgress"}
    world.finish("e0", "a")
    assert "c" not in world.runs["e0"].actions
    world.finish("e0", "b")
    assert world.runs["e0"].actions["c"] == "InProgress"
    world.finish("e0", "c")
    assert world.ended == {"e0": "Succeeded"}


def test_a_failure_lets_what_runs_go_on_and_begins_nothing_new() -> None:
    world = World(structure(*TWO))
    world.start()
    world.finish("e0", "src")
    world.finish("e0", "a", "Failed")
    assert world.runs["e0"].actions == {"a": "Failed", "b": "InProgress"}
    world.finish("e0", "b")
    assert world.ended == {"e0": "Failed"}


@pytest.mark.parametrize(
    ("mode", "second", "third"), [("SUPERSEDED", "ended", "waits"), ("QUEUED", "waits", "waits"),
                                  ("PARALLEL", "runs", "runs")]
)  # fmt: skip
def test_what_happens_in_front_of_a_taken_stage(mode: str, second: str, third: str) -> None:
    world = World(structure(*TWO, mode=mode))
    for name in ("e0", "e1", "e2"):
        world.start()
        world.finish(name, "src")

    def state(name: str) -> str:
        return "ended" if name in world.ended else "runs" if world.runs[name].stage else "waits"

    assert (state("e1"), state("e2")) == (second, third)
    if mode == "SUPERSEDED":
        assert world.ended == {"e1": "Superseded"}
    for each in ("a", "b", "c"):
        world.finish("e0", each)
    following = {"SUPERSEDED": "e2", "QUEUED": "e1", "PARALLEL": "e1"}[mode]
    assert world.runs[following].stage


def test_a_shut_door_holds_the_newest_and_lets_it_in_when_opened() -> None:
    world = World(structure(*TWO), shut=frozenset({"s1"}))
    for name in ("e0", "e1"):
        world.start()
        world.finish(name, "src")
    assert world.ended == {"e0": "Superseded"}
    assert not world.runs["e1"].stage
    world.shut = frozenset()
    world.settle()
    assert world.runs["e1"].here.name == "s1"
    assert world.runs["e1"].stage


@pytest.mark.parametrize(
    ("transitions", "shut"),
    [
        ({}, set()),
        ({"s1": {"Inbound": {}}}, {"s1"}),
        ({"s0": {"Outbound": {}}}, {"s1"}),
        ({"s1": {"Outbound": {}}}, set()),
    ],
)
def test_which_doors_are_shut(transitions, shut) -> None:
    assert engine.shut_stages(structure(*TWO), transitions) == shut


def test_stopping_waits_for_what_runs_or_gives_it_up() -> None:
    world = World(structure(*TWO, mode="PARALLEL"))
    for _ in range(3):
        world.start()
    world.finish("e0", "src")
    world.finish("e1", "src")
    world.stop("e0", "wait")
    assert "e0" in world.runs
    world.finish("e0", "a")
    world.finish("e0", "b", "Failed")
    world.stop("e1", "abandon")
    assert world.ended == {"e0": "Stopped", "e1": "Stopped"}
    assert "AbandonAction e1" in world.moves
    assert "StartAction e2" in world.moves


def test_an_automatic_retry_comes_once() -> None:
    world = World(structure(*TWO, on_failure="RETRY"))
    world.start()
    world.finish("e0", "src")
    world.finish("e0", "b")
    world.finish("e0", "a", "Failed")
    assert world.runs["e0"].actions == {"b": "Succeeded", "a": "InProgress"}
    world.finish("e0", "a", "Failed")
    assert world.ended == {"e0": "Failed"}


def test_a_failure_asks_for_a_rollback_but_that_of_a_rollback_does_not() -> None:
    world = World(structure(*TWO, on_failure="ROLLBACK"))
    world.start(at=1)
    world.finish("e0", "a", "Failed")
    world.finish("e0", "b")
    assert (world.ended, world.rollbacks) == ({"e0": "Failed"}, 1)
    world.start(at=1, rollback=True)
    world.finish("e1", "a", "Failed")
    world.finish("e1", "b")
    assert world.rollbacks == 1


def test_a_rollback_is_one_stage() -> None:
    world = World(structure(*TWO, [("d", 1)]))
    world.start(at=1, rollback=True)
    for each in ("a", "b", "c"):
        world.finish("e0", each)
    assert world.ended == {"e0": "Succeeded"}


ONE = ([("src", 1)], [("a", 1)], [("b", 1)])


def entered(**results: str) -> World:
    """An execution that has just come to the stage `s1`."""
    world = World(structure(*ONE, **results))
    world.start()
    world.finish("e0", "src")
    return world


def test_a_stage_begins_when_all_rules_of_its_entry_say_yes() -> None:
    world = entered(BEFORE_ENTRY="FAIL")
    assert world.runs["e0"].conditions == {ENTRY: "InProgress"}
    world.says("e0", ENTRY, "Succeeded")
    assert not world.runs["e0"].actions
    world.says("e0", ENTRY, "Succeeded", "Succeeded")
    assert world.runs["e0"].actions == {"a": "InProgress"}


@pytest.mark.parametrize(
    ("result", "status", "ended", "at"),
    [
        ("FAIL", "Failed", "Failed", 1),
        ("SKIP", "Failed", "", 2),
        ("SKIP", "Errored", "Failed", 1),  # what could not be looked at skips nothing
    ],
)
def test_an_entry_that_is_refused(result: str, status: str, ended: str, at: int) -> None:
    world = entered(BEFORE_ENTRY=result)
    world.says("e0", ENTRY, status)
    assert world.ended.get("e0", "") == ended
    assert "AbandonAction e0" in world.moves, "the other rule is not waited for"
    assert "StartAction e0" not in world.moves[2:] or at == 2
    if not ended:
        assert world.runs["e0"].at == at


def test_when_the_last_stage_is_skipped_the_execution_has_succeeded() -> None:
    world = World(structure(*ONE[:2], BEFORE_ENTRY="SKIP"))
    world.start()
    world.finish("e0", "src")
    world.says("e0", ENTRY, "Failed")
    assert world.ended == {"e0": "Succeeded"}


def test_while_an_entry_is_looked_at_nobody_else_comes_in() -> None:
    world = entered(BEFORE_ENTRY="FAIL")
    world.start()
    world.finish("e1", "src")
    assert not world.runs["e1"].stage
    world.says("e0", ENTRY, "Failed")
    assert world.runs["e1"].stage


@pytest.mark.parametrize(
    ("result", "status", "rollbacks"), [("FAIL", "Failed", 0), ("ROLLBACK", "Failed", 1), ("ROLLBACK", "Errored", 0)]
)
def test_a_success_that_is_not_confirmed_is_a_failure(result: str, status: str, rollbacks: int) -> None:
    world = entered(ON_SUCCESS=result)
    world.finish("e0", "a")
    assert world.runs["e0"].conditions == {SUCCESS: "InProgress"}
    world.says("e0", SUCCESS, status)
    assert (world.ended, world.rollbacks) == ({"e0": "Failed"}, rollbacks)


@pytest.mark.parametrize(
    ("result", "status", "rollbacks", "again"),
    [("FAIL", "Failed", 0, False), ("ROLLBACK", "Failed", 1, False), ("ROLLBACK", "Succeeded", 0, False),
     ("RETRY", "Failed", 0, True), ("RETRY", "Succeeded", 0, False), ("RETRY", "Errored", 0, False)],
)  # fmt: skip
def test_a_failure_asks_its_condition_what_follows(result: str, status: str, rollbacks: int, again: bool) -> None:
    world = entered(ON_FAILURE=result)
    world.finish("e0", "a", "Failed")
    world.says("e0", FAILURE, status, status)
    assert world.rollbacks == rollbacks
    assert ("e0" in world.runs) == again
    if again:
        assert world.runs["e0"].actions == {"a": "InProgress"}
        world.finish("e0", "a", "Failed")
        world.says("e0", FAILURE, status)
    assert world.ended == {"e0": "Failed"}


@pytest.mark.parametrize(("mode", "status"), [("wait", "Cancelled"), ("abandon", "Abandoned")])
@pytest.mark.parametrize("kind", [ENTRY, SUCCESS, FAILURE])
def test_a_stop_does_not_wait_for_a_condition(mode: str, status: str, kind: str) -> None:
    world = entered(**{kind: "FAIL"})
    if kind != ENTRY:
        world.finish("e0", "a", "Succeeded" if kind == SUCCESS else "Failed")
    judged = []
    apply = world.apply
    world.apply = lambda move: (judged.append(move) if isinstance(move, EndCondition) else None, apply(move))  # type: ignore[method-assign,func-returns-value,assignment,return-value]
    world.stop("e0", mode)
    assert world.ended == {"e0": "Stopped"}
    assert [move.status for move in judged] == [status]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_happens_stages_are_not_shared_and_every_run_ends(data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from(["SUPERSEDED", "QUEUED", "PARALLEL"]))
    failing = data.draw(st.sampled_from(["FAIL", "RETRY", "ROLLBACK"]))
    stages = [[("src", 1)]]
    for i in range(data.draw(st.integers(1, 3))):
        orders = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
        stages.append([(f"a{i}{j}", order) for j, order in enumerate(orders)])
    results = data.draw(st.fixed_dictionaries({}, optional={
        ENTRY: st.sampled_from(["FAIL", "SKIP"]),
        SUCCESS: st.sampled_from(["FAIL", "ROLLBACK"]),
        FAILURE: st.sampled_from(["FAIL", "RETRY", "ROLLBACK"]),
    }))  # fmt: skip
    world = World(structure(*stages, mode=mode, on_failure=failing, **results))
    for _ in range(data.draw(st.integers(1, 25))):
        something_happens(world, data)
    come_to_an_end(world)
    assert not world.runs
    assert set(world.ended.values()) <= {"Succeeded", "Failed", "Stopped", "Superseded"}


def asking(world: World) -> list[tuple[str, str]]:
    """The executions whose conditions are looked at, and which."""
    return [(run.id, kind) for run in world.runs.values() for kind, s in run.conditions.items() if s == "InProgress"]


def something_happens(world: World, data: st.DataObject) -> None:
    running = running_in(world)
    asked = asking(world)
    what = data.draw(st.sampled_from(["start", "finish", "finish", "fail", "stop", "turn", "say", "say"]))
    if what == "start" and len(world.runs) < 6:
        world.start()
    elif what in ("finish", "fail") and running:
        world.finish(*data.draw(st.sampled_from(running)), "Succeeded" if what == "finish" else "Failed")
    elif what == "say" and asked:
        verdicts = st.sampled_from(["Succeeded", "Succeeded", "Failed", "Errored"])
        world.says(*data.draw(st.sampled_from(asked)), data.draw(verdicts), data.draw(verdicts))
    elif what == "stop" and world.runs:
        world.stop(data.draw(st.sampled_from(sorted(world.runs))), data.draw(st.sampled_from(["wait", "abandon"])))
    elif what == "turn":
        world.shut = frozenset(data.draw(st.sets(st.sampled_from([s.name for s in world.structure.stages[1:]]))))
        world.settle()


def come_to_an_end(world: World) -> None:
    """Everything that was begun says yes."""
    world.shut = frozenset()
    world.settle()
    for _ in range(1000):
        if asked := asking(world):
            world.says(*asked[0], "Succeeded", "Succeeded")
        elif running := running_in(world):
            world.finish(*running[0])
        else:
            break


def running_in(world: World) -> list[tuple[str, str]]:
    return [(r.id, n) for r in world.runs.values() for n, s in r.actions.items() if s == "InProgress" and r.stage]
