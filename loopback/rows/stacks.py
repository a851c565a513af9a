"""Operations on the stacks of projects and of provisioned products, and these two."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from loopback.core.kinds import PROJECT, PROVISIONED_PRODUCT, STACK_OPERATION
from loopback.core.queries import Term, equals
from loopback.rows.row import Json, Result, document, key

Owner = tuple[str, str]  # the slug of a kind, and a name


@dataclass(frozen=True)
class Order:
    """What is asked of CloudFormation. `verb` is create, update or delete, `role` an ARN or "" for the account.

    `template` is {"TemplateURL": ...}, {"TemplateBody": ...} or, where an update keeps it or none is needed, empty. An
    update keeps the values of the parameters that it does not name. `capabilities` are what the service that orders it
    gives: Service Catalog all, SageMaker none, since CreateProject has no field for them.
    """

    verb: str
    stack: str
    role: str = ""
    template: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    capabilities: Sequence[str] = ()


@dataclass(frozen=True)
class ProductRecord:
    """A provisioned product as the record of an operation shows it: ids of Service Catalog, `role` an ARN or ""."""

    id: str
    name: str
    product: str
    artifact: str
    path: str
    tags: Mapping[str, str]
    role: str


def _read_order(value: Mapping[str, Any]) -> Order:
    return Order(**value)


def _read_record(value: Mapping[str, Any]) -> ProductRecord:
    return ProductRecord(**value)


def _read_owners(value: list[list[str]]) -> tuple[Owner, ...]:
    return tuple((slug, name) for slug, name in value)


def _dump_owners(value: tuple[Owner, ...]) -> list[list[str]]:
    return [list(each) for each in value]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOperationResult(Result):
    """What has become of the stack: its ARN, what people are told of it, and its Outputs as CloudFormation has them."""

    stack_id: str = ""
    message: str = ""
    outputs: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOperationRow(StackOperationResult):
    """An operation on a stack, named by its ClientRequestToken; its parent is the first owner.

    `owners` move with it. The rest is Service Catalog's: the record that it shows, the token of the request, `after`,
    the provisioned product's `doc` once an update has succeeded, and `ignores`: a failed deletion counts as a success.
    """

    KIND = STACK_OPERATION

    order: Order = field(metadata=key("", _read_order, asdict))
    owners: tuple[Owner, ...] = field(metadata=key("", _read_owners, _dump_owners))
    record: ProductRecord | None = field(default=None, metadata=key("", _read_record, asdict))
    token: str | None = field(default=None, metadata=key("IdempotencyToken"))
    after: Json | None = None
    ignores: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectResult(Result):
    """The project's id, its newest operation, the provisioned product that it is, and what its stack says."""

    id: str = ""
    operation: str = ""
    product: str = ""
    stack_id: str = ""
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRow(ProjectResult):
    """A project of SageMaker, named by its name. `request` is CreateProject's, with what updates have changed."""

    KIND = PROJECT

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedProductResult(Result):
    """The stack's ARN and message, and the records of the last operation, change and success."""

    stack_id: str = ""
    message: str | None = None
    last: str | None = None
    last_change: str | None = None
    last_success: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionedProductRow(ProvisionedProductResult):
    """A product that was launched, named by its id; `title` is its ProvisionedProductName, `role` an ARN or ""."""

    KIND = PROVISIONED_PRODUCT

    title: str = field(metadata=key("name"))
    product: str
    artifact: str
    path: str
    tags: dict[str, str]
    portfolio: str
    role: str
    token: str

    @property
    def record(self) -> ProductRecord:
        """What the record of an operation on it shows."""
        return ProductRecord(self.name, self.title, self.product, self.artifact, self.path, self.tags, self.role)


def has_title(name: str) -> Term:
    """The provisioned products of a ProvisionedProductName."""
    return equals("name", name)
