"""A stage's stack, as deploy/ describes staging: from CreateStack until its endpoint answers."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import definitions, local_aws
from benchmarks.bench import Bench
from benchmarks.local_aws import ROOT, Failed
from benchmarks.rows import Goal, Row
from benchmarks.served import Served, prepare

ROUNDS, QUICK_ROUNDS = 5, 3
GROUP = "stack"
LONGEST_SECONDS = 60.0


def measure(bench: Bench) -> Iterator[Row]:
    """The median of some stacks, each of its own name and deleted before the next."""
    rounds, found = QUICK_ROUNDS if bench.quick else ROUNDS, list[float]()
    with local_aws.running() as aws:
        served = prepare(aws, bench)
        package = _approve_version(served)
        for number in range(rounds + 1):  # the first starts the data plane
            bench.progress(f"round {number} of {rounds}")
            found.append(_time_creation(served, package, f"round{number}"))
    first, *others = found
    note = f"median of {rounds}; the first, which starts the data plane, took {first:.2f} s"
    details = [f"{note}: {', '.join(f'{seconds:.2f}' for seconds in others)}"]
    median = statistics.median(others)
    yield Row("CreateStack of staging to InService", "s", median, Goal("ours", 3.0), note=note, details=details)


def _approve_version(served: Served) -> str:
    """The ARN of an approved version."""
    sagemaker = served.aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    created = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [served.container()],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    return str(created["ModelPackageArn"])


def _time_creation(served: Served, package: str, project: str) -> float:
    """Seconds from before CreateStack until DescribeEndpoint says InService. Raises Failed."""
    from slipway.deploy import parameters, stage

    release = parameters.Release(project, project, local_aws.ROLE, definitions.BUCKET, package)
    settings = stage.load(ROOT / "deploy" / "stages" / "staging.yml")
    given = parameters.configuration(settings, "staging", release, {})["Parameters"]
    cloudformation, sagemaker = served.aws.client("cloudformation"), served.aws.client("sagemaker")
    template = (ROOT / "deploy" / "endpoint.yml").read_text()
    began = time.perf_counter()
    cloudformation.create_stack(
        StackName=project,
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    while _status(sagemaker, f"{project}-staging") != "InService":
        if time.perf_counter() - began > LONGEST_SECONDS:
            raise Failed(f"stack {project}: {_reason(cloudformation, project)}")
        time.sleep(local_aws.FIRST_POLL)
    seconds = time.perf_counter() - began
    patience = {"Delay": 1, "MaxAttempts": 60}
    cloudformation.get_waiter("stack_create_complete").wait(StackName=project, WaiterConfig=patience)
    cloudformation.delete_stack(StackName=project)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=project, WaiterConfig=patience)
    return seconds


def _status(sagemaker: Any, endpoint: str) -> str:
    listed = sagemaker.list_endpoints(NameContains=endpoint)["Endpoints"]
    return next((str(found["EndpointStatus"]) for found in listed), "")


def _reason(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    return failed[-1].get("ResourceStatusReason", "no reason") if failed else "not InService in time"
