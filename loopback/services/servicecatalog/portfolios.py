"""Portfolios, and what is associated with them: products and principals."""

from dataclasses import replace
from functools import partial
from typing import Any

from loopback.core.errors import ResourceInUse, ResourceNotFound
from loopback.core.kinds import (
    CATALOG_CONSTRAINT,
    CATALOG_PATH,
    CATALOG_PORTFOLIO,
    CATALOG_PRINCIPAL,
)
from loopback.core.queries import Selection, equals
from loopback.rows.catalog import PathRow, PortfolioRow, PrincipalRow, ProductRow
from loopback.rows.row import Row, view_of
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.tags import keep_tags
from loopback.services.servicecatalog.errors import (
    InvalidParametersException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from loopback.services.servicecatalog.launch import paths_with
from loopback.services.servicecatalog.rows import arn, change_tags, find, made_with, new_id, page_of, tags_of

SERVICE = "servicecatalog"
_TEXTS = ("DisplayName", "Description", "ProviderName")


@handles("CreatePortfolio", SERVICE)
def create(request: Request, context: Context) -> Response:
    """A portfolio is a name, a provider and tags."""
    row = made_with(PortfolioRow, request["IdempotencyToken"], context)
    if row is None:
        with context.store.transaction():
            row = PortfolioRow(request=dict(request)).create(context.store, new_id("port"))
            keep_tags(_arn(row, context), request, context)
    return {"PortfolioDetail": view(row, context), "Tags": tags_of(_arn(row, context), context)}


@handles("DescribePortfolio", SERVICE)
def describe(request: Request, context: Context) -> Response:
    """With its tags; there are no tag options and no budgets."""
    row = find(PortfolioRow, request["Id"], context)
    tags = tags_of(_arn(row, context), context)
    return {"PortfolioDetail": view(row, context), "Tags": tags, "TagOptions": [], "Budgets": []}


@handles("UpdatePortfolio", SERVICE)
def update(request: Request, context: Context) -> Response:
    """Texts and tags."""
    row = find(PortfolioRow, request["Id"], context)
    with context.store.transaction():
        texts = {key: request[key] for key in _TEXTS if key in request}
        row = replace(row, request=row.request | texts).with_doc(context.store, "update")
        change_tags(_arn(row, context), request, context)
    return {"PortfolioDetail": view(row, context), "Tags": tags_of(_arn(row, context), context)}


@handles("DeletePortfolio", SERVICE)
def delete(request: Request, context: Context) -> Response:
    """Only an empty one, as on AWS."""
    row = find(PortfolioRow, request["Id"], context)
    for kind in (CATALOG_PATH, CATALOG_PRINCIPAL, CATALOG_CONSTRAINT):
        if context.store.first(Selection(kind, row.name)):
            noun = "product" if kind is CATALOG_PATH else kind.noun
            raise ResourceInUseException(f"Portfolio {row.name} still has a {noun}")
    with context.store.transaction():
        context.store.delete(CATALOG_PORTFOLIO, row.name)
        context.store.untag(_arn(row, context))
    return {}


@handles("ListPortfolios", SERVICE)
def list_portfolios(request: Request, context: Context) -> Response:
    """A page of portfolios, oldest first."""
    show = view_of(PortfolioRow, partial(view, context=context))
    return page_of(Selection(CATALOG_PORTFOLIO), show, "PortfolioDetails", request, context)


@handles("AssociateProductWithPortfolio", SERVICE)
def associate_product(request: Request, context: Context) -> Response:
    """One that is there already is no error, as on AWS."""
    if "SourcePortfolioId" in request:
        raise InvalidParametersException("loopback does not carry out SourcePortfolioId")
    portfolio = find(PortfolioRow, request["PortfolioId"], context).name
    product = find(ProductRow, request["ProductId"], context).name
    _create_once(PathRow(id=new_id("lpv3"), product=product), f"{portfolio}/{product}", portfolio, context)
    return {}


@handles("DisassociateProductFromPortfolio", SERVICE)
def disassociate_product(request: Request, context: Context) -> Response:
    """Not while a constraint is on the product in this portfolio."""
    portfolio, product = request["PortfolioId"], request["ProductId"]
    find(PortfolioRow, portfolio, context)
    find(ProductRow, product, context)
    if context.store.first(Selection(CATALOG_CONSTRAINT, portfolio, equal=(equals("ProductId", product),))):
        raise ResourceInUseException(f"Product {product} has constraints in portfolio {portfolio}; delete them first")
    try:
        context.store.delete(CATALOG_PATH, f"{portfolio}/{product}")
    except ResourceNotFound:
        raise ResourceNotFoundException(f"Product {product} is not in portfolio {portfolio}") from None
    return {}


@handles("ListPortfoliosForProduct", SERVICE)
def portfolios_of(request: Request, context: Context) -> Response:
    """The portfolios that a product is in."""
    find(ProductRow, request["ProductId"], context)
    show = lambda path: view(PortfolioRow.get(context.store, path.parent), context)  # noqa: E731
    return page_of(paths_with(request["ProductId"]), show, "PortfolioDetails", request, context)


@handles("AssociatePrincipalWithPortfolio", SERVICE)
def associate_principal(request: Request, context: Context) -> Response:
    """Let a user, a group, a role, or a pattern of them, use the portfolio's products."""
    portfolio = find(PortfolioRow, request["PortfolioId"], context).name
    row = PrincipalRow(principal={key: request[key] for key in ("PrincipalARN", "PrincipalType")})
    _create_once(row, f"{portfolio}/{request['PrincipalARN']}", portfolio, context)
    return {}


@handles("DisassociatePrincipalFromPortfolio", SERVICE)
def disassociate_principal(request: Request, context: Context) -> Response:
    """One that is not there is an error, as on AWS."""
    portfolio = find(PortfolioRow, request["PortfolioId"], context).name
    try:
        context.store.delete(CATALOG_PRINCIPAL, f"{portfolio}/{request['PrincipalARN']}")
    except ResourceNotFound:
        text = f"Principal {request['PrincipalARN']} is not associated with portfolio {portfolio}"
        raise ResourceNotFoundException(text) from None
    return {}


@handles("ListPrincipalsForPortfolio", SERVICE)
def principals(request: Request, context: Context) -> Response:
    """Who may use the portfolio."""
    portfolio = find(PortfolioRow, request["PortfolioId"], context).name
    show = view_of(PrincipalRow, lambda row: row.principal)
    return page_of(Selection(CATALOG_PRINCIPAL, portfolio), show, "Principals", request, context)


def view(row: PortfolioRow, context: Context) -> dict[str, Any]:
    """PortfolioDetail."""
    texts = {key: row.request[key] for key in _TEXTS if key in row.request}
    return texts | {"Id": row.name, "ARN": _arn(row, context), "CreatedTime": row.created}


def _arn(row: PortfolioRow, context: Context) -> str:
    return arn("portfolio", row.name, context)


def _create_once(row: Row, name: str, portfolio: str, context: Context) -> None:
    try:
        row.create(context.store, name, parent=portfolio)
    except ResourceInUse:
        return
