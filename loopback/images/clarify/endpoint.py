"""Where the model answers: a shadow endpoint for the time of the analysis, or one that is there already."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from loopback.images.clarify.configuration import Config
from slipway.analysis.errors import BadInput

PREFIX = "sm-clarify"
LOOK_SECONDS = 0.1
_LONGEST_NAME = 63

Invoke = Callable[[str], str]  # a request's body -> the answer's


@contextmanager
def invoking(predictor: Config, content_type: str, accept: str, services: Services) -> Iterator[Invoke]:
    """Ask the predictor's endpoint; one that is made for this is gone afterwards, however it ends."""
    if "endpoint_name" in predictor:
        yield services.invoke(predictor["endpoint_name"], content_type, accept, predictor.get("custom_attributes"))
        return
    mark = f"{int(time.time())}-{secrets.token_hex(2)}"
    name = _name(predictor, mark)
    config = f"{PREFIX}-config-{mark}"
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": predictor["model_name"],
        "InstanceType": predictor["instance_type"],
        "InitialInstanceCount": predictor["initial_instance_count"],
    }
    with services.undo_list() as undo:
        services.call("create_endpoint_config", EndpointConfigName=config, ProductionVariants=[variant])
        undo.append(lambda: services.call("delete_endpoint_config", EndpointConfigName=config))
        services.call("create_endpoint", EndpointName=name, EndpointConfigName=config)
        undo.append(lambda: services.delete(name))
        services.in_service(name)
        yield services.invoke(name, content_type, accept, predictor.get("custom_attributes"))


def _name(predictor: Config, mark: str) -> str:
    before = predictor.get("endpoint_name_prefix") or f"{PREFIX}-{predictor['model_name']}"
    return f"{before[: _LONGEST_NAME - len(mark) - 1].rstrip('-')}-{mark}"


class Services:
    """SageMaker, as the job's role may use it."""

    def __init__(self, client: Callable[[str], Any], sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._sleep = client, sleep

    def call(self, operation: str, **request: Any) -> Any:
        """One operation. Raises BadInput with what the service says."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client("sagemaker"), operation)(**request)
        except (ClientError, BotoCoreError) as error:
            raise BadInput(f"the shadow endpoint: {error}") from error

    @contextmanager
    def undo_list(self) -> Iterator[list[Callable[[], Any]]]:
        """Whatever is appended to the list is called at the end, the last one first, even if another of it fails."""
        steps: list[Callable[[], Any]] = []
        try:
            yield steps
        finally:
            faults = []
            for step in reversed(steps):
                try:
                    step()
                except BadInput as fault:
                    faults.append(fault)
            if faults:
                raise faults[0]

    def _wait_until_created(self, name: str) -> Any:
        while (found := self.call("describe_endpoint", EndpointName=name))["EndpointStatus"] == "Creating":
            self._sleep(LOOK_SECONDS)
        return found

    def delete(self, name: str) -> None:
        """Delete the endpoint, which SageMaker refuses while it is made."""
        self._wait_until_created(name)
        self.call("delete_endpoint", EndpointName=name)

    def in_service(self, name: str) -> None:
        """Wait until the endpoint answers. Raises BadInput when it does not come up."""
        found = self._wait_until_created(name)
        if found["EndpointStatus"] != "InService":
            reason = found.get("FailureReason", "no reason given")
            raise BadInput(f"the shadow endpoint {name} is {found['EndpointStatus']}: {reason}")

    def invoke(self, name: str, content_type: str, accept: str, attributes: str | None) -> Invoke:
        """How the endpoint is asked; the function may be called from several threads."""
        client = self._client("sagemaker-runtime")
        more = {"CustomAttributes": attributes} if attributes else {}

        def ask(body: str) -> str:
            """The answer to one request. Raises BadInput."""
            from botocore.exceptions import BotoCoreError, ClientError

            try:
                answer = client.invoke_endpoint(
                    EndpointName=name, ContentType=content_type, Accept=accept, Body=body.encode(), **more
                )
            except (ClientError, BotoCoreError) as error:
                raise BadInput(f"the model did not answer: {error}") from error
            text: str = answer["Body"].read().decode()
            return text

        return ask


def ask_all(invoke: Invoke, bodies: list[tuple[str, int]], threads: int = 4) -> list[str]:
    """The answers to several requests, some of which are on their way at once."""
    if len(bodies) == 1:
        return [invoke(bodies[0][0])]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda body: invoke(body[0]), bodies))
