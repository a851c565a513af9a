"""A staging endpoint in this process: boto3's own runtime client, answered before anything is sent."""

# ruff: noqa: N803  the stand-ins take boto3's arguments

import io
import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import boto3
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from slipway.deploy.staging_tests import World
from slipway.tabular.serving import answer

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/demo-churn/7"
CSV, JSON = "text/csv", "application/json"
COLUMNS = ("plan", "minutes")
PREDICTIONS = (0.9, 0.2, 0.7, 0.1)
GOLDEN = {
    "columns": list(COLUMNS),
    "rows": [
        {
            "csv": f"basic,{n}.5",
            "instance": {"plan": "basic", "minutes": n + 0.5},
            "label": float(p > 0.5),
            "prediction": p,
        }
        for n, p in enumerate(PREDICTIONS)
    ],
}


class Raw(io.BytesIO):
    def stream(self, **_):
        yield self.read()


def predict(row):
    return PREDICTIONS[int(row[1].split(".")[0])]


class Refusal(Exception):
    def __init__(self, status, code="ModelError"):
        self.status, self.code = status, code


def container(body, content_type, accept):
    """What the template's inference.py does with a request."""
    if content_type == JSON:
        rows = [[str(row[name]) for name in COLUMNS] for row in json.loads(body)["instances"]]
    elif content_type == CSV:
        rows = [line.split(",") for line in body.splitlines()]
    else:
        raise Refusal(400)
    if not rows or any(len(row) != 2 for row in rows):
        raise Refusal(400)
    try:
        [float(row[1]) for row in rows]
    except ValueError:
        raise Refusal(400) from None
    numbers = [predict(row) for row in rows]
    if accept == JSON:
        return json.dumps({"predictions": numbers}), JSON
    return "\n".join(map(repr, numbers)), f"{CSV}; charset=utf-8"


CLASSES = ["a, b", "c", "3"]
CHANCES = ([0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3], [0.4, 0.3, 0.3])
OF_CLASSES = {
    "columns": list(COLUMNS),
    "classes": CLASSES,
    "rows": [
        {**row, "label": CLASSES[chances.index(max(chances))], "prediction": chances}
        for row, chances in zip(GOLDEN["rows"], CHANCES, strict=True)
    ],
}


def of_classes(body, content_type, accept):
    """What the template's inference.py answers where there are several classes."""
    numbers = [float(line) for line in container(body, content_type, CSV)[0].split()]
    rows = [CHANCES[PREDICTIONS.index(number)] for number in numbers]
    return answer(rows, accept or CSV, classes=CLASSES)


class Bucket:
    """S3, as far as the tests use it."""

    def __init__(self):
        self.objects, self.meta = {}, SimpleNamespace(region_name="us-east-1")

    def put_object(self, Bucket, Key, Body, ContentType):
        self.objects[f"s3://{Bucket}/{Key}"] = Body

    def get_object(self, Bucket, Key):
        if (uri := f"s3://{Bucket}/{Key}") not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": uri}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[uri])}

    def get_paginator(self, _):
        return SimpleNamespace(paginate=self._list)

    def _list(self, Bucket, Prefix, StartAfter):
        start = f"s3://{Bucket}/"
        keys = sorted(uri.removeprefix(start) for uri in self.objects if uri.startswith(start + Prefix))
        found = [{"Key": k, "ETag": str(hash(self.objects[start + k]))} for k in keys if k > StartAfter]
        half = len(found) // 2
        return [{"Contents": found[:half]}, {"Contents": found[half:]}, {}]


class Registry:
    """DescribeEndpoint and what hangs on it."""

    def __init__(self, status="InService", package=ARN):
        self.status, self.package = status, package

    def describe_endpoint(self, EndpointName):
        return {"EndpointStatus": self.status, "EndpointConfigName": f"{EndpointName}-config"}

    def describe_endpoint_config(self, EndpointConfigName):
        return {"ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "model"}]}

    def describe_model(self, ModelName):
        return {"Containers": [{"ModelPackageName": self.package}]}


@dataclass
class Staging:
    """The endpoint, its bucket and its clock. Whatever a test breaks, it sets here."""

    container: object = container
    registry: Registry = field(default_factory=Registry)
    bucket: Bucket = field(default_factory=Bucket)
    seconds: float = 0.01
    record: object = None  # changes a capture record, or drops it by answering None
    delay: float = 7.0
    queue: bool = True
    asked: list = field(default_factory=list)
    time: float = 0.0
    _late: list = field(default_factory=list)

    @property
    def world(self):
        numbers = itertools.count()
        runtime = boto3.client(
            "sagemaker-runtime", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        )
        runtime.meta.events.register("before-send.sagemaker-runtime.*", self._send)
        return World(
            sagemaker=self.registry,
            runtime=runtime,
            s3=self.bucket,
            clock=lambda: self.time,
            sleep=self._sleep,
            now=lambda: datetime(2026, 1, 2, 3, tzinfo=UTC) + timedelta(seconds=self.time),
            new_id=lambda: f"id-{next(numbers)}",
        )

    def _sleep(self, seconds):
        self.time += seconds
        due = [late for late in self._late if late[0] <= self.time]
        self._late = [late for late in self._late if late not in due]
        for _, uri, body in due:
            self.bucket.objects[uri] = body

    def _send(self, request, **_):
        self.time += self.seconds
        headers = {k.lower(): v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}
        if request.url.endswith("/async-invocations"):
            return self._queued(request, headers)
        sent = request.body or b""
        body = (sent if isinstance(sent, bytes) else sent.read()).decode()
        self.asked.append((body, headers))
        try:
            text, kind = self.container(body, headers["content-type"], headers.get("accept", CSV))
        except Refusal as refusal:
            return self._refused(request, refusal)
        self._captured(headers, body, text, kind)
        return AWSResponse(request.url, 200, {"content-type": kind}, Raw(text.encode()))

    def _refused(self, request, refusal):
        status = 424 if refusal.code == "ModelError" else refusal.status
        body = {"Message": "no", "OriginalStatusCode": refusal.status, "OriginalMessage": "said no"}
        headers = {"x-amzn-errortype": refusal.code, "content-type": JSON}
        return AWSResponse(request.url, status, headers, Raw(json.dumps(body).encode()))

    def _queued(self, request, headers):
        location = headers["x-amzn-sagemaker-inputlocation"]
        body, number = self.bucket.objects[location].decode(), len(self.asked)
        self.asked.append((body, headers))
        out, failed = (f"s3://demo-bucket/async/{kind}/{number}" for kind in ("out", "failed"))
        try:
            text, _ = self.container(body, headers["x-amzn-sagemaker-content-type"], headers["x-amzn-sagemaker-accept"])
            late = (self.time + 3, out, text.encode())
        except Refusal as refusal:
            late = (self.time + 3, failed, f"Received client error ({refusal.status}) from primary".encode())
        self._late += [late] if self.queue else []
        answer = {"x-amzn-sagemaker-outputlocation": out, "x-amzn-sagemaker-failurelocation": failed}
        return AWSResponse(request.url, 202, answer, Raw(b'{"InferenceId": "1"}'))

    def _captured(self, headers, body, text, kind):
        key = headers.get("x-amzn-sagemaker-inference-id")
        encoding = {CSV: "CSV", JSON: "JSON"}

        def side(mode, kind, data):
            media = kind.partition(";")[0]
            return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding.get(media, "BASE64")}

        record = {
            "captureData": {
                "endpointInput": side("INPUT", headers["content-type"], body),
                "endpointOutput": side("OUTPUT", kind, text),
            },
            "eventMetadata": {"eventId": "e"} | ({"inferenceId": key} if key else {}),
            "eventVersion": "0",
        }
        record = self.record(record) if self.record else record
        if record:
            name = f"{len(self.asked):05}.jsonl"
            uri = f"s3://demo-bucket/datacapture-staging/demo-staging/AllTraffic/2026/01/02/03/{name}"
            self._late.append((self.time + self.delay, uri, (json.dumps(record) + "\n").encode()))
