"""What one reads when a change has arrived: stages, versions, endpoints, alarms, and where the time went."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.cli import deliveries, executions, screen, stages, waterfall
from slipway.cli.projects import STAGES, Project
from slipway.cli.target import Target

BAR_CELLS = 40
WIDTH = 80  # of a terminal that nobody has widened
MOST_OF_ANSWER = 40


@dataclass(frozen=True)
class Trip:
    """One change on its way: what began it, and the executions that carried it; `build` "" for a deployment alone."""

    began: datetime
    commit: str
    build: str
    version: int
    deploy: str


def show(target: Target, project: Project, trip: Trip, *, as_json: bool) -> None:
    """The closing screen."""
    spans = collect_spans(target, project, trip)
    rows = [stages.describe(target, project, stage) for stage in STAGES]
    answered = golden_answer(target, project, trip.version or rows[-1].version)
    lead = (spans[-1].ended - trip.began).total_seconds()
    waited = sum(span.seconds for span in spans if span.waiting)
    if as_json:
        screen.show_json(
            {
                "project": project.name,
                "commit": trip.commit,
                "version": trip.version or rows[-1].version,
                "stages": [row.dump() for row in rows],
                "lead_seconds": lead,
                "approval_seconds": waited,
                "spans": [_span_as_json(span, trip.began) for span in spans],
                "answer": answered,
            }
        )
        return
    stages.show_table(rows)
    screen.say()
    stages.show_alarms(rows)
    if answered:
        screen.say(f"\n{_exchange(answered['request'], answered['response'])}")
    screen.say_styled(f"\n[bold]{screen.duration(lead)}[/bold] from commit to production (approvals {waited:.1f} s)\n")
    drawn = waterfall.bars(spans, BAR_CELLS)
    for span, bar in zip(spans, drawn, strict=True):
        name = f"{'  ' * span.depth}{span.name}"
        line = screen.escape_markup(f"{name:<20} {screen.duration(span.seconds):>11}")
        screen.say_styled(f"{line}  [{'dim' if span.depth else 'cyan'}]{bar}[/]")


def _exchange(request: str, response: str) -> str:
    """A question and its answer on one line; of a long question as much as fits."""
    answer = response if len(response) <= MOST_OF_ANSWER else f"{response[:MOST_OF_ANSWER]} ..."
    room = WIDTH - len(f"prod answers   ->  {answer}")
    return f"prod answers {request if len(request) <= room else f'{request[: room - 4]} ...'}  ->  {answer}"


def _span_as_json(span: waterfall.Span, start: datetime) -> dict[str, Any]:
    """A span as JSON; `at` counts seconds from `start`."""
    at = (span.began - start).total_seconds()
    return {"name": span.name, "depth": span.depth, "at": at, "seconds": span.seconds, "waiting": span.waiting}


def collect_spans(target: Target, project: Project, trip: Trip) -> list[waterfall.Span]:
    """The actions of both executions, and the steps of the SageMaker pipeline below the build."""
    spans: list[waterfall.Span] = []
    for pipeline, execution in ((project.build, trip.build), (project.deploy, trip.deploy)):
        if not execution:
            continue
        for action in deliveries.actions(target, pipeline, execution):
            if action.began is None or action.ended is None:
                continue
            name = action.name if pipeline == project.deploy else f"{action.name} (build)"
            spans.append(waterfall.Span(name, action.began, action.ended, waiting=action.name.startswith("Approve")))
            if (pipeline, action.stage) == (project.build, "Build"):
                spans += _steps(target, project, action.began, action.ended)
    return spans


def _steps(target: Target, project: Project, began: datetime, ended: datetime) -> list[waterfall.Span]:
    found = executions.executions(target, project.group, most=5)
    within = [e for e in found if began <= e["StartTime"] <= ended]
    if not within:
        return []
    return [
        waterfall.Span(step["StepName"], step["StartTime"], step["EndTime"], depth=1)
        for step in executions.steps(target, within[0]["PipelineExecutionArn"])
        if "EndTime" in step
    ]


def golden_answer(target: Target, project: Project, number: int) -> dict[str, Any] | None:
    """What production answers to the first of the requests that the build had set aside."""
    from slipway.cli import versions

    package = versions.version(target, project.group, number)
    rows = versions.golden(target, package)
    if not rows:
        return None
    row = json.dumps(rows[0]["instance"])
    answer = target.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=project.endpoint("prod"), ContentType="application/json", Body=f"[{row}]".encode()
    )
    return {"request": row, "response": answer["Body"].read().decode().strip()}
