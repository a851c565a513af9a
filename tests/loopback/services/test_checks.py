"""QualityCheck and ClarifyCheck steps: the baseline that is compared with, the job's request, the verdict."""

from typing import Any

import pytest

from loopback.core.errors import ValidationException
from loopback.core.kinds import PROCESSING_JOB
from loopback.core.store import Resource
from loopback.engines.pipelines.definition import parse
from loopback.engines.pipelines.facts import StartStep
from loopback.services.registry import Context
from loopback.services.sagemaker import checks

OUT = "s3://bucket/churn/x1/check"
TWO = {"DATA_QUALITY": "ModelDataQuality", "MODEL_QUALITY": "ModelQuality"}
ONE = {
    "DATA_BIAS": ("Bias", "PreTrainingConstraints"),
    "MODEL_BIAS": ("Bias", "PostTrainingConstraints"),
    "MODEL_EXPLAINABILITY": ("Explainability", "Constraints"),
}


def start(definition: Any, kind: str, **envelope: Any) -> StartStep:
    output = {"S3Uri": OUT, "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    arguments = {
        "AppSpecification": {"ImageUri": "image"},
        "Environment": {"A": "1"},
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
    }
    given = {"CheckType": kind, "ModelPackageGroupName": "churn", "SkipCheck": False, **envelope}
    kind_of_step = "QualityCheck" if kind in TWO else "ClarifyCheck"
    step = {"Name": "Check", "Type": kind_of_step, "CheckType": kind, "ModelName": "m", "Arguments": arguments}
    return StartStep(parse(definition(step)).steps["Check"], "Check", arguments, given)


@pytest.fixture
def approve(sagemaker: Any) -> Any:
    """Register an approved version with these DriftCheckBaselines."""
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="churn")

    def register(**sections: dict[str, str]) -> None:
        baselines = {
            section: {key: {"ContentType": "application/json", "S3Uri": uri} for key, uri in documents.items()}
            for section, documents in sections.items()
        }
        sagemaker(
            "CreateModelPackage",
            ModelPackageGroupName="churn",
            ModelApprovalStatus="Approved",
            DriftCheckBaselines=baselines,
            InferenceSpecification={
                "Containers": [{"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )

    return register


@pytest.mark.parametrize("kind", [*TWO, *ONE])
def test_what_is_calculated_becomes_the_baseline_when_a_new_one_is_asked_for(
    context: Context, definition: Any, kind: str
) -> None:
    made = checks.plan(start(definition, kind, SkipCheck=True, RegisterNewBaseline=True), context)
    files = ("statistics.json", "constraints.json") if kind in TWO else ("analysis.json",)
    places = {uri for key, uri in made.metadata.items() if key.startswith("Calculated")}
    assert places == {f"{OUT}/{file}" for file in files}
    assert places == {uri for key, uri in made.metadata.items() if key.startswith("BaselineUsed")}
    assert made.request["Environment"] == {"A": "1"}
    assert "ProcessingInputs" not in made.request


@pytest.mark.parametrize(("kind", "place"), ONE.items())
def test_clarify_compares_with_the_section_of_the_approved_version(
    context: Context, definition: Any, approve: Any, kind: str, place: tuple[str, str]
) -> None:
    section, document = place
    approve(**{section: {document: "s3://bucket/old/analysis.json"}})
    made = checks.plan(start(definition, kind), context)
    (given,) = made.request["ProcessingInputs"]
    assert given["S3Input"]["S3Uri"] == "s3://bucket/old/analysis.json"
    assert made.request["Environment"]["baseline_constraints"] == f"{given['S3Input']['LocalPath']}/analysis.json"
    assert made.metadata["BaselineUsedForDriftCheckConstraints"] == "s3://bucket/old/analysis.json"
    assert made.metadata["CalculatedBaselineConstraints"] == f"{OUT}/analysis.json"


def test_quality_compares_with_both_documents(context: Context, definition: Any, approve: Any) -> None:
    approve(ModelDataQuality={"Statistics": "s3://bucket/old/s.json", "Constraints": "s3://bucket/old/c.json"})
    made = checks.plan(start(definition, "DATA_QUALITY"), context)
    assert {key: value.rpartition("/")[2] for key, value in made.request["Environment"].items() if key != "A"} == {
        "baseline_statistics": "s.json",
        "baseline_constraints": "c.json",
    }


def test_a_supplied_baseline_goes_before_the_approved_versions(context: Context, definition: Any, approve: Any) -> None:
    approve(Bias={"PostTrainingConstraints": "s3://bucket/old/analysis.json"})
    given = start(definition, "MODEL_BIAS", SuppliedBaselineConstraints="s3://bucket/mine/analysis.json")
    used = checks.plan(given, context).metadata["BaselineUsedForDriftCheckConstraints"]
    assert used == "s3://bucket/mine/analysis.json"


def test_a_check_without_a_baseline_says_what_to_do(context: Context, definition: Any, approve: Any) -> None:
    approve(Bias={"PreTrainingConstraints": "s3://bucket/old/analysis.json"})
    told = "give SuppliedBaselineConstraints, or approve a package whose DriftCheckBaselines.Bias has them"
    with pytest.raises(ValidationException, match=told):
        checks.plan(start(definition, "MODEL_BIAS"), context)


def test_the_step_names_the_model_because_the_configuration_does_not(context: Context, definition: Any) -> None:
    given = start(definition, "MODEL_EXPLAINABILITY", SkipCheck=True, ModelName="churn-model")
    assert checks.plan(given, context).request["Environment"] == {"A": "1", "model_name": "churn-model"}


@pytest.mark.parametrize(
    ("found", "fails", "told"),
    [
        (False, True, ""),
        (True, True, "ClientError: Clarify check failed. See violation report"),
        (True, False, ""),
    ],
)
def test_violations_fail_the_step_unless_they_shall_not(
    context: Context, definition: Any, objects: Any, found: bool, fails: bool, told: str
) -> None:
    if found:
        objects.buckets["bucket"]["churn/x1/check/constraint_violations.json"] = b"{}"
    planned = checks.plan(start(definition, "MODEL_BIAS", SkipCheck=True, FailOnViolation=fails), context)
    verdict = checks.judge(planned.metadata, _job(context), context)
    assert verdict.violations == told
    assert ("ViolationReport" in verdict.metadata) is found
    assert "FailOnViolation" not in verdict.metadata


def _job(context: Context) -> Resource:
    context.store.create(PROCESSING_JOB, "job", {})
    return context.store.get(PROCESSING_JOB, "job")
