"""Provisioned products: products that were launched, each a stack `SC-<account>-<id>`, and the records of changes."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import PROVISIONED_PRODUCT
from loopback.core.queries import Selection
from loopback.core.store import Resource
from loopback.rows.catalog import ArtifactRow, ProductRow
from loopback.rows.row import changes
from loopback.rows.stacks import (
    Order,
    ProvisionedProductResult,
    ProvisionedProductRow,
    StackOperationRow,
    has_title,
)
from loopback.services import provisioning
from loopback.services.provisioned_stack import CAPABILITIES
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.servicecatalog.artifacts import artifact_of, product_of, template_argument
from loopback.services.servicecatalog.errors import (
    DuplicateResourceException,
    InvalidParametersException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from loopback.services.servicecatalog.launch import RESOURCE_UPDATE, constraint, launch_role, path_of, path_tags
from loopback.services.servicecatalog.records import detail
from loopback.services.servicecatalog.rows import PAGE, PAGING, arn, find, made_with, new_id

SERVICE = "servicecatalog"
TYPE = "CFN_STACK"
_SORTS = {"arn": "Arn", "id": "Id", "name": "Name", "lastRecordId": "LastRecordId"}
_FIELDS = {
    "arn": "Arn",
    "id": "Id",
    "idempotencyToken": "IdempotencyToken",
    "lastRecordId": "LastRecordId",
    "name": "Name",
    "physicalId": "PhysicalId",
    "productId": "ProductId",
    "provisioningArtifactId": "ProvisioningArtifactId",
    "status": "Status",
    "type": "Type",
}


@handles("ProvisionProduct", SERVICE)
def provision(request: Request, context: Context) -> Response:
    """Launch a product: its stack is made with the launch role of the path."""
    _refuse(request, "ProvisioningPreferences", "NotificationArns")
    if earlier := made_with(StackOperationRow, request["ProvisionToken"], context):
        return {"RecordDetail": detail(earlier)}
    product = product_of(request, context)
    artifact = artifact_of(product, request, context)
    path = path_of(product.name, request, context)
    name = request["ProvisionedProductName"]
    if ProvisionedProductRow.first(context.store, _select_by_name(name)):
        raise DuplicateResourceException(f"A provisioned product named {name} already exists")
    tags = path_tags(path, context) | {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    new = ProvisionedProductRow(
        title=name,
        product=product.name,
        artifact=artifact.name,
        path=path.id,
        tags=tags,
        portfolio=path.parent,
        role=launch_role(path, context),
        token=request["ProvisionToken"],
    )
    template, values = template_argument(artifact, context), _values(request)
    with context.store.transaction():
        row = new.create(context.store, new_id("pp"))
        order = Order("create", _stack(row.name, context), row.role, template, values, tags, CAPABILITIES)
        return _begin(row, _operation(row, order, row.token), context)


def _refuse(request: Request, *members: str) -> None:
    for member in members:
        if request.get(member):
            raise InvalidParametersException(f"loopback does not carry out {member}")


def _values(request: Request) -> dict[str, str]:
    """UsePreviousValue is what an update does with parameters that are not named."""
    given = [entry for entry in request.get("ProvisioningParameters", []) if not entry.get("UsePreviousValue")]
    return {entry["Key"]: entry.get("Value", "") for entry in given}


@handles("UpdateProvisionedProduct", SERVICE)
def update(request: Request, context: Context) -> Response:
    """Another version, other parameters or, where a constraint allows it, other tags."""
    _refuse(request, "ProvisioningPreferences")
    if earlier := made_with(StackOperationRow, request["UpdateToken"], context):
        return {"RecordDetail": detail(earlier)}
    row = _ready(request, context)
    if {"ProductId", "ProductName"} & request.keys() and product_of(request, context).name != row.product:
        raise InvalidParametersException(f"{row.name} was launched from {row.product}; the product cannot change")
    if request.get("PathId", row.path) != row.path:
        raise InvalidParametersException(f"{row.name} was launched on {row.path}; the path cannot change")
    artifact = row.artifact
    template = {}
    if {"ProvisioningArtifactId", "ProvisioningArtifactName"} & request.keys():
        found = artifact_of(find(ProductRow, row.product, context), request, context)
        artifact, template = found.name, template_argument(found, context)
    if "Tags" in request:
        _check_tags(row, context)
    tags = row.tags | {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    after = replace(row, artifact=artifact, tags=tags)
    with context.store.transaction():
        ProvisionedProductRow.fire(context.store, row.name, "change")
        order = Order("update", _stack(row.name, context), row.role, template, _values(request), tags, CAPABILITIES)
        operation = replace(_operation(after, order, request["UpdateToken"]), after=after.to_row()[0])
        return _begin(row, operation, context)


def _check_tags(row: ProvisionedProductRow, context: Context) -> None:
    given = constraint(row.portfolio, row.product, RESOURCE_UPDATE, context)
    if (given.get("Properties") or {}).get("TagUpdateOnProvisionedProduct") != "ALLOWED":
        text = f"Tags of {row.name} can change only with a {RESOURCE_UPDATE} constraint that allows it"
        raise InvalidParametersException(text)


@handles("TerminateProvisionedProduct", SERVICE)
def terminate(request: Request, context: Context) -> Response:
    """Delete the stack; then the provisioned product is gone, and its records stay."""
    _refuse(request, "RetainPhysicalResources")
    if earlier := made_with(StackOperationRow, request["TerminateToken"], context):
        return {"RecordDetail": detail(earlier)}
    row = _ready(request, context)
    with context.store.transaction():
        ProvisionedProductRow.fire(context.store, row.name, "change")
        role = row.role if row.stack_id else ""  # the role may be why there never was a stack
        order = Order("delete", _stack(row.name, context), role)
        operation = _operation(row, order, request["TerminateToken"])
        return _begin(row, replace(operation, ignores=bool(request.get("IgnoreErrors"))), context)


def _ready(request: Request, context: Context) -> ProvisionedProductRow:
    row = _find(request, "ProvisionedProductId", "ProvisionedProductName", context)
    if row.status == "UNDER_CHANGE":
        raise ResourceInUseException(f"Provisioned product {row.name} is being changed; wait until that has ended")
    return row


def _find(request: Request, by_id: str, by_name: str, context: Context) -> ProvisionedProductRow:
    if (by_id in request) == (by_name in request):
        raise InvalidParametersException(f"Either {by_id} or {by_name} must be given, and not both")
    if by_id in request:
        return find(ProvisionedProductRow, request[by_id], context)
    wanted = request[by_name]
    identity = wanted.rpartition("/")[2]
    if row := ProvisionedProductRow.first(context.store, _select_by_name(wanted)):
        return row
    if context.store.exists(PROVISIONED_PRODUCT, identity):
        row = ProvisionedProductRow.get(context.store, identity)
        if _arn(row, context) == wanted:
            return row
    raise ResourceNotFoundException(f"Provisioned product {wanted} not found")


def _select_by_name(name: str) -> Selection:
    return Selection(PROVISIONED_PRODUCT, equal=(has_title(name),))


def _operation(row: ProvisionedProductRow, order: Order, token: str) -> StackOperationRow:
    owner = (PROVISIONED_PRODUCT.slug, row.name)
    return StackOperationRow(order=order, owners=(owner,), record=row.record, token=token)


def _begin(row: ProvisionedProductRow, operation: StackOperationRow, context: Context) -> Response:
    name = new_id("rec")
    begun = changes(ProvisionedProductResult, last=name, message=None)
    if operation.order.verb != "delete":
        begun |= changes(ProvisionedProductResult, last_change=name)
    ProvisionedProductRow.amend(context.store, row.name, "order", result=begun)
    return {"RecordDetail": detail(provisioning.submit(name, operation, context))}


@provisioning.settles(PROVISIONED_PRODUCT.slug)
def settle(owner: Resource, operation: StackOperationRow, context: Context) -> None:
    """Move a provisioned product with the operation on its stack."""
    row, verb = ProvisionedProductRow.from_row(owner), operation.order.verb
    given: dict[str, Any] = {"stack_id": operation.stack_id, "message": operation.message}
    found = changes(ProvisionedProductResult, **{name: value for name, value in given.items() if value})
    if operation.status == "FAILED" and not operation.ignores:
        ProvisionedProductRow.fire(context.store, row.name, "taint" if verb == "update" else "fail", found)
    elif operation.status in ("SUCCEEDED", "FAILED"):
        if verb == "delete":
            context.store.delete(PROVISIONED_PRODUCT, row.name)
            return
        if operation.after is not None:
            ProvisionedProductRow.amend(context.store, row.name, "settle", doc=operation.after)
        success = changes(ProvisionedProductResult, last_success=operation.name)
        ProvisionedProductRow.fire(context.store, row.name, "succeed", found | success)


@handles("DescribeProvisionedProduct", SERVICE)
def describe(request: Request, context: Context) -> Response:
    """By id, or by name or ARN."""
    row = _find(request, "Id", "Name", context)
    return {"ProvisionedProductDetail": view(row, context), "CloudWatchDashboards": []}


@handles("SearchProvisionedProducts", SERVICE)
def search(request: Request, context: Context) -> Response:
    """What was launched. SearchQuery is `field:text`, or a text that any field may hold."""
    if (request.get("AccessLevelFilter") or {}).get("Key", "Account") != "Account":
        raise InvalidParametersException("loopback does not carry out AccessLevelFilter; every caller is the account")
    filters = request.get("Filters") or {}
    if set(filters) - {"SearchQuery"}:
        raise InvalidParametersException(
            f"loopback does not carry out the filters {sorted(filters)}; SearchQuery it does"
        )
    views = [_attributes(row, context) for row in ProvisionedProductRow.find(context.store)]
    kept = [view for view in views if all(_passes(view, query) for query in filters.get("SearchQuery", []))]
    sort = _SORTS.get(request.get("SortBy", ""), "CreatedTime")
    kept.sort(key=lambda view: view[sort], reverse=request.get("SortOrder") == "DESCENDING")
    found = PAGING.of_items(request, kept, "ProvisionedProducts", PAGE)
    return found | {"TotalResultsCount": len(kept)}


def _passes(shown: dict[str, Any], query: str) -> bool:
    name, colon, text = query.partition(":")
    if colon and name not in _FIELDS:
        raise InvalidParametersException(f"SearchQuery {query!r}: {name} is none of {', '.join(_FIELDS)}")
    members = [_FIELDS[name]] if colon else list(_FIELDS.values())
    wanted = (text if colon else query).strip('"').lower()
    values = [str(shown.get(member, "")).lower() for member in members]
    return wanted in values if colon else any(wanted in value for value in values)


def _attributes(row: ProvisionedProductRow, context: Context) -> dict[str, Any]:
    shown = view(row, context) | {"PhysicalId": row.stack_id or None}
    shown["Tags"] = [{"Key": key, "Value": value} for key, value in row.tags.items()]
    with suppress(ResourceNotFound):  # what was launched outlives its product
        shown["ProductName"] = ProductRow.get(context.store, row.product).request["Name"]
    with suppress(ResourceNotFound):
        shown["ProvisioningArtifactName"] = ArtifactRow.get(context.store, row.artifact).title
    return shown


def view(row: ProvisionedProductRow, context: Context) -> dict[str, Any]:
    """ProvisionedProductDetail."""
    return {
        "Name": row.title,
        "Arn": _arn(row, context),
        "Type": TYPE,
        "Id": row.name,
        "Status": row.status,
        "StatusMessage": row.message,
        "CreatedTime": row.created,
        "IdempotencyToken": row.token,
        "LastRecordId": row.last,
        "LastProvisioningRecordId": row.last_change,
        "LastSuccessfulProvisioningRecordId": row.last_success,
        "ProductId": row.product,
        "ProvisioningArtifactId": row.artifact,
        "LaunchRoleArn": row.role or None,
    }


def _stack(identity: str, context: Context) -> str:
    return f"SC-{context.place.account}-{identity}"


def _arn(row: ProvisionedProductRow, context: Context) -> str:
    return arn("stack", f"{row.title}/{row.name}", context)
