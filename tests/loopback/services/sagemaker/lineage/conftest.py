"""A SageMaker client whose requests end in this process, and a session of the SageMaker SDK with it."""

from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from loopback.services import registry
from loopback.services.sagemaker import endpoint_configs, endpoints  # noqa: F401 - they register
from loopback.services.sagemaker.lineage import handlers  # noqa: F401


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content


@pytest.fixture
def client(context: registry.Context) -> Any:
    """A real client of boto3: botocore checks what it sends and reads what it is answered."""
    made = boto3.client(
        "sagemaker", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s", endpoint_url="http://x"
    )

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        given = {name.lower(): _text(value) for name, value in request.headers.items()}
        status, headers, body = registry.answer("sagemaker", given, request.body, context)
        return AWSResponse(request.url, status, headers, _Body(body))

    made.meta.events.register("before-send.sagemaker.*", send)
    return made


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@pytest.fixture
def session(client: Any) -> Any:
    """The SDK's own; nothing that lineage needs of it asks another service."""
    helper = pytest.importorskip("sagemaker.core.helper.session_helper")
    return helper.Session(boto3.Session(region_name="us-east-1"), sagemaker_client=client)
