"""`slipway destroy`: take a project away in the order that AWS needs. Safe to repeat; data and records stay."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from slipway.cli import launch, own_monitors, roles, runner, screen, stacks
from slipway.cli.target import Target, UserError

STAGES = ("prod", "staging")
ONGOING = ("InProgress",)
PENDING = 300.0  # seconds that a monitoring schedule may take to be gone


@dataclass(frozen=True)
class Place:
    """The names of a project's parts."""

    name: str
    id: str
    pipeline: str
    outputs: dict[str, str]

    def part(self, suffix: str) -> str:
        """`sagemaker-<name>-<id>-<suffix>`."""
        return f"sagemaker-{self.name}-{self.id}-{suffix}"


def locate(target: Target, name: str) -> Place | None:
    """Where a project is; None when there is no such project (any more)."""
    project = launch.describe(target, name)
    if project is None or project["ProjectStatus"] in launch.GONE:
        return None
    stack = launch.stack_of(project)
    found = (stacks.describe(target, stack) if stack else None) or {}
    given = {item["ParameterKey"]: item.get("ParameterValue", "") for item in found.get("Parameters", [])}
    for provider in project.get("TemplateProviderDetails", []):
        detail = provider.get("CfnTemplateProviderDetail", {})
        given = {item["Key"]: item["Value"] for item in detail.get("Parameters", [])} | given
    return Place(name, project["ProjectId"], given.get("Pipeline", "churn"), stacks.outputs(found))


def destroy(target: Target, name: str, *, as_json: bool) -> int:
    """Exit code 0: nothing that costs money is left."""
    place = locate(target, name)
    done: list[str] = []

    def say(text: str) -> None:
        done.append(text)
        if not as_json:
            screen.say(f"  {text}")

    if place is None:
        _delete_roles(target, name, say)  # of a launch or an end that was cut off
        if as_json:
            screen.show_json({"project": name, "done": done, "retained": []})
        elif not done:
            screen.say(f"there is no project {name} on {target.title}: nothing to do")
        return 0
    _stop_deliveries(target, place, say)
    for stage in STAGES:
        _clear_stage(target, place, stage, say)
    _delete_pipeline(target, f"{name}-{place.pipeline}", say)
    _delete_project(target, name, say)
    _delete_roles(target, name, say)
    kept = retained_resources(place)
    if as_json:
        screen.show_json({"project": name, "done": done, "retained": kept})
        return 0
    screen.say("\nkept, with the command that deletes it for good:")
    for item in kept:
        screen.say(f"  {item['what']}\n      {item['delete']}")
    return 0


def _stop_deliveries(target: Target, place: Place, say: stacks.Say) -> None:
    """Nothing may deploy again while it is taken away: events first, then what runs."""
    from botocore.exceptions import ClientError

    events, client = target.client("events"), target.client("codepipeline")
    rules = [f"sagemaker-{place.id}-{rule}" for rule in ("approved", "source", "data", "schedule")]
    for rule in (*rules, *(f"{place.name}-{stage}-monitor-drift" for stage in STAGES)):
        try:
            events.disable_rule(Name=rule)
        except ClientError as fault:
            if not launch.missing(fault):
                raise
    for pipeline in (place.part("modelbuild"), place.part("modeldeploy")):
        try:
            pages = client.get_paginator("list_pipeline_executions").paginate(pipelineName=pipeline)
            running = [e for page in pages for e in page["pipelineExecutionSummaries"] if e["status"] in ONGOING]
        except ClientError as fault:
            if not launch.missing(fault):
                raise
            continue
        for execution in running:
            client.stop_pipeline_execution(
                pipelineName=pipeline,
                pipelineExecutionId=execution["pipelineExecutionId"],
                abandon=True,
                reason="the project is being deleted",
            )
            say(f"stopped {pipeline} execution {execution['pipelineExecutionId']}")
    for project in ("modelbuild", "modeldeploy", "testing", "seed-checkin"):
        _until_none(target, partial(_stop_builds, target, place.part(project), say))
    _until_none(target, partial(_stop_runs, target, f"{place.name}-{place.pipeline}", say))


def _until_none(target: Target, stopping: Callable[[], bool]) -> None:
    """Neither a build nor a pipeline can be deleted while it runs, and to stop takes a while."""
    until = time.monotonic() + stacks.LONGEST
    while stopping():
        if time.monotonic() > until:
            raise UserError("what was running has not stopped after an hour; repeat later")
        time.sleep(stacks.pause(target))


def _stop_builds(target: Target, project: str, say: stacks.Say) -> bool:
    """Ask the running builds among a CodeBuild project's newest hundred to stop; whether there are any."""
    from botocore.exceptions import ClientError

    client = target.client("codebuild")
    try:
        ids = client.list_builds_for_project(projectName=project, sortOrder="DESCENDING")["ids"]
    except ClientError as fault:
        if not launch.missing(fault):
            raise
        return False
    builds = client.batch_get_builds(ids=ids)["builds"] if ids else []
    running = [build["id"] for build in builds if build["buildStatus"] == "IN_PROGRESS"]
    for build in running:
        client.stop_build(id=build)
        say(f"stopped build {build}")
    return bool(running)


def _stop_runs(target: Target, pipeline: str, say: stacks.Say) -> bool:
    """Ask the running executions among a SageMaker pipeline's newest hundred to stop; whether there are any."""
    from botocore.exceptions import ClientError

    client = target.client("sagemaker")
    try:
        newest = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}
        found = client.list_pipeline_executions(PipelineName=pipeline, **newest)["PipelineExecutionSummaries"]
    except ClientError as fault:
        if not launch.missing(fault):
            raise
        return False
    for execution in found:
        if execution["PipelineExecutionStatus"] == "Executing":
            arn = execution["PipelineExecutionArn"]
            client.stop_pipeline_execution(PipelineExecutionArn=arn)
            say(f"stopped {pipeline} execution {arn.rpartition('/')[2]}")
    return any(execution["PipelineExecutionStatus"] in ("Executing", "Stopping") for execution in found)


def _clear_stage(target: Target, place: Place, stage: str, say: stacks.Say) -> None:
    """Monitors go before the endpoint they watch, the endpoint with its stack, and then what was left of scaling."""
    endpoint = f"{place.name}-{stage}"
    _delete_monitors(target, endpoint, say)
    for schedule in own_monitors.delete_timers(target, endpoint):
        say(f"deleted schedule {schedule}")
    for pipeline in own_monitors.monitor_types(endpoint):  # a stack can't delete a pipeline while it runs
        _until_none(target, partial(_stop_runs, target, pipeline, say))
    for stack in (place.part(f"monitor-{stage}"), place.part(f"deploy-{stage}")):
        if stacks.delete(target, stack):
            say(f"deleted stack {stack}")
    _release_scaling(target, endpoint, say)


def _delete_monitors(target: Target, endpoint: str, say: stacks.Say) -> None:
    from botocore.exceptions import ClientError

    client = target.client("sagemaker")
    pages = client.get_paginator("list_monitoring_schedules").paginate(EndpointName=endpoint)
    try:
        names = [s["MonitoringScheduleName"] for page in pages for s in page["MonitoringScheduleSummaries"]]
    except ClientError as fault:
        if not launch.missing(fault):
            raise
        return
    for name in names:
        _delete_monitor(client, name, stacks.pause(target))
        say(f"deleted monitoring schedule {name}")


def _delete_monitor(client: Any, name: str, pause: float) -> None:
    """Delete a schedule and wait until it is gone: one that is Pending takes no order, not even CloudFormation's."""
    from botocore.exceptions import ClientError

    deadline = time.monotonic() + PENDING
    while time.monotonic() < deadline:
        try:
            client.delete_monitoring_schedule(MonitoringScheduleName=name)
        except ClientError as fault:
            if launch.missing(fault):
                return
            if "Pending" not in str(fault):
                raise
        time.sleep(pause)
    raise UserError(f"monitoring schedule {name} is not gone after {PENDING:.0f} s; run the same again in a while")


def _release_scaling(target: Target, endpoint: str, say: stacks.Say) -> None:
    client, what = target.client("application-autoscaling"), {"ServiceNamespace": "sagemaker"}
    pages = client.get_paginator("describe_scalable_targets").paginate(**what)
    for found in [found for page in pages for found in page["ScalableTargets"]]:
        if found["ResourceId"].startswith(f"endpoint/{endpoint}/"):
            client.deregister_scalable_target(
                **what, ResourceId=found["ResourceId"], ScalableDimension=found["ScalableDimension"]
            )
            say(f"released the scaling of {found['ResourceId']}")


def _delete_pipeline(target: Target, pipeline: str, say: stacks.Say) -> None:
    from botocore.exceptions import ClientError

    try:
        target.client("sagemaker").delete_pipeline(PipelineName=pipeline)
    except ClientError as fault:
        if not launch.missing(fault):
            raise
        return
    say(f"deleted the SageMaker pipeline {pipeline}")


def _delete_project(target: Target, name: str, say: stacks.Say) -> None:
    client = target.client("sagemaker")
    project = launch.describe(target, name)
    if project is None:
        return
    if project["ProjectStatus"] != "DeleteInProgress":
        client.delete_project(ProjectName=name)
    until = time.monotonic() + stacks.LONGEST
    while (project := launch.describe(target, name)) and project["ProjectStatus"] not in launch.GONE:
        if project["ProjectStatus"] == "DeleteFailed":
            stack = launch.stack_of(project)
            why = stacks.first_failure(stacks.events(target, stack)[::-1]) if stack else ""
            raise UserError(
                f"project {name} could not be deleted: {why or 'AWS gives no reason'}; repeat when that is solved"
            )
        if time.monotonic() > until:
            raise UserError(f"project {name} is still {project['ProjectStatus']} after an hour; repeat later")
        time.sleep(stacks.pause(target))
    say(f"deleted project {name} with its pipelines, builds, functions and rules")


def _delete_roles(target: Target, name: str, say: stacks.Say) -> None:
    """Those that launch and runner made for this project; after everything that acts with them."""
    if stacks.delete(target, runner.stack_of(name)):
        say(f"deleted the roles of its runner, stack {runner.stack_of(name)}")
    if roles.remove_own(target, name):
        say(f"deleted the project's roles, stack {roles.own_stack(name)}")


def retained_resources(place: Place) -> list[dict[str, str]]:
    """What deleting a project leaves, because it is data, a record or somebody's work."""
    bucket = place.outputs.get("ArtifactBucketName", f"sagemaker-project-{place.id}")
    group = place.outputs.get("ModelPackageGroupName", f"{place.name}-{place.pipeline}")
    repository = place.outputs.get("RepositoryUrl", "")
    kept = [
        {
            "what": f"the bucket {bucket} with data, models, reports and all their versions",
            "delete": f"empty it with all versions in the console, then: aws s3api delete-bucket --bucket {bucket}",
        },
        {
            "what": f"the model package group {group}, the record of what was in production",
            "delete": "delete its versions, then: "
            f"aws sagemaker delete-model-package-group --model-package-group-name {group}",
        },
        {
            "what": "the logs below /aws/codebuild, /aws/lambda and /aws/sagemaker",
            "delete": f"aws logs delete-log-group --log-group-name /aws/codebuild/{place.part('modelbuild')}, ...",
        },
    ]
    key = place.outputs.get("KmsKeyArn")
    if key:
        kept.append(
            {
                "what": f"the key {key}; without it the bucket can't be read any more, so last",
                "delete": f"aws kms schedule-key-deletion --key-id {key}",
            }
        )
    if repository.startswith("https://"):
        what = {"what": f"the repository {repository}", "delete": "where it is hosted"}
        if "codecommit" in repository:
            what["delete"] = f"aws codecommit delete-repository --repository-name {repository.rpartition('/')[2]}"
        kept.append(what)
    return kept
