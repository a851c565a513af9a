"""How a product may be launched: constraints, launch paths, and the parameters of its template."""

import json
from typing import Any

from loopback.core.kinds import CATALOG_CONSTRAINT, CATALOG_PATH, CATALOG_PRINCIPAL
from loopback.core.queries import Selection, equals
from loopback.rows.catalog import ConstraintRow, PathRow, PortfolioRow, ProductRow
from loopback.rows.row import view_of
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.servicecatalog.artifacts import artifact_of, product_of, template_of
from loopback.services.servicecatalog.errors import (
    DuplicateResourceException,
    InvalidParametersException,
    ResourceNotFoundException,
)
from loopback.services.servicecatalog.rows import PAGE, PAGING, arn, find, made_with, new_id, page_of
from loopback.services.servicecatalog.templates import outputs_of, parameters_of
from loopback.wire import documents

SERVICE = "servicecatalog"
LAUNCH, RESOURCE_UPDATE = "LAUNCH", "RESOURCE_UPDATE"


@handles("CreateConstraint", SERVICE)
def create(request: Request, context: Context) -> Response:
    """LAUNCH names the role that launches a product; RESOURCE_UPDATE lets tags of what was launched change."""
    row = made_with(ConstraintRow, request["IdempotencyToken"], context)
    if row is not None:
        return _describe(row, context)
    portfolio, product, kind = request["PortfolioId"], request["ProductId"], request["Type"]
    find(PortfolioRow, portfolio, context)
    find(ProductRow, product, context)
    if not context.store.exists(CATALOG_PATH, f"{portfolio}/{product}"):
        raise ResourceNotFoundException(f"Product {product} is not in portfolio {portfolio}")
    _check(kind, request["Parameters"])
    if constraint(portfolio, product, kind, context):
        raise DuplicateResourceException(f"Product {product} has a {kind} constraint in portfolio {portfolio} already")
    row = ConstraintRow(request=dict(request)).create(context.store, new_id("cons"), parent=portfolio)
    return _describe(row, context)


def _check(kind: str, text: str) -> None:
    try:
        given = documents.json_value(text)
    except ValueError as fault:
        raise InvalidParametersException(f"Parameters is not JSON: {fault}") from None
    if not isinstance(given, dict):
        raise InvalidParametersException("Parameters must be a JSON object")
    if kind == LAUNCH:
        if set(given) not in ({"RoleArn"}, {"LocalRoleName"}):
            raise InvalidParametersException('Parameters must be {"RoleArn": ...} or {"LocalRoleName": ...}')
        if not str(given.get("RoleArn", "arn:aws:iam::")).startswith("arn:aws:iam::"):
            raise InvalidParametersException(f"{given['RoleArn']} is not the ARN of a role")
    elif kind == RESOURCE_UPDATE:
        if (given.get("Properties") or {}).get("TagUpdateOnProvisionedProduct") not in ("ALLOWED", "NOT_ALLOWED"):
            text = "Properties.TagUpdateOnProvisionedProduct must be ALLOWED or NOT_ALLOWED"
            raise InvalidParametersException(text)
    else:
        raise InvalidParametersException(f"loopback does not carry out constraints of type {kind}")


@handles("DescribeConstraint", SERVICE)
def describe(request: Request, context: Context) -> Response:
    """By id."""
    return _describe(find(ConstraintRow, request["Id"], context), context)


@handles("DeleteConstraint", SERVICE)
def delete(request: Request, context: Context) -> Response:
    """What was launched keeps its role."""
    context.store.delete(CATALOG_CONSTRAINT, find(ConstraintRow, request["Id"], context).name)
    return {}


@handles("ListConstraintsForPortfolio", SERVICE)
def list_constraints(request: Request, context: Context) -> Response:
    """Of the portfolio, or of one of its products."""
    portfolio = find(PortfolioRow, request["PortfolioId"], context).name
    wanted = request.get("ProductId")
    within = Selection(CATALOG_CONSTRAINT, portfolio, where=() if wanted is None else (equals("ProductId", wanted),))
    show = view_of(ConstraintRow, lambda row: _detail(row, context))
    return page_of(within, show, "ConstraintDetails", request, context)


def _detail(row: ConstraintRow, context: Context) -> dict[str, Any]:
    members = ("Type", "Description", "ProductId", "PortfolioId")
    shown = {key: row.request[key] for key in members if key in row.request}
    return shown | {"ConstraintId": row.name, "Owner": context.place.account}


def _describe(row: ConstraintRow, context: Context) -> Response:
    return {
        "ConstraintDetail": _detail(row, context),
        "ConstraintParameters": row.request["Parameters"],
        "Status": "AVAILABLE",
    }


def constraint(portfolio: str, product: str, kind: str, context: Context) -> dict[str, Any]:
    """The parameters of a product's constraint of this type, or {}."""
    of_product = (equals("ProductId", product), equals("Type", kind))
    row = ConstraintRow.first(context.store, Selection(CATALOG_CONSTRAINT, portfolio, equal=of_product))
    found: dict[str, Any] = json.loads(row.request["Parameters"]) if row else {}
    return found


def launch_role(path: PathRow, context: Context) -> str:
    """The role that a path launches with; "" where the caller's own permissions are used."""
    found = constraint(path.parent, path.product, LAUNCH, context)
    if "LocalRoleName" in found:
        return f"arn:aws:iam::{context.place.account}:role/{found['LocalRoleName']}"
    return str(found.get("RoleArn", ""))


def paths_of(product: str, context: Context) -> list[PathRow]:
    """The ways to launch a product: the portfolios that it is in and that any principal may use."""
    rows = PathRow.scan(context.store, paths_with(product))
    return [row for row in rows if context.store.first(Selection(CATALOG_PRINCIPAL, row.parent))]


def paths_with(product: str) -> Selection:
    """The portfolios that a product is in."""
    return Selection(CATALOG_PATH, equal=(equals("product", product),))


def path_of(product: str, request: Request, context: Context) -> PathRow:
    """The path of PathId or PathName, or the only one."""
    found = paths_of(product, context)
    if not found:
        text = f"No launch paths found for resource: {product}; it needs a portfolio with a principal"
        raise ResourceNotFoundException(text)
    if "PathId" in request and "PathName" in request:
        raise InvalidParametersException("PathId and PathName cannot both be given")
    if "PathId" in request:
        found = [row for row in found if row.id == request["PathId"]]
    if "PathName" in request:
        found = [row for row in found if _portfolio(row, context).request["DisplayName"] == request["PathName"]]
    if not found:
        raise ResourceNotFoundException(f"Launch path {request.get('PathId', request.get('PathName'))} not found")
    if len(found) > 1:
        ids = ", ".join(row.id for row in found)
        raise InvalidParametersException(f"Product {product} has several launch paths ({ids}); give PathId")
    return found[0]


def _portfolio(path: PathRow, context: Context) -> PortfolioRow:
    return PortfolioRow.get(context.store, path.parent)


def path_tags(path: PathRow, context: Context) -> dict[str, str]:
    """What is launched on a path gets the tags of the portfolio and of the product."""
    product = context.store.tags(arn("product", path.product, context))
    return context.store.tags(arn("portfolio", path.parent, context)) | product


@handles("ListLaunchPaths", SERVICE)
def list_paths(request: Request, context: Context) -> Response:
    """The paths of a product that somebody may launch on."""
    product = find(ProductRow, request["ProductId"], context).name
    views = [_path(row, context) for row in paths_of(product, context)]
    return PAGING.of_items(request, views, "LaunchPathSummaries", PAGE)


def _path(row: PathRow, context: Context) -> dict[str, Any]:
    tags = [{"Key": key, "Value": value} for key, value in path_tags(row, context).items()]
    shown = {"Id": row.id, "Name": _portfolio(row, context).request["DisplayName"], "Tags": tags}
    return shown | {"ConstraintSummaries": _constraints(row, context)}


def _constraints(path: PathRow, context: Context) -> list[dict[str, Any]]:
    of_product = Selection(CATALOG_CONSTRAINT, path.parent, equal=(equals("ProductId", path.product),))
    rows = ConstraintRow.scan(context.store, of_product)
    return [{key: row.request[key] for key in ("Type", "Description") if key in row.request} for row in rows]


@handles("DescribeProvisioningParameters", SERVICE)
def parameters(request: Request, context: Context) -> Response:
    """What the template's Parameters ask for."""
    product = product_of(request, context)
    template = template_of(artifact_of(product, request, context))
    path = path_of(product.name, request, context)
    outputs = outputs_of(template)
    return {
        "ProvisioningArtifactParameters": parameters_of(template),
        "ConstraintSummaries": _constraints(path, context),
        "UsageInstructions": [],
        "TagOptions": [],
        "ProvisioningArtifactOutputs": outputs,
        "ProvisioningArtifactOutputKeys": outputs,
    }
