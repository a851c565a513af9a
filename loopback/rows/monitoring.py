"""Model Monitor's job definitions, schedules and their alerts, and executions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loopback.core.kinds import MONITORING_EXECUTION, MONITORING_SCHEDULE
from loopback.rows.row import Json, Result, Row, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringDefinitionRow(Row):
    """A job definition of one of the four types, named by its name. `request` is its Create request."""

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringAlert:
    """A schedule's alert: how many of how many executions must have found violations, and how it stands.

    `changed` is when its status did last, in epoch seconds; None while it never has.
    """

    datapoints: int = 1
    period: int = 1
    status: str = "OK"
    changed: float | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "MonitoringAlert":
        """From JSON."""
        return cls(
            datapoints=value["DatapointsToAlert"],
            period=value["EvaluationPeriod"],
            status=value["AlertStatus"],
            changed=value.get("changed"),
        )

    @property
    def view(self) -> Json:
        """Its members by AWS's names."""
        return {
            "AlertStatus": self.status,
            "DatapointsToAlert": self.datapoints,
            "EvaluationPeriod": self.period,
        }

    def dump(self) -> Json:
        """As JSON."""
        return self.view | ({} if self.changed is None else {"changed": self.changed})


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringScheduleResult(Result):
    """When a schedule is due next, how often it was started, its alert, and the endpoint that it is about.

    `id` tells the executions of schedules of one name apart.
    """

    id: str = ""
    next: float | None = None
    asked: int = 0
    alert: MonitoringAlert = field(
        default_factory=MonitoringAlert, metadata=key("", MonitoringAlert.read, MonitoringAlert.dump)
    )
    endpoint: str | None = None
    failure_reason: str | None = field(default=None, metadata=key("FailureReason"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringScheduleRow(MonitoringScheduleResult):
    """A monitoring schedule, named by its name. `config` is its MonitoringScheduleConfig, with AWS's defaults."""

    KIND = MONITORING_SCHEDULE

    request: Json = field(metadata=document())
    config: Json = field(metadata=key("MonitoringScheduleConfig"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringExecutionResult(Result):
    """The job that runs now, of which stage ("merge" or "analysis") it is, and the attempt at it."""

    stage: str = ""
    job: str | None = None
    attempt: int = 1
    failure_reason: str | None = field(default=None, metadata=key("FailureReason"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoringExecutionRow(MonitoringExecutionResult):
    """An execution, `<schedule>/<id>/<mark of its window>`; its parent is the schedule. It keeps what it began with."""

    KIND = MONITORING_EXECUTION

    scheduled: float = field(metadata=key("ScheduledTime"))
    endpoint: str = field(metadata=key("EndpointName"))
    type: str = field(metadata=key("MonitoringType"))
    definition_name: str | None = field(default=None, metadata=key("MonitoringJobDefinitionName"))
    config: Json = field(default_factory=dict)
    definition: Json | None = None
