"""The processing jobs of an execution: CreateProcessingJob requests with inputs and environment as AWS's. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from loopback.services.sagemaker.monitoring.specs import Spec
from loopback.services.sagemaker.monitoring.windows import Window

BASELINE = "/opt/ml/processing/baseline"
CODE = "/opt/ml/processing/code"
TRUTH = "/opt/ml/processing/groundtruth"
MERGED = "/opt/ml/processing/output"
MERGER = "sagemaker-model-monitor-groundtruth-merger"
CAPTURE_FORMAT = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
CONFIG = "/opt/ml/processing/input/config"
_ATTRIBUTES = {
    "features_attribute": "FeaturesAttribute",
    "inference_attribute": "InferenceAttribute",
    "probability_attribute": "ProbabilityAttribute",
    "probability_threshold_attribute": "ProbabilityThresholdAttribute",
    "exclude_features_attribute": "ExcludeFeaturesAttribute",
}
_ANALYSES = {
    "ModelQuality": "MODEL_QUALITY",
    "ModelBias": "MODEL_BIAS",
    "ModelExplainability": "MODEL_EXPLAINABILITY",
}

SCRIPTS = (
    ("RecordPreprocessorSourceUri", "record_preprocessor_script", "preprocessing"),
    ("PostAnalyticsProcessorSourceUri", "post_analytics_processor_script", "postprocessing"),
)


@dataclass(frozen=True)
class ScheduledRun:
    """One execution of a schedule: when it was due, what it analyzes, and where the endpoint's captures lie."""

    spec: Spec
    schedule: str
    due: float
    window: Window
    captured: str  # DestinationS3Uri and the endpoint's name

    @property
    def output(self) -> str:
        """The S3 prefix that the endpoint's and the schedule's results are below."""
        target = self.spec.output["MonitoringOutputs"][0]["S3Output"]["S3Uri"].rstrip("/")
        return f"{target}/{self.spec.endpoint}/{self.schedule}"

    @property
    def merged(self) -> str:
        """The S3 prefix of captures that were joined with ground truth."""
        return f"{self.spec.output['MonitoringOutputs'][0]['S3Output']['S3Uri'].rstrip('/')}/merge/{self.spec.endpoint}"


def analysis(run: ScheduledRun, hours: Sequence[str], baseline: Mapping[str, str]) -> dict[str, Any]:
    """The analyzer's job.

    `hours` are the prefixes with data, `<variant>/yyyy/mm/dd/HH`, below the captures or, where there are labels, below
    the merged ones. `baseline` has the S3 URIs of `statistics` and `constraints`, as far as there are.
    """
    spec = run.spec
    target = spec.output["MonitoringOutputs"][0]["S3Output"]
    source = run.captured if spec.truth is None else run.merged
    inputs = _hour_inputs("endpoint_input", source, spec.source["LocalPath"], hours)
    environment = {"publish_cloudwatch_metrics": "Disabled", **spec.environment, **_platform(run)}
    environment |= {"dataset_source": spec.source["LocalPath"], "output_path": target["LocalPath"]}
    environment |= {key: str(spec.source[name]) for key, name in _ATTRIBUTES.items() if spec.source.get(name)}
    if spec.type in _ANALYSES:
        environment["analysis_type"] = _ANALYSES[spec.type]
    if "ProblemType" in spec.app:
        environment["problem_type"] = spec.app["ProblemType"]
    if "ConfigUri" in spec.app:
        inputs.append(_input("analysis_config", spec.app["ConfigUri"], CONFIG))
    for name, folder in (("statistics", "stats"), ("constraints", "constraints")):
        if name in baseline:
            inputs.append(_input("baseline" if folder == "stats" else folder, baseline[name], f"{BASELINE}/{folder}"))
            environment[f"baseline_{name}"] = f"{BASELINE}/{folder}/{_base(baseline[name])}"
    for member, variable, folder in SCRIPTS:
        if uri := spec.app.get(member):
            inputs.append(_input(f"{folder}_script", uri, f"{CODE}/{folder}"))
            environment[variable] = f"{CODE}/{folder}/{_base(uri)}"
    uri = f"{run.output}/{datetime.fromtimestamp(run.due, UTC):%Y/%m/%d/%H}"
    output = {"S3Uri": uri, "LocalPath": target["LocalPath"], "S3UploadMode": target.get("S3UploadMode", "Continuous")}
    app = {key: spec.app[key] for key in ("ImageUri", "ContainerEntrypoint", "ContainerArguments") if spec.app.get(key)}
    return _job(spec, app, inputs, {"OutputName": "monitoring_output", "S3Output": output}, environment)


def merge(run: ScheduledRun, hours: Sequence[str], truths: Sequence[str]) -> dict[str, Any]:
    """The job that joins captures (`<variant>/yyyy/mm/dd/HH`) with ground truth (`yyyy/mm/dd/HH`) by their ids."""
    local = run.spec.source["LocalPath"]
    inputs = _hour_inputs("endpoint_input", run.captured, local, hours)
    inputs += _hour_inputs("ground_truth_input", str(run.spec.truth).rstrip("/"), TRUTH, truths)
    environment = {**_platform(run), "analysis_type": "GROUND_TRUTH_MERGE", "dataset_source": local}
    environment |= {"ground_truth_source": TRUTH, "output_path": MERGED}
    output = {"S3Uri": run.merged, "LocalPath": MERGED, "S3UploadMode": "EndOfJob"}
    image = re.sub(r"[^/]+$", MERGER, run.spec.app["ImageUri"])  # as of the analyzer, which is in its account
    return _job(run.spec, {"ImageUri": image}, inputs, {"OutputName": "merged_output", "S3Output": output}, environment)


def _platform(run: ScheduledRun) -> dict[str, str]:
    """What the platform tells every container of a monitor."""
    return {
        "dataset_format": json.dumps(CAPTURE_FORMAT, separators=(",", ":")),
        "start_time": _iso(run.window.start),
        "end_time": _iso(run.window.end),
        "sagemaker_endpoint_name": run.spec.endpoint,
        "sagemaker_monitoring_schedule_name": run.schedule,
        "sagemaker_endpoint_datacapture_prefix": run.captured,
    }


def _iso(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _hour_inputs(name: str, source: str, local: str, hours: Sequence[str]) -> list[dict[str, Any]]:
    """One input an hour: below LocalPath the files lie as in S3, from the endpoint's name on."""
    folder = f"{local.rstrip('/')}/{_base(source)}" if name == "endpoint_input" else local.rstrip("/")
    return [_input(f"{name}_{number}", f"{source}/{hour}/", f"{folder}/{hour}") for number, hour in enumerate(hours, 1)]


def _input(name: str, uri: str, local: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": local, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    source |= {"S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"}
    return {"InputName": name, "AppManaged": False, "S3Input": source}


def _base(uri: str) -> str:
    return uri.rstrip("/").rsplit("/", 1)[1]


def _job(
    spec: Spec,
    app: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    output: Mapping[str, Any],
    environment: Mapping[str, str],
) -> dict[str, Any]:
    config = {"Outputs": [{"AppManaged": False, **output}], "KmsKeyId": spec.output.get("KmsKeyId")}
    return {
        "AppSpecification": app,
        "ProcessingInputs": list(inputs),
        "ProcessingOutputConfig": {key: value for key, value in config.items() if value},
        "ProcessingResources": {"ClusterConfig": spec.cluster},
        "Environment": environment,
        "RoleArn": spec.role,
        "StoppingCondition": spec.stopping or {"MaxRuntimeInSeconds": 3600},
        **({"NetworkConfig": spec.network} if spec.network else {}),
    }
