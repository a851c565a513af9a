"""What carries deployments out: hooks, the alias's weights step by step, alarms, and the way back.

All that it knows stands in the rows: after a kill it goes on where it was, with the rest of a step's time. A hook that
has not answered is called again then, since the process that ran it is gone.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from loopback.core import states
from loopback.core.errors import AccessDeniedException, ServiceError
from loopback.core.kinds import DEPLOY_APPLICATION, DEPLOY_GROUP, DEPLOYMENT
from loopback.core.part import Loop, Part
from loopback.core.permissions import PermissionCheck
from loopback.engines.codedeploy.appspec import AFTER, BEFORE, AppSpec
from loopback.engines.codedeploy.traffic_shifting import ALL_AT_ONCE, hold, steps
from loopback.rows.codedeploy import (
    DeploymentResult,
    DeploymentRow,
    LifecycleEvent,
    StopRequest,
    event_changes,
)
from loopback.rows.row import changes
from loopback.services.codedeploy import configs, triggers
from loopback.services.codedeploy.deployments import new_id, overview
from loopback.services.registry import Context

ACTIVE = ("Created", "InProgress")
POLL_SECONDS = 1.0
HOOK_SECONDS = 3600.0  # for a hook's answer
BACK = "codeDeployRollback"  # who has created a deployment that rolls another one back
FAILURE, ON_ALARM, ON_REQUEST = "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"
log = logging.getLogger("loopback")


@dataclass
class DeploymentHalt(Exception):
    """The deployment ends here: an event of its lifecycle, CodeDeploy's error, and the event that rolls it back."""

    event: str
    code: str
    message: str
    why: str = FAILURE


class Shifts(Part):
    """Run `loop` on one thread. `executor` runs hooks, minutes at a time; `now` gives epoch seconds.

    `save` makes Lambda's own state durable, so that no row says more of an alias than a kill leaves of it.
    """

    kinds = (DEPLOYMENT, DEPLOY_GROUP, DEPLOY_APPLICATION)

    def __init__(
        self, context: Context, executor: Executor, save: Callable[[], None], now: Callable[[], float] = time.time
    ) -> None:
        self._save = save
        self._context, self._store, self._executor, self._now = context, context.store, executor, now
        self._wake, self._ready = threading.Event(), threading.Event()
        self._called: set[str] = set()  # hooks that this process has called
        self._open = True

    @property
    def loops(self) -> Sequence[Loop]:
        """One thread."""
        return (self.loop,)

    def on_change(self, kind: str, _name: str) -> None:
        """A row changed: there may be something to do."""
        if kind in (DEPLOYMENT.slug, DEPLOY_GROUP.slug, DEPLOY_APPLICATION.slug):
            self._wake.set()

    def recover(self) -> None:
        """Everything can be called from now on: go on with what was being done."""
        self._ready.set()
        self._wake.set()

    def forget(self) -> None:
        """There are no deployments any more."""
        self._called.clear()

    def close(self) -> None:
        """End the loop; hooks that run go on at the next start."""
        self._open = False
        self._ready.set()
        self._wake.set()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def loop(self) -> None:
        """Work until `close`, from `recover` on."""
        self._ready.wait()
        while self._open:
            busy = self.tick()
            self._wake.wait(timeout=POLL_SECONDS if busy else None)
            self._wake.clear()

    def tick(self) -> bool:
        """Do all that is due now; whether any deployment is left that has not ended."""
        active = [row for status in ACTIVE for row in DeploymentRow.find(self._store, status=status)]
        for row in active:
            try:
                self._carry_on(row)
            except Exception:  # tried again at the next look
                if self._open:
                    log.exception("deployment %s", row.name)
        return bool(active)

    def _carry_on(self, row: DeploymentRow) -> None:
        try:
            self._watch(row)
            if row.status == "Created":
                row = self._begin(row)
            spec = row.spec
            done = self._hook(row, BEFORE, spec.before) and self._traffic(row, spec)
            if done and self._hook(DeploymentRow.get(self._store, row.name), AFTER, spec.after):
                self._end(row, "succeed", {})
        except DeploymentHalt as halt:
            self._halt(row, halt)
        except ClientError as fault:
            error = fault.response["Error"]
            denied = "AccessDenied" in error["Code"]
            self._halt(
                row, DeploymentHalt("fail", "IAM_ROLE_PERMISSIONS" if denied else "INVALID_LAMBDA_FUNCTION", str(fault))
            )
        except ParamValidationError as fault:
            self._halt(row, DeploymentHalt("fail", "INVALID_LAMBDA_FUNCTION", str(fault)))
        except AccessDeniedException as fault:
            self._halt(row, DeploymentHalt("fail", "IAM_ROLE_PERMISSIONS", str(fault)))

    def _watch(self, row: DeploymentRow) -> None:
        """Raises Halt for a stop that was asked for, a group that is gone and an alarm."""
        if row.stop is not None:
            raise DeploymentHalt("stop", "MANUAL_STOP", "The deployment was stopped by a user", ON_REQUEST)
        if row.creator == "user" and not self._store.exists(DEPLOY_GROUP, row.parent):
            raise DeploymentHalt("fail", "DEPLOYMENT_GROUP_MISSING", "The deployment group was deleted")
        config = row.alarms
        if not config.get("enabled"):
            return
        names = [alarm["name"] for alarm in config["alarms"]]
        try:
            found = self._alarms(names, row.role)
        except ServiceError as fault:
            if config.get("ignorePollAlarmFailure"):
                return
            raise DeploymentHalt("stop", "ALARM_ACTIVE", f"The alarms could not be read: {fault}", ON_ALARM) from None
        if ringing := sorted(name for name, state in found.items() if state == "ALARM"):
            raise DeploymentHalt(
                "stop", "ALARM_ACTIVE", f"One or more alarms have been activated: {', '.join(ringing)}", ON_ALARM
            )
        missing = sorted(set(names) - found.keys())
        if missing and not config.get("ignorePollAlarmFailure"):
            raise DeploymentHalt("stop", "ALARM_ACTIVE", f"These alarms do not exist: {', '.join(missing)}", ON_ALARM)

    def _alarms(self, names: list[str], role: str) -> dict[str, str]:
        self._context.permit(role, [PermissionCheck("cloudwatch:DescribeAlarms")])
        request = {"AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        shown = self._context.base("monitoring", "GraniteServiceVersion20100801.DescribeAlarms", request)
        alarms = [*shown.get("MetricAlarms", ()), *shown.get("CompositeAlarms", ())]
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}

    def _begin(self, row: DeploymentRow) -> DeploymentRow:
        spec = row.spec
        found = self._lambda(row).get_alias(FunctionName=spec.function, Name=spec.alias)
        if row.creator == "user" and found["FunctionVersion"] != spec.current:
            raise DeploymentHalt(
                "fail",
                "INVALID_LAMBDA_CONFIGURATION",
                f"The alias {spec.alias} of {spec.function} is at version {found['FunctionVersion']}, "
                f"not at CurrentVersion {spec.current}",
            )
        self._lambda(row).get_function_configuration(FunctionName=spec.function, Qualifier=spec.target)
        begun = row.fire(self._store, row.name, "begin", changes(DeploymentResult, started=self._now()))
        back = (triggers.ROLLBACK,) if row.creator == BACK else ()
        triggers.tell(begun, (triggers.START, *back), overview(begun), self._context)
        return begun

    def _hook(self, row: DeploymentRow, event: str, function: str) -> bool:
        """Whether the deployment may go on behind this event. Raises Halt."""
        if not function:
            return True
        noted = row.events.get(event)
        identity = str(noted.id) if noted else str(uuid.uuid4())
        if noted is None:
            noted = LifecycleEvent(id=identity, status="InProgress", started=self._now())
            row.amend(self._store, row.name, f"{event} begins", result=event_changes(event, noted))
        if noted.status == "Failed":
            raise DeploymentHalt(
                "fail", "HOOK_EXECUTION_FAILURE", f"The lifecycle event validation function {function} failed"
            )
        if noted.status == "InProgress":
            if self._now() > noted.started + HOOK_SECONDS:
                raise DeploymentHalt("fail", "TIMEOUT", f"{function} has not answered {event} within an hour")
            if identity not in self._called:
                self._called.add(identity)
                self._executor.submit(self._call, row, event, function, identity)
        return noted.status == "Succeeded"

    def _call(self, row: DeploymentRow, event: str, function: str, identity: str) -> None:
        arn = function if function.startswith("arn:") else self._context.place.arn(f"function:{function}", "lambda")
        try:
            self._context.permit(row.role, [PermissionCheck("lambda:InvokeFunction", arn)])
            self._context.invoke(function, {"DeploymentId": row.name, "LifecycleEventHookExecutionId": identity})
            return
        except ServiceError as fault:
            log.info("%s of %s: %s", event, row.name, fault)
            said = str(fault)
        except Exception:
            if self._open:
                log.exception("%s of %s", event, row.name)
            said = "loopback failed to call the function; its log has the details"
        if self._open:
            self._fail_hook(row.name, event, said)

    def _fail_hook(self, name: str, event: str, said: str) -> None:
        """A hook that could not be run, unless it has answered."""
        with self._store.transaction():
            noted = DeploymentRow.get(self._store, name).events[event]
            if noted.status != "InProgress":
                return
            diagnostics = {"errorCode": "ScriptFailed", "message": said}
            ended = replace(noted, status="Failed", ended=self._now(), diagnostics=diagnostics)
            DeploymentRow.amend(self._store, name, f"{event} Failed", result=event_changes(event, ended))
        self._context.on_change(DEPLOYMENT.slug, name)

    def _traffic(self, row: DeploymentRow, spec: AppSpec) -> bool:
        """Whether all traffic is at the new version; one step at a time, each for its whole time."""
        plan = steps(row.routing)
        if row.allow is None:
            self._step(row, spec, 0)
            return len(plan) == 1
        if row.allow.status == "Succeeded":
            return True
        pause = hold(plan, row.step)
        if pause is not None and self._now() >= row.stepped + pause:
            self._step(row, spec, row.step + 1)
            return row.step + 2 == len(plan)
        return False

    def _step(self, row: DeploymentRow, spec: AppSpec, index: int) -> None:
        plan, now = steps(row.routing), self._now()
        percent = plan[index].percent
        self._route(row, spec, percent)
        allow = row.allow or LifecycleEvent(status="InProgress", started=now)
        if percent == 100:
            allow = replace(allow, status="Succeeded", ended=now)
        noted = changes(DeploymentResult, allow=allow, step=index, stepped=now, percent=percent)
        row.amend(self._store, row.name, f"{percent} percent", result=noted)

    def _route(self, row: DeploymentRow, spec: AppSpec, percent: int) -> None:
        weights = {} if percent == 100 else {spec.target: percent / 100}
        self._lambda(row).update_alias(
            FunctionName=spec.function,
            Name=spec.alias,
            FunctionVersion=spec.target if percent == 100 else spec.current,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )
        self._save()

    def _lambda(self, row: DeploymentRow) -> Any:
        return self._context.client("lambda", row.role)

    def _halt(self, row: DeploymentRow, halt: DeploymentHalt) -> None:
        error = {"code": halt.code, "message": halt.message}
        self._end(row, halt.event, changes(DeploymentResult, error=error), halt.why)

    def _end(self, row: DeploymentRow, event: str, noted: dict[str, Any], why: str = "") -> None:
        """One commit with the deployment that rolls this one back."""
        with self._store.transaction():
            row = DeploymentRow.get(self._store, row.name)
            if states.is_final(DEPLOYMENT.lifecycle, row.status):
                return
            if why and row.status == "InProgress" and row.creator == "user" and self._goes_back(row, why):
                back = {"rollbackDeploymentId": self._back(row).name}
                noted = noted | changes(DeploymentResult, rollback=back)
            noted = noted | changes(DeploymentResult, completed=self._now())
            ended = row.fire(self._store, row.name, event, noted)
        triggers.tell(ended, (triggers.ENDED[ended.status],), overview(ended), self._context)
        self._context.on_change(DEPLOYMENT.slug, row.name)

    def _goes_back(self, row: DeploymentRow, why: str) -> bool:
        asked = (row.stop or StopRequest()).rollback
        config = row.auto_rollback
        configured: bool = bool(config.get("enabled")) and why in config.get("events", [])
        return bool(configured if why != ON_REQUEST or asked is None else asked)

    def _back(self, row: DeploymentRow) -> DeploymentRow:
        spec = row.spec.back()
        back = DeploymentRow(
            request={"deploymentConfigName": configs.DEFAULT, "revision": spec.revision()},
            application=row.application,
            group=row.group,
            role=row.role,
            creator=BACK,
            routing=dict(ALL_AT_ONCE),
            spec=spec,
            rollback={"rollbackTriggeringDeploymentId": row.name},
        )
        return back.create(self._store, new_id(), row.parent)
