"""One request to an endpoint and its answer, whatever kind of endpoint it is. A refusal is an answer too."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

CSV, JSON = "text/csv", "application/json"
POLL_SECONDS = 2.0
REFUSED_BY_CONTAINER, REFUSED_BY_SERVICE = "ModelError", "ValidationError"


@dataclass(frozen=True)
class Answer:
    """`status` is the container's own where it answered, 0 where nothing did; `code` names an AWS error."""

    status: int
    body: str
    content_type: str = ""
    milliseconds: float = 0.0
    code: str = ""

    @property
    def ok(self) -> bool:
        """Whether this is a prediction."""
        return self.status == 200

    @property
    def refused(self) -> bool:
        """Whether the request itself was refused: not a missing permission, a limit or a failure."""
        by_service = self.code == REFUSED_BY_SERVICE and self.status == 400
        return by_service or (self.code == REFUSED_BY_CONTAINER and 400 <= self.status < 500)


class Caller(Protocol):
    """How an endpoint is asked."""

    def __call__(self, body: str, content_type: str, *, accept: str = CSV, inference_id: str = "") -> Answer:
        """Send one request and wait for its answer."""


@dataclass(frozen=True)
class RealTime:
    """InvokeEndpoint; serverless endpoints are asked the same way."""

    runtime: Any
    endpoint: str
    clock: Callable[[], float]
    variant: str = ""

    def __call__(self, body: str, content_type: str, *, accept: str = CSV, inference_id: str = "") -> Answer:
        """The answer, with the time it took here, network included."""
        more = {"InferenceId": inference_id} if inference_id else {}
        if self.variant:
            more["TargetVariant"] = self.variant
        started = self.clock()
        try:
            found = self.runtime.invoke_endpoint(
                EndpointName=self.endpoint, Body=body.encode(), ContentType=content_type, Accept=accept, **more
            )
            text = found["Body"].read().decode(errors="replace")
        except ClientError as error:
            return _refusal(error, (self.clock() - started) * 1000)
        return Answer(200, text, found.get("ContentType", ""), (self.clock() - started) * 1000)


@dataclass(frozen=True)
class Queued:
    """InvokeEndpointAsync: the request lies in S3, the answer or the failure appears there."""

    runtime: Any
    s3: Any
    endpoint: str
    folder: str  # s3://bucket/prefix for the requests
    timeout: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    new_id: Callable[[], str]

    def __call__(self, body: str, content_type: str, *, accept: str = CSV, inference_id: str = "") -> Answer:
        """The answer once it is there; status 0 when nothing appears in time."""
        location = f"{self.folder}/{self.new_id()}"
        bucket, key = split_uri(location)
        more = {"InferenceId": inference_id} if inference_id else {}
        started = self.clock()
        try:
            self.s3.put_object(Bucket=bucket, Key=key, Body=body.encode(), ContentType=content_type)
            queued = self.runtime.invoke_endpoint_async(
                EndpointName=self.endpoint, InputLocation=location, ContentType=content_type, Accept=accept, **more
            )
        except ClientError as error:
            return _refusal(error, (self.clock() - started) * 1000)
        while self.clock() - started < self.timeout:
            if (text := self._read(queued["OutputLocation"])) is not None:
                return Answer(200, text, accept, (self.clock() - started) * 1000)
            failure = queued.get("FailureLocation")
            if failure and (text := self._read(failure)) is not None:
                return Answer(_status_in(text), text, "", (self.clock() - started) * 1000, REFUSED_BY_CONTAINER)
            self.sleep(POLL_SECONDS)
        return Answer(0, f"no answer within {self.timeout:g} s", code="Timeout")

    def _read(self, uri: str) -> str | None:
        bucket, key = split_uri(uri)
        try:
            return str(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode(errors="replace"))
        except ClientError as error:
            if error.response["Error"].get("Code") in {"NoSuchKey", "404"}:
                return None
            raise


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _refusal(error: ClientError, milliseconds: float) -> Answer:
    found = error.response
    own = found.get("OriginalStatusCode")
    status = found.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if own is None else own
    text = found.get("OriginalMessage") or found["Error"].get("Message", "")
    return Answer(int(status), str(text), "", milliseconds, str(found["Error"].get("Code", "")))


def _status_in(text: str) -> int:
    """The container's status in the text of an asynchronous failure; 0 when it names none."""
    found = re.search(r"\((\d{3})\)", text)
    return int(found.group(1)) if found else 0
