"""What a job definition, or a schedule's own MonitoringJobDefinition, asks for: one form for both. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.kinds import (
    DATA_QUALITY_DEFINITION,
    MODEL_BIAS_DEFINITION,
    MODEL_EXPLAINABILITY_DEFINITION,
    MODEL_QUALITY_DEFINITION,
    Kind,
)
from loopback.services.sagemaker.monitoring.windows import check_span, duration

KINDS: Mapping[str, Kind] = {
    "DataQuality": DATA_QUALITY_DEFINITION,
    "ModelQuality": MODEL_QUALITY_DEFINITION,
    "ModelBias": MODEL_BIAS_DEFINITION,
    "ModelExplainability": MODEL_EXPLAINABILITY_DEFINITION,
}
CLARIFY = ("ModelBias", "ModelExplainability")  # types whose image is Clarify's
INLINE = "MonitoringJobDefinition"
MOST_SECONDS = {"DataQuality": 3600, "ModelQuality": 1800, "ModelBias": 1800, "ModelExplainability": 3600}
Doc = Mapping[str, Any]


@dataclass(frozen=True)
class Spec:
    """One analysis. `app`, `baseline`, `source` (an EndpointInput), `output` and the others keep AWS's members."""

    type: str
    app: Doc
    baseline: Doc
    source: Doc
    truth: str | None
    output: Doc
    cluster: Doc
    environment: Mapping[str, str]
    role: str
    network: Doc | None
    stopping: Doc | None

    @property
    def endpoint(self) -> str:
        """The endpoint's name as it was given."""
        return str(self.source["EndpointName"])

    @property
    def offsets(self) -> tuple[str | None, str | None]:
        """Of the window, where the input names them."""
        return self.source.get("StartTimeOffset"), self.source.get("EndTimeOffset")


def of_definition(kind: str, doc: Doc) -> Spec:
    """From a request that creates a job definition, for example CreateDataQualityJobDefinition."""
    app, given = doc[f"{kind}AppSpecification"], doc[f"{kind}JobInput"]
    return Spec(
        type=kind,
        app=app,
        baseline=doc.get(f"{kind}BaselineConfig") or {},
        source=_endpoint_input(given, kind),
        truth=(given.get("GroundTruthS3Input") or {}).get("S3Uri"),
        output=doc[f"{kind}JobOutputConfig"],
        cluster=doc["JobResources"]["ClusterConfig"],
        environment=app.get("Environment") or {},
        role=doc["RoleArn"],
        network=doc.get("NetworkConfig"),
        stopping=doc.get("StoppingCondition"),
    )


def of_inline(doc: Doc) -> Spec:
    """From the MonitoringJobDefinition of a schedule, which is always about data quality."""
    return Spec(
        type="DataQuality",
        app=doc["MonitoringAppSpecification"],
        baseline=doc.get("BaselineConfig") or {},
        source=_endpoint_input(doc["MonitoringInputs"][0], "DataQuality"),
        truth=None,
        output=doc["MonitoringOutputConfig"],
        cluster=doc["MonitoringResources"]["ClusterConfig"],
        environment=doc.get("Environment") or {},
        role=doc["RoleArn"],
        network=doc.get("NetworkConfig"),
        stopping=doc.get("StoppingCondition"),
    )


def _endpoint_input(given: Doc, kind: str) -> Doc:
    if given.get("BatchTransformInput"):
        raise ValidationException(
            "loopback does not carry out BatchTransformInput; monitor an endpoint (EndpointInput)"
        )
    if not given.get("EndpointInput"):
        raise ValidationException("A monitoring job needs an EndpointInput")
    source: Doc = given["EndpointInput"]
    if source.get("S3InputMode", "File") != "File":
        raise ValidationException("loopback does not carry out S3InputMode Pipe; use File")
    if source.get("FeaturesAttribute") and kind not in CLARIFY:
        raise ValidationException(f"loopback does not carry out FeaturesAttribute of a {kind} monitor")
    return source


def check(spec: Spec) -> None:
    """Raise ValidationException for what AWS or loopback does not accept; see `windows` for times."""
    for path in (spec.source["LocalPath"], spec.output["MonitoringOutputs"][0]["S3Output"]["LocalPath"]):
        if not f"{path}/".startswith("/opt/ml/processing/") or ".." in path.split("/"):
            raise ValidationException(f"LocalPath {path!r} must start with /opt/ml/processing/")
    seconds = (spec.stopping or {}).get("MaxRuntimeInSeconds", 0)
    if seconds > MOST_SECONDS[spec.type]:
        raise ValidationException(f"MaxRuntimeInSeconds of a monitoring job must be at most {MOST_SECONDS[spec.type]}")
    if any(spec.offsets):
        start, end = (duration(text or default) for text, default in zip(spec.offsets, ("-PT1H", "-PT0H"), strict=True))
        check_span(start, end, "StartTimeOffset", "EndTimeOffset")
    if spec.type == "ModelQuality" and not spec.app.get("ProblemType"):
        raise ValidationException("ModelQualityAppSpecification needs ProblemType")
