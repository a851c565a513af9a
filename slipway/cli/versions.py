"""Model versions: list, describe, approve, reject, compare."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from slipway.cli.target import Target, UserError
from slipway.cli.verdicts import Verdict, verdicts

PICTURES = Path(".slipway/pictures")


def newest(target: Target, group: str, most: int = 20) -> list[dict[str, Any]]:
    """The newest versions of a group, by its full name or its ARN."""
    return list(islice(_newest_first(target, group), most))


def _newest_first(target: Target, group: str) -> Iterator[dict[str, Any]]:
    pages = (
        target.client("sagemaker")
        .get_paginator("list_model_packages")
        .paginate(ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending")
    )
    return (summary for page in pages for summary in page["ModelPackageSummaryList"])


def version(target: Target, group: str, number: int) -> dict[str, Any]:
    """One version in full."""
    client = target.client("sagemaker")
    last = newest(target, group, 1)
    arn = f"{last[0]['ModelPackageArn'].rpartition('/')[0]}/{number}" if last else ""
    try:
        package: dict[str, Any] = client.describe_model_package(ModelPackageName=arn) if arn else {}
    except client.exceptions.ClientError as fault:
        if fault.response["Error"]["Code"] not in {"ValidationException", "ResourceNotFound"}:
            raise
        package = {}
    if not package:
        known = [summary["ModelPackageVersion"] for summary in newest(target, group)]
        raise UserError(f"{group} has no version {number}; its newest: {', '.join(map(str, known)) or 'none'}")
    return package


def decide(target: Target, package: dict[str, Any], status: str, why: str) -> dict[str, Any]:
    """Approve or reject a version, and write down who did and why."""
    if package["ModelApprovalStatus"] == status:
        return package
    caller = target.client("sts").get_caller_identity()["Arn"]
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    verb = "ApprovedBy" if status == "Approved" else "RejectedBy"
    client = target.client("sagemaker")
    client.update_model_package(
        ModelPackageArn=package["ModelPackageArn"],
        ModelApprovalStatus=status,
        ApprovalDescription=why or f"{status} by {caller} at {moment}",
        CustomerMetadataProperties={verb: caller, f"{verb[:-2]}At": moment},
    )
    decided: dict[str, Any] = client.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    return decided


def report_uri(package: dict[str, Any]) -> str | None:
    """Where the evaluation of a version is."""
    uri: str | None = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {}).get("S3Uri")
    return uri


def report(target: Target, package: dict[str, Any]) -> dict[str, Any]:
    """The evaluation of a version; empty when it has none that is a JSON object."""
    uri = report_uri(package)
    try:
        found = json.loads(target.read(uri)) if uri else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def golden(target: Target, package: dict[str, Any]) -> list[dict[str, Any]]:
    """The requests that the build of a version has set aside; none where it has not."""
    uri = package.get("CustomerMetadataProperties", {}).get("GoldenRequests")
    if not uri:
        return []
    document = json.loads(target.read(uri if uri.endswith(".json") else f"{uri.rstrip('/')}/golden.json"))
    rows: list[dict[str, Any]] = document["rows"]
    return rows


def metrics(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """`{name: {value, standard_deviation, ...}}` of the block of metrics that SageMaker's formats have."""
    for name, block in document.items():
        if name.endswith("_metrics") and isinstance(block, dict):
            return {
                metric: entry
                for metric, entry in block.items()
                if isinstance(entry, dict) and isinstance(entry.get("value"), int | float)
            }
    return {}


def execution_of(package: dict[str, Any]) -> str | None:
    """The ARN of the execution that made a version."""
    made: str = package.get("MetadataProperties", {}).get("GeneratedBy", "")
    return made if "/execution/" in made else None


def lineage(package: dict[str, Any]) -> dict[str, str]:
    """Where a version came from."""
    containers = package.get("InferenceSpecification", {}).get("Containers") or [{}]
    found = {
        "execution": execution_of(package),
        "commit": package.get("MetadataProperties", {}).get("CommitId"),
        "repository": package.get("MetadataProperties", {}).get("Repository"),
        "model data": containers[0].get("ModelDataUrl"),
        **package.get("CustomerMetadataProperties", {}),
    }
    return {key: str(value) for key, value in found.items() if value}


def tuned_hyperparameters(target: Target, package: dict[str, Any]) -> dict[str, str]:
    """The hyperparameters that a tuning job found for a version; none where one training made it, or it was deleted."""
    name = package.get("CustomerMetadataProperties", {}).get("TrainingJobName")
    if name is None:
        return {}
    sagemaker = target.client("sagemaker")
    try:
        trained = sagemaker.describe_training_job(TrainingJobName=name)
        tuning = trained["TuningJobArn"].rpartition("/")[2]
        described = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=tuning)
    except (KeyError, ClientError):
        return {}
    ranges = described["HyperParameterTuningJobConfig"].get("ParameterRanges", {}).values()
    searched = [each["Name"] for kind in ranges for each in kind if "Name" in each]
    return {f"{each} (tuned)": trained["HyperParameters"][each] for each in searched}


def gate_verdicts(target: Target, package: dict[str, Any]) -> list[Verdict]:
    """The gates that let a version through."""
    arn = execution_of(package)
    try:
        return verdicts(target, arn) if arn else []
    except target.client("sagemaker").exceptions.ResourceNotFound:  # the pipeline was deleted since
        return []


def pictures(target: Target, package: dict[str, Any], folder: Path = PICTURES) -> list[Path]:
    """Download the pictures beside a version's evaluation; their paths."""
    uri = report_uri(package)
    if uri is None:
        return []
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3, prefix = target.client("s3"), key.rpartition("/")[0] + "/"
    where = folder / "-".join(package["ModelPackageArn"].partition("/")[2].split("/"))
    saved = []
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        if item["Key"].endswith(".png"):
            where.mkdir(parents=True, exist_ok=True)
            path = where / item["Key"].rpartition("/")[2]
            s3.download_file(bucket, item["Key"], str(path))
            saved.append(path)
    return saved


def compare(target: Target, first: dict[str, Any], second: dict[str, Any]) -> dict[str, dict[str, tuple[Any, Any]]]:
    """What differs between two versions: {metrics, parameters, data, code} -> {name: (first, second)}."""
    sides = [_side(target, package) for package in (first, second)]
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    for section in sides[0]:
        names = sorted({*sides[0][section], *sides[1][section]})
        pairs = {name: (sides[0][section].get(name), sides[1][section].get(name)) for name in names}
        found[section] = {name: pair for name, pair in pairs.items() if section == "metrics" or pair[0] != pair[1]}
    return found


_DATA = ("InputDataUrl", "DataVersion")
_CODE = ("CommitId",)


def _side(target: Target, package: dict[str, Any]) -> dict[str, dict[str, Any]]:
    client, arn = target.client("sagemaker"), execution_of(package)
    parameters: dict[str, Any] = {}
    bundles: dict[str, Any] = {}
    if arn:
        with contextlib.suppress(client.exceptions.ResourceNotFound):  # the pipeline was deleted since
            pages = client.get_paginator("list_pipeline_parameters_for_execution").paginate(PipelineExecutionArn=arn)
            parameters = {p["Name"]: p["Value"] for page in pages for p in page["PipelineParameters"]}
            text = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)["PipelineDefinition"]
            bundles = _bundles(json.loads(text)["Steps"])
    data = {name: parameters.pop(name) for name in _DATA if name in parameters}
    code = {name: parameters.pop(name) for name in _CODE if name in parameters} | bundles
    figures = {name: entry["value"] for name, entry in metrics(report(target, package)).items()}
    return {"metrics": figures, "parameters": parameters, "data": data, "code": code}


def _bundles(steps: list[dict[str, Any]]) -> dict[str, str]:
    """The content hash of each step's code."""
    found = {}
    for step in steps:
        arguments = step.get("Arguments", {})
        inputs = {i.get("InputName"): i.get("S3Input", {}) for i in arguments.get("ProcessingInputs", [])}
        uris = [inputs.get("code", {}).get("S3Uri")]
        uris += [uri] if (uri := arguments.get("HyperParameters", {}).get("sagemaker_submit_directory")) else []
        for uri in uris:
            if isinstance(uri, str) and "/code/" in uri:
                found[f"{step['Name']} code"] = uri.partition("/code/")[2].partition("/")[0][:12]
    return found
