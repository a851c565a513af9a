"""The SageMaker pipeline of a monitor: one Processing step, in the JSON of a pipeline's definition. Pure.

EventBridge Scheduler starts it without parameters. Its parameters are for those who look at other hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.monitoring.settings import AT_START, PROCESSING, SCHEDULED

STEP = "Analyze"
PROGRAM = "monitor.py"
CODE = f"{PROCESSING}/input/code"
MAX_SECONDS = 1800  # an hourly job must end before the next one
_MINUTE = 60


@dataclass(frozen=True)
class Resources:
    """What the job runs on, with which keys and in which network."""

    instance_type: str = "ml.m5.large"
    volume_gb: int = 20
    volume_key: str = ""
    output_key: str = ""
    subnets: Sequence[str] = ()
    security_groups: Sequence[str] = ()


@dataclass(frozen=True)
class MonitorJob:
    """What a monitor's job is made of. `image` is the version's own; `baseline` are URIs of documents by their kind.

    `environ` is what this kind of monitor is told in addition.
    """

    monitor: str
    endpoint: str
    schedule: str
    image: str
    role: str
    region: str
    code: str
    captures: str
    report: str
    hours: int
    baseline: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)


def definition(job: MonitorJob) -> dict[str, Any]:
    """The definition. Its jobs are named as SageMaker names them, pipelines-<execution>-Analyze-..."""
    return {
        "Version": "2020-12-01",
        "Parameters": [
            _parameter("Until", AT_START),
            _parameter("Hours", str(job.hours)),
            _parameter("Asked", SCHEDULED),
        ],
        "Steps": [{"Name": STEP, "Type": "Processing", "Arguments": _arguments(job), "RetryPolicies": _RETRIES}],
    }


_RETRIES = [
    {
        "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
        "IntervalSeconds": 5,
        "BackoffRate": 2.0,
        "MaxAttempts": 3,
    },
    {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 5, "BackoffRate": 2.0, "MaxAttempts": 3},
    {  # another job has to end, or the zone to have room
        "ExceptionType": ["SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"],
        "IntervalSeconds": _MINUTE,
        "BackoffRate": 2.0,
        "MaxAttempts": 4,
    },
]


def _parameter(name: str, default: str) -> dict[str, str]:
    return {"Name": name, "Type": "String", "DefaultValue": default}


def _arguments(job: MonitorJob) -> dict[str, Any]:
    resources = job.resources
    cluster = {"InstanceType": resources.instance_type, "InstanceCount": 1, "VolumeSizeInGB": resources.volume_gb}
    output = {
        "OutputName": "report",
        "AppManaged": False,
        "S3Output": {
            "S3Uri": f"{job.report}/{job.endpoint}/{job.schedule}",
            "LocalPath": f"{PROCESSING}/output",
            "S3UploadMode": "EndOfJob",
        },
    }
    inputs = {CODE: job.code} | {f"{PROCESSING}/baseline/{kind}": uri for kind, uri in job.baseline.items()}
    return {
        "ProcessingResources": {"ClusterConfig": cluster | _key("VolumeKmsKeyId", resources.volume_key)},
        "AppSpecification": {"ImageUri": job.image, "ContainerEntrypoint": ["python3", f"{CODE}/{PROGRAM}"]},
        "RoleArn": job.role,
        "ProcessingInputs": [_input(path, uri) for path, uri in inputs.items()],
        "ProcessingOutputConfig": {"Outputs": [output]} | _key("KmsKeyId", resources.output_key),
        "Environment": _environment(job),
        "NetworkConfig": {"EnableNetworkIsolation": False} | _network(resources),
        "StoppingCondition": {"MaxRuntimeInSeconds": MAX_SECONDS},
    }


def _environment(job: MonitorJob) -> dict[str, Any]:
    return {
        "AWS_DEFAULT_REGION": job.region,  # containers have AWS_REGION, and boto3 looks for this one
        "monitor": job.monitor,
        "endpoint": job.endpoint,
        "schedule": job.schedule,
        "captures": job.captures,
        "started": {"Get": "Execution.StartDateTime"},
        "until": {"Get": "Parameters.Until"},
        "hours": {"Get": "Parameters.Hours"},
        "asked": {"Get": "Parameters.Asked"},
        **({"baseline_constraints": _constraints(job)} if "constraints" in job.baseline else {}),
        **job.environ,
    }


def _constraints(job: MonitorJob) -> str:
    """The file that tells the preprocessor the names of the columns."""
    return f"{PROCESSING}/baseline/constraints/{job.baseline['constraints'].rpartition('/')[2]}"


def _input(path: str, uri: str) -> dict[str, Any]:
    source = {
        "S3Uri": uri,
        "LocalPath": path,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
        "S3CompressionType": "None",
    }
    return {"InputName": path.rpartition("/")[2], "AppManaged": False, "S3Input": source}


def _network(resources: Resources) -> dict[str, Any]:
    if not resources.subnets:
        return {}
    return {"VpcConfig": {"Subnets": [*resources.subnets], "SecurityGroupIds": [*resources.security_groups]}}


def _key(member: str, key: str) -> dict[str, str]:
    return {member: key} if key else {}
