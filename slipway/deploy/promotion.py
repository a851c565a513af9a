"""promotion.json: which version goes where, with what it was made from. All later steps read it, none looks again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from slipway.deploy import figures
from slipway.deploy.stage import Stage
from slipway.deploy.versions import NotDeployableError

SECTIONS = ("binary_classification_metrics", "multiclass_classification_metrics", "regression_metrics")
DEPLOYS = "ANYTHING_TO_DEPLOY"  # "yes" or "no": what the stages after the build ask before they are entered
NOTHING = {DEPLOYS: "no"}  # the variables of a build without a version


def evaluation(s3: Any, package: Mapping[str, Any]) -> dict[str, Any]:
    """The report that the evaluation wrote for a version; empty when the version has none."""
    uri = package.get("CustomerMetadataProperties", {}).get("EvaluationReport") or _statistics(package)
    if not uri:
        return {}
    return read(s3, str(uri), "evaluation report")


def read(s3: Any, uri: str, what: str) -> dict[str, Any]:
    """A JSON document of a version, which is told as `what` where it can't be read."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        return dict(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    except ClientError as error:
        reason = error.response["Error"].get("Code")
        raise NotDeployableError(f"the {what} {uri} of this version can't be read: {reason}") from None
    except (TypeError, ValueError):
        raise NotDeployableError(f"the {what} {uri} of this version is not a JSON object") from None


def record(
    package: Mapping[str, Any], report: Mapping[str, Any], stages: Mapping[str, Stage], written: Mapping[str, str]
) -> dict[str, Any]:
    """The document. It has no time in it, so that the same promotion gives the same bytes."""
    lineage = package.get("CustomerMetadataProperties", {})
    made = package.get("MetadataProperties", {})
    section = next((name for name in SECTIONS if name in report), "")
    return {
        "ModelPackageArn": package["ModelPackageArn"],
        "ModelPackageVersion": package.get("ModelPackageVersion"),
        "ModelPackageGroupName": package.get("ModelPackageGroupName"),
        "CommitId": lineage.get("CommitId") or made.get("CommitId"),
        "PipelineExecutionArn": lineage.get("PipelineExecutionArn") or made.get("GeneratedBy"),
        "InputDataUrl": lineage.get("InputDataUrl"),
        "DataVersion": lineage.get("DataVersion"),
        "EvaluationReport": lineage.get("EvaluationReport") or _statistics(package),
        "GoldenRequests": lineage.get("GoldenRequests"),
        "DriftCheckBaselines": package.get("DriftCheckBaselines"),
        "Image": _container(package, "Image"),
        "ModelDataUrl": _container(package, "ModelDataUrl"),
        "MetricsSection": section,
        "Metrics": dict(_metrics(report.get(section, {}))),
        "EvaluationRows": report.get("rows"),
        "MissingWords": lineage.get("MissingWords", ""),
        "DecisionThreshold": (report.get("decision") or {}).get("threshold"),
        "Sha256": digests(written),
        "Tests": {name: settings.tests.model_dump() for name, settings in stages.items()},
        "Monitor": {name: settings.monitor.model_dump() for name, settings in stages.items()},
    }


def digests(written: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of each file's content."""
    return {path: hashlib.sha256(content.encode()).hexdigest() for path, content in written.items()}


def summary(document: Mapping[str, Any]) -> str:
    """The registered metrics in a few words."""
    return figures.summary(document["Metrics"])


def variables(document: Mapping[str, Any], source: str) -> dict[str, str]:
    """What later actions of the pipeline may show, and go by; `source` is that of `choice.Choice`."""
    return {
        DEPLOYS: "yes",
        "MODEL_PACKAGE_ARN": str(document["ModelPackageArn"]),
        "MODEL_PACKAGE_VERSION": str(document["ModelPackageVersion"]),
        "MODEL_VERSION_FROM": source,
        "MODEL_COMMIT_ID": document["CommitId"] or "unknown",
        "MODEL_METRICS": summary(document) or "none registered",
    }


def log_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Lines for the build's log."""
    yield f"commit {document['CommitId'] or 'unknown'}, data version {document['DataVersion'] or 'unknown'}"
    yield f"registered metrics: {summary(document) or 'none: the staging test can not pass'}"
    for stage, monitors in document["Watched"].items():
        yield f"{stage} is watched by {monitors}"


def _container(package: Mapping[str, Any], member: str) -> str:
    """A member of the container that a version is served with; empty where it names none."""
    containers = (package.get("InferenceSpecification") or {}).get("Containers") or [{}]
    return str(containers[0].get(member, ""))


def _metrics(section: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    for name, figure in section.items():
        if isinstance(figure, Mapping) and isinstance(figure.get("value"), int | float):
            kept = {key: figure.get(key) for key in ("value", "standard_deviation")}
            yield name, {key: value for key, value in kept.items() if isinstance(value, int | float)}


def _statistics(package: Mapping[str, Any]) -> str | None:
    statistics = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
    found = statistics.get("S3Uri")
    return str(found) if found else None
