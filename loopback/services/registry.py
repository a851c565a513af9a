"""Which function answers which operation, and how a request becomes an answer."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from loopback.core.arn import Place
from loopback.core.aws_warnings import Warn, tell_nobody
from loopback.core.errors import (
    AccessDeniedException,
    ConflictException,
    InternalFailure,
    ServiceError,
    UnknownOperationException,
    ValidationException,
)
from loopback.core.objects import Objects
from loopback.core.permissions import Permit, anything, checks
from loopback.core.quota_rules import QuotaRules
from loopback.core.repositories import Repositories
from loopback.core.states import IllegalTransition
from loopback.core.store import Store
from loopback.services.sdk_support import warn_of_sdk
from loopback.wire import json11, model

Request = dict[str, Any]
Response = dict[str, Any]
BaseCall = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
log = logging.getLogger("loopback")


@dataclass(frozen=True)
class Context:
    """What every handler may use. `on_change(kind slug, name)` tells the threads that carry out work of a change.

    `base` calls a JSON operation of ministack's services, `invoke` a Lambda function (ARN, payload). `client` makes a
    boto3 client of this loopback, with the credentials of a role (its ARN) or, with "", of the account. `permit` asks
    IAM what a role may do; without enforcement that is everything. `is_new`: to what AWS has closed to new customers.
    `quotas` says how much of it the account may have, `warn` keeps what AWS would refuse.
    """

    store: Store
    place: Place
    objects: Objects
    base: BaseCall
    invoke: Callable[[str, Any], Any]
    on_change: Callable[[str, str], None]
    client: Callable[[str, str], Any]
    repositories: Repositories | None = None
    permit: Permit = anything
    is_new: bool = False
    quotas: QuotaRules = field(default_factory=QuotaRules)
    warn: Warn = tell_nobody


Handler = Callable[[Request, Context], Response]
Answer = tuple[int, dict[str, str], bytes]

Refusal = Callable[[ServiceError], ServiceError]
_REFUSALS: dict[str, Refusal] = {}
_HANDLERS: dict[tuple[str, str], Handler] = {}


def handles(operation: str, service: str = "sagemaker") -> Callable[[Handler], Handler]:
    """Register the function below as the answer to an operation. A second one is a programming error."""

    def register(function: Handler) -> Handler:
        if (service, operation) in _HANDLERS:
            raise RuntimeError(f"{service} {operation} has two handlers")
        _HANDLERS[service, operation] = function
        return function

    return register


def refuse_with(service: str, name: Refusal) -> None:
    """Let a service call the faults of a request by names of its own: some have no ValidationException."""
    _REFUSALS[service] = name


def _keep(fault: ServiceError) -> ServiceError:
    return fault


def implemented_operations(service: str) -> frozenset[str]:
    """The operations of a service that loopback runs."""
    return frozenset(operation for name, operation in _HANDLERS if name == service)


def call(service: str, operation: str, request: Mapping[str, Any], context: Context) -> Response:
    """Carry out one operation with the same checks as from the wire. Raises ServiceError."""
    handler = _HANDLERS.get((service, operation))
    if handler is None:
        raise UnknownOperationException(f"loopback does not run {service} {operation}")
    present = {key: value for key, value in request.items() if value is not None}
    try:
        model.check(present, model.operation(service, operation).input_shape)
    except ValidationException as fault:
        raise _REFUSALS.get(service, _keep)(fault) from None
    try:
        return handler(present, context)
    except IllegalTransition as fault:
        raise ConflictException(str(fault)) from None


def call_as(role: str, service: str, operation: str, request: Mapping[str, Any], context: Context) -> Response:
    """`call` with the permissions of a role: its ARN, or "" for the account. Raises ServiceError."""
    context.permit(role, checks(service, operation, request, context.place))
    return call(service, operation, request, context)


def answer(service: str, headers: Mapping[str, str], body: bytes, context: Context) -> Answer:
    """Bytes to bytes: what `ministack.base` puts behind a service's name."""
    answer_headers = {"Content-Type": json11.content_type(service)}
    try:
        _check_region(headers, context.place)
        operation = json11.operation_name(headers.get("x-amz-target", ""), service)
        warn_of_sdk(headers.get("user-agent", ""), context.warn)
        response = call(service, operation, json11.parse_body(body), context)
        return 200, answer_headers, json11.render(response, service, operation)
    except ServiceError as error:
        status, payload = json11.render_error(error)
    except Exception:
        log.exception("%s", headers.get("x-amz-target"))
        status, payload = json11.render_error(InternalFailure("loopback failed; `slipway local logs` has the details"))
    return status, answer_headers, payload


def _check_region(headers: Mapping[str, str], place: Place) -> None:
    """A client of another region would otherwise see an empty account and wonder."""
    _, _, credential = headers.get("authorization", "").partition("Credential=")
    parts = credential.split("/")
    if len(parts) > 3 and parts[2] != place.region:
        raise AccessDeniedException(
            f"This loopback serves {place.region}; the request is signed for {parts[2]}. "
            f"Set AWS_DEFAULT_REGION={place.region}, or start loopback with AWS_DEFAULT_REGION={parts[2]}"
        )
