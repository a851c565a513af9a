"""A stage's settings as parameters and tags of endpoint.yml. Pure; all values are strings, as CodePipeline wants."""

from dataclasses import dataclass
from typing import Any

from slipway.deploy.stage import Ab, Asynchronous, Autoscaling, Instances, Serverless, Stage, Traffic

WEIGHTS = 100  # the two weights of an A/B test are percent
MICROSECONDS = 1000  # in a millisecond


@dataclass(frozen=True)
class Release:
    """One pinned version, and where it goes."""

    project: str
    project_id: str
    role: str
    bucket: str
    model_package_arn: str
    topic: str = ""  # the project's, for stages whose alarms name no other


def configuration(stage: Stage, name: str, release: Release, others: dict[int, str]) -> dict[str, dict[str, str]]:
    """The template configuration of a stage. `others` are the ARNs of the versions that ab and shadow name."""
    parameters = {
        "SageMakerProjectName": release.project,
        "StageName": name,
        "ModelPackageName": release.model_package_arn,
        "ModelExecutionRoleArn": release.role,
        **_kind(stage),
        **_instances(stage),
        **_variants(stage, others),
        **_capture(stage, release, name),
        **(_serverless(stage.serverless) if stage.serverless else _traffic(stage.traffic)),
        **(_asynchronous(stage.asynchronous, release, name) if stage.asynchronous else {}),
        **(_autoscaling(stage.autoscaling) if stage.autoscaling else {"EnableAutoscaling": "false"}),
        **_alarms(stage, release),
        **_environment(stage),
    }
    tags = {
        **stage.tags,
        "sagemaker:deployment-stage": name,
        "sagemaker:project-id": release.project_id,
        "sagemaker:project-name": release.project,
    }
    return {"Parameters": {key: text(value) for key, value in parameters.items() if value is not None}, "Tags": tags}


def text(value: Any) -> str:
    """A value as CloudFormation reads it: `true`, `0.01`, `a,b`; never `1e-05` or `1.0`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.9f}".rstrip("0").rstrip(".")
    if isinstance(value, list):
        return ",".join(value)
    return str(value)


def _kind(stage: Stage) -> dict[str, Any]:
    mode = "SERVERLESS" if stage.serverless else "ASYNCHRONOUS" if stage.asynchronous else "REAL_TIME"
    return {"InferenceMode": mode}


def _instances(stage: Stage) -> dict[str, Any]:
    if stage.serverless:
        return {}
    instances = stage.instances or Instances()
    least = stage.autoscaling.min if stage.autoscaling else 1
    return {"EndpointInstanceType": instances.type, "EndpointInstanceCount": instances.count or least}


def _variants(stage: Stage, others: dict[int, str]) -> dict[str, Any]:
    if stage.ab:
        return _challenger(stage.ab, others)
    if stage.shadow:
        share = stage.shadow.sampling_percent / WEIGHTS
        return {"ShadowModelPackageName": others[stage.shadow.version], "ShadowWeight": share}
    return {}


def _challenger(ab: Ab, others: dict[int, str]) -> dict[str, Any]:
    return {
        "ChallengerModelPackageName": others[ab.version],
        "ChallengerWeight": ab.percent,
        "VariantWeight": WEIGHTS - ab.percent,
    }


def _capture(stage: Stage, release: Release, name: str) -> dict[str, Any]:
    percent = stage.capture.sampling_percent if stage.capture else 0
    return {
        "EnableDataCapture": percent > 0,
        "SamplingPercentage": percent,
        "DataCaptureUploadPath": f"s3://{release.bucket}/datacapture-{name}",
        "CaptureKmsKeyId": stage.kms.capture,
    }


def _serverless(serverless: Serverless) -> dict[str, Any]:
    return {
        "ServerlessMemorySizeInMB": serverless.memory_mb,
        "ServerlessMaxConcurrency": serverless.max_concurrency,
        "ServerlessProvisionedConcurrency": serverless.provisioned_concurrency,
    }


def _asynchronous(asynchronous: Asynchronous, release: Release, name: str) -> dict[str, Any]:
    folder = f"s3://{release.bucket}/async-{name}"
    return {
        "AsyncOutputPath": asynchronous.output or f"{folder}/output",
        "AsyncFailurePath": asynchronous.failures or f"{folder}/failures",
        "AsyncMaxConcurrentInvocationsPerInstance": asynchronous.max_concurrent_per_instance,
        "AsyncSuccessTopicArn": asynchronous.success_topic,
        "AsyncErrorTopicArn": asynchronous.error_topic,
    }


def _traffic(traffic: Traffic) -> dict[str, Any]:
    return {
        "DeploymentStrategy": traffic.shift.upper(),
        "ShiftPercentage": traffic.percent,
        "WaitIntervalInSeconds": traffic.wait_seconds,
        "TerminationWaitInSeconds": traffic.termination_wait_seconds,
        "MaximumExecutionTimeoutInSeconds": traffic.timeout_seconds,
        "AutoRollback": traffic.rollback,
    }


def _autoscaling(scaling: Autoscaling) -> dict[str, Any]:
    schedule = scaling.schedule
    return {
        "EnableAutoscaling": True,
        "MinCapacity": scaling.min,
        "MaxCapacity": scaling.max,
        "InvocationsPerInstance": scaling.invocations_per_instance,
        "CpuPercent": scaling.cpu_percent,
        "BacklogPerInstance": scaling.backlog_per_instance,
        "ScaleInCooldown": scaling.scale_in_cooldown_seconds,
        "ScaleOutCooldown": scaling.scale_out_cooldown_seconds,
        "PeakSchedule": schedule and schedule.peak,
        "QuietSchedule": schedule and schedule.quiet,
        "PeakMinCapacity": schedule and schedule.peak_min,
        "PeakMaxCapacity": schedule and schedule.peak_max,
        "ScheduleTimezone": schedule and schedule.timezone,
    }


def _alarms(stage: Stage, release: Release) -> dict[str, Any]:
    alarms = stage.alarms
    return {
        "ErrorRateThreshold": alarms.error_rate_percent / 100,
        "LatencyThreshold": alarms.latency_ms * MICROSECONDS,
        "LatencyStatistic": alarms.latency_statistic,
        "MemoryThreshold": alarms.memory_percent,
        "AlarmPeriod": alarms.period_seconds,
        "AlarmPeriods": alarms.periods,
        "NoTrafficMinutes": alarms.no_traffic_minutes,
        "NotificationTopicArn": alarms.topic or release.topic or None,
        "EnableDashboard": stage.dashboard,
    }


def _environment(stage: Stage) -> dict[str, Any]:
    vpc = stage.vpc
    return {
        "VpcSubnetIds": vpc and vpc.subnets,
        "VpcSecurityGroupIds": vpc and vpc.security_groups,
        "VolumeKmsKeyId": stage.kms.volume,
        "AsyncKmsKeyId": stage.kms.asynchronous,
    }
