"""`kill -9` at random moments, of any process, while runs, stacks, uploads and deployments go on.

Nothing that was acknowledged is lost, nothing is done twice, nothing stays stuck, and nothing is left behind.
"""

import hashlib
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.faults.work import BUCKET, ENDPOINT, GROUP, PIPELINE, QUEUES, Work, clients
from tests.journeys.conftest import FINAL, Loopback, until

pytestmark = pytest.mark.journey
CALM = 7.0  # seconds between deaths of the control plane: five in 30 s are more than a restart can mend
ENDS_WITHIN = 300


def processes_of(loopback: Loopback) -> dict[int, str]:
    """Every process that has the state folder in its command line or its environment, and its command line."""
    mark, found = os.fsencode(loopback.state), {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if int(folder.name) != os.getpid() and (mark in command or mark in environment):
            found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def answers(loopback: Loopback) -> bool:
    try:
        clients(loopback)("sqs").list_queues()
    except (BotoCoreError, ClientError, OSError):
        return False
    return True


def kill_one(loopback: Loopback, chance: random.Random, *, calm: bool) -> str:
    """Kill any process; while it is not calm, none without which nothing is answered. What was killed."""
    vital = {loopback.found.get("supervisor"): "supervisor", loopback.found.get("pid"): "control plane"}
    others = [pid for pid in processes_of(loopback) if pid not in vital]
    choices = [*others, *(pid for pid in vital if calm and pid)]
    if not choices:
        return ""
    victim = chance.choice(choices)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return vital.get(victim, "another")


def bring_back(loopback: Loopback, victim: str) -> None:
    if victim == "supervisor":
        up = loopback.up()
        assert up.returncode == 0, up.stderr
    until(lambda: answers(loopback), 60, lambda: f"no answer after the {victim} was killed")


def test_kill_9_at_random_moments(loopback: Loopback, kills: int, seed: int) -> None:
    chance, work, killed = random.Random(seed), Work(loopback), Counter[str]()
    work.prepare()
    last = 0.0
    with work.going_on():
        while sum(killed.values()) < kills:
            time.sleep(chance.uniform(0.05, 1.0))
            victim = kill_one(loopback, chance, calm=time.monotonic() - last > CALM)
            if victim:
                killed[victim] += 1
            if victim in ("supervisor", "control plane"):
                last = time.monotonic()
                bring_back(loopback, victim)
        time.sleep(CALM)
    told = {**killed, "executions": len(work.executions), "stacks": len(work.stacks), "objects": len(work.objects)}
    print(told | {"deployments": len(work.configs), "requests without an answer": len(work.faults)})
    assert min(len(work.executions), len(work.stacks), len(work.objects), len(work.configs)) > 0, work.faults[:10]
    assert faults_of(work) == []
    assert loopback.down().returncode == 0
    until(lambda: not processes_of(loopback), 20, lambda: f"left behind: {processes_of(loopback)}")
    assert [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(loopback.state) in line] == []


def faults_of(work: Work) -> list[str]:
    """What is lost, done twice or stuck once everything has had time to end."""
    return [*_runs(work), *_stacks(work), *_uploads(work), *_deployments(work)]


def _runs(work: Work) -> list[str]:
    sagemaker = work.loopback.client("sagemaker")

    def statuses() -> dict[str, str]:
        pages = sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName=PIPELINE)
        return {
            one["PipelineExecutionArn"]: one["PipelineExecutionStatus"]
            for page in pages
            for one in page["PipelineExecutionSummaries"]
        }

    found = _wait(lambda: all(status in FINAL for status in statuses().values()), statuses)
    faults = [f"lost: {arn}" for arn in work.executions if arn not in found]
    faults += [f"stuck: {arn} is {status}" for arn, status in found.items() if status not in FINAL]
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=GROUP)
    packages = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]
    described = [sagemaker.describe_model_package(ModelPackageName=arn) for arn in packages]
    registered = Counter(one["CustomerMetadataProperties"]["execution"] for one in described)
    for arn, status in found.items():
        expected, times = int(status == "Succeeded"), registered[arn.rpartition("/")[2]]
        if status == "Failed":
            reason = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn).get("FailureReason", "")
            faults += [] if reason else [f"without a reason: {arn}"]
            faults += [f"registered {times} times: {arn}"] if times > 1 else []
        elif times != expected:
            faults.append(f"registered {times} times: {arn}, {status}")
    return faults


def _stacks(work: Work) -> list[str]:
    cloudformation, sqs = work.loopback.client("cloudformation"), work.loopback.client("sqs")

    def statuses() -> dict[str, str]:
        pages = cloudformation.get_paginator("describe_stacks").paginate()
        return {one["StackName"]: one["StackStatus"] for page in pages for one in page["Stacks"]}

    found = _wait(lambda: not any(s.endswith("IN_PROGRESS") for s in statuses().values()), statuses)
    faults = [f"lost: stack {name}" for name in work.stacks if name not in found]
    faults += [f"stuck: stack {name} is {status}" for name, status in found.items() if status != "CREATE_COMPLETE"]
    pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1000})
    urls = [url for page in pages for url in page.get("QueueUrls", [])]
    counts = Counter("-".join(url.rpartition("/")[2].split("-")[:2]) for url in urls)
    return faults + [f"stack {name} has {counts[name]} queues" for name in found if counts[name] != QUEUES]


def _uploads(work: Work) -> list[str]:
    s3 = work.loopback.client("s3")
    faults = []
    for key, digest in work.objects.items():
        try:
            body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except ClientError as fault:
            faults.append(f"lost: {key}: {fault}")
            continue
        faults += [] if hashlib.sha256(body).hexdigest() == digest else [f"changed: {key}"]
    return faults


def _deployments(work: Work) -> list[str]:
    client = work.loopback.client("sagemaker")

    def describe() -> dict[str, Any]:
        found: dict[str, Any] = client.describe_endpoint(EndpointName=ENDPOINT)
        return found

    found = _wait(lambda: describe()["EndpointStatus"] in ("InService", "Failed"), describe)
    if found["EndpointStatus"] != "InService":
        return [f"stuck: the endpoint is {found['EndpointStatus']}: {found.get('FailureReason')}"]
    runtime = work.loopback.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(EndpointName=ENDPOINT, Body="1", ContentType="text/csv")["Body"].read().decode()
    config = found["EndpointConfigName"]
    return [] if config in answer else [f"the endpoint has {config} and answers {answer!r}"]


def _wait(ended: Any, found: Any) -> Any:
    """What there is when it has ended, or after a long while."""
    deadline = time.monotonic() + ENDS_WITHIN
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.5)
    return found()
