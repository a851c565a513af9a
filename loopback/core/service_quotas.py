"""What AWS allows an account that has asked for nothing more, by the names that Service Quotas has for it.

Source: the answers of ListAWSDefaultServiceQuotas in us-east-1 on 2024-02-10, as gruntwork-io/terraform-aws-utilities
kept them (commit 04f5883, docs/quotas.md): quotas that can be raised only. AWS gives many accounts more than this once
they use it. The default of an instance type that is not here is not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass

RECORDED = "2024-02-10"

ENDPOINT, PROCESSING, TRAINING, SPOT, TRANSFORM = (
    "endpoint",
    "processing job",
    "training job",
    "spot training job",
    "transform job",
)
INSTANCES = "Instances"


@dataclass(frozen=True)
class Quota:
    """One quota: what Service Quotas calls it, what it counts, and how many a new account may have."""

    name: str
    unit: str
    default: float


TRAINING_TOTAL = Quota("Number of instances across all training jobs", INSTANCES, 4)
SPOT_TOTAL = Quota("Number of instances across all spot training jobs", INSTANCES, 4)
PROCESSING_TOTAL = Quota("Number of instances across all processing jobs", INSTANCES, 4)
TRANSFORM_TOTAL = Quota("Number of instances across all transform jobs", INSTANCES, 4)
ENDPOINT_TOTAL = Quota("Number of instances across active endpoints", INSTANCES, 4)
TOTALS: Mapping[str, Quota] = {
    TRAINING: TRAINING_TOTAL,
    SPOT: SPOT_TOTAL,
    PROCESSING: PROCESSING_TOTAL,
    TRANSFORM: TRANSFORM_TOTAL,
    ENDPOINT: ENDPOINT_TOTAL,
}
TRAINING_INSTANCES = Quota("Maximum number of instances per training job", INSTANCES, 20)
SPOT_INSTANCES = Quota("Maximum number of instances per spot training job", INSTANCES, 20)
ENDPOINT_INSTANCES = Quota("Maximum number of instances per endpoint", INSTANCES, 4)
TRAINING_SECONDS = Quota("Longest run time for a training job", "Seconds", 432_000)
TRAINING_VOLUME = Quota("Size of EBS volume for a training job instance", "Gigabytes", 1024)
SERVERLESS_ENDPOINTS = Quota("Maximum number of serverless endpoints", "Endpoints", 5)
SERVERLESS_CONCURRENCY = Quota(
    "Maximum total concurrency that can be allocated across all serverless endpoints", "Concurrent invocations", 10
)
PIPELINES = Quota("Maximum number of pipelines allowed per account", "Pipelines", 500)
EXECUTIONS = Quota("Maximum number of concurrent pipeline executions allowed per account", "Pipeline executions", 20)
GROUPS = Quota("Maximum number of SageMaker Model Package Groups allowed per account", "Model Package Groups", 250)
OF_THE_ACCOUNT = (
    *TOTALS.values(),
    TRAINING_INSTANCES,
    SPOT_INSTANCES,
    ENDPOINT_INSTANCES,
    TRAINING_SECONDS,
    TRAINING_VOLUME,
    SERVERLESS_ENDPOINTS,
    SERVERLESS_CONCURRENCY,
    PIPELINES,
    EXECUTIONS,
    GROUPS,
)

_BUILD_ENVIRONMENTS = {"LINUX_CONTAINER": "Linux", "ARM_CONTAINER": "ARM"}
_BUILD_SIZES = {"SMALL": "Small", "MEDIUM": "Medium", "LARGE": "Large", "XLARGE": "XLarge", "2XLARGE": "2XLarge"}
_BUILDS: Mapping[str, float] = {
    **dict.fromkeys(("Linux/Small", "Linux/Medium", "Linux/Large", "Linux/XLarge", "ARM/Small", "ARM/Large"), 1),
    "Linux/2XLarge": 0,
}

# The sizes of a family that had a quota in the recording; all kinds of jobs have the same.
_JOB_SIZES = {
    "c4": "xlarge 2xlarge 4xlarge 8xlarge",
    "c5": "xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
    "c5n": "xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
    "c6i": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    "g4dn": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "g5": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    "m4": "xlarge 2xlarge 4xlarge 10xlarge 16xlarge",
    "m5": "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge",
    "m6i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    "p2": "xlarge 8xlarge 16xlarge",
    "p3": "2xlarge 8xlarge 16xlarge",
    "p3dn": "24xlarge",
    "p4d": "24xlarge",
    "p5": "48xlarge",
    "r5": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge",
    "t3": "medium large xlarge 2xlarge",
    "trn1": "2xlarge 32xlarge",
    "trn1n": "32xlarge",
}
_OF_ALL_JOBS = ("c4", "c5", "g4dn", "m4", "m5", "p2", "p3")
_OF_TRAINING = (*_OF_ALL_JOBS, "c5n", "c6i", "g5", "m6i", "p3dn", "p4d", "p5", "trn1", "trn1n")
_JOB_FAMILIES = {
    TRAINING: _OF_TRAINING,
    SPOT: _OF_TRAINING,
    PROCESSING: (*_OF_ALL_JOBS, "r5", "t3"),
    TRANSFORM: _OF_ALL_JOBS,
}
_INTEL = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"
_GRAVITON = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"
_ENDPOINT_SIZES = {
    **dict.fromkeys(("m5", "m5d", "r5", "r5d"), "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge"),
    **dict.fromkeys(("c6g", "c6gd", "c6gn", "c7g", "m6g", "m6gd", "r6g", "r6gd"), _GRAVITON),
    **dict.fromkeys(("c7i", "m7i", "r7i"), f"{_INTEL} 48xlarge"),
    "c4": "large xlarge 2xlarge 4xlarge 8xlarge",
    "c5": "large xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
    "c5d": "large xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
    "c6i": f"{_INTEL} 32xlarge",
    "g4dn": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "g5": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    "inf1": "xlarge 2xlarge 6xlarge 24xlarge",
    "inf2": "xlarge 8xlarge 24xlarge 48xlarge",
    "m4": "xlarge 2xlarge 4xlarge 10xlarge 16xlarge",
    "p2": "xlarge 8xlarge 16xlarge",
    "p3": "2xlarge 8xlarge 16xlarge",
    "p4d": "24xlarge",
    "p4de": "24xlarge",
    "p5": "48xlarge",
    "t2": "medium large xlarge 2xlarge",
    "trn1": "2xlarge 32xlarge",
    "trn1n": "32xlarge",
}
_SIZES = {
    ENDPOINT: _ENDPOINT_SIZES,
    **{use: {family: _JOB_SIZES[family] for family in families} for use, families in _JOB_FAMILIES.items()},
}
_MORE_THAN_NONE: Mapping[str, Mapping[str, float]] = {  # every other default was 0
    ENDPOINT: {"ml.t2.medium": 2, "ml.m6g.large": 2, "ml.m6g.xlarge": 1},
    PROCESSING: {"ml.t3.medium": 4, "ml.t3.large": 4, "ml.t3.xlarge": 2},
    SPOT: {
        **dict.fromkeys(("ml.c4.xlarge", "ml.c4.2xlarge", "ml.c5.xlarge", "ml.c5.2xlarge"), 4),
        **dict.fromkeys(("ml.m4.xlarge", "ml.m4.2xlarge", "ml.m5.large", "ml.m5.xlarge", "ml.m5.2xlarge"), 4),
        **dict.fromkeys(("ml.m4.4xlarge", "ml.m5.4xlarge"), 2),
        "ml.c5.4xlarge": 1,
    },
}
_NO_RECORD: Mapping[str, float] = {}


def quota_name(instance_type: str, use: str) -> str:
    """What Service Quotas calls the number of instances of a type in one use.

    >>> quota_name("ml.m5.large", TRANSFORM)
    'ml.m5.large for transform job usage'
    """
    return f"{instance_type} for {use} usage"


def default_instances(instance_type: str, use: str) -> float | None:
    """How many instances of a type a new account may have in one use; None where it is not known.

    >>> default_instances("ml.m5.xlarge", TRAINING), default_instances("ml.t3.large", PROCESSING)
    (0, 4)
    >>> default_instances("ml.m7i.large", TRAINING) is None
    True
    """
    _, family, size = instance_type.split(".")
    if size not in _SIZES[use].get(family, "").split():
        return None
    return _MORE_THAN_NONE.get(use, _NO_RECORD).get(instance_type, 0)


def build_quota(environment_type: str, compute_type: str) -> Quota | None:
    """How many builds of CodeBuild a new account may have at once in an environment; None where it is not known.

    >>> build_quota("LINUX_CONTAINER", "BUILD_GENERAL1_SMALL").name
    'Concurrently running builds for Linux/Small environment'
    """
    size = _BUILD_SIZES.get(compute_type.removeprefix("BUILD_GENERAL1_"))
    name = f"{_BUILD_ENVIRONMENTS.get(environment_type)}/{size}"
    return _build_quota(name) if name in _BUILDS else None


def _build_quota(environment: str) -> Quota:
    return Quota(f"Concurrently running builds for {environment} environment", "Builds", _BUILDS[environment])


def build_quotas() -> tuple[Quota, ...]:
    """All that are known of CodeBuild."""
    return tuple(map(_build_quota, _BUILDS))


def recorded_types(use: str) -> frozenset[str]:
    """The instance types whose default for one use is known."""
    return frozenset(f"ml.{family}.{size}" for family, sizes in _SIZES[use].items() for size in sizes.split())
