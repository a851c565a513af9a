"""What runs in staging and in production: version, endpoint, since when, approved by whom, and its alarms."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from slipway.cli import projects, screen
from slipway.cli.projects import Project
from slipway.cli.target import Target, WrongUsage


@dataclass(frozen=True)
class StageState:
    """One stage. `version` 0 means that nothing was ever deployed there."""

    stage: str
    endpoint: str
    version: int = 0
    status: str = "not deployed"
    instances: str = ""
    since: datetime | None = None
    approved_by: str = ""
    failure: str = ""
    alarms: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_watched(self) -> bool:
        """Whether a monitor compares its requests with the training data: such a stage has the monitors' alarm."""
        return f"{self.endpoint}-monitor-violations" in self.alarms

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self) | {"is_watched": self.is_watched}


def parse_stage(stage: str) -> str:
    """The name of a stage. Raises WrongUsage for another word."""
    if stage not in projects.STAGES:
        raise WrongUsage(f"There is no stage {stage}; there is: {', '.join(projects.STAGES)}")
    return stage


def show(target: Target, *, as_json: bool) -> None:
    """Both stages and their alarms."""
    project = projects.require(target)
    rows = [describe(target, project, stage) for stage in projects.STAGES]
    if as_json:
        screen.show_json([row.dump() for row in rows])
        return
    screen.say(f"project {project.name} on {target.title}\n")
    show_table(rows)
    screen.say()
    show_alarms(rows)


def describe(target: Target, project: Project, stage: str) -> StageState:
    """How a stage stands now."""
    name = project.endpoint(stage)
    client = target.client("sagemaker")
    try:
        endpoint = client.describe_endpoint(EndpointName=name)
    except client.exceptions.ClientError:
        return StageState(stage, name)
    outputs = projects.stack_outputs(target, project.stack(stage))
    package = _package(client, outputs.get("ModelPackageName", ""))
    return StageState(
        stage,
        name,
        package.get("ModelPackageVersion", 0),
        endpoint["EndpointStatus"],
        instances(endpoint),
        endpoint["LastModifiedTime"],
        package.get("CustomerMetadataProperties", {}).get("ApprovedBy", ""),
        endpoint.get("FailureReason", ""),
        _alarms(target, name),
    )


def _package(client: Any, arn: str) -> dict[str, Any]:
    if not arn:
        return {}
    try:
        found: dict[str, Any] = client.describe_model_package(ModelPackageName=arn)
    except client.exceptions.ClientError:
        return {}
    return found


def instances(endpoint: Mapping[str, Any]) -> str:
    """`2`, or `2 -> 3` while it changes; one number a variant."""
    shown = []
    for variant in endpoint.get("ProductionVariants", []):
        current, desired = variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")
        if current is None:
            shown.append("serverless")
        else:
            shown.append(str(current) if current == desired else f"{current} -> {desired}")
    return ", ".join(shown)


def _alarms(target: Target, endpoint: str) -> dict[str, str]:
    """The states of the alarms of a stage: their names begin with the endpoint's."""
    pages = target.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{endpoint}-")
    return {alarm["AlarmName"]: alarm["StateValue"] for page in pages for alarm in page["MetricAlarms"]}


def show_table(rows: list[StageState]) -> None:
    """The stages below each other."""
    now = datetime.now(UTC)
    shown = [
        (
            row.stage,
            row.version or "",
            row.endpoint,
            row.status,
            row.instances,
            screen.ago(row.since, now) if row.since else "",
            person(row.approved_by),
        )
        for row in rows
    ]
    columns = ("stage", "version", "endpoint", "state", "instances", "since", "approved by")
    made = screen.table(columns, shown)
    made.padding = (0, 2, 0, 0)
    screen.console.print(made)
    for row in rows:
        if row.failure:
            screen.say(f"{row.stage}: {row.failure}", style="red")
        if row.stage == "prod" and row.version and not row.is_watched:
            screen.say("nothing watches prod: it has no monitor, so drift is not noticed and starts no retraining")


def person(arn: str) -> str:
    """Who an ARN is: the user, the session of a role, or `root`."""
    return re.split(r"[/:]", arn)[-1]


def show_alarms(rows: list[StageState]) -> None:
    """Every alarm and its state."""
    found = [(name, state) for row in rows for name, state in row.alarms.items()]
    if found:
        screen.console.print(screen.table(("alarm", "state"), found))
