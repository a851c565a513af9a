"""A stage's monitors as parameters and tags of monitoring.yml. Pure; all values are strings, as CodePipeline wants."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slipway.build.project import UsageError
from slipway.deploy.explained import MODEL, Explained
from slipway.deploy.parameters import text
from slipway.deploy.stage import Monitor, Stage
from slipway.deploy.stage_rules import MONITORS
from slipway.deploy.versions import NotDeployableError

SCRIPT = Path(__file__).with_name("monitor_preprocessor.py")
MINUTE = {"slipway": 15, "sagemaker": 0}  # Model Monitor waits by itself until captures have arrived
CRON = {"off": "", "hourly": "cron({} * ? * * *)", "daily": "cron({} 0 ? * * *)"}
WINDOW_HOURS = {"hourly": 1, "daily": 24}
PROBLEMS = {
    "binary_classification_metrics": "BinaryClassification",
    "multiclass_classification_metrics": "MulticlassClassification",
    "regression_metrics": "Regression",
}

# parameter: argument of slipway.deploy.build, environment variable
ARNS = {
    "MonitoringRoleArn": ("monitoring-role", "MONITORING_ROLE_ARN"),
    "ScheduleRoleArn": ("schedule-role", "SCHEDULE_ROLE_ARN"),
    "WatchRoleArn": ("watch-role", "WATCH_ROLE_ARN"),
    "RetrainRoleArn": ("retrain-role", "RETRAIN_ROLE_ARN"),
    "RetrainPipelineArn": ("retrain-pipeline", "MODELBUILD_PIPELINE_ARN"),
}

# monitor: parameter and where DriftCheckBaselines has its value
BASELINES = {
    "data_quality": {
        "DataQualityStatisticsUri": ("ModelDataQuality", "Statistics"),
        "DataQualityConstraintsUri": ("ModelDataQuality", "Constraints"),
    },
    "bias": {
        "BiasConfigUri": ("Bias", "ConfigFile"),
        "BiasConstraintsUri": ("Bias", "PostTrainingConstraints"),
    },
    "explainability": {
        "AttributionConfigUri": ("Explainability", "ConfigFile"),
        "AttributionConstraintsUri": ("Explainability", "Constraints"),
    },
}


def has_monitors(stage: Stage) -> bool:
    """Whether any monitor watches the stage."""
    return any(getattr(stage.monitor, name) != "off" for name in MONITORS)


def without_unavailable(stage: Stage, *, available: bool) -> Stage:
    """The stage without monitors that the account has no service for. `available`: it has Model Monitor."""
    if available or stage.monitor.engine == "slipway":
        return stage
    off: dict[str, Any] = {**dict.fromkeys(MONITORS, "off"), "retrain": False}
    return stage.model_copy(update={"monitor": stage.monitor.model_copy(update=off)})


def watching(stage: Stage, *, available: bool) -> str:
    """What watches a stage, in words: its monitors, or nothing and why. `available`: the account has Model Monitor."""
    chosen = {name: getattr(stage.monitor, name) for name in MONITORS}
    on = ", ".join(f"{name} {frequency}" for name, frequency in chosen.items() if frequency != "off")
    if not on:
        return "nothing: its monitors are off"
    if has_monitors(without_unavailable(stage, available=available)):
        return on
    return f"nothing: the account has no Model Monitor, which {on} needs with engine: sagemaker"


def loads_script(stage: Stage) -> bool:
    """Whether Model Monitor's container gets the preprocessor; jobs of our own have it in their code."""
    return stage.monitor.engine == "sagemaker" and has_monitors(stage)


def script_key() -> str:
    """Where the preprocessor lies in the artifact bucket: another content is another object."""
    return f"monitoring/code/{hashlib.sha256(SCRIPT.read_bytes()).hexdigest()[:16]}/{SCRIPT.name}"


def explanation_settings(
    stage: Stage, endpoint: Mapping[str, Mapping[str, str]], registered: Mapping[str, Any]
) -> Explained | None:
    """What Clarify's monitor of the stage needs beside its parameters; None where there is no such monitor."""
    by_clarify = stage.monitor.explainability != "off" and stage.monitor.engine == "sagemaker"
    return Explained.of(endpoint["Parameters"], registered) if by_clarify else None


def configuration(
    stage: Stage,
    name: str,
    endpoint: Mapping[str, Mapping[str, str]],
    arns: Mapping[str, str],
    record: Mapping[str, Any],
    attribution: Explained | None = None,
) -> dict[str, dict[str, str]]:
    """The template configuration of a stage's monitors.

    `endpoint` is the configuration of its endpoint, `arns` those of ARNS that are known, `record` what promotion.json
    says about the version. Raises UsageError without an ARN that is needed, NotDeployableError when the version lacks
    what a monitor compares with.
    """
    monitor, given = stage.monitor, endpoint["Parameters"]
    bucket = given["DataCaptureUploadPath"].split("/")[2]
    shared = ("SageMakerProjectName", "StageName", "NotificationTopicArn", "VpcSubnetIds", "VpcSecurityGroupIds")
    parameters = {
        **{key: given[key] for key in (*shared, "CaptureKmsKeyId", "VolumeKmsKeyId") if key in given},
        "Engine": monitor.engine,
        "ReportPath": f"s3://{bucket}/monitoring/{name}",
        "PreprocessorUri": f"s3://{bucket}/{script_key()}",
        "DataQualitySchedule": CRON[monitor.data_quality].format(MINUTE[monitor.engine]),
        "ModelQualitySchedule": CRON[monitor.model_quality].format(MINUTE[monitor.engine]),
        "BiasSchedule": CRON[monitor.bias].format(MINUTE[monitor.engine]),
        "AttributionSchedule": CRON[monitor.explainability].format(MINUTE[monitor.engine]),
        "RetrainCoolDownHours": text(monitor.cool_down_hours),
        **({"MissingWords": record["MissingWords"]} if record.get("MissingWords") else {}),
        **dict(_baselines(name, monitor, record)),
        **(_attribution(attribution, given, bucket) if attribution else {}),
        **_labels(monitor, bucket),
        **(_model_quality(name, record) if monitor.model_quality != "off" else {}),
        **(_arns(name, monitor, arns) if has_monitors(stage) else {}),
    }
    return {"Parameters": parameters, "Tags": dict(endpoint["Tags"])}


def _baselines(name: str, monitor: Monitor, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, places in BASELINES.items():
        if getattr(monitor, kind) == "off":
            continue
        for parameter, (section, document) in places.items():
            uri = _baseline(record, section, document)
            if not uri:
                raise NotDeployableError(
                    f"{record['ModelPackageArn']} has no DriftCheckBaselines.{section}.{document}, which "
                    f"monitor.{kind} of {name}.yml compares with: register a version that has it, or switch this off"
                )
            yield parameter, uri


def _baseline(record: Mapping[str, Any], section: str, document: str) -> str:
    found = ((record["DriftCheckBaselines"] or {}).get(section) or {}).get(document) or {}
    return str(found.get("S3Uri", ""))


def _attribution(attribution: Explained, given: Mapping[str, str], bucket: str) -> dict[str, str]:
    return {
        **{key: given[key] for key in MODEL if key in given},
        "AttributionModelName": attribution.model_name,
        "AttributionConfigUri": f"s3://{bucket}/{attribution.key}",
    }


def _labels(monitor: Monitor, bucket: str) -> dict[str, str]:
    """Where labels come, and the window of requests whose labels are complete; as long as the schedule's period."""
    frequency = monitor.model_quality if monitor.model_quality != "off" else monitor.bias
    if monitor.ground_truth is None or frequency == "off":
        return {}
    uri = monitor.ground_truth if "://" in monitor.ground_truth else f"s3://{bucket}/{monitor.ground_truth}"
    after = monitor.labels_after_hours
    start = f"-PT{after + WINDOW_HOURS[frequency]}H"
    return {"GroundTruthUri": uri.rstrip("/"), "LabelsFrom": start, "LabelsTo": f"-PT{after}H"}


def _model_quality(name: str, record: Mapping[str, Any]) -> dict[str, str]:
    problem = PROBLEMS.get(record["MetricsSection"])
    if problem is None:
        raise NotDeployableError(
            f"{record['ModelPackageArn']} has no evaluation report that says what it predicts "
            f"({' or '.join(PROBLEMS)}), which monitor.model_quality of {name}.yml needs"
        )
    threshold = record.get("DecisionThreshold")
    return {
        "ProblemType": problem,
        "ModelQualityConstraintsUri": _baseline(record, "ModelQuality", "Constraints"),
        **({} if threshold is None else {"ProbabilityThreshold": text(threshold)}),
    }


def _arns(name: str, monitor: Monitor, arns: Mapping[str, str]) -> dict[str, str]:
    unused = {"ScheduleRoleArn"} if monitor.engine == "sagemaker" else set()
    unused |= set() if monitor.retrain else {"RetrainRoleArn", "RetrainPipelineArn"}
    needed = {parameter: arns.get(parameter, "") for parameter in ARNS if parameter not in unused}
    missing = [f"--{ARNS[key][0]} or ${ARNS[key][1]}" for key, arn in needed.items() if not arn]
    if missing:
        raise UsageError(f"not given, and needed by the monitors of {name}.yml: {', '.join(missing)}")
    return needed
