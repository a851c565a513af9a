"""Products: CloudFormation templates that people may launch."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from loopback.core.kinds import CATALOG_ARTIFACT, CATALOG_PATH, CATALOG_PRODUCT
from loopback.core.queries import CREATED, Selection, member
from loopback.core.store import Resource
from loopback.rows.catalog import ArtifactRow, PathRow, PortfolioRow, ProductRow
from loopback.rows.row import view_of
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.tags import keep_tags
from loopback.services.servicecatalog import artifacts
from loopback.services.servicecatalog.artifacts import TEMPLATE, product_of
from loopback.services.servicecatalog.errors import InvalidParametersException, ResourceInUseException
from loopback.services.servicecatalog.launch import paths_of, paths_with
from loopback.services.servicecatalog.rows import (
    PAGE,
    PAGING,
    arn,
    change_tags,
    find,
    made_with,
    new_id,
    page_of,
    tags_of,
)

SERVICE = "servicecatalog"
_TEXTS = ("Name", "Owner", "Distributor", "SupportDescription", "SupportEmail", "SupportUrl")
_FILTERS = ("FullTextSearch", "Owner", "ProductType")


@handles("CreateProduct", SERVICE)
def create(request: Request, context: Context) -> Response:
    """A product and its first version."""
    if request["ProductType"] != TEMPLATE or "SourceConnection" in request:
        refused = "SourceConnection" if "SourceConnection" in request else f"ProductType {request['ProductType']}"
        raise InvalidParametersException(f"loopback does not carry out {refused}; it has {TEMPLATE} from S3")
    if "ProvisioningArtifactParameters" not in request:
        raise InvalidParametersException("CreateProduct needs ProvisioningArtifactParameters")
    row = made_with(ProductRow, request["IdempotencyToken"], context)
    if row is None:
        given = request["ProvisioningArtifactParameters"]
        template = artifacts.read_template(given, context)
        with context.store.transaction():
            row = ProductRow(request=dict(request)).create(context.store, new_id("prod"))
            artifacts.write(row.name, given, request["IdempotencyToken"], template, context)
            keep_tags(_arn(row, context), request, context)
    first = next(ArtifactRow.scan(context.store, Selection(CATALOG_ARTIFACT, row.name)))
    return {
        "ProductViewDetail": view(row, context),
        "ProvisioningArtifactDetail": artifacts.view(first),
        "Tags": tags_of(_arn(row, context), context),
    }


@handles("DescribeProduct", SERVICE)
def describe(request: Request, context: Context) -> Response:
    """As someone sees it who may launch it."""
    row = product_of(request, context)
    paths = [{"Id": path.id, "Name": _title(path, context)} for path in paths_of(row.name, context)]
    versions = [artifacts.view(version) for version in ArtifactRow.find(context.store, parent=row.name)]
    shown = {"ProductViewSummary": summary(row, context), "ProvisioningArtifacts": versions}
    return shown | {"LaunchPaths": paths, "Budgets": []}


def _title(path: PathRow, context: Context) -> str:
    title: str = PortfolioRow.get(context.store, path.parent).request["DisplayName"]
    return title


@handles("DescribeProductAsAdmin", SERVICE)
def describe_as_admin(request: Request, context: Context) -> Response:
    """As its owner sees it."""
    if "SourcePortfolioId" in request:
        raise InvalidParametersException("loopback does not carry out SourcePortfolioId")
    row = product_of(request, context)
    versions = [artifacts.view(version) for version in ArtifactRow.find(context.store, parent=row.name)]
    return {
        "ProductViewDetail": view(row, context),
        "ProvisioningArtifactSummaries": versions,
        "Tags": tags_of(_arn(row, context), context),
        "TagOptions": [],
        "Budgets": [],
    }


@handles("UpdateProduct", SERVICE)
def update(request: Request, context: Context) -> Response:
    """Texts and tags; another template is another version."""
    if "SourceConnection" in request:
        raise InvalidParametersException("loopback does not carry out SourceConnection")
    row = find(ProductRow, request["Id"], context)
    with context.store.transaction():
        texts = {key: request[key] for key in (*_TEXTS, "Description") if key in request}
        row = replace(row, request=row.request | texts).with_doc(context.store, "update")
        change_tags(_arn(row, context), request, context)
    return {"ProductViewDetail": view(row, context), "Tags": tags_of(_arn(row, context), context)}


@handles("DeleteProduct", SERVICE)
def delete(request: Request, context: Context) -> Response:
    """Not while it is in a portfolio, as on AWS. What was launched from it goes on."""
    row = find(ProductRow, request["Id"], context)
    if inside := [path.parent for path in context.store.scan(paths_with(row.name))]:
        raise ResourceInUseException(f"Product {row.name} is in portfolio {', '.join(inside)}; take it out first")
    with context.store.transaction():
        for version in context.store.find(CATALOG_ARTIFACT, parent=row.name):
            context.store.delete(CATALOG_ARTIFACT, version.name)
        context.store.delete(CATALOG_PRODUCT, row.name)
        context.store.untag(_arn(row, context))
    return {}


@handles("SearchProducts", SERVICE)
def search(request: Request, context: Context) -> Response:
    """The products that can be launched: those with a launch path."""
    show = view_of(ProductRow, partial(summary, context=context))
    keep = lambda row: bool(paths_of(row.name, context))  # noqa: E731
    return _search(request, "ProductViewSummaries", show, keep, context)


@handles("SearchProductsAsAdmin", SERVICE)
def search_as_admin(request: Request, context: Context) -> Response:
    """All products, or those of one portfolio."""
    portfolio = find(PortfolioRow, request["PortfolioId"], context).name if "PortfolioId" in request else None
    show = view_of(ProductRow, partial(view, context=context))
    keep = lambda row: portfolio is None or context.store.exists(CATALOG_PATH, f"{portfolio}/{row.name}")  # noqa: E731
    return _search(request, "ProductViewDetails", show, keep, context)


_ORDERS = {"Title": f"lower({member('Name')})", "CreationDate": CREATED}


def _search(
    request: Request,
    output: str,
    show: Callable[[Resource], Any],
    keep: Callable[[Resource], bool],
    context: Context,
) -> Response:
    """A page of the products that Filters and `keep` let through, in the order that SortBy asks for."""
    filters = request.get("Filters") or {}
    if unknown := [name for name in filters if name not in _FILTERS]:
        raise InvalidParametersException(f"loopback does not carry out filter {unknown[0]}; it has {_FILTERS}")
    passes = lambda row: _passes(ProductRow.from_row(row), filters) and keep(row)  # noqa: E731
    descending = request.get("SortOrder") == "DESCENDING"
    order = _ORDERS.get(request.get("SortBy", "CreationDate"))
    if order is not None:
        selection = Selection(CATALOG_PRODUCT, order=order, descending=descending)
        return page_of(selection, show, output, request, context, passes)
    versions = lambda row: len(context.store.find(CATALOG_ARTIFACT, parent=row.name))  # noqa: E731
    rows = sorted(filter(passes, context.store.find(CATALOG_PRODUCT)), key=versions, reverse=descending)
    return PAGING.of_items(request, list(map(show, rows)), output, PAGE)


def _passes(row: ProductRow, filters: dict[str, list[str]]) -> bool:
    text = " ".join(str(row.request.get(key, "")) for key in (*_TEXTS, "Description")).lower()
    return (
        all(wanted.lower() in text for wanted in filters.get("FullTextSearch", []))
        and row.request["Owner"] in filters.get("Owner", [row.request["Owner"]])
        and TEMPLATE in filters.get("ProductType", [TEMPLATE])
    )


def summary(row: ProductRow, context: Context) -> dict[str, Any]:
    """ProductViewSummary."""
    texts = {key: row.request[key] for key in _TEXTS if key in row.request}
    return texts | {
        "Id": "prodview-" + row.name.removeprefix("prod-"),
        "ProductId": row.name,
        "ShortDescription": row.request.get("Description"),
        "Type": TEMPLATE,
        "HasDefaultPath": len(paths_of(row.name, context)) == 1,
    }


def view(row: ProductRow, context: Context) -> dict[str, Any]:
    """ProductViewDetail."""
    return {
        "ProductViewSummary": summary(row, context),
        "Status": "AVAILABLE",
        "ProductARN": _arn(row, context),
        "CreatedTime": row.created,
    }


def _arn(row: ProductRow, context: Context) -> str:
    return arn("product", row.name, context)
