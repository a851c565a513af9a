"""An empty account again: what runs is stopped first, and nothing is deleted while something does not end."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loopback.core.kinds import ALL, ENDPOINT, MODEL, PROCESSING_JOB
from loopback.core.queries import Selection
from loopback.services import registry
from loopback.services.codebuild import handlers as _codebuild  # noqa: F401 - registers its operations
from loopback.services.codedeploy import handlers as _codedeploy  # noqa: F401
from loopback.services.codepipeline import handlers as _codepipeline  # noqa: F401
from loopback.services.sagemaker import endpoints as _endpoints  # noqa: F401
from loopback.services.sagemaker.tuning import tuning_jobs as _tuning  # noqa: F401
from loopback.services.testing.reset import PATIENCE_SECONDS, WORK, Reset, StillWorking, empty


@pytest.fixture
def stacks(base: Any) -> list[dict[str, str]]:
    """The stacks that are being changed."""
    found: list[dict[str, str]] = []
    client = SimpleNamespace(list_stacks=lambda StackStatusFilter: {"StackSummaries": list(found)})  # noqa: N803
    base.clients["cloudformation", ""] = client
    return found


def count(context: registry.Context) -> int:
    return sum(len(context.store.page(Selection(kind), 10).rows) for kind in ALL)


@pytest.mark.usefixtures("stacks")
def test_rows_changes_numbers_and_tags_are_gone(context: registry.Context) -> None:
    context.store.create(MODEL, "m", {})
    context.store.tag("arn", {"key": "value"})
    context.store.next_number("n")
    told: list[str] = []
    Reset(context, [lambda: told.append("parts"), lambda: told.append("base")]).run()
    assert count(context) == 0
    assert context.store.tags("arn") == {}
    assert context.store.counter("n") == 0
    assert context.store.events(0) == []
    assert told == ["parts", "base"]


@pytest.mark.usefixtures("stacks")
def test_what_runs_is_stopped_and_waited_for(context: registry.Context, changes: list[tuple[str, str]]) -> None:
    context.store.create(PROCESSING_JOB, "queued", {})
    context.store.create(PROCESSING_JOB, "running", {})
    context.store.fire(PROCESSING_JOB, "running", "lease")
    context.store.create(ENDPOINT, "coming", {"EndpointName": "coming", "EndpointConfigName": "c"})

    def passes(_seconds: float) -> None:
        """Between two looks: the job ends, the endpoint comes up and later goes."""
        for name, event in (("running", "halt"),):
            if context.store.get(PROCESSING_JOB, name).status == "Stopping":
                context.store.fire(PROCESSING_JOB, name, event)
        match context.store.get(ENDPOINT, "coming").status:
            case "Creating":
                context.store.fire(ENDPOINT, "coming", "serve")
            case "Deleting":
                context.store.delete(ENDPOINT, "coming")
            case status:
                raise AssertionError(status)

    Reset(context, [], sleep=passes).run()
    assert count(context) == 0
    assert (ENDPOINT.slug, "coming") in changes


def test_nothing_is_deleted_while_something_does_not_end(
    context: registry.Context, clock: Any, stacks: list[dict[str, str]]
) -> None:
    stacks.append({"StackName": "slow", "StackStatus": "CREATE_IN_PROGRESS"})
    context.store.create(MODEL, "m", {})

    def passes(seconds: float) -> None:
        clock.now += max(seconds, PATIENCE_SECONDS)

    with pytest.raises(StillWorking, match=r"stack slow \(CREATE_IN_PROGRESS\)"):
        Reset(context, [lambda: pytest.fail("was emptied")], now=clock, sleep=passes).run()
    assert count(context) == 1


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.kind.slug)
def test_each_row_of_the_table_is_true(work: Any) -> None:
    """Its statuses are the kind's own, and its operation is one that loopback runs."""
    assert set(work.statuses) <= set(work.kind.lifecycle)
    assert not work.operation or work.operation in registry.implemented_operations(work.service)


def test_a_kind_that_something_works_on_is_in_the_table() -> None:
    """Every kind with a lifecycle is stopped or waited for, or belongs to one that is, or waits for nobody."""
    belongs = {
        *("pipeline-step", "tuned-training-job"),  # to an execution, a tuning job
        *("delivery-stage", "delivery-action", "delivery-rule"),  # to an execution of CodePipeline
        *("monitoring-schedule", "monitoring-alert-change", "scaling-activity", "pipeline"),  # nothing runs of them
    }
    changing = {kind.slug for kind in ALL if len(kind.lifecycle) > 1}
    assert changing == {work.kind.slug for work in WORK} | belongs


def test_folders_are_emptied(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_text("x")
    empty([tmp_path / "a", tmp_path / "b", tmp_path / "absent"], tmp_path)
    assert [list((tmp_path / name).iterdir()) for name in ("a", "b")] == [[], []]
