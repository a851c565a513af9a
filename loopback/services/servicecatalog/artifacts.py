"""Provisioning artifacts: the versions of a product, each with the template as it was when the version was made."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from loopback.core.errors import ServiceError, ValidationException
from loopback.core.kinds import CATALOG_PRODUCT
from loopback.core.queries import Selection, equals
from loopback.engines.cloudformation.template_urls import path_style, template_location
from loopback.rows.catalog import ArtifactRow, ProductRow
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.servicecatalog.errors import InvalidParametersException, ResourceNotFoundException
from loopback.services.servicecatalog.rows import find, made_with, new_id
from loopback.services.servicecatalog.templates import parameters_of, parse_template

SERVICE = "servicecatalog"
TEMPLATE = "CLOUD_FORMATION_TEMPLATE"
LONGEST_BODY = 51_200  # bytes of a template in a request; a longer one is handed to CloudFormation by its URL


class Template(NamedTuple):
    """A template in S3 as it is now: its URL, its text and the SHA-256 of that."""

    url: str
    body: str
    digest: str


def read_template(properties: Mapping[str, Any], context: Context) -> Template:
    """The template that a request names. Raises InvalidParametersException where it is none.

    CloudFormation validates it, unless DisableTemplateValidation asks for less.
    """
    if properties.get("Type", TEMPLATE) != TEMPLATE:
        raise InvalidParametersException(f"loopback carries out artifacts of type {TEMPLATE} only")
    info = properties.get("Info") or {}
    if set(info) != {"LoadTemplateFromURL"}:
        raise InvalidParametersException("Info must be {'LoadTemplateFromURL': <the URL of a template in S3>}")
    url = info["LoadTemplateFromURL"]
    try:
        bucket, key = template_location(url, context.place, now=time.time())
        body = context.objects.read(bucket, key)
    except (ServiceError, ValidationException) as fault:
        raise InvalidParametersException(f"The template cannot be read: {fault}") from None
    parse_template(body.decode(errors="replace"), url)
    if not properties.get("DisableTemplateValidation"):
        try:
            location = path_style(bucket, key, context.place)
            context.client("cloudformation", "").validate_template(TemplateURL=location)
        except ClientError as fault:
            raise InvalidParametersException(f"{url}: {fault.response['Error'].get('Message', fault)}") from None
    return Template(url, body.decode(), hashlib.sha256(body).hexdigest())


def write(product: str, properties: Mapping[str, Any], token: str, template: Template, context: Context) -> ArtifactRow:
    """Write a new version. Call it in a transaction."""
    name = new_id("pa")
    row = ArtifactRow(
        title=properties.get("Name", name),
        description=properties.get("Description"),
        token=token,
        product=product,
        url=template.url,
        body=template.body,
        digest=template.digest,
    )
    return row.create(context.store, name, parent=product)


@handles("CreateProvisioningArtifact", SERVICE)
def create(request: Request, context: Context) -> Response:
    """Add a version to a product."""
    product = find(ProductRow, request["ProductId"], context).name
    row = made_with(ArtifactRow, request["IdempotencyToken"], context)
    if row is None:
        template = read_template(request["Parameters"], context)
        row = write(product, request["Parameters"], request["IdempotencyToken"], template, context)
    return _describe(row)


@handles("DescribeProvisioningArtifact", SERVICE)
def describe(request: Request, context: Context) -> Response:
    """By id, or by product and name."""
    if "ProvisioningArtifactId" in request and not {"ProductId", "ProductName"} & request.keys():
        row = find(ArtifactRow, request["ProvisioningArtifactId"], context)
    else:
        row = artifact_of(product_of(request, context), request, context)
    shown = _describe(row)
    if request.get("IncludeProvisioningArtifactParameters"):
        shown["ProvisioningArtifactParameters"] = parameters_of(template_of(row))
    return shown


@handles("ListProvisioningArtifacts", SERVICE)
def list_artifacts(request: Request, context: Context) -> Response:
    """All versions of a product, oldest first."""
    product = find(ProductRow, request["ProductId"], context).name
    rows = ArtifactRow.find(context.store, parent=product)
    return {"ProvisioningArtifactDetails": [view(row) for row in rows]}


def view(row: ArtifactRow) -> dict[str, Any]:
    """ProvisioningArtifactDetail."""
    texts = {"Name": row.title} | ({} if row.description is None else {"Description": row.description})
    more = {"Type": TEMPLATE, "CreatedTime": row.created, "Active": True, "Guidance": "DEFAULT"}
    return texts | {"Id": row.name} | more


def _describe(row: ArtifactRow) -> Response:
    info = {"TemplateUrl": row.url}
    return {"ProvisioningArtifactDetail": view(row), "Info": info, "Status": "AVAILABLE"}


def product_of(request: Request, context: Context) -> ProductRow:
    """The product of ProductId or ProductName (or of Id or Name): one of them, as on AWS."""
    name = request.get("ProductName", request.get("Name"))
    identity = request.get("ProductId", request.get("Id"))
    if (name is None) == (identity is None):
        raise InvalidParametersException("Either the id or the name of the product must be given, and not both")
    if identity is not None:
        return find(ProductRow, identity, context)
    found = list(ProductRow.scan(context.store, Selection(CATALOG_PRODUCT, equal=(equals("Name", str(name)),))))
    if not found:
        raise ResourceNotFoundException(f"Product {name} not found")
    if len(found) > 1:
        raise InvalidParametersException(f"{len(found)} products are named {name}; give the id")
    return found[0]


def artifact_of(product: ProductRow, request: Request, context: Context) -> ArtifactRow:
    """The version of ProvisioningArtifactId or ProvisioningArtifactName: one of them, as on AWS."""
    name, identity = request.get("ProvisioningArtifactName"), request.get("ProvisioningArtifactId")
    if (name is None) == (identity is None):
        raise InvalidParametersException("Either the id or the name of the artifact must be given, and not both")
    for row in ArtifactRow.find(context.store, parent=product.name):
        if row.name == identity or (name is not None and row.title == name):
            return row
    raise ResourceNotFoundException(f"Provisioning artifact {identity or name} of product {product.name} not found")


def template_of(row: ArtifactRow) -> dict[str, Any]:
    """The template, parsed."""
    return parse_template(row.body, row.url)


def template_argument(row: ArtifactRow, context: Context) -> dict[str, str]:
    """The template as CloudFormation takes it. A long one must still be what it was when the version was made."""
    if len(row.body.encode()) <= LONGEST_BODY:
        return {"TemplateBody": row.body}
    bucket, key = template_location(row.url, context.place)
    if hashlib.sha256(context.objects.read(bucket, key)).hexdigest() != row.digest:
        text = f"The template of {row.name} is not any more what it was; make a new provisioning artifact of it"
        raise InvalidParametersException(text)
    return {"TemplateURL": path_style(bucket, key, context.place)}
