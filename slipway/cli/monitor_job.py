"""The processing job that does now what a schedule does at its hour. Pure."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

BASELINE = "/opt/ml/processing/baseline"
CODE = "/opt/ml/processing/code"
CONFIG = "/opt/ml/processing/input/config"
CAPTURE_FORMAT = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
_SCRIPTS = (
    ("RecordPreprocessorSourceUri", "record_preprocessor_script", "preprocessing"),
    ("PostAnalyticsProcessorSourceUri", "post_analytics_processor_script", "postprocessing"),
)

_ATTRIBUTES = {
    "features_attribute": "FeaturesAttribute",
    "inference_attribute": "InferenceAttribute",
    "probability_attribute": "ProbabilityAttribute",
    "exclude_features_attribute": "ExcludeFeaturesAttribute",
}

Doc = Mapping[str, Any]


def job_prefix(endpoint: str, schedule: str) -> str:
    """What the names of a schedule's jobs begin with: short enough for any name, and no other schedule's."""
    mark = hashlib.sha256(f"{endpoint}/{schedule}".encode()).hexdigest()[:8]
    return f"slipway-monitor-{endpoint[:20]}-{mark}-"


def job_name(endpoint: str, schedule: str, now: datetime) -> str:
    """At most 63 characters; one a second."""
    return f"{job_prefix(endpoint, schedule)}{now.astimezone(UTC):%y%m%d%H%M%S}"


def window(now: datetime, hours: int) -> tuple[datetime, datetime]:
    """(start, end): the running hour and so many whole ones before it."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours), now.astimezone(UTC)


def prefixes(capture: str, variants: Iterable[str], start: datetime, end: datetime) -> Iterator[str]:
    """S3 URIs `<capture>/<variant>/yyyy/mm/dd/HH/` of every hour; `capture` ends with the endpoint's name."""
    for variant in variants:
        hour = start
        while hour < end:
            yield f"{capture}/{variant}/{hour:%Y/%m/%d/%H}/"
            hour += timedelta(hours=1)


def output_folder(definition: Doc, endpoint: str, schedule: str, now: datetime) -> str:
    """Beside the documents of the schedule's own executions, one folder a run."""
    base = definition["output"]["MonitoringOutputs"][0]["S3Output"]["S3Uri"].rstrip("/")
    return f"{base}/{endpoint}/{schedule}/asked/{now.astimezone(UTC):%Y/%m/%d/%H-%M-%S}"


def manifest(capture: str, uris: Sequence[str]) -> list[Any]:
    """The captures to read, as a manifest: a job may have ten inputs, a window may have more hours."""
    return [{"prefix": f"{capture}/"}, *(uri.removeprefix(f"{capture}/") for uri in uris)]


def request(
    definition: Doc,
    schedule: str,
    capture: str,
    baseline: Mapping[str, str],
    listed: str,
    times: tuple[datetime, datetime],
) -> dict[str, Any]:
    """A CreateProcessingJob request; `listed` is the S3 URI of the manifest of captures below `capture`.

    Environment, paths and the layout of the input are those that the platform gives a monitoring execution.
    """
    source, app, (start, end) = definition["input"], definition["app"], times
    endpoint, target = source["EndpointName"], definition["output"]["MonitoringOutputs"][0]["S3Output"]
    local = source["LocalPath"].rstrip("/")
    inputs = [_input("endpoint_input_1", listed, f"{local}/{capture.rpartition('/')[2]}", "ManifestFile")]
    environment = {
        "publish_cloudwatch_metrics": "Disabled",
        **definition["environment"],
        "dataset_format": json.dumps(CAPTURE_FORMAT, separators=(",", ":")),
        "dataset_source": source["LocalPath"],
        "output_path": target["LocalPath"],
        "start_time": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "end_time": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "sagemaker_endpoint_name": endpoint,
        "sagemaker_monitoring_schedule_name": schedule,
        "sagemaker_endpoint_datacapture_prefix": capture,
    }
    environment |= {name: source[member] for name, member in _ATTRIBUTES.items() if source.get(member)}
    if uri := app.get("ConfigUri"):  # Clarify's; what it explains needs no labels
        inputs.append(_input("analysis_config", uri, CONFIG))
        environment["analysis_type"] = "MODEL_EXPLAINABILITY"
    for name, folder, called in (("statistics", "stats", "baseline"), ("constraints", "constraints", "constraints")):
        if name in baseline:
            inputs.append(_input(called, baseline[name], f"{BASELINE}/{folder}"))
            environment[f"baseline_{name}"] = f"{BASELINE}/{folder}/{baseline[name].rpartition('/')[2]}"
    for member, variable, folder in _SCRIPTS:
        if uri := app.get(member):
            inputs.append(_input(f"{folder}_script", uri, f"{CODE}/{folder}"))
            environment[variable] = f"{CODE}/{folder}/{uri.rpartition('/')[2]}"
    output = {
        "S3Uri": output_folder(definition, endpoint, schedule, end),
        "LocalPath": target["LocalPath"],
        "S3UploadMode": "EndOfJob",
    }
    outputs: dict[str, Any] = {"Outputs": [{"OutputName": "monitoring_output", "S3Output": output}]}
    if key := definition["output"].get("KmsKeyId"):
        outputs["KmsKeyId"] = key
    kept = ("ImageUri", "ContainerEntrypoint", "ContainerArguments")
    return {
        "ProcessingJobName": job_name(endpoint, schedule, end),
        "AppSpecification": {name: app[name] for name in kept if app.get(name)},
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": outputs,
        "ProcessingResources": definition["resources"],
        "Environment": environment,
        **{name: definition[name] for name in ("RoleArn", "NetworkConfig", "StoppingCondition") if name in definition},
    }


def _input(name: str, uri: str, local: str, kind: str = "S3Prefix") -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": local, "S3DataType": kind, "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source | {"S3DataDistributionType": "FullyReplicated"}}
