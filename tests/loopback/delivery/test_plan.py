"""Executions on their way: the engine's moves are carried out on values, by tables and by chance."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopback.delivery import plan as engine
from loopback.delivery.model import Action, Stage, Structure
from loopback.delivery.plan import Abandon, Enter, Facts, Finish, Leave, RetryStage, RollBack, Run, Start


def structure(*stages: list[tuple[str, int]], mode: str = "SUPERSEDED", on_failure: str = "FAIL") -> Structure:
    def action(name: str, order: int) -> Action:
        return Action(name, "Approval", "AWS", "Manual", "1", order, {}, (), (), "", "", None)

    made = [
        Stage(f"s{i}", tuple(action(*each) for each in stage), on_failure if i else "FAIL")
        for i, stage in enumerate(stages)
    ]
    return Structure("p", "role", mode, tuple(made))


@dataclass
class World:
    """What the driver does with rows, on values."""

    structure: Structure
    runs: dict[str, Run] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    shut: frozenset[str] = frozenset()
    moves: list[str] = field(default_factory=list)
    rollbacks: int = 0

    def start(self, **more: Any) -> Run:
        name = f"e{len(self.runs) + len(self.ended)}"
        self.runs[name] = Run(name, len(self.runs) + len(self.ended), self.structure, **{"at": 0, **more})
        self.settle()
        return self.runs.get(name) or Run(name, 0, self.structure, 0)

    def settle(self) -> None:
        for _ in range(1000):
            moves = engine.plan(Facts(list(self.runs.values()), self.structure.mode, self.shut))
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
            case Enter():
                assert not run.stage
                assert run.here.name not in self.shut
                self.runs[run.id] = replace(run, stage="InProgress", actions={}, auto_retries=0)
            case Start(action=name):
                assert name not in run.actions
                self.runs[run.id] = replace(run, actions={**run.actions, name: "InProgress"})
            case Abandon(action=name):
                self.runs[run.id] = replace(run, actions={**run.actions, name: "Abandoned"})
            case Leave(status="Succeeded"):
                last = run.at + 1 == len(run.structure.stages)
                self.runs[run.id] = replace(run, stage="", actions={}, at=run.at if last else run.at + 1)
            case Leave():
                self.runs[run.id] = replace(run, stage="")
            case RetryStage():
                kept = {} if move.mode == "ALL_ACTIONS" else run.actions
                kept = {name: status for name, status in kept.items() if status == "Succeeded"}
                self.runs[run.id] = replace(run, actions=kept, auto_retries=run.auto_retries + 1)
            case RollBack():
                self.rollbacks += 1
            case Finish(status=status):
                if status == "Superseded":
                    assert not run.stage, "superseded only between stages"
                del self.runs[run.id]
                self.ended[run.id] = status
        self.moves.append(f"{type(move).__name__} {run.id}")

    def finish(self, run: str, action: str, status: str = "Succeeded") -> None:
        self.runs[run] = replace(self.runs[run], actions={**self.runs[run].actions, action: status})
        self.settle()

    def stop(self, run: str, mode: str) -> None:
        self.runs[run] = replace(self.runs[run], stopping=mode)
        self.settle()


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
    assert "Abandon e1" in world.moves
    assert "Start e2" in world.moves


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


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_happens_stages_are_not_shared_and_every_run_ends(data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from(["SUPERSEDED", "QUEUED", "PARALLEL"]))
    failing = data.draw(st.sampled_from(["FAIL", "RETRY", "ROLLBACK"]))
    stages = [[("src", 1)]]
    for i in range(data.draw(st.integers(1, 3))):
        orders = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
        stages.append([(f"a{i}{j}", order) for j, order in enumerate(orders)])
    world = World(structure(*stages, mode=mode, on_failure=failing))
    for _ in range(data.draw(st.integers(1, 25))):
        running = [
            (run.id, name)
            for run in world.runs.values()
            for name, s in run.actions.items()
            if s == "InProgress" and run.stage
        ]
        what = data.draw(st.sampled_from(["start", "finish", "finish", "fail", "stop", "turn"]))
        if what == "start" and len(world.runs) < 6:
            world.start()
        elif what in ("finish", "fail") and running:
            world.finish(*data.draw(st.sampled_from(running)), "Succeeded" if what == "finish" else "Failed")
        elif what == "stop" and world.runs:
            world.stop(data.draw(st.sampled_from(sorted(world.runs))), data.draw(st.sampled_from(["wait", "abandon"])))
        elif what == "turn":
            world.shut = frozenset(data.draw(st.sets(st.sampled_from([s.name for s in world.structure.stages[1:]]))))
            world.settle()
    world.shut = frozenset()
    world.settle()
    for _ in range(1000):
        running = [
            (r.id, n) for r in world.runs.values() for n, s in r.actions.items() if s == "InProgress" and r.stage
        ]
        if not running:
            break
        world.finish(*running[0])
    assert not world.runs
    assert set(world.ended.values()) <= {"Succeeded", "Failed", "Stopped", "Superseded"}
