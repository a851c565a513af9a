"""Endpoints, their configurations, and the fleets of instances that serve or are being brought up."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from loopback.core.kinds import ENDPOINT, ENDPOINT_CONFIG
from loopback.engines.endpoints.guardrails import DeploymentPlan, DeploymentProgress
from loopback.rows.row import Json, Result, Row, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSpec:
    """One variant of a fleet. `given` is the variant of the endpoint configuration, `container` the model's.

    Both are copies, because configuration and model may be deleted while the endpoint goes on. `role` is the model's,
    "" for none; `isolated` means that its instances have no network.
    """

    count: int
    weight: float
    container: Json
    given: Json
    role: str = ""
    isolated: bool = False

    @property
    def serverless(self) -> bool:
        """Whether it has memory and concurrency in place of instances."""
        return "ServerlessConfig" in self.given


Variants = dict[str, VariantSpec]  # by name


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceCounts:
    """How many instances each variant has now: of the fleet that serves (blue), and of the new one (green)."""

    blue: dict[str, int] = field(default_factory=dict)
    green: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSpec:
    """What answers requests, or is being brought up to. `started` is in epoch seconds.

    Two fleets with one `generation` have the same instances and differ in counts and weights. During a deployment there
    is a `plan`, how far it is (`progress`), the VariantStatus of each variant, and how many instances there are `now`.
    """

    generation: str
    config: str
    variants: Variants
    shadows: Variants = field(default_factory=dict)
    capture: Json | None = None
    queue: Json | None = None
    started: float = 0.0
    plan: DeploymentPlan | None = None
    progress: DeploymentProgress | None = None
    status: dict[str, Json] = field(default_factory=dict)
    now: InstanceCounts = field(default_factory=InstanceCounts)

    @property
    def deployed(self) -> "FleetSpec":
        """Without what ends with the deployment."""
        return replace(self, plan=None, progress=None, status={}, now=InstanceCounts())

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "FleetSpec":
        """From JSON."""
        made: Json = {name: each for name, each in value.items() if each is not None}
        for member in ("variants", "shadows"):
            made[member] = {name: VariantSpec(**each) for name, each in made.get(member, {}).items()}
        for member, of in (("plan", DeploymentPlan), ("progress", DeploymentProgress), ("now", InstanceCounts)):
            if member in made:
                made[member] = of(**made[member])
        return cls(**made)

    def dump(self) -> Json:
        """As JSON."""
        kept = {each.name: getattr(self, each.name) for each in fields(self)}
        for member in ("variants", "shadows"):
            kept[member] = {name: _members(each) for name, each in kept[member].items()}
        for member in ("plan", "progress", "now"):
            kept[member] = kept[member] and _members(kept[member])
        return {name: value for name, value in kept.items() if value is not None}


def _members(of: Any) -> Json:
    return {each.name: getattr(of, each.name) for each in fields(of)}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointResult(Result):
    """What answers requests now (`serving`), what is being brought up (`pending`), the last DeploymentConfig."""

    serving: FleetSpec | None = field(default=None, metadata=key("", FleetSpec.read, FleetSpec.dump))
    pending: FleetSpec | None = field(default=None, metadata=key("", FleetSpec.read, FleetSpec.dump))
    deployment: Json | None = None
    failure_reason: str | None = field(default=None, metadata=key("FailureReason"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRow(EndpointResult):
    """An endpoint, named by its name in lower case. `request` is CreateEndpoint's."""

    KIND = ENDPOINT

    request: Json = field(metadata=document())
    endpoint: str = field(metadata=key("EndpointName"))


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfigRow(Row):
    """An endpoint configuration, named by its name. `request` is CreateEndpointConfig's, with AWS's defaults."""

    KIND = ENDPOINT_CONFIG

    request: Json = field(metadata=document())
