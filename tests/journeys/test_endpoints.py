"""Endpoints for real: instances that answer, die, are replaced, updated and captured; boto3 as the client."""

import contextlib
import csv
import io
import json
import os
import signal
import socket
import tarfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

import boto3
import numpy as np
import pytest
import xgboost
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.tables import table

pytestmark = pytest.mark.journey

DATA = table("churn")
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
ROLE = "arn:aws:iam::000000000000:role/pipeline"
PAUSE = 0.01  # seconds between two requests of a thread
NUMBERS = (
    "Account Length",
    "VMail Message",
    "Day Mins",
    "Day Calls",
    "Eve Mins",
    "Night Mins",
    "Intl Mins",
    "CustServ Calls",
)
MARK = """
def model_fn(folder): return 0
def input_fn(body, kind): return body
def predict_fn(data, model): return {mark!r}
def output_fn(prediction, accept): return prediction
"""
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://bucket/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}


def customers(count: int) -> tuple[np.ndarray, np.ndarray]:
    with DATA.open() as file:
        rows = [row for _, row in zip(range(count), csv.DictReader(file), strict=False)]
    features = np.array([[float(row[name]) for name in NUMBERS] for row in rows], dtype=np.float32)
    return features, np.array([row["Churn?"].strip().startswith("T") for row in rows], dtype=np.float32)


def packed(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


class Site:
    """One loopback with models to serve."""

    def __init__(self, loopback: Any) -> None:
        self.loopback = loopback
        self.s3, self.sagemaker, self.runtime = (
            loopback.client(name) for name in ("s3", "sagemaker", "sagemaker-runtime")
        )
        self.impatient = boto3.client(
            "sagemaker-runtime",
            endpoint_url=f"http://127.0.0.1:{loopback.port}",
            region_name="us-east-1",
            aws_access_key_id="000000000000",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )
        if not [b for b in self.s3.list_buckets()["Buckets"] if b["Name"] == "bucket"]:
            self.s3.create_bucket(Bucket="bucket")

    def model(self, name: str, files: dict[str, bytes], **environ: str) -> None:
        self.s3.put_object(Bucket="bucket", Key=f"{name}/model.tar.gz", Body=packed(files))
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://bucket/{name}/model.tar.gz", "Environment": environ}
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)

    def marked(self, mark: str) -> str:
        """A model that answers every request with its mark."""
        script = {"code/inference.py": MARK.format(mark=mark).encode()}
        self.model(f"marked-{mark}", script, SAGEMAKER_PROGRAM="inference.py")
        return f"marked-{mark}"

    def config(self, name: str, *variants: dict[str, Any], **more: Any) -> str:
        given = {"VariantName": "AllTraffic", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[given | variant for variant in variants], **more
        )
        return name

    def create(self, name: str, config: str) -> dict[str, Any]:
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        return self.settled(name)

    def settled(self, name: str, seconds: float = 30) -> dict[str, Any]:
        deadline = time.time() + seconds
        while time.time() < deadline:
            found: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=name)
            if found["EndpointStatus"] in ("InService", "Failed"):
                return found
            time.sleep(0.02)
        pytest.fail(f"not within {seconds} s: {found}")

    def invoke(self, name: str, body: str, *, retry: bool = True, **more: Any) -> dict[str, Any]:
        request = {"EndpointName": name, "Body": body, "ContentType": "text/csv"} | more
        answer: dict[str, Any] = (self.runtime if retry else self.impatient).invoke_endpoint(**request)
        return answer | {"Text": answer["Body"].read().decode()}

    def processes(self, text: str) -> list[int]:
        """Processes of this loopback whose environment or command line has `text`."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                command = (path / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if text.encode() in command and str(self.loopback.state).encode() in command:
                found.append(int(path.name))
        return found

    @property
    def plane(self) -> int:
        (pid,) = self.processes("loopback.runtimes.endpoints.plane")
        return pid

    def instances(self) -> list[int]:
        """The hosts that serve: descendants of the data plane's zygote that have a model mounted."""
        zygotes = self.loopback.children(self.plane)
        hosts = [pid for zygote in zygotes for pid in self.loopback.children(zygote)]
        return [pid for pid in hosts if "/ml" in _mounts(pid)]


def _mounts(pid: int) -> str:
    """What is mounted on /opt/ml; nothing for the first process of a host's namespace, which only collects others."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""
    if next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[-1] == "1":
        return ""
    return "".join(line for line in lines if " /opt/ml " in line)


@pytest.fixture(scope="module")
def site(shared: Any) -> Site:
    return Site(shared)


@pytest.fixture
def own(loopback: Any) -> Site:
    """A site whose processes may be killed."""
    return Site(loopback)


@pytest.fixture(scope="module")
def churn(site: Site) -> str:
    features, labels = customers(800)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(features, labels), 10)
    site.model("churn", {"xgboost-model": bytes(booster.save_raw())})
    return "churn"


class Load:
    """Requests in the background, one after another on each of some threads; `errors` are what went wrong.

    Some hundred a second: more would only take the processors from what is tested.
    boto3 tries again after some errors, unless `retry` is False.
    """

    def __init__(self, site: Site, name: str, *, retry: bool = False, threads: int = 4) -> None:
        self._retry = retry
        self.answers: list[str] = []
        self.errors: list[str] = []
        self._site, self._name, self._stop = site, name, threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            try:
                self.answers.append(self._site.invoke(self._name, "1", retry=self._retry)["Text"])
            except Exception as error:  # noqa: BLE001 - the test wants to see them all
                self.errors.append(repr(error))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_a_registered_version_answers(site: Site, churn: str, wait_until: Any) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://bucket/{churn}/model.tar.gz"}
    site.sagemaker.create_model_package_group(ModelPackageGroupName="customers")
    version = site.sagemaker.create_model_package(
        ModelPackageGroupName="customers",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    site.sagemaker.create_model(
        ModelName="approved", PrimaryContainer={"ModelPackageName": version}, ExecutionRoleArn=ROLE
    )
    found = site.create("Customers", site.config("customers", {"ModelName": "approved"}, DataCaptureConfig=CAPTURE))
    assert found["EndpointStatus"] == "InService"
    features, _ = customers(3)
    rows = "\n".join(",".join(map(str, row)) for row in features)
    text = site.invoke("customers", rows, CustomAttributes="trace=abc", InferenceId="order-42")
    scores = [float(line) for line in text["Text"].split()]
    assert (len(scores), all(0 < score < 1 for score in scores)) == (3, True)
    assert (text["InvokedProductionVariant"], text["ContentType"]) == ("AllTraffic", "text/csv")
    as_json = site.invoke("customers", rows, Accept="application/json")
    assert [entry["score"] for entry in json.loads(as_json["Text"])["predictions"]] == pytest.approx(scores)
    with pytest.raises(ClientError) as caught:
        site.invoke("customers", "no,number")
    refused = caught.value.response
    assert (refused["Error"]["Code"], refused["OriginalStatusCode"]) == ("ModelError", 415)
    assert "could not convert" in refused["OriginalMessage"]
    _captured(site, wait_until, rows, text["Text"])
    _metrics(site, wait_until)


def _captured(site: Site, wait_until: Any, asked: str, answered: str) -> None:
    def keys() -> list[str]:
        listed = site.s3.list_objects_v2(Bucket="bucket", Prefix="captured/Customers/AllTraffic/")
        return [entry["Key"] for entry in listed.get("Contents", [])]

    found = wait_until(keys, 10)
    body = site.s3.get_object(Bucket="bucket", Key=found[0])["Body"].read().decode()
    first = json.loads(body.splitlines()[0])
    assert first["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": asked,
        "encoding": "CSV",
    }
    assert first["captureData"]["endpointOutput"]["data"] == answered
    assert (first["eventMetadata"]["inferenceId"], first["eventMetadata"]["customAttributes"]) == (
        "order-42",
        ["trace=abc"],
    )


def _metrics(site: Site, wait_until: Any) -> None:
    cloudwatch = site.loopback.client("cloudwatch")

    def total(name: str) -> float:
        now = time.time()
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=[{"Name": "EndpointName", "Value": "Customers"}, {"Name": "VariantName", "Value": "AllTraffic"}],
            StartTime=now - 600,
            EndTime=now + 60,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    wait_until(lambda: total("Invocations") == 3, 10)
    assert (total("Invocation4XXErrors"), total("Invocation5XXErrors")) == (1, 0)
    assert total("ModelLatency") > 100  # microseconds


def logged(site: Site, endpoint: str) -> str:
    logs, group = site.loopback.client("logs"), f"/aws/sagemaker/Endpoints/{endpoint}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return ""
    return "\n".join(event["message"] for event in logs.filter_log_events(logGroupName=group)["events"])


def test_what_cannot_be_answered_says_why(site: Site, wait_until: Any) -> None:
    with pytest.raises(ClientError, match="Endpoint nobody of account 000000000000 not found"):
        site.invoke("nobody", "1")
    failed = site.config("broken", {"ModelName": site.marked("x")})
    site.model("empty", {"readme.txt": b"no model"})
    site.config("empty", {"ModelName": "empty"})
    broken = site.create("empty", "empty")
    assert broken["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in broken["FailureReason"]
    assert "readme.txt is not an XGBoost model" in broken["FailureReason"]
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        site.sagemaker.update_endpoint(EndpointName="empty", EndpointConfigName=failed)
    wait_until(lambda: "readme.txt is not an XGBoost model" in logged(site, "empty"), 10)
    site.sagemaker.delete_endpoint(EndpointName="empty")


def test_an_update_takes_over_without_a_failed_request_and_a_bad_one_does_not(site: Site, wait_until: Any) -> None:
    site.config("blue", {"ModelName": site.marked("blue")})
    site.config("green", {"ModelName": site.marked("green")})
    site.model("no-model", {"readme.txt": b"no model"})
    site.config("black", {"ModelName": "no-model"})
    site.create("colours", "blue")
    with Load(site, "colours") as load:
        site.sagemaker.update_endpoint(EndpointName="colours", EndpointConfigName="green")
        found = site.settled("colours")
        wait_until(lambda: load.answers[-1:] == ["green"], 5)
        site.sagemaker.update_endpoint(EndpointName="colours", EndpointConfigName="black")
        after = site.settled("colours")
        time.sleep(0.2)
    assert (load.errors, set(load.answers)) == ([], {"blue", "green"})
    assert (found["EndpointConfigName"], found["EndpointStatus"]) == ("green", "InService")
    assert (after["EndpointConfigName"], after["EndpointStatus"]) == ("green", "InService")
    assert "did not pass the ping health check" in after["FailureReason"]


def test_weights_decide_who_answers(site: Site) -> None:
    a, b = ({"VariantName": mark, "ModelName": site.marked(mark)} for mark in ("a", "b"))
    site.create("split", site.config("split", a, b | {"InitialVariantWeight": 0.0}))
    assert {site.invoke("split", "1")["Text"] for _ in range(20)} == {"a"}
    assert site.invoke("split", "1", TargetVariant="b")["InvokedProductionVariant"] == "b"
    with pytest.raises(ClientError, match="Variant c not found"):
        site.invoke("split", "1", TargetVariant="c")
    wanted = [
        {"VariantName": "a", "DesiredWeight": 1.0},
        {"VariantName": "b", "DesiredWeight": 3.0, "DesiredInstanceCount": 2},
    ]
    site.sagemaker.update_endpoint_weights_and_capacities(EndpointName="split", DesiredWeightsAndCapacities=wanted)
    found = {variant["VariantName"]: variant for variant in site.settled("split")["ProductionVariants"]}
    assert (found["b"]["CurrentInstanceCount"], found["b"]["CurrentWeight"]) == (2, 3.0)
    counted = Counter(site.invoke("split", "1")["Text"] for _ in range(200))
    assert 115 < counted["b"] < 185  # 150 expected; six standard deviations
    site.sagemaker.delete_endpoint(EndpointName="split")


def test_deaths_of_an_instance_the_job_worker_the_control_plane_and_the_data_plane(
    own: Site, step: Any, wait_until: Any
) -> None:
    config = own.config("two", {"ModelName": own.marked("here"), "InitialInstanceCount": 2}, DataCaptureConfig=CAPTURE)
    own.create("two", config)
    assert len(own.instances()) == 2
    with Load(own, "two") as load:
        time.sleep(0.3)
        os.kill(own.instances()[0], signal.SIGKILL)
        wait_until(lambda: len(own.instances()) == 2, 10)
        job = own.loopback.start({"Steps": [step("Job", "import time; open('/tmp/begun', 'w'); time.sleep(60)")]})
        wait_until(lambda: own.loopback.left("begun"), 20)
        control = own.loopback.found["pid"]
        os.kill(next(pid for pid in own.loopback.children(control) if "zygote" in _command(pid)), signal.SIGKILL)
        assert job.wait(20).status == "Failed"
        before = len(load.answers)
        os.kill(control, signal.SIGKILL)
        wait_until(lambda: len(load.answers) > before + 20, 20)
        wait_until(lambda: _answers(own.loopback.port), 20)
    assert (load.errors, set(load.answers)) == ([], {"here"})
    with Load(own, "two", retry=True) as patient:
        plane = own.plane
        os.kill(plane, signal.SIGKILL)
        wait_until(lambda: own.processes("loopback.runtimes.endpoints.plane") not in ([], [plane]), 20)
        before = len(patient.answers)
        wait_until(lambda: len(patient.answers) > before + 20, 20)
    assert (patient.errors, set(patient.answers)) == ([], {"here"})
    assert own.settled("two")["EndpointStatus"] == "InService"
    own.loopback.down()
    assert own.loopback.up().returncode == 0
    listed = own.s3.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix="captured/two/")
    keys = [entry["Key"] for page in listed for entry in page.get("Contents", [])]
    lines = [line for key in keys for line in own.s3.get_object(Bucket="bucket", Key=key)["Body"].read().splitlines()]
    assert len(lines) >= len(load.answers) + len(patient.answers)  # no acknowledged request is lost


def test_endpoints_come_back_after_kill_9_of_everything(own: Site, wait_until: Any) -> None:
    own.create("kept", own.config("kept", {"ModelName": own.marked("kept")}))
    victims = {*own.loopback.processes(), own.plane}
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):  # it has ended with the one before
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not [pid for pid in victims if _runs(pid)], 10)
    assert own.loopback.up().returncode == 0
    assert own.settled("kept")["EndpointStatus"] == "InService"
    assert own.invoke("kept", "1")["Text"] == "kept"
    plane = own.plane
    own.loopback.down()
    wait_until(lambda: not _runs(plane), 5)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
