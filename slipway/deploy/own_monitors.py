"""The monitors of a stage whose engine is slipway: the definitions of their pipelines, and the code of their jobs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.deploy.parameters import text
from slipway.deploy.stage import Stage
from slipway.deploy.versions import NotDeployableError
from slipway.monitoring import code, settings
from slipway.monitoring.definition import MonitorJob, Resources, definition

PERFORMANCE = "ModelQualityStatisticsUri"  # DriftCheckBaselines.ModelQuality.Statistics, where the version has it
FEATURES, MODEL = "DataQualityConstraintsUri", "ModelDataUrl"  # of the version
CODE, CONFIG = "monitoring/code", "monitoring/config"  # folders of the artifact bucket
# monitor: what its pipeline and its schedule are called after the endpoint, and the parameter that names its definition
KINDS = {
    settings.DATA_QUALITY: ("data-quality", "DataQualityDefinition"),
    settings.MODEL_QUALITY: ("model-quality", "ModelQualityDefinition"),
    settings.BIAS: ("bias", "BiasDefinition"),
    settings.EXPLAINABILITY: ("attribution", "AttributionDefinition"),
}
HOURS = {"hourly": 1, "daily": 24}


@dataclass(frozen=True)
class OwnMonitors:
    """What a stage's stack is told, and what has to lie in the bucket before it is made."""

    parameters: Mapping[str, str]
    objects: Mapping[str, bytes]


def version_facts(record: Mapping[str, Any]) -> dict[str, str]:
    """What monitors need of a version beside the parameters of a stage's stack, from what promotion.json says of it."""
    data_quality = (record["DriftCheckBaselines"] or {}).get("ModelDataQuality") or {}
    threshold = record.get("DecisionThreshold")
    found = {
        "ModelPackageArn": record["ModelPackageArn"],
        FEATURES: str((data_quality.get("Constraints") or {}).get("S3Uri", "")),
        MODEL: record["ModelDataUrl"],
        "ProbabilityThreshold": "" if threshold is None else text(threshold),
    }
    return {name: value for name, value in found.items() if value}


def of_stage(stage: Stage, given: Mapping[str, str], image: str, preprocessor: bytes) -> OwnMonitors:
    """`given` are the parameters of the stage's stack so far; `image` is the version's own.

    Raises NotDeployableError for a version that names no image.
    """
    kinds = [kind for kind in KINDS if getattr(stage.monitor, kind) != "off"]
    if stage.monitor.engine != "slipway" or not kinds:
        return OwnMonitors({}, {})
    if not image:
        raise NotDeployableError("the version names no image, which its monitors run on")
    files = code.files(preprocessor, explains=settings.EXPLAINABILITY in kinds)
    folder = f"{CODE}/{code.digest(files)}"
    objects = {f"{folder}/{name}": content for name, content in files.items()}
    parameters = {}
    for kind in kinds:
        job = _job(kind, stage, given, image, folder)
        body = json.dumps(definition(job), indent=1, sort_keys=True).encode()
        key = f"{CONFIG}/{hashlib.sha256(body).hexdigest()[:16]}/{job.schedule}.json"
        objects[key] = body
        parameters[KINDS[kind][1]] = key
    return OwnMonitors(parameters, objects)


def _job(kind: str, stage: Stage, given: Mapping[str, str], image: str, folder: str) -> MonitorJob:
    endpoint = f"{given['SageMakerProjectName']}-{given['StageName']}"
    bucket = given["ReportPath"].split("/")[2]
    baseline, environ = _ABOUT[kind](stage, given)
    return MonitorJob(
        monitor=kind,
        endpoint=endpoint,
        schedule=f"{endpoint}-{KINDS[kind][0]}",
        image=image,
        role=given["MonitoringRoleArn"],
        region=given["ModelPackageArn"].split(":")[3],
        code=f"s3://{bucket}/{folder}",
        captures=given["DataCaptureUploadPath"],
        report=given["ReportPath"],
        hours=HOURS[getattr(stage.monitor, kind)],
        baseline=baseline,
        environ=environ,
        resources=Resources(
            volume_key=given.get("VolumeKmsKeyId", ""),
            output_key=given.get("CaptureKmsKeyId", ""),
            subnets=_split_names(given.get("VpcSubnetIds", "")),
            security_groups=_split_names(given.get("VpcSecurityGroupIds", "")),
        ),
    )


def _data_quality(stage: Stage, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    baseline = {"stats": given["DataQualityStatisticsUri"], "constraints": given["DataQualityConstraintsUri"]}
    environ = {"missing_words": given["MissingWords"]} if given.get("MissingWords") else {}
    if uri := given.get(PERFORMANCE):
        baseline["performance"] = uri
        least = stage.monitor.estimated_performance
        environ |= {"estimated_performance": json.dumps(least, sort_keys=True)} if least else {}
    return baseline, environ


def _model_quality(stage: Stage, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    uri = given.get("ModelQualityConstraintsUri", "")
    threshold = {"probability_threshold": given["ProbabilityThreshold"]} if given.get("ProbabilityThreshold") else {}
    return {"constraints": uri} if uri else {}, {
        "labels": given["GroundTruthUri"],
        "labels_after_hours": str(stage.monitor.labels_after_hours),
        "problem_type": given["ProblemType"],
        **threshold,
    }


def _bias(stage: Stage, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Requests are read by the names of the data quality baseline, as that monitor reads them."""
    if not given.get(FEATURES):
        raise NotDeployableError(
            f"{given['ModelPackageArn']} has no DriftCheckBaselines.ModelDataQuality.Constraints, which name the "
            "columns that monitor.bias reads: register a version that has it, or switch this off"
        )
    baseline = {
        "constraints": given[FEATURES],
        "config": given["BiasConfigUri"],
        "analysis": given["BiasConstraintsUri"],
    }
    words = {"missing_words": given["MissingWords"]} if given.get("MissingWords") else {}
    threshold = {"probability_threshold": given["ProbabilityThreshold"]} if given.get("ProbabilityThreshold") else {}
    after = str(stage.monitor.labels_after_hours)
    return baseline, {"labels": given["GroundTruthUri"], "labels_after_hours": after, **words, **threshold}


def _explainability(_stage: Stage, given: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    config, analysis = given["AttributionConfigUri"], given["AttributionConstraintsUri"]
    return {"config": config, "analysis": analysis, "model": given[MODEL]}, {}


_ABOUT = {
    settings.DATA_QUALITY: _data_quality,
    settings.MODEL_QUALITY: _model_quality,
    settings.BIAS: _bias,
    settings.EXPLAINABILITY: _explainability,
}


def _split_names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))
