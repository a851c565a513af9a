"""Service Catalog's portfolios and products, and what ties them together."""

from dataclasses import dataclass, field

from loopback.core.kinds import (
    CATALOG_ARTIFACT,
    CATALOG_CONSTRAINT,
    CATALOG_PATH,
    CATALOG_PORTFOLIO,
    CATALOG_PRINCIPAL,
    CATALOG_PRODUCT,
)
from loopback.rows.row import Json, Result, Row, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioRow(Row):
    """A portfolio, named by its id. `request` is CreatePortfolio's, with what updates have changed."""

    KIND = CATALOG_PORTFOLIO

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow(Row):
    """A product, named by its id. `request` is CreateProduct's, with what updates have changed."""

    KIND = CATALOG_PRODUCT

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactResult(Result):
    """The template as it was when the version was made: its S3 URL, its text and the SHA-256 of that."""

    url: str = ""
    body: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRow(ArtifactResult):
    """A version of a product, named by its id; its parent is the product. `token` is that of the request."""

    KIND = CATALOG_ARTIFACT

    title: str = field(metadata=key("Name"))
    description: str | None = field(default=None, metadata=key("Description"))
    token: str = field(metadata=key("IdempotencyToken"))
    product: str = field(metadata=key("ProductId"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRow(Row):
    """A launch path: a product in a portfolio, named `<portfolio>/<product>`; its parent is the portfolio."""

    KIND = CATALOG_PATH

    id: str
    product: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipalRow(Row):
    """Who may use a portfolio, `<portfolio>/<ARN>`; its parent is the portfolio. `principal` is AWS's Principal."""

    KIND = CATALOG_PRINCIPAL

    principal: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintRow(Row):
    """A constraint, named by its id; its parent is the portfolio. `request` is CreateConstraint's."""

    KIND = CATALOG_CONSTRAINT

    request: Json = field(metadata=document())
