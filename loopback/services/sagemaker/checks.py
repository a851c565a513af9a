"""QualityCheck and ClarifyCheck steps: which baseline is compared with, and what the container's files say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.kinds import PACKAGE
from loopback.core.objects import split_uri
from loopback.core.queries import Selection, equals
from loopback.engines.pipelines.plan import StartStep
from loopback.rows.jobs import JobRow
from loopback.rows.models import PackageRow
from loopback.services.registry import Context

BASELINE_FOLDER = "/opt/ml/processing/baseline"
_QUALITY = {"Statistics": "statistics.json", "Constraints": "constraints.json"}
_CLARIFY = {"Constraints": "analysis.json"}


@dataclass(frozen=True)
class Baseline:
    """The documents that a type of check calculates, and where DriftCheckBaselines has those of an earlier version."""

    files: Mapping[str, str]
    section: str
    members: Mapping[str, str]


BASELINES = {
    "DATA_QUALITY": Baseline(_QUALITY, "ModelDataQuality", {name: name for name in _QUALITY}),
    "MODEL_QUALITY": Baseline(_QUALITY, "ModelQuality", {name: name for name in _QUALITY}),
    "DATA_BIAS": Baseline(_CLARIFY, "Bias", {"Constraints": "PreTrainingConstraints"}),
    "MODEL_BIAS": Baseline(_CLARIFY, "Bias", {"Constraints": "PostTrainingConstraints"}),
    "MODEL_EXPLAINABILITY": Baseline(_CLARIFY, "Explainability", {"Constraints": "Constraints"}),
}


@dataclass(frozen=True)
class CheckJob:
    """The processing job of a check, and the step's metadata so far."""

    request: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class CheckResult:
    """The step's metadata in full; `violations` is the failure's text, empty when the check passed."""

    metadata: dict[str, Any]
    violations: str


def plan(start: StartStep, context: Context) -> CheckJob:
    """The container's job. With a drift check, the earlier baseline goes in beside the data.

    Baselines: what the step supplies, else DriftCheckBaselines of the newest approved package.

    Source: AWS, pipelines-quality-clarify-baseline-lifecycle.
    """
    settings = start.envelope
    kind = BASELINES[settings["CheckType"]]
    skip, fresh = _flag(settings.get("SkipCheck")), _flag(settings.get("RegisterNewBaseline"))
    request = _with_model(start)
    output = request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].rstrip("/")
    calculated = {name: f"{output}/{file}" for name, file in kind.files.items()}
    earlier = _earlier_baseline(settings, kind, context)
    if not skip and not fresh and earlier is None:
        supplied = " and ".join(f"SuppliedBaseline{name}" for name in kind.files)
        raise ValidationException(
            f"Step {start.name} has SkipCheck=false and no baseline: give {supplied}, or approve a package whose "
            f"DriftCheckBaselines.{kind.section} has them"
        )
    used = calculated if fresh else (earlier or {})
    if not skip and earlier is not None:
        request = _with_baseline(request, earlier)
    metadata = {
        "CheckType": settings["CheckType"],
        "ModelPackageGroupName": settings.get("ModelPackageGroupName"),
        "SkipCheck": skip,
        "RegisterNewBaseline": fresh,
        **{f"CalculatedBaseline{name}": uri for name, uri in calculated.items()},
        **{f"BaselineUsedForDriftCheck{name}": used.get(name) for name in calculated},
        "FailOnViolation": _flag(settings.get("FailOnViolation", True)),
    }
    return CheckJob(request, {key: value for key, value in metadata.items() if value is not None})


def _flag(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _with_model(start: StartStep) -> dict[str, Any]:
    """The job's request; the configuration in S3 does not name the model, the step does."""
    request: dict[str, Any] = {**start.arguments}
    if model := start.envelope.get("ModelName"):
        request["Environment"] = {**request.get("Environment", {}), "model_name": model}
    return request


def _earlier_baseline(settings: dict[str, Any], kind: Baseline, context: Context) -> dict[str, str] | None:
    supplied = {name: uri for name in kind.files if (uri := settings.get(f"SuppliedBaseline{name}"))}
    if supplied:
        return supplied
    group = context.place.name_in(settings.get("ModelPackageGroupName") or "", "model-package-group")
    approved = equals("ModelApprovalStatus", "Approved")
    newest = (
        PackageRow.first(context.store, Selection(PACKAGE, group, descending=True, equal=(approved,)))
        if group
        else None
    )
    if newest is None:
        return None
    baselines = newest.request.get("DriftCheckBaselines", {}).get(kind.section, {})
    return {name: baselines[key]["S3Uri"] for name, key in kind.members.items() if key in baselines} or None


def _with_baseline(request: dict[str, Any], earlier: dict[str, str]) -> dict[str, Any]:
    """The container reads the baseline from inputs whose files variables name."""
    inputs = list(request.get("ProcessingInputs", []))
    environment = {**request.get("Environment", {})}
    for key, folder in (("Statistics", "stats"), ("Constraints", "constraints")):
        if key in earlier:
            path = f"{BASELINE_FOLDER}/{folder}"
            source = {"S3Uri": earlier[key], "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
            inputs.append({"InputName": f"baseline_{folder}", "S3Input": source})
            environment[f"baseline_{key.lower()}"] = f"{path}/{earlier[key].rsplit('/', 1)[1]}"
    return request | {"ProcessingInputs": inputs, "Environment": environment}


def judge(metadata: dict[str, Any], job: JobRow, context: Context) -> CheckResult:
    """Read the violations that the job wrote, if any; they fail the step when FailOnViolation is set."""
    shown = {**metadata, "CheckJobArn": context.place.arn(f"processing-job/{job.name}")}
    fails = shown.pop("FailOnViolation")
    report = metadata["CalculatedBaselineConstraints"].rsplit("/", 1)[0] + "/constraint_violations.json"
    bucket, key = split_uri(report)
    if not any(item.key == key for item in context.objects.list(bucket, key)):
        return CheckResult(shown, "")
    shown["ViolationReport"] = report
    kind = "Quality" if metadata["CheckType"] in ("DATA_QUALITY", "MODEL_QUALITY") else "Clarify"
    return CheckResult(shown, f"ClientError: {kind} check failed. See violation report" if fails else "")
