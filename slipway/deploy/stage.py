"""What stages/<stage>.yml may say, and the refusal of everything else: file, line, what was found, what is allowed.

`python -m slipway.deploy.stage schema` writes the JSON Schema for editors, deploy/stages/stage.schema.json;
`python -m slipway.deploy.stage check` reads all stages. Both work in a project's folder.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from slipway.build import settings_file
from slipway.build.job_settings import InstanceType, Key, Vpc
from slipway.build.settings_file import Section
from slipway.deploy import stage_rules

STAGES = Path("deploy", "stages")  # of the project that the working folder is
SCHEMA = STAGES / "stage.schema.json"

Topic = Annotated[str, Field(pattern=r"^arn:[a-z0-9-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$")]
S3Uri = Annotated[str, Field(pattern=r"^s3://[^/]+/.+$")]
Labels = Annotated[str, Field(pattern=r"^(s3://[^/]+/.+|[\w.-]+(/[\w.-]+)*/?)$", examples=["labels/"])]
Reached = Annotated[float, Field(gt=0, lt=1)]
Wait = Annotated[int, Field(ge=0, le=3600)]
Capacity = Annotated[int, Field(ge=1, le=1000)]
Version = Annotated[int, Field(ge=1, description="A version of the same model package group.")]
When = Annotated[str, Field(pattern=r"^(cron|at|rate)\(.+\)$", examples=["cron(0 7 ? * MON-FRI *)"])]
TagName = Annotated[str, Field(pattern=r"^[\w .:/=+@-]{1,128}$")]
TagValue = Annotated[str, Field(max_length=256)]
Metric = Literal[
    "auc",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "log_loss",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "lowest_precision",
    "lowest_recall",
    "weighted_precision",
    "weighted_recall",
    "weighted_f0_5",
    "weighted_f1",
    "weighted_f2",
    "r2",
    "rmse",
    "mae",
    "mse",
]
# YAML reads a bare `off` as false
Frequency = Annotated[Literal["off", "hourly", "daily"], BeforeValidator(lambda v: "off" if v is False else v)]


class Instances(Section):
    """What each variant runs on. With autoscaling the count is where a new endpoint starts."""

    type: InstanceType = "ml.m5.large"
    count: Capacity | None = Field(default=None, description="Default: autoscaling.min, or 1.")


class Serverless(Section):
    """No instances: SageMaker runs the container for each request and bills by the millisecond."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 2048
    max_concurrency: Annotated[int, Field(ge=1, le=200)] = 5
    provisioned_concurrency: Annotated[int, Field(ge=0, le=200)] = 0


class Asynchronous(Section):
    """Requests queue in S3 and answers appear there."""

    output: S3Uri | None = Field(default=None, description="Default: async-<stage>/output in the artifact bucket.")
    failures: S3Uri | None = Field(default=None, description="Default: async-<stage>/failures in the artifact bucket.")
    max_concurrent_per_instance: Annotated[int, Field(ge=1, le=1000)] = 4
    success_topic: Topic | None = None
    error_topic: Topic | None = None


class Schedule(Section):
    """Capacity by the clock: `peak` sets peak_min and peak_max, `quiet` goes back to min and max."""

    peak: When
    quiet: When
    peak_min: Capacity
    peak_max: Capacity
    timezone: str = "UTC"


class Autoscaling(Section):
    """Bounds, and the load on an instance that is aimed at."""

    min: Capacity
    max: Capacity
    invocations_per_instance: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Requests a minute."
    )
    cpu_percent: Annotated[int, Field(ge=1, le=100)] | None = Field(default=None, description="Of all cores together.")
    backlog_per_instance: Annotated[float, Field(gt=0)] | None = Field(default=None, description="Asynchronous only.")
    scale_in_cooldown_seconds: Annotated[int, Field(ge=0, le=86400)] = 300
    scale_out_cooldown_seconds: Annotated[int, Field(ge=0, le=86400)] = 60
    schedule: Schedule | None = None


class Capture(Section):
    """Requests and answers that are kept in S3 for monitors and the staging test."""

    sampling_percent: Annotated[int, Field(ge=0, le=100)] = Field(description="0: no capture.")


class Traffic(Section):
    """How an update moves requests from the old fleet to the new one."""

    shift: Literal["all_at_once", "canary", "linear", "rolling"] = "all_at_once"
    percent: Annotated[int, Field(ge=5, le=50)] | None = Field(
        default=None,
        description="Canary size, linear step (at least 10) or rolling batch, of the new fleet's capacity.",
    )
    wait_seconds: Wait = Field(default=0, description="After each shift: how long the alarms may object.")
    termination_wait_seconds: Wait = Field(
        default=0, description="How long the old fleet is kept after the last shift."
    )
    timeout_seconds: Annotated[int, Field(ge=600, le=28800)] = 1800
    rollback: bool = Field(
        default=True, description="An alarm during the update returns all requests to the old version."
    )


class Alarms(Section):
    """When somebody is told, and when an update goes back."""

    error_rate_percent: Annotated[float, Field(ge=0, lt=100)] = 1.0
    latency_ms: Annotated[float, Field(gt=0)] = Field(default=500.0, description="In the container.")
    latency_statistic: Annotated[str, Field(pattern=r"^(Average|p[0-9]{1,2}([.][0-9]{1,2})?)$")] = "p95"
    memory_percent: Annotated[float, Field(ge=1, le=100)] = Field(default=90.0, description="Of one instance.")
    period_seconds: Literal[60, 120, 180, 240, 300, 600, 900] = 60
    periods: Annotated[int, Field(ge=1, le=60)] = 3
    no_traffic_minutes: Annotated[int, Field(ge=0, le=1440)] = Field(default=0, description="0: silence is no alarm.")
    topic: Topic | None = Field(
        default=None, description="An SNS topic for alarms and recoveries. Default: the project's."
    )


class Ab(Section):
    """A second version beside the approved one; callers get either."""

    version: Version
    percent: Annotated[int, Field(ge=1, le=99)] = Field(description="Share of the requests that it answers.")


class Shadow(Section):
    """A second version that gets copies of requests; its answers are thrown away."""

    version: Version
    sampling_percent: Annotated[int, Field(ge=1, le=100)] = 100


class Kms(Section):
    """Keys; without one AWS's own key is used."""

    volume: Key | None = None
    capture: Key | None = None
    asynchronous: Key | None = None


class Tests(Section):
    """What the staging test asks for."""

    requests: Annotated[int, Field(ge=20, le=10_000)] = Field(default=100, description="The latency sample.")
    warm_up: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=10, description="Requests before the sample; not counted."
    )
    p95_ms: Annotated[float, Field(gt=0)] = Field(default=500.0, description="As the test sees it, network included.")
    prediction_tolerance: Annotated[float, Field(ge=0)] = Field(
        default=0.0001, description="From the evaluation's answer; relative where that is above 1."
    )
    metric: Metric | None = Field(
        default=None, description="Default: auc of a yes or no, accuracy of several classes, rmse of a regression."
    )
    metric_tolerance: Annotated[float, Field(ge=0)] = Field(
        default=0.05,
        description="From the registered metric, beyond what so few rows scatter; relative where it is above 1.",
    )
    capture_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 600
    answer_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(default=300, description="Asynchronous only.")


class Monitor(Section):
    """Which monitors watch this stage, how often, and what drift starts."""

    engine: Literal["slipway", "sagemaker"] = Field(
        default="slipway",
        description="Jobs of the project's own, or SageMaker Model Monitor and Clarify, closed to new customers.",
    )
    data_quality: Frequency = "off"
    model_quality: Frequency = "off"
    bias: Frequency = "off"
    explainability: Frequency = "off"
    ground_truth: Labels | None = Field(
        default=None, description="Where labels are uploaded: a folder of the artifact bucket, or an s3:// URI."
    )
    labels_after_hours: Annotated[int, Field(ge=1, le=168)] = Field(
        default=24, description="How old requests are when their labels are complete."
    )
    estimated_performance: dict[Literal["auc", "accuracy", "precision", "recall", "f1"], Reached] = Field(
        default_factory=dict,
        description="What data_quality must estimate a classifier to reach without labels; below is a violation.",
    )
    retrain: bool = Field(default=False, description="Drift starts the build pipeline.")
    cool_down_hours: Annotated[int, Field(ge=1, le=720)] = Field(
        default=24, description="Drift starts it once in so many hours."
    )


class Stage(Section):
    """The whole of a stage's file."""

    instances: Instances | None = Field(default=None, description="Default: one ml.m5.large.")
    serverless: Serverless | None = None
    asynchronous: Asynchronous | None = None
    autoscaling: Autoscaling | None = None
    capture: Capture | None = None
    traffic: Traffic = Traffic()
    alarms: Alarms = Alarms()
    dashboard: bool = True
    ab: Ab | None = None
    shadow: Shadow | None = None
    vpc: Vpc | None = None
    kms: Kms = Kms()
    tags: dict[TagName, TagValue] = Field(
        default_factory=dict, max_length=40, description="On everything that belongs to the stage."
    )
    tests: Tests = Tests()
    monitor: Monitor = Monitor()

    def disagreements(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Rules between sections; see stage_rules."""
        document: dict[str, Any] = self.model_dump(exclude_none=True)
        yield from stage_rules.disagreements(document, self.model_fields_set)


def load(path: Path) -> Stage:
    """Read and validate a stage's file; everything that is wrong with it is in one UsageError."""
    return settings_file.load(path, Stage)


def schema() -> str:
    """The JSON Schema of a stage's file, as stages/stage.schema.json holds it."""
    return settings_file.schema(Stage)


def main(arguments: list[str]) -> int:
    """`schema` writes stage.schema.json; `check` reads every stage."""
    return settings_file.command("slipway.deploy.stage", arguments, Stage, SCHEMA, STAGES.glob("*.yml"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
