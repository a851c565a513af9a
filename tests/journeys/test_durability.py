"""What was answered with 200 is there after `kill -9`, and what was deleted is gone."""

import hashlib
import io
import itertools
import json
import os
import random
import signal
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

pytestmark = pytest.mark.journey

ROUNDS = 3  # the supervisor takes five deaths in 30 s for something that a restart does not mend
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
ROLE = "arn:aws:iam::000000000000:role/x"
STACK = json.dumps({"Resources": {f"Queue{n}": {"Type": "AWS::SQS::Queue"} for n in range(3)}})
MACHINE = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def code() -> bytes:
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.py", "def handler(event, context): return event")
        return buffer.getvalue()


def topic(name: str) -> str:
    return f"arn:aws:sns:us-east-1:000000000000:{name}"


def listed(found: list[Any]) -> None:
    assert found


Act = Callable[[Callable[[str], Any], str], Any]
KINDS: dict[str, tuple[Act, Act]] = {  # how one is made, and how it is looked up
    "queue": (lambda c, n: c("sqs").create_queue(QueueName=n), lambda c, n: c("sqs").get_queue_url(QueueName=n)),
    "role": (
        lambda c, n: c("iam").create_role(RoleName=n, AssumeRolePolicyDocument=TRUST),
        lambda c, n: c("iam").get_role(RoleName=n),
    ),
    "parameter": (
        lambda c, n: c("ssm").put_parameter(Name=n, Value="v", Type="String"),
        lambda c, n: c("ssm").get_parameter(Name=n),
    ),
    "secret": (
        lambda c, n: c("secretsmanager").create_secret(Name=n, SecretString="v"),
        lambda c, n: c("secretsmanager").get_secret_value(SecretId=n),
    ),
    "topic": (
        lambda c, n: c("sns").create_topic(Name=n),
        lambda c, n: c("sns").get_topic_attributes(TopicArn=topic(n)),
    ),
    "rule": (
        lambda c, n: c("events").put_rule(Name=n, ScheduleExpression="rate(5 days)"),
        lambda c, n: c("events").describe_rule(Name=n),
    ),
    "bucket": (lambda c, n: c("s3").create_bucket(Bucket=n), lambda c, n: c("s3").head_bucket(Bucket=n)),
    "object": (
        lambda c, n: c("s3").put_object(Bucket="base", Key=n, Body=n.encode(), Tagging="a=b"),
        lambda c, n: c("s3").get_object(Bucket="base", Key=n),
    ),
    "stack": (
        lambda c, n: c("cloudformation").create_stack(StackName=n, TemplateBody=STACK),
        lambda c, n: c("cloudformation").describe_stacks(StackName=n),
    ),
    "table": (
        lambda c, n: c("dynamodb").create_table(TableName=n, **TABLE),
        lambda c, n: c("dynamodb").describe_table(TableName=n),
    ),
    "item": (
        lambda c, n: c("dynamodb").put_item(TableName="base", Item={"id": {"S": n}}),
        lambda c, n: c("dynamodb").get_item(TableName="base", Key={"id": {"S": n}})["Item"],
    ),
    "message": (
        lambda c, n: c("sqs").send_message(
            QueueUrl=c("sqs").get_queue_url(QueueName="base")["QueueUrl"], MessageBody=n
        ),
        lambda c, n: None,  # all are received at the end
    ),
    "log group": (
        lambda c, n: c("logs").create_log_group(logGroupName=n),
        lambda c, n: listed(c("logs").describe_log_groups(logGroupNamePrefix=n)["logGroups"]),
    ),
    "function": (
        lambda c, n: c("lambda").create_function(
            FunctionName=n, Runtime="python3.11", Role=ROLE, Handler="index.handler", Code={"ZipFile": code()}
        ),
        lambda c, n: c("lambda").get_function(FunctionName=n),
    ),
    "alarm": (
        lambda c, n: c("cloudwatch").put_metric_alarm(
            AlarmName=n,
            Namespace="n",
            MetricName="m",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            Statistic="Sum",
        ),
        lambda c, n: listed(c("cloudwatch").describe_alarms(AlarmNames=[n])["MetricAlarms"]),
    ),
    "state machine": (
        lambda c, n: c("stepfunctions").create_state_machine(name=n, definition=MACHINE, roleArn=ROLE),
        lambda c, n: c("stepfunctions").describe_state_machine(
            stateMachineArn=f"arn:aws:states:us-east-1:000000000000:stateMachine:{n}"
        ),
    ),
}


def clients(port: int) -> Callable[[str], Any]:
    """Clients that try nothing again: what they have no answer to may or may not have happened."""
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.session.Session().client(
                service,
                endpoint_url=f"http://127.0.0.1:{port}",
                region_name="us-east-1",
                aws_access_key_id="000000000000",
                aws_secret_access_key="x",
                config=Config(retries={"max_attempts": 0}),
            )
        return made[service]

    return client


def make_until_killed(client: Any, kind: str, prefix: str, acknowledged: list[str], begun: threading.Event) -> None:
    for number in itertools.count():
        name = f"{prefix}-{kind.replace(' ', '-')}-{number}"
        try:
            KINDS[kind][0](client, name)
        except (BotoCoreError, ClientError):
            return
        acknowledged.append(name)
        begun.set()


def test_what_was_acknowledged_is_kept(loopback: Any, wait_until: Any) -> None:
    client = clients(loopback.port)
    client("s3").create_bucket(Bucket="base")
    client("dynamodb").create_table(TableName="base", **TABLE)
    url = client("sqs").create_queue(QueueName="base")["QueueUrl"]
    own = {kind: clients(loopback.port) for kind in KINDS}
    acknowledged: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for number in range(ROUNDS):
        begun = {kind: threading.Event() for kind in KINDS}
        threads = [
            threading.Thread(
                target=make_until_killed,
                args=(own[kind], kind, f"r{number}", acknowledged[kind], begun[kind]),
            )
            for kind in KINDS
        ]
        for thread in threads:
            thread.start()
        for kind in KINDS:
            begun[kind].wait(60)
        time.sleep(random.random() * 0.05)
        killed = loopback.found["pid"]
        os.kill(killed, signal.SIGKILL)
        for thread in threads:
            thread.join(60)
        wait_until(lambda killed=killed: loopback.found["pid"] != killed, 60)
    lost = []
    for kind, names in acknowledged.items():
        assert names, kind
        for name in names:
            try:
                KINDS[kind][1](client, name)
            except (BotoCoreError, ClientError, AssertionError, KeyError) as fault:
                lost.append(f"{name}: {fault}")
    assert not lost
    received = set(received_all(client("sqs"), url))
    assert set(acknowledged["message"]) <= received


def received_all(sqs: Any, url: str) -> list[str]:
    """The bodies of all messages, each of which is deleted."""
    bodies: list[str] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        bodies += [message["Body"] for message in found]
        entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(found)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return bodies


def test_what_was_deleted_stays_deleted(loopback: Any, wait_until: Any) -> None:
    client = clients(loopback.port)
    url = client("sqs").create_queue(QueueName="gone")["QueueUrl"]
    for number in range(30):
        client("sqs").send_message(QueueUrl=url, MessageBody=str(number))
    client("ssm").put_parameter(Name="gone", Value="v", Type="String")
    assert len(received_all(client("sqs"), url)) == 30
    client("ssm").delete_parameter(Name="gone")
    client("sqs").send_message(QueueUrl=url, MessageBody="kept")
    killed = loopback.found["pid"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: loopback.found["pid"] != killed, 60)
    assert received_all(client("sqs"), url) == ["kept"]
    with pytest.raises(ClientError, match="ParameterNotFound"):
        client("ssm").get_parameter(Name="gone")


MEGABYTE = 1 << 20


def memory(pid: int) -> int:
    """The most memory that a process has had, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) >> 10


def test_a_large_object_costs_no_memory(loopback: Any, tmp_path: Path) -> None:
    s3, large, size = loopback.client("s3"), tmp_path / "large", 200 * MEGABYTE
    block = random.Random(1).randbytes(MEGABYTE)
    digest = hashlib.md5()
    with large.open("wb") as file:
        for _ in range(size // MEGABYTE):
            file.write(block)
            digest.update(block)
    s3.create_bucket(Bucket="large")
    before = memory(loopback.found["pid"])
    with large.open("rb") as file:
        answer = s3.put_object(Bucket="large", Key="put", Body=file, ChecksumAlgorithm="CRC32")
    assert answer["ETag"] == f'"{digest.hexdigest()}"'
    s3.copy_object(Bucket="large", Key="copied", CopySource="large/put")
    s3.upload_file(str(large), "large", "parts", Config=TransferConfig(multipart_chunksize=50 * MEGABYTE))
    for key in ("copied", "parts"):
        found = hashlib.md5()
        for part in s3.get_object(Bucket="large", Key=key)["Body"].iter_chunks(MEGABYTE):
            found.update(part)
        assert found.hexdigest() == digest.hexdigest()
    end = s3.get_object(Bucket="large", Key="parts", Range=f"bytes={MEGABYTE}-")["Body"]
    assert sum(len(part) for part in end.iter_chunks(MEGABYTE)) == size - MEGABYTE
    assert memory(loopback.found["pid"]) - before < 50
    assert list((loopback.state / "s3-staged").iterdir()) == []


def test_a_part_that_was_answered_is_there_after_a_kill(loopback: Any, wait_until: Any) -> None:
    s3 = loopback.client("s3")
    s3.create_bucket(Bucket="parts")
    upload = s3.create_multipart_upload(Bucket="parts", Key="key")["UploadId"]
    part = {"Bucket": "parts", "Key": "key", "UploadId": upload}
    etags = [s3.upload_part(**part, PartNumber=n, Body=bytes([n]) * (5 * MEGABYTE))["ETag"] for n in (1, 2)]
    killed = loopback.found["pid"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: loopback.found["pid"] != killed, 60)
    parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]
    s3.complete_multipart_upload(**part, MultipartUpload={"Parts": parts})
    body = s3.get_object(Bucket="parts", Key="key")["Body"].read()
    assert body == b"\x01" * (5 * MEGABYTE) + b"\x02" * (5 * MEGABYTE)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system takes root to mount")
def test_a_full_disk_refuses_what_it_cannot_keep(loopback: Any, tmp_path: Path, wait_until: Any) -> None:
    loopback.down()
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("this machine mounts nothing")
    try:
        other = type(loopback)(small / "state", loopback.port)
        assert other.up().returncode == 0
        fill(other, wait_until)
        other.down()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def mega(number: int) -> bytes:
    return bytes([number]) * MEGABYTE


def refused(client: Any, operation: str, **request: Any) -> str:
    """Why a request is refused; empty when it is not."""
    try:
        getattr(client, operation)(**request)
    except ClientError as fault:
        return f"{fault.response['Error']['Code']}: {fault.response['Error']['Message']}"
    return ""


def fill(loopback: Any, wait_until: Any) -> None:
    s3 = clients(loopback.port)("s3")
    s3.create_bucket(Bucket="full")
    s3.put_object(Bucket="full", Key="before", Body=b"before")
    why = {
        number: refused(s3, "put_object", Bucket="full", Key=f"k{number}", Body=mega(number)) for number in range(60)
    }
    kept = [number for number, message in why.items() if not message]
    assert 0 < len(kept) < 60
    assert all("InternalError" in why[n] and "No space left on device" in why[n] for n in why if n not in kept)
    assert "No space left" in refused(s3, "put_object", Bucket="full", Key="before", Body=mega(0) * 40)
    ssm = clients(loopback.port)("ssm")
    asked = (refused(ssm, "put_parameter", Name=f"/p{n}", Value="v" * 4000, Type="String") for n in range(20000))
    assert "could not be written to disk" in next(message for message in asked if message)
    assert "database or disk is full" in loopback.command("status").stdout
    killed = loopback.found["pid"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: loopback.found["pid"] != killed, 60)
    found = {item["Key"] for item in s3.list_objects_v2(Bucket="full")["Contents"]}
    assert found == {"before", *(f"k{number}" for number in kept)}
    assert s3.get_object(Bucket="full", Key="before")["Body"].read() == b"before"
    for number in kept:
        assert s3.get_object(Bucket="full", Key=f"k{number}")["Body"].read() == mega(number)
