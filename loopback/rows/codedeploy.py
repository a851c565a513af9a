"""CodeDeploy's applications, deployment groups and configurations, and deployments."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from loopback.core.kinds import DEPLOY_APPLICATION, DEPLOY_CONFIG, DEPLOY_GROUP, DEPLOYMENT
from loopback.core.queries import Term, equals
from loopback.engines.codedeploy.appspec import AFTER, BEFORE, AppSpec
from loopback.rows.row import Json, Result, Row, document, key

ALLOW = "AllowTraffic"
EVENTS = (BEFORE, ALLOW, AFTER)  # a deployment's lifecycle events, in their order


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployApplicationRow(Row):
    """An application, named by its name."""

    KIND = DEPLOY_APPLICATION

    id: str = field(metadata=key("applicationId"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployGroupRow(Row):
    """A deployment group, `<application>/<group>`; its parent is the application.

    `request` is CreateDeploymentGroup's.
    """

    KIND = DEPLOY_GROUP

    request: Json = field(metadata=document())
    group: str = field(metadata=key("deploymentGroupName"))
    id: str = field(default="", metadata=key("deploymentGroupId"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployConfigRow(Row):
    """A deployment configuration of one's own, named by its name. `request` is AWS's DeploymentConfigInfo."""

    KIND = DEPLOY_CONFIG

    request: Json = field(metadata=document())
    routing: Json = field(metadata=key("trafficRoutingConfig"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleEvent:
    """One lifecycle event of a deployment; times are epoch seconds. `id` is what a hook function answers with."""

    status: str
    started: float
    ended: float | None = None
    diagnostics: Json | None = None
    id: str | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "LifecycleEvent":
        """From JSON."""
        return cls(
            status=value["status"],
            started=value["startTime"],
            ended=value.get("endTime"),
            diagnostics=value.get("diagnostics"),
            id=value.get("id"),
        )

    @property
    def view(self) -> Json:
        """As AWS's LifecycleEvent."""
        shown = {"status": self.status, "startTime": self.started, "endTime": self.ended}
        shown["diagnostics"] = self.diagnostics
        return {name: value for name, value in shown.items() if value is not None}

    def dump(self) -> Json:
        """As JSON."""
        return self.view | ({} if self.id is None else {"id": self.id})


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequest:
    """Somebody has asked for a deployment's end. `rollback` says whether it goes back; None: as its group says."""

    rollback: bool | None = None
    at: float = 0.0

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "StopRequest":
        """From JSON."""
        return cls(**value)


_EVENT = LifecycleEvent.read, LifecycleEvent.dump


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentResult(Result):
    """How far a deployment is: its events, the step of its traffic plan and since when, the new version's share."""

    before: LifecycleEvent | None = field(default=None, metadata=key(BEFORE, *_EVENT))
    allow: LifecycleEvent | None = field(default=None, metadata=key(ALLOW, *_EVENT))
    after: LifecycleEvent | None = field(default=None, metadata=key(AFTER, *_EVENT))
    step: int = 0
    stepped: float = 0.0
    percent: int = 0
    stop: StopRequest | None = field(default=None, metadata=key("", StopRequest.read, asdict))
    started: float | None = field(default=None, metadata=key("startTime"))
    completed: float | None = field(default=None, metadata=key("completeTime"))
    error: dict[str, str] | None = field(default=None, metadata=key("errorInformation"))
    rollback: dict[str, str] | None = field(default=None, metadata=key("rollbackInfo"))

    @property
    def events(self) -> dict[str, LifecycleEvent]:
        """Those that have begun, in their order."""
        found = dict(zip(EVENTS, (self.before, self.allow, self.after), strict=True))
        return {name: event for name, event in found.items() if event is not None}


def event_changes(name: str, event: LifecycleEvent) -> Json:
    """The `changes` of a deployment by one of its EVENTS."""
    return {name: event.dump()}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow(DeploymentResult):
    """A deployment, named by its id; its parent is the group. `request` has the members of AWS's DeploymentInfo."""

    KIND = DEPLOYMENT

    request: Json = field(metadata=document())
    application: str = field(metadata=key("applicationName"))
    group: str = field(metadata=key("deploymentGroupName"))
    role: str = field(default="", metadata=key("serviceRoleArn"))
    creator: str
    routing: Json = field(default_factory=dict)
    spec: AppSpec = field(metadata=key("", lambda value: AppSpec(**value), AppSpec.as_json))
    alarms: Json = field(default_factory=dict, metadata=key("alarmConfiguration"))
    auto_rollback: Json = field(default_factory=dict, metadata=key("autoRollbackConfiguration"))


def of_application(name: str) -> Term:
    """The deployments of an application."""
    return equals("applicationName", name)


def with_config(name: str) -> Term:
    """The deployment groups that use a configuration."""
    return equals("deploymentConfigName", name)
