"""Job definitions: Create, Describe, List and Delete for each type of monitor."""

from functools import partial
from typing import Any

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import MONITORING_SCHEDULE, Kind
from loopback.core.queries import Selection, equals, has
from loopback.rows.endpoints import EndpointRow
from loopback.rows.monitoring import MonitoringDefinitionRow
from loopback.rows.row import view_of
from loopback.services.listing import Listing, filters, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker import endpoints
from loopback.services.sagemaker.closed import MODEL_MONITOR, require_open
from loopback.services.sagemaker.monitoring import specs
from loopback.services.sagemaker.tags import keep_tags


def create(request: Request, context: Context, kind: str) -> Response:
    """Check it as AWS does, and write it down; it never changes."""
    require_open(MODEL_MONITOR, context)
    name, row_kind = request["JobDefinitionName"], specs.KINDS[kind]
    spec = specs.of_definition(kind, request)
    specs.check(spec)
    require_capture(spec.endpoint, context)
    arn = _arn(row_kind, name, context)
    with context.store.transaction():
        context.store.create(row_kind, name, request)
        keep_tags(arn, request, context)
    return {"JobDefinitionArn": arn}


def require_capture(name: str, context: Context) -> EndpointRow:
    """The endpoint of a monitor. Raises ValidationException when it is not there or captures nothing."""
    arn = endpoints.arn_of(name, context)
    try:
        row = EndpointRow.get(context.store, name.lower())
    except ResourceNotFound:
        raise ValidationException(f'Could not find endpoint "{arn}".') from None
    if row.status == "Failed" or not capture_of(row):
        raise ValidationException(
            f'Endpoint "{arn}" {"has failed" if row.status == "Failed" else "has no data capture"}; a monitor needs an '
            "endpoint whose configuration has DataCaptureConfig"
        )
    return row


def capture_of(endpoint: EndpointRow) -> dict[str, Any] | None:
    """The DataCaptureConfig of what the endpoint serves, or is about to serve."""
    fleet = endpoint.serving or endpoint.pending
    return fleet.capture if fleet else None


def describe(request: Request, context: Context, kind: str) -> Response:
    """The definition as it was created."""
    row = MonitoringDefinitionRow.from_row(context.store.get(specs.KINDS[kind], request["JobDefinitionName"]))
    return row.request | {"JobDefinitionArn": _arn(specs.KINDS[kind], row.name, context), "CreationTime": row.created}


def list_definitions(request: Request, context: Context, kind: str) -> Response:
    """A page of definitions, of one endpoint if the request names it."""
    path = f"{kind}JobInput.EndpointInput.EndpointName"
    within = Selection(specs.KINDS[kind], where=filters(request, {"EndpointName": has(path)}))
    listing = Listing("JobDefinitionSummaries", within.kind)
    return select(request, context, listing, partial(view_of(MonitoringDefinitionRow, _summary), kind=kind), within)


def _summary(row: MonitoringDefinitionRow, context: Context, kind: str) -> dict[str, Any]:
    return {
        "MonitoringJobDefinitionName": row.name,
        "MonitoringJobDefinitionArn": _arn(specs.KINDS[kind], row.name, context),
        "CreationTime": row.created,
        "EndpointName": specs.of_definition(kind, row.request).endpoint,
    }


def delete(request: Request, context: Context, kind: str) -> Response:
    """Delete it, unless a schedule needs it for its next execution."""
    row_kind, name = specs.KINDS[kind], request["JobDefinitionName"]
    context.store.get(row_kind, name)
    config = "MonitoringScheduleConfig"
    terms = (equals(f"{config}.MonitoringJobDefinitionName", name), equals(f"{config}.MonitoringType", kind))
    if schedule := context.store.first(Selection(MONITORING_SCHEDULE, equal=terms)):
        raise ValidationException(
            f"The job definition {name} is used by the monitoring schedule {schedule.name}; delete that first"
        )
    with context.store.transaction():
        context.store.delete(row_kind, name)
        context.store.untag(_arn(row_kind, name, context))
    return {}


def _arn(kind: Kind, name: str, context: Context) -> str:
    return context.place.arn(f"{kind.slug}/{name}")


def _register(kind: str) -> None:
    operations = {
        f"Create{kind}JobDefinition": create,
        f"Describe{kind}JobDefinition": describe,
        f"List{kind}JobDefinitions": list_definitions,
        f"Delete{kind}JobDefinition": delete,
    }
    for operation, function in operations.items():

        def handler(request: Request, context: Context, function: Any = function) -> Response:
            response: Response = function(request, context, kind)
            return response

        handles(operation)(handler)


for _kind in specs.KINDS:
    _register(_kind)
