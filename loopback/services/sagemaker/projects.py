"""SageMaker Projects: a project is one stack, made from a template in S3 or from a Service Catalog product.

The row's doc holds what was asked for last; its result the operation that goes on and what became of the stack.
"""

import secrets
import string
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from loopback.core.errors import ConflictException, ResourceNotFound, ValidationException
from loopback.core.kinds import PROJECT
from loopback.core.store import Resource
from loopback.engines.cloudformation.template_urls import path_style, template_location
from loopback.rows.row import changes, view_of
from loopback.rows.stacks import Order, ProjectResult, ProjectRow, StackOperationRow
from loopback.services import provisioning, registry
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.tags import MOST, keep_tags
from loopback.services.servicecatalog.errors import ResourceNotFoundException, ServiceCatalogError

LISTING = Listing("ProjectSummaryList", PROJECT)
SUPPLIED = ("SageMakerProjectName", "SageMakerProjectId")  # parameters that the service gives every template
_ALPHABET = string.ascii_lowercase + string.digits
_CATALOG = "ServiceCatalogProvisioningDetails"
_CHANGEABLE = ("ProvisioningArtifactId", "ProvisioningParameters")


@handles("CreateProject")
def create(request: Request, context: Context) -> Response:
    """Write the project down and begin its stack. The name of a deleted project can be used again."""
    name = request["ProjectName"]
    catalog, providers = request.get(_CATALOG), request.get("TemplateProviders")
    if bool(catalog) == bool(providers):
        raise ValidationException(f"CreateProject needs exactly one of TemplateProviders and {_CATALOG}")
    given = {} if catalog else _cfn(providers)
    _check_parameters(given.get("Parameters") or (catalog or {}).get("ProvisioningParameters") or [])
    identity = "p-" + "".join(secrets.choice(_ALPHABET) for _ in range(12))
    with context.store.transaction():
        _free(name, context)
        row = ProjectRow(request=dict(request), id=identity).create(context.store, name)
        keep_tags(_arn(name, context), request, context)
        if catalog:
            record = _catalog_call("ProvisionProduct", partial(_provision_request, row, catalog, context), context)
            _follow(row, record, context)
        else:
            template = _template(given, context)
            values = _values(given) | dict(zip(SUPPLIED, (name, identity), strict=True))
            _submit(row, Order("create", _stack(row), _role(row), template, values, _tags(row, context)), context)
    return {"ProjectArn": _arn(name, context), "ProjectId": identity}


def _cfn(providers: list[dict[str, Any]] | None) -> dict[str, Any]:
    given: dict[str, Any] = (providers or [{}])[0].get("CfnTemplateProvider") or {}
    if not given:
        raise ValidationException("A template provider needs CfnTemplateProvider")
    return given


def _check_parameters(parameters: list[dict[str, Any]]) -> None:
    keys = [entry.get("Key") for entry in parameters]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise ValidationException(f"Parameter {min(map(str, twice))} is given more than once")
    if own := [key for key in keys if key in SUPPLIED]:
        raise ValidationException(f"Parameter {own[0]} is given by SageMaker; leave it out")


def _free(name: str, context: Context) -> None:
    """A deleted project is shown until its name is used again."""
    if not context.store.exists(PROJECT, name):
        return
    if context.store.get(PROJECT, name).status != "DeleteCompleted":
        raise ValidationException(f"Project already exists: {_arn(name, context)}")
    context.store.delete(PROJECT, name)


@handles("UpdateProject")
def update(request: Request, context: Context) -> Response:
    """Change the stack, or only the description. Parameters that are not given keep their values."""
    row = _find(request["ProjectName"], context)
    catalog = request.get("ServiceCatalogProvisioningUpdateDetails")
    providers = request.get("TemplateProvidersToUpdate")
    _check_update(row, request)
    wanted = row.request | {key: request[key] for key in ("ProjectDescription",) if key in request}
    if not (catalog or providers or "Tags" in request):
        replace(row, request=wanted).with_doc(context.store, "describe")
        return {"ProjectArn": _arn(row.name, context)}
    with context.store.transaction():
        keep_tags(_arn(row.name, context), request, context)
        if len(context.store.tags(_arn(row.name, context))) > MOST:
            raise ValidationException(f"The project would have more than {MOST} tags")
        replace(row, request=_merge_update(wanted, catalog, providers)).with_doc(context.store, "ask")
        row = ProjectRow.fire(context.store, row.name, "update")
        if _CATALOG in wanted:
            asked = {"ProvisionedProductId": row.product, "UpdateToken": uuid.uuid4().hex}
            asked |= {key: request["Tags"] for key in ("Tags",) if key in request}
            asked |= {key: catalog[key] for key in _CHANGEABLE if catalog and key in catalog}
            _follow(row, _catalog_call("UpdateProvisionedProduct", lambda: asked, context), context)
        else:
            given = _cfn(providers) if providers else {}
            template = _template(given, context) if given else {}
            order = Order("update", _stack(row), _role(row), template, _values(given), _tags(row, context))
            _submit(row, order, context)
    return {"ProjectArn": _arn(row.name, context)}


def _check_update(row: ProjectRow, request: Request) -> None:
    catalog = request.get("ServiceCatalogProvisioningUpdateDetails")
    providers = request.get("TemplateProvidersToUpdate")
    of_catalog = _CATALOG in row.request
    if (catalog is not None and not of_catalog) or (providers and of_catalog):
        made = _CATALOG if of_catalog else "TemplateProviders"
        raise ValidationException(f"Project {row.name} was made from {made}; it is updated from the same")
    if not ({"ProjectDescription", "Tags"} & request.keys() or catalog or providers):
        raise ValidationException("UpdateProject needs something to change")
    given = _cfn(providers).get("Parameters") if providers else (catalog or {}).get("ProvisioningParameters")
    _check_parameters(given or [])
    if row.status.endswith("InProgress") or row.status in (
        "Pending",
        "CreateFailed",
        "DeleteFailed",
        "DeleteCompleted",
    ):
        raise ConflictException(f"Project {row.name} is {row.status}; it cannot be updated")


def _merge_update(doc: dict[str, Any], catalog: Any, providers: Any) -> dict[str, Any]:
    """What Describe shows from now on."""
    if providers:
        old, new = _cfn(doc["TemplateProviders"]), _cfn(providers)
        values = _values(old) | _values(new)
        parameters = [{"Key": key, "Value": value} for key, value in values.items()]
        return doc | {"TemplateProviders": [{"CfnTemplateProvider": old | new | {"Parameters": parameters}}]}
    if catalog:
        old = doc[_CATALOG]
        values = _values(old, "ProvisioningParameters") | _values(catalog, "ProvisioningParameters")
        parameters = [{"Key": key, "Value": value} for key, value in values.items()]
        return doc | {_CATALOG: old | catalog | {"ProvisioningParameters": parameters}}
    return doc


@handles("DeleteProject")
def delete(request: Request, context: Context) -> Response:
    """Delete the stack; resources that the template retains stay. The project is shown as DeleteCompleted.

    Where there never was a stack the role may be why: it is not needed to find that out.
    """
    row = _find(request["ProjectName"], context)
    if "delete" not in PROJECT.lifecycle[row.status]:
        raise ConflictException(f"Project {row.name} is {row.status}; it cannot be deleted")
    with context.store.transaction():
        row = ProjectRow.fire(context.store, row.name, "delete")
        if _CATALOG not in row.request:
            _submit(row, Order("delete", _stack(row), _role(row) if row.stack_id else ""), context)
            return {}
        wanted = {"ProvisionedProductId": row.product, "TerminateToken": uuid.uuid4().hex}
        try:
            _follow(row, _catalog_call("TerminateProvisionedProduct", lambda: wanted, context), context)
        except ResourceNotFound:  # somebody has terminated it in Service Catalog
            gone = changes(ProjectResult, message="The provisioned product is gone")
            ProjectRow.fire(context.store, row.name, "succeed", gone)
            context.store.untag(_arn(row.name, context))
    return {}


@handles("DescribeProject")
def describe(request: Request, context: Context) -> Response:
    """The project as it stands, the stack's last message included."""
    row = _find(request["ProjectName"], context)
    shown = view(row, context)
    message = row.message or row.status
    if _CATALOG in row.request:
        detail = {"ProvisionedProductId": row.product or None, "ProvisionedProductStatusMessage": message}
        return shown | {_CATALOG: row.request[_CATALOG], "ServiceCatalogProvisionedProductDetails": detail}
    given = _cfn(row.request["TemplateProviders"])
    stack = {"Name": _stack(row), "Id": row.stack_id or None, "StatusMessage": message}
    return shown | {"TemplateProviderDetails": [{"CfnTemplateProviderDetail": given | {"StackDetail": stack}}]}


@handles("ListProjects")
def list_projects(request: Request, context: Context) -> Response:
    """A page of projects."""
    return select(request, context, LISTING, view_of(ProjectRow, view))


@provisioning.settles(PROJECT.slug)
def settle(owner: Resource, operation: StackOperationRow, context: Context) -> None:
    """Move a project with the operation on its stack."""
    project = ProjectRow.from_row(owner)
    given: dict[str, Any] = {"stack_id": operation.stack_id, "message": operation.message}
    found = changes(ProjectResult, **{name: value for name, value in given.items() if value})
    if operation.name != project.operation:
        return
    if operation.status == "IN_PROGRESS" and project.status == "Pending":
        ProjectRow.fire(context.store, project.name, "begin", found)
    elif operation.status in ("SUCCEEDED", "FAILED"):
        event = "succeed" if operation.status == "SUCCEEDED" else "fail"
        if ProjectRow.fire(context.store, project.name, event, found).status == "DeleteCompleted":
            context.store.untag(_arn(project.name, context))


def view(row: ProjectRow, context: Context) -> Response:
    """The project as a list shows it."""
    return {
        "ProjectName": row.name,
        "ProjectArn": _arn(row.name, context),
        "ProjectId": row.id,
        "ProjectDescription": row.request.get("ProjectDescription"),
        "ProjectStatus": row.status,
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
    }


def _submit(row: ProjectRow, order: Order, context: Context) -> None:
    name = f"{row.id}-{uuid.uuid4().hex[:12]}"
    begun = changes(ProjectResult, operation=name, message=None)
    ProjectRow.amend(context.store, row.name, "order", result=begun)
    provisioning.submit(name, StackOperationRow(order=order, owners=((PROJECT.slug, row.name),)), context)


def _follow(row: ProjectRow, record: Mapping[str, Any], context: Context) -> None:
    """Move with an operation that Service Catalog has begun."""
    begun = changes(ProjectResult, operation=record["RecordId"], product=record["ProvisionedProductId"], message=None)
    ProjectRow.amend(context.store, row.name, "order", result=begun)
    provisioning.add_owner(record["RecordId"], (PROJECT.slug, row.name), context)


def _catalog_call(operation: str, request: Callable[[], Mapping[str, Any]], context: Context) -> dict[str, Any]:
    try:
        record: dict[str, Any] = registry.call("servicecatalog", operation, request(), context)["RecordDetail"]
    except ResourceNotFoundException as fault:
        if operation == "TerminateProvisionedProduct":
            raise ResourceNotFound(str(fault)) from None
        raise ValidationException(str(fault)) from None
    except ServiceCatalogError as fault:
        raise ValidationException(str(fault)) from None
    return record


def _provision_request(row: ProjectRow, catalog: Mapping[str, Any], context: Context) -> dict[str, Any]:
    supplied = [{"Key": key, "Value": value} for key, value in zip(SUPPLIED, (row.name, row.id), strict=True)]
    more = {key: catalog[key] for key in ("ProductId", "ProvisioningArtifactId", "PathId") if key in catalog}
    if "ProvisioningArtifactId" not in more:  # the newest, as SageMaker takes it
        found = registry.call("servicecatalog", "ListProvisioningArtifacts", {"ProductId": more["ProductId"]}, context)
        more["ProvisioningArtifactId"] = found["ProvisioningArtifactDetails"][-1]["Id"]
    return more | {
        "ProvisionedProductName": f"{row.name}-{row.id}",
        "ProvisioningParameters": [*catalog.get("ProvisioningParameters", []), *supplied],
        "Tags": [{"Key": key, "Value": value} for key, value in _tags(row, context).items()],
        "ProvisionToken": uuid.uuid4().hex,
    }


def _template(given: Mapping[str, Any], context: Context) -> dict[str, str]:
    bucket, key = template_location(given["TemplateURL"], context.place, now=time.time())
    return {"TemplateURL": path_style(bucket, key, context.place)}


def _values(given: Mapping[str, Any], member: str = "Parameters") -> dict[str, str]:
    return {entry["Key"]: entry.get("Value", "") for entry in given.get(member) or []}


def _tags(row: ProjectRow, context: Context) -> dict[str, str]:
    own = {"sagemaker:project-name": row.name, "sagemaker:project-id": row.id}
    return context.store.tags(_arn(row.name, context)) | own


def _role(row: ProjectRow) -> str:
    role: str = _cfn(row.request["TemplateProviders"]).get("RoleARN", "")
    return role


def _stack(row: ProjectRow) -> str:
    return f"SP-{row.id}"


def _find(name: str, context: Context) -> ProjectRow:
    try:
        return ProjectRow.get(context.store, name)
    except ResourceNotFound:
        raise ValidationException(f"Project {_arn(name, context)} does not exist.") from None


def _arn(name: str, context: Context) -> str:
    return context.place.arn(f"project/{name}")
