"""Provisioned products: products that were launched, each a stack `SC-<account>-<id>`, and the records of changes."""

from typing import Any

from loopback.core.kinds import CATALOG_ARTIFACT, CATALOG_PRODUCT, PROVISIONED_PRODUCT, STACK_OPERATION
from loopback.core.queries import Selection, equals
from loopback.core.store import Resource
from loopback.services import provisioning
from loopback.services.provisioned_stack import CAPABILITIES, Order
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
    if earlier := made_with(STACK_OPERATION, request["ProvisionToken"], context):
        return {"RecordDetail": detail(earlier)}
    product = product_of(request, context)
    artifact = artifact_of(product, request, context)
    path = path_of(product.name, request, context)
    name = request["ProvisionedProductName"]
    if context.store.first(_select_by_name(name)):
        raise DuplicateResourceException(f"A provisioned product named {name} already exists")
    tags = path_tags(path, context) | {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    doc = {"name": name, "product": product.name, "artifact": artifact.name, "path": path.doc["id"], "tags": tags}
    doc |= {"portfolio": path.parent, "role": launch_role(path, context), "token": request["ProvisionToken"]}
    template, values = template_argument(artifact, context), _values(request)
    with context.store.transaction():
        row = context.store.create(PROVISIONED_PRODUCT, new_id("pp"), doc)
        order = Order("create", _stack(row.name, context), doc["role"], template, values, tags, CAPABILITIES)
        return _begin(row, order, {"IdempotencyToken": request["ProvisionToken"]}, context)


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
    if earlier := made_with(STACK_OPERATION, request["UpdateToken"], context):
        return {"RecordDetail": detail(earlier)}
    row = _ready(request, context)
    if {"ProductId", "ProductName"} & request.keys() and product_of(request, context).name != row.doc["product"]:
        raise InvalidParametersException(
            f"{row.name} was launched from {row.doc['product']}; the product cannot change"
        )
    if request.get("PathId", row.doc["path"]) != row.doc["path"]:
        raise InvalidParametersException(f"{row.name} was launched on {row.doc['path']}; the path cannot change")
    artifact = row.doc["artifact"]
    template = {}
    if {"ProvisioningArtifactId", "ProvisioningArtifactName"} & request.keys():
        found = artifact_of(find(CATALOG_PRODUCT, row.doc["product"], context), request, context)
        artifact, template = found.name, template_argument(found, context)
    if "Tags" in request:
        _check_tags(row, context)
    tags = row.doc["tags"] | {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    doc = row.doc | {"artifact": artifact, "tags": tags}
    with context.store.transaction():
        context.store.fire(PROVISIONED_PRODUCT, row.name, "change")
        order = Order("update", _stack(row.name, context), doc["role"], template, _values(request), tags, CAPABILITIES)
        return _begin(row, order, {"IdempotencyToken": request["UpdateToken"], "after": doc}, context)


def _check_tags(row: Resource, context: Context) -> None:
    given = constraint(row.doc["portfolio"], row.doc["product"], RESOURCE_UPDATE, context)
    if (given.get("Properties") or {}).get("TagUpdateOnProvisionedProduct") != "ALLOWED":
        text = f"Tags of {row.name} can change only with a {RESOURCE_UPDATE} constraint that allows it"
        raise InvalidParametersException(text)


@handles("TerminateProvisionedProduct", SERVICE)
def terminate(request: Request, context: Context) -> Response:
    """Delete the stack; then the provisioned product is gone, and its records stay."""
    _refuse(request, "RetainPhysicalResources")
    if earlier := made_with(STACK_OPERATION, request["TerminateToken"], context):
        return {"RecordDetail": detail(earlier)}
    row = _ready(request, context)
    more = {"IdempotencyToken": request["TerminateToken"], "ignores": bool(request.get("IgnoreErrors"))}
    with context.store.transaction():
        context.store.fire(PROVISIONED_PRODUCT, row.name, "change")
        role = row.doc["role"] if row.result.get("stack_id") else ""  # the role may be why there never was a stack
        return _begin(row, Order("delete", _stack(row.name, context), role), more, context)


def _ready(request: Request, context: Context) -> Resource:
    row = _find(request, "ProvisionedProductId", "ProvisionedProductName", context)
    if row.status == "UNDER_CHANGE":
        raise ResourceInUseException(f"Provisioned product {row.name} is being changed; wait until that has ended")
    return row


def _find(request: Request, by_id: str, by_name: str, context: Context) -> Resource:
    if (by_id in request) == (by_name in request):
        raise InvalidParametersException(f"Either {by_id} or {by_name} must be given, and not both")
    if by_id in request:
        return find(PROVISIONED_PRODUCT, request[by_id], context)
    wanted = request[by_name]
    identity = wanted.rpartition("/")[2]
    if row := context.store.first(_select_by_name(wanted)):
        return row
    if context.store.exists(PROVISIONED_PRODUCT, identity):
        row = context.store.get(PROVISIONED_PRODUCT, identity)
        if _arn(row, context) == wanted:
            return row
    raise ResourceNotFoundException(f"Provisioned product {wanted} not found")


def _select_by_name(name: str) -> Selection:
    return Selection(PROVISIONED_PRODUCT, equal=(equals("name", name),))


def _begin(row: Resource, order: Order, more: dict[str, Any], context: Context) -> Response:
    name = new_id("rec")
    after = more.get("after", row.doc)
    record = {key: after[key] for key in ("name", "product", "artifact", "path", "tags", "role")}
    told = {"last": name, "message": None} | ({} if order.verb == "delete" else {"last_change": name})
    context.store.amend(PROVISIONED_PRODUCT, row.name, "order", result=told)
    owner = (PROVISIONED_PRODUCT.slug, row.name)
    provisioning.submit(name, order, owner, context, record=record | {"id": row.name}, **more)
    return {"RecordDetail": detail(context.store.get(STACK_OPERATION, name))}


@provisioning.settles(PROVISIONED_PRODUCT.slug)
def settle(row: Resource, operation: Resource, context: Context) -> None:
    """A provisioned product moves with the operation on its stack."""
    verb = operation.doc["order"]["verb"]
    kept = ("stack_id", "message")
    found: dict[str, Any] = {key: operation.result[key] for key in kept if key in operation.result}
    if operation.status == "FAILED" and not operation.doc.get("ignores"):
        context.store.fire(PROVISIONED_PRODUCT, row.name, "taint" if verb == "update" else "fail", found)
    elif operation.status in ("SUCCEEDED", "FAILED"):
        if verb == "delete":
            context.store.delete(PROVISIONED_PRODUCT, row.name)
            return
        context.store.amend(PROVISIONED_PRODUCT, row.name, "settle", doc=operation.doc.get("after", row.doc))
        context.store.fire(PROVISIONED_PRODUCT, row.name, "succeed", found | {"last_success": operation.name})


@handles("DescribeProvisionedProduct", SERVICE)
def describe(request: Request, context: Context) -> Response:
    """By id, or by name or ARN."""
    row = _find(request, "Id", "Name", context)
    return {"ProvisionedProductDetail": view(row, context), "CloudWatchDashboards": []}


@handles("SearchProvisionedProducts", SERVICE)
def search(request: Request, context: Context) -> Response:
    """What was launched. SearchQuery is `field:text`, or a text that any field may hold."""
    if (request.get("AccessLevelFilter") or {"Key": "Account"})["Key"] != "Account":
        raise InvalidParametersException("loopback does not carry out AccessLevelFilter; every caller is the account")
    filters = request.get("Filters") or {}
    if set(filters) - {"SearchQuery"}:
        raise InvalidParametersException(
            f"loopback does not carry out the filters {sorted(filters)}; SearchQuery it does"
        )
    views = [_attributes(row, context) for row in context.store.find(PROVISIONED_PRODUCT)]
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


def _attributes(row: Resource, context: Context) -> dict[str, Any]:
    shown = view(row, context) | {"PhysicalId": row.result.get("stack_id")}
    shown["Tags"] = [{"Key": key, "Value": value} for key, value in row.doc["tags"].items()]
    for kind, key, member in (
        (CATALOG_PRODUCT, "product", "ProductName"),
        (CATALOG_ARTIFACT, "artifact", "ProvisioningArtifactName"),
    ):
        if context.store.exists(kind, row.doc[key]):
            shown[member] = context.store.get(kind, row.doc[key]).doc["Name"]
    return shown


def view(row: Resource, context: Context) -> dict[str, Any]:
    """ProvisionedProductDetail."""
    return {
        "Name": row.doc["name"],
        "Arn": _arn(row, context),
        "Type": TYPE,
        "Id": row.name,
        "Status": row.status,
        "StatusMessage": row.result.get("message"),
        "CreatedTime": row.created,
        "IdempotencyToken": row.doc["token"],
        "LastRecordId": row.result.get("last"),
        "LastProvisioningRecordId": row.result.get("last_change"),
        "LastSuccessfulProvisioningRecordId": row.result.get("last_success"),
        "ProductId": row.doc["product"],
        "ProvisioningArtifactId": row.doc["artifact"],
        "LaunchRoleArn": row.doc["role"] or None,
    }


def _stack(identity: str, context: Context) -> str:
    return f"SC-{context.place.account}-{identity}"


def _arn(row: Resource, context: Context) -> str:
    return arn("stack", f"{row.doc['name']}/{row.name}", context)
