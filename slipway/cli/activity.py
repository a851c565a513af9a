"""What has been made, started and changed in an account since a moment: executions, jobs, stacks, endpoints, versions.

What belongs to a larger thing is told with that only: a job with its pipeline execution, a build with its delivery.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.cli import deliveries, executions, names, stacks
from slipway.cli.target import Target

WAITING = ("Waiting", "PendingManualApproval")  # for a person
RUNNING = (
    "Executing",
    "Starting",
    "Stopping",
    "InProgress",
    "IN_PROGRESS",
    "Pending",
    "Creating",
    "Updating",
    "Deleting",
)
FAILED = ("Failed", "FAILED", "FAULT", "TIMED_OUT", "UpdateRollbackFailed")
LOGS = "aws logs tail"


@dataclass(frozen=True)
class Activity:
    """One thing and how it stands. `reason`: why it failed; `look`: the command that shows more of it."""

    kind: str
    name: str
    status: str
    began: datetime
    ended: datetime | None = None
    reason: str = ""
    look: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it goes on by itself."""
        return self.status in RUNNING or self.status.endswith(("_IN_PROGRESS", "RollingBack"))

    @property
    def has_failed(self) -> bool:
        """Whether it came to nothing, or to less than was asked for."""
        if self.is_running:
            return False
        return self.status in FAILED or self.status.endswith("_FAILED") or "ROLLBACK" in self.status

    @property
    def waits(self) -> bool:
        """Whether it goes on when a person has approved it."""
        return self.status in WAITING

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return (self.ended - self.began).total_seconds() if self.ended else None


def since(target: Target, moment: datetime) -> list[Activity]:
    """Everything since a moment, the oldest first."""
    runs = list(_executions(target, moment))
    inside = {job for _, jobs in runs for job in jobs}
    found = [
        *(run for run, _ in runs),
        *(job for job in _jobs(target, moment) if job.name not in inside),
        *(one for kind in (_stacks, _deliveries, _builds, _endpoints, _versions) for one in kind(target, moment)),
    ]
    return sorted(found, key=lambda activity: activity.began)


def _executions(target: Target, moment: datetime) -> Iterator[tuple[Activity, list[str]]]:
    """Pipeline executions, each with the names of its jobs."""
    for name in names.pipelines(target):
        for summary in executions.executions(target, name):
            if summary["StartTime"] < moment:
                break  # the newest come first
            steps = executions.steps(target, summary["PipelineExecutionArn"])
            yield _execution(target, name, summary, steps), [job[1] for s in steps if (job := executions.job_of(s))]


def _execution(target: Target, name: str, summary: Mapping[str, Any], steps: list[dict[str, Any]]) -> Activity:
    arn, status = summary["PipelineExecutionArn"], summary["PipelineExecutionStatus"]
    failed = [step for step in steps if step["StepStatus"] == "Failed"]
    reason = "; ".join(f"{step['StepName']}: {step.get('FailureReason', 'no reason given')}" for step in failed)
    logged = next((step["StepName"] for step in failed if executions.job_of(step)), "")
    ended = None
    if status not in executions.ACTIVE:
        described = target.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn)
        ended = described["LastModifiedTime"]
        reason = reason or described.get("FailureReason", "")
    words = ("logs", logged, "-e") if logged else ("steps",)
    return Activity(
        "pipeline execution",
        name,
        status,
        summary["StartTime"],
        ended,
        reason,
        f"slipway {' '.join(words)} {arn.rpartition('/')[2]} -p {name}",
    )


# (kind, operation, members of the answer: list, name, status, and the group of its logs)
JOBS = (
    ("training job", "TrainingJob", "/aws/sagemaker/TrainingJobs"),
    ("processing job", "ProcessingJob", "/aws/sagemaker/ProcessingJobs"),
    ("transform job", "TransformJob", "/aws/sagemaker/TransformJobs"),
)


def _jobs(target: Target, moment: datetime) -> Iterator[Activity]:
    client = target.client("sagemaker")
    for kind, noun, group in JOBS:
        operation = f"list_{noun.removesuffix('Job').lower()}_jobs"
        for page in client.get_paginator(operation).paginate(CreationTimeAfter=moment):
            for summary in page[f"{noun}Summaries"]:
                name, status = summary[f"{noun}Name"], summary[f"{noun}Status"]
                reason = ""
                if status == "Failed":
                    describe = getattr(client, f"describe_{noun.removesuffix('Job').lower()}_job")
                    reason = describe(**{f"{noun}Name": name}).get("FailureReason", "")
                yield Activity(
                    kind,
                    name,
                    status,
                    summary["CreationTime"],
                    summary.get(f"{noun.removesuffix('Job')}EndTime"),
                    reason,
                    f"{LOGS} {group} --log-stream-name-prefix {name}/",
                )


def _stacks(target: Target, moment: datetime) -> Iterator[Activity]:
    for page in target.client("cloudformation").get_paginator("list_stacks").paginate():
        for stack in page["StackSummaries"]:
            began = max(stack[key] for key in ("CreationTime", "LastUpdatedTime", "DeletionTime") if key in stack)
            if began < moment or "ParentId" in stack:
                continue
            name, status = stack["StackName"], stack["StackStatus"]
            events = [e for e in stacks.events(target, stack["StackId"]) if e["Timestamp"] >= moment]
            yield Activity(
                "stack",
                name,
                status,
                events[0]["Timestamp"] if events else began,
                None if status.endswith("_IN_PROGRESS") or not events else events[-1]["Timestamp"],
                stacks.first_failure(events),
                f"aws cloudformation describe-stack-events --stack-name {name}",
            )


def _deliveries(target: Target, moment: datetime) -> Iterator[Activity]:
    """Executions of CodePipelines."""
    client = target.client("codepipeline")
    for page in client.get_paginator("list_pipelines").paginate():
        for name in (pipeline["name"] for pipeline in page["pipelines"]):
            for summary in client.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]:
                if summary["startTime"] < moment:
                    break
                yield _delivery(target, name, summary)


def _delivery(target: Target, name: str, summary: Mapping[str, Any]) -> Activity:
    execution, status = summary["pipelineExecutionId"], summary["status"]
    actions = deliveries.actions(target, name, execution)
    going = [action for action in actions if action.status == "InProgress"]
    failed = [action for action in actions if action.status == "Failed"]
    waits = bool(going) and all(action.waits for action in going)
    reason = "; ".join(f"{action.name}: {action.summary or 'no reason given'}" for action in failed)
    return Activity(
        "CodePipeline execution",
        name,
        WAITING[0] if waits else status,
        summary["startTime"],
        summary["lastUpdateTime"] if status in deliveries.FINAL else None,
        reason or ", ".join(f"{action.name} has no answer yet" for action in going if waits),
        f"aws codepipeline get-pipeline-state --name {name}",
    )


def _builds(target: Target, moment: datetime) -> Iterator[Activity]:
    client = target.client("codebuild")
    newest = client.list_builds(sortOrder="DESCENDING").get("ids", [])
    for build in client.batch_get_builds(ids=newest)["builds"] if newest else []:
        if build["startTime"] < moment or build.get("initiator", "").startswith("codepipeline/"):
            continue
        contexts = [context for phase in build.get("phases", []) for context in phase.get("contexts", [])]
        yield Activity(
            "build",
            build["id"],
            build["buildStatus"],
            build["startTime"],
            build.get("endTime"),
            next((context["message"] for context in contexts if context.get("message")), ""),
            f"aws codebuild batch-get-builds --ids {build['id']}",
        )


def _endpoints(target: Target, moment: datetime) -> Iterator[Activity]:
    client = target.client("sagemaker")
    for page in client.get_paginator("list_endpoints").paginate(LastModifiedTimeAfter=moment):
        for summary in page["Endpoints"]:
            name, status = summary["EndpointName"], summary["EndpointStatus"]
            reason = client.describe_endpoint(EndpointName=name).get("FailureReason", "") if status == "Failed" else ""
            began = max(summary["CreationTime"], moment)
            ended = summary["LastModifiedTime"] if status in ("InService", "Failed") else None
            yield Activity("endpoint", name, status, began, ended, reason, f"slipway endpoints {name}")


def _versions(target: Target, moment: datetime) -> Iterator[Activity]:
    """Model packages. One that waits for an approval does not go on by itself."""
    pages = target.client("sagemaker").get_paginator("list_model_packages")
    for page in pages.paginate(ModelPackageType="Both", CreationTimeAfter=moment):
        for summary in page["ModelPackageSummaryList"]:
            group, version = summary.get("ModelPackageGroupName"), summary.get("ModelPackageVersion")
            yield Activity(
                "model version",
                f"{group} {version}" if group else summary["ModelPackageName"],
                summary.get("ModelApprovalStatus") or summary["ModelPackageStatus"],
                summary["CreationTime"],
                summary["CreationTime"],
                look=f"slipway approve {version} -p {group}" if group else "",
            )
