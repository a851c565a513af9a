"""Requests of every operation that is answered here: an answer or a refusal, never a failure of loopback or silence."""

import random
import time
import warnings
from collections import Counter
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from loopback.ministack.carried_out import table
from tests.faults.shaped import Requests
from tests.journeys.conftest import Loopback, until

pytestmark = pytest.mark.journey
OURS = (
    "sagemaker",
    "codebuild",
    "codecommit",
    "codedeploy",
    "codepipeline",
    "servicecatalog",
    "application-autoscaling",
)
LONGEST = 60.0  # seconds that an answer may take
# Those that are long by nature, or that end the loopback's own account.
LEFT_OUT = frozenset({"SubscribeToShard", "InvokeWithResponseStream", "StartSyncExecution", "TestState"})
SLOW = 5.0
MOST_FAULTS = 50  # more would say no more


def operations() -> list[tuple[str, str]]:
    """(service, operation) of all that are carried out, by botocore's names of the services."""
    base = [
        (model, name) for one in table()["services"].values() for model in one["model"] for name in one["operations"]
    ]
    session = boto3.session.Session()._session
    known = [(service, name) for service in OURS for name in session.get_service_model(service).operation_names]
    there = {(service, name) for service, name in base if name in session.get_service_model(service).operation_names}
    return sorted(there | set(known))


def client_of(loopback: Loopback, service: str) -> Any:
    return boto3.session.Session().client(
        service,
        endpoint_url=f"http://127.0.0.1:{loopback.port}",
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key=loopback.secret,
        config=Config(
            retries={"max_attempts": 0},
            read_timeout=LONGEST,
            parameter_validation=False,
            inject_host_prefix=False,
            s3={"addressing_style": "path"},
        ),
    )


def test_whatever_has_the_shape_of_a_request_is_answered(loopback: Loopback, requests: int, seed: int) -> None:
    chance = random.Random(seed)
    make, known, clients = Requests(chance), operations(), dict[str, Any]()
    seen, faults, slow = Counter[str](), list[str](), Counter[str]()
    for _ in range(requests):
        service, name = chance.choice(known)
        if name in LEFT_OUT:
            continue
        if service not in clients:
            clients[service] = client_of(loopback, service)
        began = time.monotonic()
        seen[outcome(clients[service], name, make, faults)] += 1
        if len(faults) > MOST_FAULTS:
            break
        if time.monotonic() - began > SLOW:
            slow[f"{service}:{name}"] += 1
    print(dict(seen), dict(slow))
    assert faults == [], "\n".join(faults)
    assert seen["answered"] > requests / 20, seen
    assert loopback.client("sqs").list_queues()
    until(lambda: loopback.command("status").returncode == 0, 10)


def outcome(client: Any, name: str, make: Requests, faults: list[str]) -> str:
    """What became of one request; what must not be is added to the faults."""
    model = client.meta.service_model.operation_model(name)
    request = make.of(model)
    where = f"{client.meta.service_model.service_name}:{name} {str(request)[:300]}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            client._make_api_call(name, request)
        except ClientError as fault:
            status = fault.response["ResponseMetadata"]["HTTPStatusCode"]
            if status >= 500 and status != 501:
                faults.append(f"{status} {fault}: {where}")
            return "refused"
        except ReadTimeoutError:
            faults.append(f"no answer in {LONGEST:.0f} s: {where}")
            return "no answer"
        except BotoCoreError as fault:
            if "EndpointConnectionError" in type(fault).__name__ or "ConnectionClosed" in type(fault).__name__:
                faults.append(f"{fault}: {where}")
            return "not sent"
        except Exception:  # noqa: BLE001  # of botocore's serializers and parsers, which were not made for this
            return "not sent"
    return "answered"
