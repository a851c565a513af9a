"""Shadow, serverless and asynchronous endpoints, and answers in parts: boto3 as the client."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.journeys.test_endpoints import CAPTURE, Site, logged

pytestmark = pytest.mark.journey

HEAD = """
import os, time
def model_fn(folder): return 0
def input_fn(body, kind): return body
def output_fn(prediction, accept): return prediction
"""
PARTS = (
    HEAD
    + """
def predict_fn(data, model):
    for part in data.split(","):
        if part == "break": raise RuntimeError("broken")
        yield part
"""
)
GATED = (
    HEAD
    + """
import socket
def wait_at_the_gate():
    with socket.create_connection(("127.0.0.1", PORT), 20) as gate: gate.recv(1)
def predict_fn(data, model):
    for part in data.split(","):
        yield part
        wait_at_the_gate()
"""
)
BAD = (
    GATED.partition("def predict_fn")[0]
    + """
def predict_fn(data, model):
    wait_at_the_gate()
    raise RuntimeError('a bad shadow')
"""
)
ECHO = HEAD + "def predict_fn(data, model): time.sleep(0.2); return data.upper() if data != 'fail' else 1 / 0"


@pytest.fixture(scope="module")
def gate() -> Iterator[socket.socket]:
    """Where models wait until the test lets them go on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        yield listening


def let_one_go_on(gate: socket.socket) -> None:
    connection, _ = gate.accept()
    connection.close()


@pytest.fixture(scope="module")
def site(shared: Any, gate: socket.socket) -> Site:
    made, port = Site(shared), str(gate.getsockname()[1])
    for name, script in (("parts", PARTS), ("gated", GATED), ("bad", BAD), ("echo", ECHO)):
        code = {"code/inference.py": script.replace("PORT", port).encode()}
        made.model(name, code, SAGEMAKER_PROGRAM="inference.py")
    return made


def total(site: Site, metric: str, **dimensions: str) -> float:
    now = time.time()
    points = site.loopback.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - 600,
        EndTime=now + 60,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_a_shadow_sees_copies_and_nobody_sees_the_shadow(
    site: Site, gate: socket.socket, wait_until: Callable[..., Any]
) -> None:
    shadow = {"VariantName": "shadow", "ModelName": "bad", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    site.config("with-shadow", {"ModelName": site.marked("seen")}, ShadowProductionVariants=[shadow])
    site.create("shaded", "with-shadow")
    # the shadow has not answered one of them when all five are answered
    assert {site.invoke("shaded", "1", retry=False)["Text"] for _ in range(5)} == {"seen"}
    for _ in range(5):
        let_one_go_on(gate)
    names = {"EndpointName": "shaded", "VariantName": "shadow"}
    wait_until(lambda: total(site, "Invocation5XXErrors", **names) == 5, 15)
    assert total(site, "Invocation5XXErrors", EndpointName="shaded", VariantName="AllTraffic") == 0
    site.sagemaker.delete_endpoint(EndpointName="shaded")


def test_what_a_shadow_says_is_captured_under_its_name(site: Site, wait_until: Callable[..., Any]) -> None:
    shadow = {"VariantName": "shadow", "ModelName": "echo", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    config = site.config(
        "captured", {"ModelName": "marked-seen"}, ShadowProductionVariants=[shadow], DataCaptureConfig=CAPTURE
    )
    site.create("captured", config)
    site.invoke("captured", "abc")

    def found() -> list[str]:
        listed = site.s3.list_objects_v2(Bucket="bucket", Prefix="captured/captured/shadow/")
        return [entry["Key"] for entry in listed.get("Contents", [])]

    (key,) = wait_until(found, 10)
    record = json.loads(site.s3.get_object(Bucket="bucket", Key=key)["Body"].read())
    assert record["captureData"]["endpointInput"]["data"] == "abc"
    site.sagemaker.delete_endpoint(EndpointName="captured")


def test_a_serverless_variant_starts_with_the_first_request(site: Site, wait_until: Callable[..., Any]) -> None:
    serverless = {"VariantName": "a", "ModelName": "echo", "ServerlessConfig": {"MemorySizeInMB": 1024}}
    serverless["ServerlessConfig"]["MaxConcurrency"] = 2
    site.sagemaker.create_endpoint_config(EndpointConfigName="less", ProductionVariants=[serverless])
    site.create("less", "less")
    before = set(site.instances())
    assert site.invoke("less", "abc")["Text"] == "ABC"
    assert len(set(site.instances()) - before) == 1
    assert site.invoke("less", "abc")["Text"] == "ABC"
    wait_until(lambda: total(site, "ModelSetupTime", EndpointName="less", VariantName="a") > 1000, 10)

    def once(_: int) -> str:
        try:
            return str(site.invoke("less", "abc", retry=False)["Text"])
        except ClientError as fault:
            return str(fault.response["Error"]["Code"])

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(once, range(6)))
    assert set(answers) == {"ABC", "ThrottlingException"}
    site.sagemaker.delete_endpoint(EndpointName="less")


def test_asynchronous_requests_are_answered_in_s3_even_after_a_death(
    loopback: Any, wait_until: Callable[..., Any]
) -> None:
    own = Site(loopback)
    own.model("echo", {"code/inference.py": ECHO.encode()}, SAGEMAKER_PROGRAM="inference.py")
    sns, sqs = loopback.client("sns"), loopback.client("sqs")
    topic = sns.create_topic(Name="done")["TopicArn"]
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    output = {
        "S3OutputPath": "s3://bucket/out",
        "S3FailurePath": "s3://bucket/failed",
        "NotificationConfig": {"SuccessTopic": topic, "ErrorTopic": topic},
    }
    config = own.config("later", {"ModelName": "echo"}, AsyncInferenceConfig={"OutputConfig": output})
    own.create("later", config)
    with pytest.raises(ClientError, match="supports InvokeEndpointAsync only"):
        own.invoke("later", "abc")
    own.s3.put_object(Bucket="bucket", Key="in/good", Body=b"abc")
    own.s3.put_object(Bucket="bucket", Key="in/bad", Body=b"fail")

    def ask(name: str) -> dict[str, Any]:
        answer: dict[str, Any] = own.runtime.invoke_endpoint_async(
            EndpointName="later", InputLocation=f"s3://bucket/in/{name}", ContentType="text/csv", InferenceId=name
        )
        return answer

    good, bad, none = ask("good"), ask("bad"), ask("none")
    assert (good["InferenceId"], good["OutputLocation"].startswith("s3://bucket/out/")) == ("good", True)
    wait_until(lambda: _body(own, good["OutputLocation"]) == b"ABC", 10)
    assert b"500 Internal Server Error" in wait_until(lambda: _body(own, bad["FailureLocation"]), 10)
    wait_until(lambda: "ZeroDivisionError: division by zero" in logged(own, "later"), 10)
    assert b"in/none" in wait_until(lambda: _body(own, none["FailureLocation"]), 10)
    heard: dict[str, Any] = {}

    def listen() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            told = json.loads(json.loads(message["Body"])["Message"])
            heard[told["inferenceId"]] = told
        return set(heard) == {"good", "bad", "none"}

    wait_until(listen, 10)
    assert heard["good"]["responseParameters"]["outputLocation"] == good["OutputLocation"]
    assert (heard["good"]["invocationStatus"], heard["bad"]["invocationStatus"]) == ("Completed", "Failed")
    many = [ask("good") for _ in range(30)]
    for pid in {*loopback.processes(), own.plane}:
        _kill(pid)
    assert loopback.up().returncode == 0
    wait_until(lambda: all(_body(own, one["OutputLocation"]) == b"ABC" for one in many), 20)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _body(site: Site, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        body: bytes = site.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError:
        return b""
    return body


def test_parts_arrive_as_the_model_yields_them(site: Site, gate: socket.socket) -> None:
    site.create("gated", site.config("gated", {"ModelName": "gated"}))
    answer = site.runtime.invoke_endpoint_with_response_stream(
        Body="a,b,c", EndpointName="gated", ContentType="text/csv"
    )
    parts = []
    for event in answer["Body"]:  # the model makes the next one only when this one is here
        parts.append(event["PayloadPart"]["Bytes"])
        let_one_go_on(gate)
    assert (parts, answer["InvokedProductionVariant"]) == ([b"a", b"b", b"c"], "AllTraffic")
    site.sagemaker.delete_endpoint(EndpointName="gated")
    site.create("parts", site.config("parts", {"ModelName": "parts"}))
    ask = {"EndpointName": "parts", "ContentType": "text/csv"}
    assert site.invoke("parts", "a,b")["Text"] == "ab"
    with pytest.raises(ClientError, match="broken"):
        site.invoke("parts", "a,break", retry=False)
    broken = site.runtime.invoke_endpoint_with_response_stream(Body="a,break", **ask)["Body"]
    with pytest.raises(Exception, match="ModelStreamError"):
        list(broken)
    site.sagemaker.delete_endpoint(EndpointName="parts")
