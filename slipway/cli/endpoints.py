"""The endpoints of the account, whoever made them: state, instances, and what each variant serves."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from slipway.cli import names, screen, stages
from slipway.cli.target import Target


def show(target: Target, name: str, *, as_json: bool) -> None:
    """All endpoints, or one by its name or ARN."""
    pages = target.client("sagemaker").get_paginator("list_endpoints").paginate(SortBy="CreationTime")
    known = [str(summary["EndpointName"]) for page in pages for summary in page["Endpoints"]]
    if name:
        known = [names.match_name(name, known, target.project, f"There is no endpoint {name} on {target.title}")]
    rows = [describe(target, one) for one in known]
    if as_json:
        screen.show_json(rows)
        return
    screen.say(f"on {target.title}\n")
    if not rows:
        screen.say("no endpoint yet")
        return
    now = datetime.now(UTC)
    shown = [
        (row["endpoint"], row["status"], row["instances"], screen.ago(row["since"], now), ", ".join(row["serves"]))
        for row in rows
    ]
    screen.console.print(screen.table(("endpoint", "state", "instances", "since", "serves"), shown))
    for row in rows:
        if row["failure"]:
            screen.say(f"\n{row['endpoint']}: {row['failure']}", style="red")


def describe(target: Target, name: str) -> dict[str, Any]:
    """One endpoint as JSON data."""
    client = target.client("sagemaker")
    found = client.describe_endpoint(EndpointName=name)
    return {
        "endpoint": name,
        "status": found["EndpointStatus"],
        "instances": stages.instances(found),
        "since": found["LastModifiedTime"],
        "serves": list(dict.fromkeys(_served_models(client, found.get("EndpointConfigName", "")))),
        "failure": found.get("FailureReason", ""),
    }


def _served_models(client: Any, config: str) -> Iterator[str]:
    """A version of the registry, or a model's name, for each variant."""
    try:
        variants = client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"] if config else []
    except client.exceptions.ClientError:  # a configuration may be deleted while its endpoint serves
        return
    for variant in variants:
        if name := variant.get("ModelName"):
            yield _version(client, name) or f"model {name}"
        else:
            yield "inference components"


def _version(client: Any, model: str) -> str:
    try:
        found = client.describe_model(ModelName=model)
    except client.exceptions.ClientError:
        return ""
    containers = [found.get("PrimaryContainer", {}), *found.get("Containers", [])]
    arns = [container["ModelPackageName"] for container in containers if container.get("ModelPackageName")]
    group, _, number = arns[0].partition("/")[2].partition("/") if arns else ("", "", "")
    return f"version {number} of {group}" if number else group
