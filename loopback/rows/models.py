"""Models, and the registry's packages (versions) and their groups."""

from dataclasses import dataclass, field

from loopback.core.kinds import MODEL, PACKAGE, PACKAGE_GROUP
from loopback.rows.row import Json, Result, Row, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelResult(Result):
    """What a model's containers are once a package's were put in their place."""

    containers: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow(ModelResult):
    """A model, named by its name. `request` is CreateModel's."""

    KIND = MODEL

    request: Json = field(metadata=document())
    role: str = field(default="", metadata=key("ExecutionRoleArn"))
    isolated: bool = field(default=False, metadata=key("EnableNetworkIsolation"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageGroupRow(Row):
    """A group of model packages, named by its name. `request` is CreateModelPackageGroup's."""

    KIND = PACKAGE_GROUP

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageResult(Result):
    """With which ModelApprovalStatus a package was registered."""

    registered_as: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRow(PackageResult):
    """A model package: `<group>/<version>` with the group as parent, or a name of its own and no parent.

    `request` is CreateModelPackage's, as later updates have changed it.
    """

    KIND = PACKAGE

    request: Json = field(metadata=document())
