"""Which builds of a batch begin, and how it ends."""

import pytest

from loopback.engines.codebuild.batch import Batch, BatchMoves, Task, outputs_of, plan

A, B, C = Task("a"), Task("b", depends=("a",)), Task("c", ignore_failure=True)


@pytest.mark.parametrize(
    ("statuses", "begin", "ended"),
    [
        ({}, (A, C), ""),
        ({"a": "IN_PROGRESS", "c": "IN_PROGRESS"}, (), ""),
        ({"a": "SUCCEEDED", "c": "IN_PROGRESS"}, (B,), ""),
        ({"a": "SUCCEEDED", "b": "SUCCEEDED", "c": "IN_PROGRESS"}, (), ""),
        ({"a": "SUCCEEDED", "b": "SUCCEEDED", "c": "FAILED"}, (), "SUCCEEDED"),
        ({"a": "FAILED", "c": "IN_PROGRESS"}, (), ""),
        ({"a": "TIMED_OUT", "c": "SUCCEEDED"}, (), "FAILED"),
    ],
)
def test_builds_begin_when_those_that_they_depend_on_have_ended(
    statuses: dict[str, str], begin: tuple[Task, ...], ended: str
) -> None:
    assert plan(Batch((A, B, C)), statuses) == BatchMoves(begin=begin, ended=ended)


def test_a_failure_that_is_ignored_lets_dependents_begin() -> None:
    tasks = (Task("a", ignore_failure=True), B)
    assert plan(Batch(tasks), {"a": "FAULT"}) == BatchMoves(begin=(B,))


def test_fast_fail_stops_what_runs() -> None:
    batch = Batch((Task("a"), Task("b")), fast_fail=True)
    assert plan(batch, {"a": "FAILED", "b": "IN_PROGRESS"}) == BatchMoves(stop=("b",))
    assert plan(batch, {"a": "FAILED", "b": "STOPPED"}) == BatchMoves(ended="FAILED")


@pytest.mark.parametrize("halted", ["STOPPED", "TIMED_OUT"])
def test_a_batch_that_is_to_end_stops_its_builds_first(halted: str) -> None:
    batch = Batch((A, B))
    assert plan(batch, {"a": "IN_PROGRESS"}, halted) == BatchMoves(stop=("a",))
    assert plan(batch, {"a": "SUCCEEDED"}, halted) == BatchMoves(ended=halted)


def test_an_output_belongs_to_the_build_whose_name_it_begins_with() -> None:
    assert outputs_of((A,), ["a", "a_report"]) == {"a": {"": "a", "report": "a_report"}}
    with pytest.raises(ValueError, match=r"artifact other belongs to no build of the batch \(a, b\)"):
        outputs_of((A, B), ["other"])
