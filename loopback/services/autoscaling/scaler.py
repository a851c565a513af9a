"""What carries scaling out: alarms and schedules in, changes of the endpoint through SageMaker's own operation out.

Everything that is to be done stands in rows, and one loop does what they say: after a kill it goes on where it was.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from loopback.core.errors import ServiceError, ValidationException
from loopback.core.kinds import ENDPOINT, SCALABLE_TARGET, SCALING_ACTIVITY, SCHEDULED_ACTION
from loopback.core.part import Loop, Part
from loopback.engines.autoscaling import capacity
from loopback.engines.autoscaling.capacity import CapacityLimits, ScalingMove
from loopback.rows.autoscaling import (
    CapacityChange,
    ScalableTargetResult,
    ScalableTargetRow,
    ScalingActivityResult,
    ScalingActivityRow,
    ScalingPolicyRow,
    ScheduledActionResult,
    ScheduledActionRow,
)
from loopback.rows.row import changes
from loopback.services import registry
from loopback.services.autoscaling import activities, policies, scheduled, targets
from loopback.services.autoscaling.resources import DIMENSION, NAMESPACE, is_moving, place_of
from loopback.services.registry import Context

POLL_SECONDS = 1.0
LONGEST_SECONDS = 3600.0  # for one change of capacity
EVENT = "Application Auto Scaling Scaling Activity State Change"
SOURCE = "aws.application-autoscaling"
PutEvent = Callable[[str, list[str], Mapping[str, Any], str], None]
log = logging.getLogger("loopback")


class Scaler(Part):
    """Run `loop` on one thread. `now` gives epoch seconds."""

    kinds = (ENDPOINT, SCALABLE_TARGET, SCHEDULED_ACTION, SCALING_ACTIVITY)

    def __init__(self, context: Context, put_event: PutEvent, *, now: Callable[[], float] = time.time) -> None:
        self._context, self._store = context, context.store
        self._put_event, self._now = put_event, now
        self._wake, self._lock = threading.Event(), threading.RLock()
        self._wishes: dict[str, tuple[int, float]] = {}  # policy -> what it would scale in to, until when
        self._open = True

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def on_change(self, kind: str, _name: str) -> None:
        """A row changed: there may be something to do."""
        if kind in (ENDPOINT.slug, SCALABLE_TARGET.slug, SCHEDULED_ACTION.slug, SCALING_ACTIVITY.slug):
            self._wake.set()

    def recover(self) -> None:
        """Go on with what was being done."""
        self._wake.set()

    def forget(self) -> None:
        """There are no policies any more."""
        self._wishes.clear()

    def close(self) -> None:
        """End the loop."""
        self._open = False
        self._wake.set()

    def loop(self) -> None:
        """Work until `close`."""
        watched = True
        while self._open:
            self._wake.wait(timeout=POLL_SECONDS if watched else None)
            self._wake.clear()
            watched = True  # if this fails, it is tried again
            try:
                watched = self.tick()
            except Exception:
                if self._open:
                    log.exception("scaling")

    def tick(self) -> bool:
        """Do all that is due now; whether there is anything that time alone can make due."""
        with self._lock:
            for target in ScalableTargetRow.find(self._store):
                if not self._is_there(target):
                    targets.forget(target, self._context)
            for action in ScheduledActionRow.find(self._store):
                if action.next is not None and action.next <= self._now():
                    self._run(action)
            for target in ScalableTargetRow.find(self._store):
                if not target.ranged and not is_moving(target.name, self._context):
                    self._move_into_range(target)
            for activity in ScalingActivityRow.find(self._store, status="InProgress"):
                self._carry_on(activity)
            moving = self._store.find(SCALING_ACTIVITY, status="InProgress")
            return bool(moving or self._store.find(SCALABLE_TARGET) or self._store.find(SCHEDULED_ACTION))

    def on_alarm(self, policy_arn: str, alarm: Mapping[str, Any], metric: float | None) -> None:
        """An alarm that has a policy as its action is in ALARM. Raises ObjectNotFoundException.

        `metric` is its newest value; without one there is nothing to scale by.
        """
        with self._lock:
            policy = policies.by_arn(policy_arn, self._context)
            target = ScalableTargetRow.get(self._store, policy.parent)
            current = self._current(target)
            if metric is None or current is None or is_moving(target.name, self._context):
                return
            wanted = self._capacity_for(policy, alarm, metric, current, target)
            if wanted is not None:
                cause = f"monitor alarm {alarm['AlarmName']} in state ALARM triggered policy {policy.policy}"
                self._scale(target, policy, (current, wanted), cause)

    def _capacity_for(
        self,
        policy: ScalingPolicyRow,
        alarm: Mapping[str, Any],
        metric: float,
        current: int,
        target: ScalableTargetRow,
    ) -> int | None:
        out, config = target.scaled_out, policy.config
        above = alarm["ComparisonOperator"].startswith("Greater")
        if policy.type == policies.STEP:
            base = capacity.base_of(current, out, self._now())
            wanted = capacity.step_capacity(base, metric - alarm["Threshold"], config, above=above)
            if wanted is not None and wanted < base:
                return capacity.step_capacity(current, metric - alarm["Threshold"], config, above=above)
            return wanted
        if above:
            base = capacity.base_of(current, out, self._now())
            return capacity.tracking_capacity(base, metric, config["TargetValue"])
        if config.get("DisableScaleIn"):
            return None
        self._wishes[policy.name] = (
            capacity.tracking_capacity(current, metric, config["TargetValue"]),
            self._now() + 2 * policies.PERIOD,
        )
        return capacity.agree([self._wish(other) for other in self._trackers(target)])

    def _trackers(self, target: ScalableTargetRow) -> list[ScalingPolicyRow]:
        """The tracking policies of a target that scale in."""
        tracking = (
            row for row in ScalingPolicyRow.find(self._store, parent=target.name) if row.type == policies.TRACKING
        )
        return [row for row in tracking if not row.config.get("DisableScaleIn")]

    def _wish(self, policy: ScalingPolicyRow) -> int | None:
        """What a policy would scale in to, if its alarm still asks for that."""
        wish, until = self._wishes.get(policy.name, (0, 0.0))
        low = policy.alarms[1]["AlarmName"]
        request = {"AlarmNames": [low]}
        shown = self._context.base("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", request)
        asking = any(alarm["StateValue"] == "ALARM" for alarm in shown.get("MetricAlarms", []))
        return wish if asking and self._now() <= until else None

    def _scale(self, target: ScalableTargetRow, policy: ScalingPolicyRow, change: tuple[int, int], cause: str) -> None:
        """Begin what limits, cooldowns and suspended states leave of a change (from, to)."""
        current, wanted = change
        limits = CapacityLimits(target.least, target.most)
        moves = (target.scaled_out, target.scaled_in)
        decision = capacity.decide(wanted, current, limits, moves, self._now())
        if decision.capacity is None:
            log.info("%s stays at %d: %s", target.name, current, decision.reason)
            return
        outward = decision.capacity > current
        if target.suspended[f"DynamicScaling{'Out' if outward else 'In'}Suspended"]:
            return
        aim = CapacityChange(current, decision.capacity, cause, _cooldown(policy, outward=outward))
        activities.begin(target.name, aim, self._context)

    def _run(self, row: ScheduledActionRow) -> None:
        """A scheduled action is due: its limits become the target's."""
        planned = changes(ScheduledActionResult, next=scheduled.following(row, self._now()))
        row.amend(self._store, row.name, "run", result=planned)
        target = ScalableTargetRow.get(self._store, row.parent)
        if target.suspended["ScheduledScalingSuspended"]:
            return
        doc = target.request | row.request["ScalableTargetAction"]
        name = row.action
        description = f"Setting min capacity to {doc['MinCapacity']} and max capacity to {doc['MaxCapacity']}"
        told = (description, f"scheduled action name {name} was triggered")
        try:
            targets.check_limits(doc)
        except ValidationException as fault:
            log.warning("scheduled action %s: %s", name, fault)
            activities.tell(row.parent, told, self._now(), self._context, fault=str(fault))
            return
        limits = changes(ScalableTargetResult, ranged=False)
        target.amend(self._store, target.name, "schedule", doc=doc, result=limits)
        activities.tell(row.parent, told, self._now(), self._context)

    def _move_into_range(self, row: ScalableTargetRow) -> None:
        """New limits: a capacity outside of them is moved inside, whatever the cooldowns."""
        current = self._current(row)
        if current is None:
            return
        wanted = CapacityLimits(row.least, row.most).clamp(current)
        row.amend(self._store, row.name, "range", result=changes(ScalableTargetResult, ranged=True))
        if wanted != current:
            cause = f"{'minimum' if wanted > current else 'maximum'} capacity was set to {wanted}"
            activities.begin(row.name, CapacityChange(current, wanted, cause), self._context)

    def _carry_on(self, row: ScalingActivityRow) -> None:
        """Take one change of capacity further: ask for it, wait while the endpoint is changing, tell how it ended."""
        aim = row.aim
        if aim is None:
            return
        endpoint, variant = place_of(row.parent)
        shown = self._endpoint(endpoint)
        entry = _variant(shown, variant)
        if shown is None or shown["EndpointStatus"] in ("Deleting", "Failed") or entry is None:
            self._fail(row, f"Variant {variant} of endpoint {endpoint} does not serve any more")
        elif shown["EndpointStatus"] != "InService":
            if self._now() - row.created > LONGEST_SECONDS:
                self._fail(row, f"Endpoint {endpoint} was not InService within {LONGEST_SECONDS:.0f} seconds")
        elif entry["CurrentInstanceCount"] == aim.after:
            self._succeed(row, aim)
        elif row.requested:
            self._fail(row, shown.get("FailureReason") or "The instance count was changed by another request")
        else:
            self._request(row, endpoint, variant, aim)

    def _request(self, row: ScalingActivityRow, endpoint: str, variant: str, aim: CapacityChange) -> None:
        wanted = {"VariantName": variant, "DesiredInstanceCount": aim.after}
        request = {"EndpointName": endpoint, "DesiredWeightsAndCapacities": [wanted]}
        try:
            registry.call(NAMESPACE, "UpdateEndpointWeightsAndCapacities", request, self._context)
        except ServiceError as fault:
            shown = self._endpoint(endpoint)
            if shown is None or shown["EndpointStatus"] == "InService":
                self._fail(row, str(fault))
            return  # it is being changed by another request: try again after that
        row.amend(self._store, row.name, "request", result=changes(ScalingActivityResult, requested=True))

    def _fail(self, row: ScalingActivityRow, reason: str) -> None:
        after = row.aim.after if row.aim else 0
        message = f"Failed to set desired instance count to {after}. Reason: {reason}"
        activities.end(row, "fail", message, self._now(), self._context)

    def _succeed(self, row: ScalingActivityRow, aim: CapacityChange) -> None:
        message = (
            f"Successfully set desired instance count to {aim.after}. Change successfully fulfilled by {NAMESPACE}."
        )
        ended = activities.end(row, "succeed", message, self._now(), self._context)
        if not self._store.exists(SCALABLE_TARGET, row.parent):
            return
        outward = aim.after > aim.before
        move = ScalingMove(aim.before, aim.after, self._now() + aim.cooldown)
        noted = changes(ScalableTargetResult, scaled_in=None if outward else move)
        if outward:
            noted |= changes(ScalableTargetResult, scaled_out=move)
        target = ScalableTargetRow.amend(self._store, row.parent, "scale", result=noted)
        if outward and aim.after == target.most:
            self._put_event(EVENT, [], _scaled_to_max(ended, aim, target), SOURCE)

    def _is_there(self, target: ScalableTargetRow) -> bool:
        endpoint, _ = place_of(target.name)
        shown = self._endpoint(endpoint)
        return shown is not None and shown["EndpointStatus"] != "Deleting"

    def _current(self, target: ScalableTargetRow) -> int | None:
        """The instances that a target has, None while its endpoint has none or a change of it is going on."""
        endpoint, variant = place_of(target.name)
        shown = self._endpoint(endpoint)
        entry = _variant(shown, variant)
        if shown is None or shown["EndpointStatus"] != "InService" or entry is None:
            return None
        return int(entry["CurrentInstanceCount"])

    def _endpoint(self, name: str) -> dict[str, Any] | None:
        if not self._store.exists(ENDPOINT, name.lower()):
            return None
        return registry.call(NAMESPACE, "DescribeEndpoint", {"EndpointName": name}, self._context)


def _variant(shown: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    variants = (shown or {}).get("ProductionVariants") or []
    return next((entry for entry in variants if entry["VariantName"] == name), None)


def _cooldown(policy: ScalingPolicyRow, *, outward: bool) -> float:
    config = policy.config
    name = "Cooldown" if policy.type == policies.STEP else f"Scale{'Out' if outward else 'In'}Cooldown"
    return float(config.get(name, capacity.COOLDOWN))


def _scaled_to_max(row: ScalingActivityRow, aim: CapacityChange, target: ScalableTargetRow) -> dict[str, Any]:
    """The detail of AWS's event, which is sent only when a target reached its maximum."""
    start, end = (datetime.fromtimestamp(at, UTC) for at in (row.created, row.ended or row.created))
    return {
        "startTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "endTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "newDesiredCapacity": aim.after,
        "oldDesiredCapacity": aim.before,
        "minCapacity": target.least,
        "maxCapacity": target.most,
        "resourceId": target.name,
        "scalableDimension": DIMENSION,
        "serviceNamespace": NAMESPACE,
        "statusCode": row.status,
        "scaledToMax": True,
        "direction": "scale-out",
    }
