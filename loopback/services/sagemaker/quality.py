"""QualityCheck steps: which baseline is compared with, and what the monitor's files say."""

from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.kinds import PACKAGE
from loopback.core.objects import split_uri
from loopback.core.store import Resource
from loopback.engine.plan import Start
from loopback.services.registry import Context

BASELINE_FOLDER = "/opt/ml/processing/baseline"
_METRICS = {"DATA_QUALITY": "ModelDataQuality", "MODEL_QUALITY": "ModelQuality"}


@dataclass(frozen=True)
class Check:
    """The processing job of a check, and the step's metadata so far."""

    request: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Judgement:
    """The step's metadata in full; `violations` is the failure's text, empty when the check passed."""

    metadata: dict[str, Any]
    violations: str


def plan(start: Start, context: Context) -> Check:
    """The monitor's job. With a drift check, the earlier baseline goes in beside the data.

    Baselines (contracts 9.6): what the step supplies, else DriftCheckBaselines of the newest approved package.
    """
    settings = start.envelope
    skip, fresh = _flag(settings.get("SkipCheck")), _flag(settings.get("RegisterNewBaseline"))
    request: dict[str, Any] = {**start.arguments}
    output = request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"].rstrip("/")
    calculated = {"Statistics": f"{output}/statistics.json", "Constraints": f"{output}/constraints.json"}
    earlier = _earlier_baseline(settings, context)
    if not skip and not fresh and earlier is None:
        raise ValidationException(
            f"Step {start.name} has SkipCheck=false and no baseline: give SuppliedBaselineStatistics and "
            "SuppliedBaselineConstraints, or approve a package whose DriftCheckBaselines has them"
        )
    used = calculated if fresh else (earlier or {})
    if not skip and earlier is not None:
        request = _with_baseline(request, earlier)
    metadata = {
        "CheckType": settings["CheckType"],
        "ModelPackageGroupName": settings.get("ModelPackageGroupName"),
        "SkipCheck": skip,
        "RegisterNewBaseline": fresh,
        "CalculatedBaselineStatistics": calculated["Statistics"],
        "CalculatedBaselineConstraints": calculated["Constraints"],
        "BaselineUsedForDriftCheckStatistics": used.get("Statistics"),
        "BaselineUsedForDriftCheckConstraints": used.get("Constraints"),
        "FailOnViolation": _flag(settings.get("FailOnViolation", True)),
    }
    return Check(request, {key: value for key, value in metadata.items() if value is not None})


def _flag(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _earlier_baseline(settings: dict[str, Any], context: Context) -> dict[str, str] | None:
    supplied = settings.get("SuppliedBaselineStatistics"), settings.get("SuppliedBaselineConstraints")
    if any(supplied):
        return {key: uri for key, uri in zip(("Statistics", "Constraints"), supplied, strict=True) if uri}
    group = context.place.name_in(settings.get("ModelPackageGroupName") or "", "model-package-group")
    approved = [
        row
        for row in context.store.find(PACKAGE, parent=group)
        if group and row.doc.get("ModelApprovalStatus") == "Approved"
    ]
    if not approved:
        return None
    newest = max(approved, key=lambda row: row.doc["ModelPackageVersion"])
    baselines = newest.doc.get("DriftCheckBaselines", {}).get(_METRICS[settings["CheckType"]], {})
    return {key: baselines[key]["S3Uri"] for key in ("Statistics", "Constraints") if key in baselines} or None


def _with_baseline(request: dict[str, Any], earlier: dict[str, str]) -> dict[str, Any]:
    """The monitor reads the baseline from two inputs, whose files two variables name."""
    inputs = list(request.get("ProcessingInputs", []))
    environment = {**request.get("Environment", {})}
    for key, folder in (("Statistics", "stats"), ("Constraints", "constraints")):
        if key in earlier:
            path = f"{BASELINE_FOLDER}/{folder}"
            source = {"S3Uri": earlier[key], "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
            inputs.append({"InputName": f"baseline_{folder}", "S3Input": source})
            environment[f"baseline_{key.lower()}"] = f"{path}/{earlier[key].rsplit('/', 1)[1]}"
    return request | {"ProcessingInputs": inputs, "Environment": environment}


def judge(metadata: dict[str, Any], job: Resource, context: Context) -> Judgement:
    """Read the violations that the job wrote, if any; they fail the step when FailOnViolation is set."""
    shown = {**metadata, "CheckJobArn": context.place.arn(f"processing-job/{job.name}")}
    fails = shown.pop("FailOnViolation")
    report = metadata["CalculatedBaselineConstraints"].rsplit("/", 1)[0] + "/constraint_violations.json"
    bucket, key = split_uri(report)
    if not any(item.key == key for item in context.objects.list(bucket, key)):
        return Judgement(shown, "")
    shown["ViolationReport"] = report
    kind = metadata["CheckType"].replace("_", " ").capitalize()
    return Judgement(shown, f"ClientError: {kind} violations were found, see {report}" if fails else "")
