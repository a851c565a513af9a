"""Models: CreateModel and its family. Endpoints and transform jobs are made from them."""

from typing import Any

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import MODEL
from loopback.core.objects import NoSuchBucket, NoSuchKey, split_uri
from loopback.rows.models import ModelRow
from loopback.rows.row import view_of
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.packages import containers_of
from loopback.services.sagemaker.patched_images import warn_of_image
from loopback.services.sagemaker.tags import keep_tags

LISTING = Listing("Models", MODEL)


@handles("CreateModel")
def create(request: Request, context: Context) -> Response:
    """Check that each container can be found, as AWS does, and write the model down."""
    given = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
    if not given:
        raise ValidationException("CreateModel needs PrimaryContainer or Containers")
    if context.store.exists(MODEL, request["ModelName"]):
        raise ValidationException(f'Cannot create already existing model "{_arn(request["ModelName"], context)}".')
    containers = [found for container in given for found in _resolve_container(container, context)]
    for container in containers:
        require_data(container.get("ModelDataUrl"), context)
        warn_of_image(container.get("Image"), context)
    arn = _arn(request["ModelName"], context)
    with context.store.transaction():
        ModelRow(request=request, containers=containers).create(context.store, request["ModelName"])
        keep_tags(arn, request, context)
    return {"ModelArn": arn}


def _resolve_container(container: dict[str, Any], context: Context) -> list[dict[str, Any]]:
    """A container that names a model package stands for the containers of that package."""
    if "ModelPackageName" in container:
        return [
            {**found, "Environment": {**found.get("Environment", {}), **container.get("Environment", {})}}
            for found in containers_of(container["ModelPackageName"], context)
        ]
    if "Image" not in container:
        raise ValidationException("A container needs Image or ModelPackageName")
    return [container]


def require_data(uri: str | None, context: Context) -> None:
    """AWS refuses a model whose data cannot be read; finding that out later costs minutes."""
    if uri is None:
        return
    bucket, key = split_uri(uri)
    try:
        found = any(
            item.key == key or item.key.startswith(key.rstrip("/") + "/") for item in context.objects.list(bucket, key)
        )
    except (NoSuchBucket, NoSuchKey):
        found = False
    if not found:
        raise ValidationException(f"Could not find model data at {uri}.")


@handles("DescribeModel")
def describe(request: Request, context: Context) -> Response:
    """The model as it was created."""
    return view(_find(request["ModelName"], context), context)


@handles("ListModels")
def list_models(request: Request, context: Context) -> Response:
    """A page of models."""
    return select(request, context, LISTING, view_of(ModelRow, view))


@handles("DeleteModel")
def delete(request: Request, context: Context) -> Response:
    """Delete the row; the model's data in S3 stays, as on AWS."""
    name = _find(request["ModelName"], context).name
    with context.store.transaction():
        context.store.delete(MODEL, name)
        context.store.untag(_arn(name, context))
    return {}


def view(row: ModelRow, context: Context) -> Response:
    """The model as Describe shows it."""
    return row.request | {"ModelArn": _arn(row.name, context), "CreationTime": row.created}


def _find(name: str, context: Context) -> ModelRow:
    try:
        return ModelRow.get(context.store, name)
    except ResourceNotFound:
        raise ValidationException(f'Could not find model "{_arn(name, context)}".') from None


def _arn(name: str, context: Context) -> str:
    return context.place.arn(f"model/{name}")
