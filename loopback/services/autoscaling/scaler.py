"""What carries scaling out: alarms and schedules in, changes of the endpoint through SageMaker's own operation out.

Everything that is to be done stands in rows, and one loop does what they say: after a kill it goes on where it was.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from loopback.core.errors import ServiceError, ValidationException
from loopback.core.kinds import ENDPOINT, SCALABLE_TARGET, SCALING_ACTIVITY, SCALING_POLICY, SCHEDULED_ACTION
from loopback.core.part import Loop, Part
from loopback.core.store import Resource
from loopback.engines.autoscaling import capacity
from loopback.engines.autoscaling.capacity import CapacityLimits, Move
from loopback.services import registry
from loopback.services.autoscaling import activities, policies, scheduled, targets
from loopback.services.autoscaling.activities import Aim
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

    def changed(self, kind: str, _name: str) -> None:
        """A row changed: there may be something to do."""
        if kind in (ENDPOINT.slug, SCALABLE_TARGET.slug, SCHEDULED_ACTION.slug, SCALING_ACTIVITY.slug):
            self._wake.set()

    def recover(self) -> None:
        """Go on with what was being done."""
        self._wake.set()

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
            for row in self._store.find(SCALABLE_TARGET):
                if not self._is_there(row):
                    targets.forget(row, self._context)
            for row in self._store.find(SCHEDULED_ACTION):
                if (due := row.result.get("next")) is not None and due <= self._now():
                    self._run(row)
            for row in self._store.find(SCALABLE_TARGET):
                if not row.result["ranged"] and not is_moving(row.name, self._context):
                    self._move_into_range(row)
            for row in self._store.find(SCALING_ACTIVITY, status="InProgress"):
                self._carry_on(row)
            moving = self._store.find(SCALING_ACTIVITY, status="InProgress")
            return bool(moving or self._store.find(SCALABLE_TARGET) or self._store.find(SCHEDULED_ACTION))

    def on_alarm(self, policy_arn: str, alarm: Mapping[str, Any], metric: float | None) -> None:
        """An alarm that has a policy as its action is in ALARM. Raises ObjectNotFoundException.

        `metric` is its newest value; without one there is nothing to scale by.
        """
        with self._lock:
            policy = policies.by_arn(policy_arn, self._context)
            target = self._store.get(SCALABLE_TARGET, policy.parent)
            current = self._current(target)
            if metric is None or current is None or is_moving(target.name, self._context):
                return
            wanted = self._wanted(policy, alarm, metric, current, target)
            if wanted is not None:
                cause = f"monitor alarm {alarm['AlarmName']} in state ALARM triggered policy {policy.doc['PolicyName']}"
                self._scale(target, policy, (current, wanted), cause)

    def _wanted(
        self, policy: Resource, alarm: Mapping[str, Any], metric: float, current: int, target: Resource
    ) -> int | None:
        out = _move(target.result.get("out"))
        above = alarm["ComparisonOperator"].startswith("Greater")
        if policy.doc["PolicyType"] == policies.STEP:
            config = policy.doc[f"{policies.STEP}PolicyConfiguration"]
            base = capacity.base_of(current, out, self._now())
            wanted = capacity.stepped(base, metric - alarm["Threshold"], config, above=above)
            if wanted is not None and wanted < base:
                return capacity.stepped(current, metric - alarm["Threshold"], config, above=above)
            return wanted
        config = policy.doc[f"{policies.TRACKING}PolicyConfiguration"]
        if above:
            base = capacity.base_of(current, out, self._now())
            return capacity.tracked(base, metric, config["TargetValue"])
        if config.get("DisableScaleIn"):
            return None
        self._wishes[policy.name] = (
            capacity.tracked(current, metric, config["TargetValue"]),
            self._now() + 2 * policies.PERIOD,
        )
        return capacity.agreed([self._wish(other) for other in self._trackers(target)])

    def _trackers(self, target: Resource) -> list[Resource]:
        """The tracking policies of a target that scale in."""
        found = self._store.find(SCALING_POLICY, parent=target.name)
        configs = [(row, row.doc.get(f"{policies.TRACKING}PolicyConfiguration")) for row in found]
        return [row for row, config in configs if config and not config.get("DisableScaleIn")]

    def _wish(self, policy: Resource) -> int | None:
        """What a policy would scale in to, if its alarm still asks for that."""
        wish, until = self._wishes.get(policy.name, (0, 0.0))
        low = policy.result["alarms"][1]["AlarmName"]
        request = {"AlarmNames": [low]}
        shown = self._context.base("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", request)
        asking = any(alarm["StateValue"] == "ALARM" for alarm in shown.get("MetricAlarms", []))
        return wish if asking and self._now() <= until else None

    def _scale(self, target: Resource, policy: Resource, change: tuple[int, int], cause: str) -> None:
        """Begin what limits, cooldowns and suspended states leave of a change (from, to)."""
        current, wanted = change
        limits = CapacityLimits(target.doc["MinCapacity"], target.doc["MaxCapacity"])
        moves = (_move(target.result.get("out")), _move(target.result.get("in")))
        decision = capacity.decide(wanted, current, limits, moves, self._now())
        if decision.capacity is None:
            log.info("%s stays at %d: %s", target.name, current, decision.reason)
            return
        outward = decision.capacity > current
        if target.doc["SuspendedState"][f"DynamicScaling{'Out' if outward else 'In'}Suspended"]:
            return
        aim = Aim(current, decision.capacity, cause, _cooldown(policy, outward=outward))
        activities.begin(target.name, aim, self._context)

    def _run(self, row: Resource) -> None:
        """A scheduled action is due: its limits become the target's."""
        self._store.amend(SCHEDULED_ACTION, row.name, "run", result={"next": scheduled.following(row, self._now())})
        target = self._store.get(SCALABLE_TARGET, row.parent)
        if target.doc["SuspendedState"]["ScheduledScalingSuspended"]:
            return
        doc = target.doc | row.doc["ScalableTargetAction"]
        name = row.doc["ScheduledActionName"]
        description = f"Setting min capacity to {doc['MinCapacity']} and max capacity to {doc['MaxCapacity']}"
        told = (description, f"scheduled action name {name} was triggered")
        try:
            targets.check_limits(doc)
        except ValidationException as fault:
            log.warning("scheduled action %s: %s", name, fault)
            activities.tell(row.parent, told, self._now(), self._context, fault=str(fault))
            return
        self._store.amend(SCALABLE_TARGET, target.name, "schedule", doc=doc, result={"ranged": False})
        activities.tell(row.parent, told, self._now(), self._context)

    def _move_into_range(self, row: Resource) -> None:
        """New limits: a capacity outside of them is moved inside, whatever the cooldowns."""
        current = self._current(row)
        if current is None:
            return
        wanted = CapacityLimits(row.doc["MinCapacity"], row.doc["MaxCapacity"]).clamp(current)
        self._store.amend(SCALABLE_TARGET, row.name, "range", result={"ranged": True})
        if wanted != current:
            cause = f"{'minimum' if wanted > current else 'maximum'} capacity was set to {wanted}"
            activities.begin(row.name, Aim(current, wanted, cause), self._context)

    def _carry_on(self, row: Resource) -> None:
        """Take one change of capacity further: ask for it, wait while the endpoint is changing, tell how it ended."""
        if "aim" not in row.doc:
            return
        endpoint, variant = place_of(row.parent)
        shown = self._endpoint(endpoint)
        entry = _variant(shown, variant)
        aim = Aim(**row.doc["aim"])
        if shown is None or shown["EndpointStatus"] in ("Deleting", "Failed") or entry is None:
            self._fail(row, f"Variant {variant} of endpoint {endpoint} does not serve any more")
        elif shown["EndpointStatus"] != "InService":
            if self._now() - row.created > LONGEST_SECONDS:
                self._fail(row, f"Endpoint {endpoint} was not InService within {LONGEST_SECONDS:.0f} seconds")
        elif entry["CurrentInstanceCount"] == aim.after:
            self._succeed(row, aim)
        elif row.result.get("requested"):
            self._fail(row, shown.get("FailureReason") or "The instance count was changed by another request")
        else:
            self._request(row, endpoint, variant, aim)

    def _request(self, row: Resource, endpoint: str, variant: str, aim: Aim) -> None:
        wanted = {"VariantName": variant, "DesiredInstanceCount": aim.after}
        request = {"EndpointName": endpoint, "DesiredWeightsAndCapacities": [wanted]}
        try:
            registry.call(NAMESPACE, "UpdateEndpointWeightsAndCapacities", request, self._context)
        except ServiceError as fault:
            shown = self._endpoint(endpoint)
            if shown is None or shown["EndpointStatus"] == "InService":
                self._fail(row, str(fault))
            return  # it is being changed by another request: try again after that
        self._store.amend(SCALING_ACTIVITY, row.name, "request", result={"requested": True})

    def _fail(self, row: Resource, reason: str) -> None:
        aim = row.doc["aim"]
        message = f"Failed to set desired instance count to {aim['after']}. Reason: {reason}"
        activities.end(row, "fail", message, self._now(), self._context)

    def _succeed(self, row: Resource, aim: Aim) -> None:
        message = (
            f"Successfully set desired instance count to {aim.after}. Change successfully fulfilled by {NAMESPACE}."
        )
        ended = activities.end(row, "succeed", message, self._now(), self._context)
        if not self._store.exists(SCALABLE_TARGET, row.parent):
            return
        outward = aim.after > aim.before
        move = asdict(Move(aim.before, aim.after, self._now() + aim.cooldown))
        told = {"out": move, "in": None} if outward else {"in": move}
        target = self._store.amend(SCALABLE_TARGET, row.parent, "scale", result=told)
        if outward and aim.after == target.doc["MaxCapacity"]:
            self._put_event(EVENT, [], _scaled_to_max(ended, aim, target), SOURCE)

    def _is_there(self, target: Resource) -> bool:
        endpoint, _ = place_of(target.name)
        shown = self._endpoint(endpoint)
        return shown is not None and shown["EndpointStatus"] != "Deleting"

    def _current(self, target: Resource) -> int | None:
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


def _move(written: Mapping[str, Any] | None) -> Move | None:
    return None if written is None else Move(**written)


def _cooldown(policy: Resource, *, outward: bool) -> float:
    config = policy.doc[f"{policy.doc['PolicyType']}PolicyConfiguration"]
    name = "Cooldown" if policy.doc["PolicyType"] == policies.STEP else f"Scale{'Out' if outward else 'In'}Cooldown"
    return float(config.get(name, capacity.COOLDOWN))


def _scaled_to_max(row: Resource, aim: Aim, target: Resource) -> dict[str, Any]:
    """The detail of AWS's event, which is sent only when a target reached its maximum."""
    start, end = (datetime.fromtimestamp(at, UTC) for at in (row.created, row.result["EndTime"]))
    return {
        "startTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "endTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "newDesiredCapacity": aim.after,
        "oldDesiredCapacity": aim.before,
        "minCapacity": target.doc["MinCapacity"],
        "maxCapacity": target.doc["MaxCapacity"],
        "resourceId": target.name,
        "scalableDimension": DIMENSION,
        "serviceNamespace": NAMESPACE,
        "statusCode": row.status,
        "scaledToMax": True,
        "direction": "scale-out",
    }
