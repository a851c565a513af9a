"""What a test of somebody's SageMaker code waits for with the pytest fixtures, beside moto's server."""

import contextlib
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench import Bench
from benchmarks.environments import NotInstalled, environment, shared_pins
from benchmarks.local_aws import ACCOUNT, REGION, ROLE, Failed, bare_environment, free_port
from benchmarks.rows import Goal, Row

MOTO = ("moto[server]==5.2.5",)
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
LOOK_SECONDS, LONGEST_SECONDS = 0.005, 60.0
TESTS = 5  # of each session, after its first
LOCAL_MODE = "SDK's local mode   not measured: it needs Docker, and the job's image"
NOTHING_RUN = "peer: moto's server, which answers Completed and runs nothing"


@dataclass(frozen=True)
class Emulator:
    """An AWS for tests, as a test sees it. `empty` takes everything out of it."""

    client: Callable[[str], Any]
    role: str
    empty: Callable[[], None]


@dataclass(frozen=True)
class Waits:
    """Seconds of one session."""

    start: float
    first_job: float
    next_job: float
    reset: float
    first_reset: float


FIGURES: Mapping[str, tuple[str, Goal]] = {
    "start": ("session start", Goal("ours", 2.0)),
    "first_job": ("first job", Goal("ours", 1.5)),
    "next_job": ("next job", Goal("ours", 0.1)),
    "reset": ("reset between tests", Goal("ours", 0.05)),
}


def measure(bench: Bench) -> Iterator[Row]:
    """Start, first processing job, next one, and reset: medians of sessions of ours and of moto's in turns."""
    import boto3

    boto3.Session(region_name=REGION).client("sagemaker")  # what both have loaded by then
    found: dict[str, list[Waits]] = {"ours": [], "moto": []}
    missing = ""
    for number in range(1, bench.rounds + 1):
        bench.progress(f"round {number} of {bench.rounds}, ours")
        found["ours"].append(_session(_fixtures, bench.folder / f"ours-{number}"))
        if missing:
            continue
        bench.progress(f"round {number} of {bench.rounds}, moto")
        try:
            found["moto"].append(_session(_moto, bench.folder / f"moto-{number}"))
        except NotInstalled as reason:
            missing = f"moto's server   not installed: {reason}"
    first_reset = f"the first one of a session takes {_median(found['ours'], 'first_reset'):.2f} s"
    told = {"first_job": LOCAL_MODE, "next_job": LOCAL_MODE, "reset": first_reset}
    for figure, (name, goal) in FIGURES.items():
        details = [line for line in (missing, told.get(figure)) if line]
        ours, moto = _median(found["ours"], figure), _median(found["moto"], figure) if found["moto"] else None
        yield Row(f"pytest fixtures: {name}", "s", ours, goal, peer=moto, note=NOTHING_RUN, details=details)


def _median(sessions: Sequence[Waits], figure: str) -> float:
    return median(getattr(each, figure) for each in sessions)


def _session(emulator: Callable[[Path], contextlib.AbstractContextManager[Emulator]], folder: Path) -> Waits:
    """One session: its start, and tests that each run a job, leave an object and are followed by a reset."""
    folder.mkdir()
    began = time.perf_counter()
    with emulator(folder) as aws:
        start = time.perf_counter() - began
        jobs, resets = zip(*(_test_seconds(aws) for _ in range(1 + TESTS)), strict=True)
    shutil.rmtree(folder)
    return Waits(start, jobs[0], median(jobs[1:]), median(resets[1:]), resets[0])


def _test_seconds(aws: Emulator) -> tuple[float, float]:
    """Seconds of a job and of the reset after it. Raises Failed where that leaves something."""
    job = _job_seconds(aws, "job")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="left-over")
    s3.put_object(Bucket="left-over", Key="rows.csv", Body=b"1,2\n" * 10_000)
    began = time.perf_counter()
    aws.empty()
    reset = time.perf_counter() - began
    if aws.client("sagemaker").list_processing_jobs()["ProcessingJobSummaries"]:
        raise Failed("the reset has left a job")
    return job, reset


def _job_seconds(aws: Emulator, name: str) -> float:
    """Seconds until a processing job that does nothing is seen to have completed."""
    sagemaker = aws.client("sagemaker")
    began = time.perf_counter()
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=aws.role,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "-c", "pass"]},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}},
    )
    while True:
        found = sagemaker.describe_processing_job(ProcessingJobName=name)
        seconds = time.perf_counter() - began
        if found["ProcessingJobStatus"] == "Completed":
            return seconds
        if found["ProcessingJobStatus"] != "InProgress" or seconds > LONGEST_SECONDS:
            raise Failed(f"{name} is {found['ProcessingJobStatus']}: {found.get('FailureReason', 'no reason given')}")
        time.sleep(LOOK_SECONDS)


@contextlib.contextmanager
def _fixtures(folder: Path) -> Iterator[Emulator]:
    """What the fixtures sagemaker_local_server and sagemaker_local do."""
    from slipway.testing import local_aws

    with local_aws.running(folder / "state") as aws, aws.in_environment():
        yield Emulator(aws.client, aws.role, aws.reset)


@contextlib.contextmanager
def _moto(folder: Path) -> Iterator[Emulator]:
    """Moto's server in an environment of its own. Raises NotInstalled."""
    import boto3

    binaries = environment("moto", MOTO + shared_pins("boto3"))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [str(binaries / "moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            env=bare_environment() | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_up(url, process, folder / "log.txt")
        session = boto3.Session(ACCOUNT, "benchmark", region_name=REGION)
        clients = {name: session.client(name, endpoint_url=url) for name in ("sagemaker", "s3")}
        yield Emulator(clients.__getitem__, ROLE, lambda: _post(f"{url}/moto-api/reset"))
    finally:
        process.terminate()
        process.wait()


def _wait_until_up(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until it answers. Raises NotInstalled with the last thing that it said."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text().strip().splitlines() or ["it said nothing"]
                raise NotInstalled(f"it did not start: {said[-1][:200]}") from None
            time.sleep(LOOK_SECONDS)
            continue
        return


def _post(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=LONGEST_SECONDS).close()
