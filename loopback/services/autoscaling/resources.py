"""What all of Application Auto Scaling's operations share: which resources there are, their rows, errors and pages."""

import re
from collections.abc import Callable
from typing import Any

from loopback.core.errors import ResourceNotFound, ServiceError, ValidationException
from loopback.core.kinds import SCALING_ACTIVITY
from loopback.core.queries import Selection
from loopback.core.store import Resource
from loopback.rows.autoscaling import ScalableTargetRow
from loopback.services.paging import Items, Paging
from loopback.services.registry import Context, Request

SERVICE = "application-autoscaling"
NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
MOST_LISTED = 50
_RESOURCE = re.compile(r"endpoint/([A-Za-z0-9](?:-*[A-Za-z0-9])*)/variant/([A-Za-z0-9](?:-*[A-Za-z0-9])*)")


class ObjectNotFoundException(ServiceError):
    """There is no such scalable target, policy or scheduled action."""


class ResourceNotFoundException(ServiceError):
    """There is no scalable target with that ARN."""


class TooManyTagsException(ServiceError):
    """A scalable target has at most 50 tags."""


class InvalidNextTokenException(ServiceError):
    """The token is not one that the operation gave."""


PAGING = Paging(error=InvalidNextTokenException)


def check_kind(request: Request) -> None:
    """Raises ValidationException for what is not the instance count of an endpoint's variant."""
    if request["ServiceNamespace"] != NAMESPACE:
        raise ValidationException(
            f"loopback scales ServiceNamespace {NAMESPACE} only, not {request['ServiceNamespace']}"
        )
    if request.get("ScalableDimension", DIMENSION) != DIMENSION:
        raise ValidationException(
            f"loopback scales ScalableDimension {DIMENSION} only, not {request['ScalableDimension']}"
        )


def place_of(resource: str) -> tuple[str, str]:
    """The endpoint and the variant of a ResourceId. Raises ValidationException."""
    match = _RESOURCE.fullmatch(resource)
    if match is None:
        raise ValidationException(
            f"Unsupported resource type or malformed ResourceId {resource!r}; expected endpoint/<name>/variant/<name>"
        )
    return match[1], match[2]


def target_of(request: Request, context: Context) -> ScalableTargetRow:
    """The target that a request is about. Raises ValidationException, ObjectNotFoundException."""
    check_kind(request)
    place_of(request["ResourceId"])
    try:
        return ScalableTargetRow.get(context.store, request["ResourceId"])
    except ResourceNotFound:
        raise ObjectNotFoundException(
            f"No scalable target registered for service namespace: {NAMESPACE}, resource ID: "
            f"{request['ResourceId']}, scalable dimension: {DIMENSION}"
        ) from None


def resource_members(request: Request) -> dict[str, str]:
    """The members that say of which resource something is."""
    return {"ServiceNamespace": NAMESPACE, "ResourceId": request["ResourceId"], "ScalableDimension": DIMENSION}


def is_moving(resource: str, context: Context) -> bool:
    """Whether a change of the capacity is being carried out."""
    return context.store.first(Selection(SCALING_ACTIVITY, resource, ("InProgress",))) is not None


def page(
    selection: Selection, show: Callable[[Resource], Any], output: str, request: Request, context: Context
) -> dict[str, Any]:
    """The rows that a Describe request asks for, each as `show` makes it; at most MOST_LISTED."""
    size = max(1, min(request.get("MaxResults", MOST_LISTED), MOST_LISTED))
    return PAGING.of_rows(context.store, {**request, "MaxResults": size}, [selection], Items(output, show, size))
