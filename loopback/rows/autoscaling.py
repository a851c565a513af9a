"""Application Auto Scaling's scalable targets, policies and scheduled actions, and what was done for them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from loopback.core.kinds import SCALABLE_TARGET, SCALING_ACTIVITY, SCALING_POLICY, SCHEDULED_ACTION
from loopback.core.queries import Selection, equals
from loopback.engines.autoscaling.capacity import ScalingMove
from loopback.rows.row import Json, Result, document, key


def _read_move(value: Mapping[str, Any]) -> ScalingMove:
    return ScalingMove(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalableTargetResult(Result):
    """The last completed scale-out and scale-in of a target, and whether its capacity was moved into its limits.

    `id` is that of its ARN.
    """

    id: str = ""
    ranged: bool = False
    scaled_out: ScalingMove | None = field(default=None, metadata=key("out", _read_move, asdict))
    scaled_in: ScalingMove | None = field(default=None, metadata=key("in", _read_move, asdict))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalableTargetRow(ScalableTargetResult):
    """A scalable target, named by its ResourceId. `request` has the members of AWS's ScalableTarget."""

    KIND = SCALABLE_TARGET

    request: Json = field(metadata=document())
    least: int = field(default=1, metadata=key("MinCapacity"))
    most: int = field(default=1, metadata=key("MaxCapacity"))
    suspended: dict[str, bool] = field(default_factory=dict, metadata=key("SuspendedState"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPolicyResult(Result):
    """The id of a policy's ARN, and the alarms that a tracking policy has brought: AlarmHigh, then AlarmLow."""

    id: str = ""
    alarms: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPolicyRow(ScalingPolicyResult):
    """A scaling policy, `<ResourceId>/<name>`; its parent is the target. `request` has the members of AWS's."""

    KIND = SCALING_POLICY

    request: Json = field(metadata=document())
    policy: str = field(default="", metadata=key("PolicyName"))
    type: str = field(default="", metadata=key("PolicyType"))

    @property
    def config(self) -> Json:
        """The configuration of its type."""
        found: Json = self.request[f"{self.type}PolicyConfiguration"]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledActionResult(Result):
    """The id of a scheduled action's ARN, and when it is due next: epoch seconds, None when never again."""

    id: str = ""
    next: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledActionRow(ScheduledActionResult):
    """A scheduled action, `<ResourceId>/<name>`; its parent is the target. `request` has the members of AWS's."""

    KIND = SCHEDULED_ACTION

    request: Json = field(metadata=document())
    action: str = field(default="", metadata=key("ScheduledActionName"))


@dataclass(frozen=True, slots=True)
class CapacityChange:
    """A change of capacity: from, to, why, and the cooldown in seconds that follows it."""

    before: int
    after: int
    cause: str
    cooldown: float = 0.0

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "CapacityChange":
        """From JSON."""
        return cls(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingActivityResult(Result):
    """How an activity ended, and whether its change was asked for yet."""

    requested: bool = False
    ended: float | None = field(default=None, metadata=key("EndTime"))
    message: str | None = field(default=None, metadata=key("StatusMessage"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingActivityRow(ScalingActivityResult):
    """A scaling activity, named by its id; its parent is the target. Without an `aim` nothing is carried out."""

    KIND = SCALING_ACTIVITY

    description: str = field(metadata=key("Description"))
    cause: str = field(metadata=key("Cause"))
    aim: CapacityChange | None = field(default=None, metadata=key("", CapacityChange.read, asdict))


def target_with_id(identity: str) -> Selection:
    """The target with that id in its ARN."""
    return Selection(SCALABLE_TARGET, equal=(equals("id", identity, "result"),))
