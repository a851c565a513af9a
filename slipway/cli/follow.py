"""Watching one execution of a CodePipeline: a live table on a terminal, a line per change elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.live import Live
from rich.table import Table

from slipway.cli import deliveries, executions, screen
from slipway.cli.deliveries import Action
from slipway.cli.projects import Project
from slipway.cli.target import Target, UserError

START_SECONDS = 90.0  # for an execution to begin after what causes it
IDLE_SECONDS = 15.0  # without a change, then the local AWS is asked less often too
Answer = Callable[[Action], None]  # gives, or refuses, an approval that waits


def wait_for_start(
    target: Target, pipeline: str, since: datetime, *, commit: str = "", version: str = "", what: str = ""
) -> str:
    """Wait for the execution that a change causes; its id. Raises UserError when none begins."""
    deadline = datetime.now(UTC) + timedelta(seconds=START_SECONDS)
    while datetime.now(UTC) < deadline:
        if found := deliveries.newest(target, pipeline, since, commit=commit, version=version):
            return found
        time.sleep(pause(target))
    raise UserError(
        f"{pipeline} has not started within {START_SECONDS:.0f} s of {what}; "
        f"see its state: aws codepipeline get-pipeline-state --name {pipeline}"
    )


def pause(target: Target, idle: float = 0.0) -> float:
    """Seconds between two looks, when nothing has changed for `idle` seconds.

    The local AWS answers in milliseconds, the real one has limits; a canary that is watched for minutes needs no more.
    """
    if target.local:
        return 0.15 if idle < IDLE_SECONDS else 1.0
    return 5.0


class Follower:
    """Shows executions one after the other; what was shown stays on the screen."""

    def __init__(self, target: Target, project: Project, *, quiet: bool) -> None:
        self._target, self._project, self._quiet = target, project, quiet
        self._said: dict[tuple[str, str, datetime | None], str] = {}
        self._held: set[tuple[str, str]] = set()
        self._answered: set[str] = set()  # tokens: for a moment an approval still waits when it has its answer
        self._live: Live | None = None

    def follow(self, pipeline: str, execution: str, answer: Answer | None = None) -> list[Action]:
        """Until it ends; `answer` is asked whenever an approval waits. Its actions then."""
        last: list[Action] = []
        changed = time.monotonic()
        with self._open_display() as show:
            while True:
                status = deliveries.describe(self._target, pipeline, execution)["status"]
                actions = deliveries.actions(self._target, pipeline, execution)
                show(actions)
                waiting = [action for action in actions if action.waits and action.waits not in self._answered]
                if status in deliveries.FINAL:
                    return actions
                if waiting and answer:
                    if self._live:
                        self._live.transient = True  # the same table comes again, with the answer in it
                    break
                if actions != last:
                    last, changed = actions, time.monotonic()
                elif not any(action.status == "InProgress" for action in actions):
                    self._say_who_is_ahead(pipeline, execution)
                time.sleep(pause(self._target, time.monotonic() - changed))
        for action in waiting:
            self._answered.add(action.waits)
            answer(action)
        return self.follow(pipeline, execution, answer)

    def _say_who_is_ahead(self, pipeline: str, execution: str) -> None:
        """A stage holds one execution; one that waits for a person holds it until somebody answers."""
        held = deliveries.blocking_stage(self._target, pipeline, execution)
        if held is None or held in self._held or self._quiet:
            return
        self._held.add(held)
        screen.say_styled(
            f"[yellow]{held[0]} is taken by execution {held[1][:8]}, which waits for a person[/yellow]; "
            "answer it with slipway release, or slipway release --refuse REASON"
        )

    @contextmanager
    def _open_display(self) -> Iterator[Callable[[list[Action]], None]]:
        """How a look at the actions is shown: drawn over the last one, or as lines for what has changed."""
        if self._quiet or not screen.is_live():
            yield self._say_changes
            return
        with Live(console=screen.console, refresh_per_second=10) as live:
            self._live = live
            yield lambda actions: live.update(self._table(actions), refresh=True)

    def _table(self, actions: list[Action]) -> Table:
        made = screen.table(("stage", "state", "time", ""), (), right=("time",))
        now = datetime.now(UTC)
        for action in actions:
            took = screen.duration(seconds(action, now))
            made.add_row(*map(screen.cell, (action.name, state(action), took, note(action))))
            if action.stage == "Build" and action.status == "InProgress":
                for step in self._steps(action):
                    took = screen.duration(executions.seconds(step, now))
                    made.add_row(*map(screen.cell, (f"  {step['StepName']}", step["StepStatus"], took, "")))
        return made

    def _steps(self, action: Action) -> list[dict[str, Any]]:
        """The steps of the SageMaker pipeline that a build runs, once it does."""
        client, name = self._target.client("sagemaker"), self._project.group
        try:
            newest = client.list_pipeline_executions(PipelineName=name, MaxResults=1)["PipelineExecutionSummaries"]
        except client.exceptions.ClientError:
            return []
        if not newest or (action.began and newest[0]["StartTime"] < action.began):
            return []
        return executions.steps(self._target, newest[0]["PipelineExecutionArn"])

    def _say_changes(self, actions: list[Action]) -> None:
        for action in actions:
            now, key = state(action), (action.stage, action.name, action.began)
            if self._quiet or self._said.get(key) == now:
                continue
            self._said[key] = now
            took = screen.duration(seconds(action)) if action.ended else ""
            screen.write(f"{action.name:<21} {now:<12} {took:>8}  {note(action)}".rstrip())


def state(action: Action) -> str:
    """What a person reads: an approval that nobody has given is not in progress, it waits."""
    return "Waiting" if action.waits else action.status


def seconds(action: Action, now: datetime | None = None) -> float | None:
    """How long an action took, or has taken so far."""
    if action.began is None or (action.ended is None and now is None):
        return None
    return ((action.ended or now or action.began) - action.began).total_seconds()


def note(action: Action) -> str:
    """The first line of what an action says about itself, when it went wrong."""
    return action.summary.strip().split("\n")[0][:160] if action.status == "Failed" else ""
