"""The model registry: model package groups and their versions, approval, life cycle and metadata."""

from typing import Any

from loopback.core.errors import ConflictException, ResourceNotFound, ValidationException
from loopback.core.kinds import PACKAGE, PACKAGE_GROUP
from loopback.core.queries import Selection, Term, has
from loopback.core.service_quotas import GROUPS as MOST_GROUPS
from loopback.rows.models import PackageGroupRow, PackageRow
from loopback.rows.row import view_of
from loopback.services.listing import Listing, filters, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.lineage.tracking import track_approval, track_group, track_package
from loopback.services.sagemaker.quotas import require_another
from loopback.services.sagemaker.tags import keep_tags

_GROUP = "case parent when '' then name else parent end"  # what NameContains looks in
GROUPS = Listing("ModelPackageGroupSummaryList", PACKAGE_GROUP, page=100, order="Ascending")
PACKAGES = Listing("ModelPackageSummaryList", PACKAGE, page=100, order="Ascending", name=_GROUP)


@handles("CreateModelPackageGroup")
def create_group(request: Request, context: Context) -> Response:
    """A group is a name, a description and tags; versions arrive later."""
    name = request["ModelPackageGroupName"]
    arn = _group_arn(name, context)
    if context.store.exists(PACKAGE_GROUP, name):
        raise ValidationException(f"Model Package Group already exists: {arn}")
    with context.store.transaction():
        require_another(PACKAGE_GROUP, MOST_GROUPS, context)
        created = PackageGroupRow(request=request).create(context.store, name).created
        keep_tags(arn, request, context)
        track_group(name, created, context)
    return {"ModelPackageGroupArn": arn}


@handles("DescribeModelPackageGroup")
def describe_group(request: Request, context: Context) -> Response:
    """By name or ARN."""
    return group_view(_group(request["ModelPackageGroupName"], context), context)


@handles("ListModelPackageGroups")
def list_groups(request: Request, context: Context) -> Response:
    """A page of groups."""
    if request.get("CrossAccountFilterOption", "SameAccount") != "SameAccount":
        raise ValidationException("CrossAccountFilterOption CrossAccount: loopback has one account")
    return select(request, context, GROUPS, view_of(PackageGroupRow, group_view))


@handles("DeleteModelPackageGroup")
def delete_group(request: Request, context: Context) -> Response:
    """Only an empty group can go, as on AWS."""
    group = _group(request["ModelPackageGroupName"], context)
    if found := context.store.first(Selection(PACKAGE, group.name)):
        raise ConflictException(
            f"Model package group {group.name} still has versions, for example {found.name}; delete them first"
        )
    with context.store.transaction():
        context.store.delete(PACKAGE_GROUP, group.name)
        context.store.untag(_group_arn(group.name, context))
    return {}


@handles("CreateModelPackage")
def create(request: Request, context: Context) -> Response:
    """A version of a group, numbered one higher than any before, or a package with a name of its own."""
    if "ModelPackageGroupName" in request and "ModelPackageName" in request:
        raise ValidationException(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. "
            "Cannot determine which one to use."
        )
    if "ModelPackageGroupName" not in request and "ModelPackageName" not in request:
        raise ValidationException("CreateModelPackage needs ModelPackageGroupName (a version) or ModelPackageName")
    group = ""
    doc: dict[str, Any] = {**request}
    with context.store.transaction():
        if "ModelPackageGroupName" in request:
            group = _group(request["ModelPackageGroupName"], context).name
            version = context.store.next_number(f"model-package-group/{group}")
            name = f"{group}/{version}"
            doc |= {"ModelPackageGroupName": group, "ModelPackageVersion": version}
            doc.setdefault("ModelApprovalStatus", "PendingManualApproval")
        else:
            name = request["ModelPackageName"]
            if context.store.exists(PACKAGE, name):
                raise ValidationException(f"ModelPackage already exists: {context.place.arn(f'model-package/{name}')}")
        doc.setdefault("ModelPackageRegistrationType", "Registered")
        row = PackageRow(request=doc, registered_as=doc.get("ModelApprovalStatus")).create(context.store, name, group)
        track_package(row, context)
        arn = context.place.arn(f"model-package/{name}")
        keep_tags(arn, request, context)
    context.on_change(PACKAGE.slug, name)
    return {"ModelPackageArn": arn}


@handles("DescribeModelPackage")
def describe(request: Request, context: Context) -> Response:
    """By ARN, or by `group/version`."""
    return view(find(request["ModelPackageName"], context), context)


@handles("ListModelPackages")
def list_packages(request: Request, context: Context) -> Response:
    """A page of versions of one group, or of packages without a group, or of both."""
    group = request.get("ModelPackageGroupName")
    wanted = request.get("ModelPackageType", "Versioned" if group else "Unversioned")
    if group and wanted == "Unversioned":
        raise ValidationException("ModelPackageType Unversioned does not go with ModelPackageGroupName")
    parent = _group(group, context).name if group else "" if wanted == "Unversioned" else None
    versioned: tuple[Term, ...] = (("parent > ?", ""),) if parent is None and wanted == "Versioned" else ()
    approval = filters(request, {"ModelApprovalStatus": has("ModelApprovalStatus")})
    if parent is None:
        return select(
            request, context, PACKAGES, view_of(PackageRow, view), Selection(PACKAGE, where=(*versioned, *approval))
        )
    return select(request, context, PACKAGES, view_of(PackageRow, view), Selection(PACKAGE, parent, equal=approval))


@handles("BatchDescribeModelPackage")
def batch_describe(request: Request, context: Context) -> Response:
    """Up to 100 packages; those that are not there come back as errors beside the others."""
    found: dict[str, Any] = {}
    missing: dict[str, Any] = {}
    for arn in request["ModelPackageArnList"]:
        try:
            found[arn] = view(find(arn, context), context)
        except ValidationException as fault:
            missing[arn] = {"ErrorCode": fault.code, "ErrorResponse": str(fault)}
    return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": missing}


CHANGEABLE = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


def update_event(approval: str, fields: list[str]) -> str:
    """An update as the event table says it: the approval after it, and the fields that it has changed.

    An event is told later than it happened, and the row may have changed again by then.
    """
    return f"update {approval or '-'} {','.join(fields)}"


def read_event(event: str, row: PackageRow) -> dict[str, Any]:
    """What an event of the table says that the row may not say any more: approval, and fields of an update."""
    what, _, rest = event.partition(" ")
    if what != "update":
        approval, found = row.registered_as, {}
    else:
        shown, _, fields = rest.partition(" ")
        approval = "" if shown == "-" else shown
        found = {"UpdatedModelPackageFields": [field for field in fields.split(",") if field]}
    return {**found, "ModelApprovalStatus": approval} if approval else found


@handles("UpdateModelPackage")
def update(request: Request, context: Context) -> Response:
    """Change approval, life cycle, metadata; what a package is made of cannot be changed, as on AWS."""
    with context.store.transaction():
        row = find(request["ModelPackageArn"], context)
        doc = {**row.request, **{key: request[key] for key in CHANGEABLE if key in request}}
        metadata = {**doc.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
        for key in request.get("CustomerMetadataPropertiesToRemove", []):
            metadata.pop(key, None)
        if metadata or "CustomerMetadataProperties" in doc:
            doc["CustomerMetadataProperties"] = metadata
        doc["AdditionalInferenceSpecifications"] = [
            *doc.get("AdditionalInferenceSpecifications", []),
            *request.get("AdditionalInferenceSpecificationsToAdd", []),
        ]
        changed = sorted(key for key in doc if doc[key] != row.request.get(key) and doc[key])
        event = update_event(doc.get("ModelApprovalStatus", ""), changed)
        row = PackageRow.amend(context.store, row.name, event, doc=doc)
        if "ModelApprovalStatus" in changed:
            track_approval(row, context)
    context.on_change(PACKAGE.slug, row.name)
    return {"ModelPackageArn": context.place.arn(f"model-package/{row.name}")}


@handles("DeleteModelPackage")
def delete(request: Request, context: Context) -> Response:
    """The number of a deleted version is not given again."""
    row = find(request["ModelPackageName"], context)
    with context.store.transaction():
        context.store.delete(PACKAGE, row.name)
        context.store.untag(context.place.arn(f"model-package/{row.name}"))
    return {}


def find(name_or_arn: str, context: Context) -> PackageRow:
    """The package of an ARN, a `group/version` or a name. Raises ValidationException as AWS does."""
    name = context.place.name_in(name_or_arn, "model-package")
    try:
        return PackageRow.get(context.store, name)
    except ResourceNotFound:
        raise ValidationException(f"Model Package {name_or_arn} does not exist.") from None


def containers_of(name_or_arn: str, context: Context) -> list[dict[str, Any]]:
    """The container definitions that a package stands for."""
    specification = find(name_or_arn, context).request.get("InferenceSpecification")
    if specification is None:
        raise ValidationException(f"Model Package {name_or_arn} has no InferenceSpecification")
    containers: list[dict[str, Any]] = specification["Containers"]
    return containers


def view(row: PackageRow, context: Context) -> Response:
    """The package as Describe shows it."""
    shown = row.request | {
        "ModelPackageName": row.parent or row.name,
        "ModelPackageArn": context.place.arn(f"model-package/{row.name}"),
        "ModelPackageStatus": row.status,
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CreationTime": row.created,
    }
    return shown | ({"LastModifiedTime": row.changed} if row.changed > row.created else {})


def _group(name_or_arn: str, context: Context) -> PackageGroupRow:
    name = context.place.name_in(name_or_arn, "model-package-group")
    try:
        return PackageGroupRow.get(context.store, name)
    except ResourceNotFound:
        raise ValidationException(f"ModelPackageGroup {_group_arn(name, context)} does not exist.") from None


def group_view(row: PackageGroupRow, context: Context) -> Response:
    """The group as Describe shows it."""
    return row.request | {
        "ModelPackageGroupArn": _group_arn(row.name, context),
        "ModelPackageGroupStatus": row.status,
        "CreationTime": row.created,
        "CreatedBy": {},
    }


def _group_arn(name: str, context: Context) -> str:
    return context.place.arn(f"model-package-group/{name}")
