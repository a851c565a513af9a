"""What is tracked of a job: the properties that AWS's page Amazon SageMaker-Created Tracking Entities lists."""

from typing import Any

import pytest

from loopback.engines.lineage.job_artifacts import JobArtifact, job_artifacts


def _source(uri: str) -> dict[str, Any]:
    return {"DataSource": {"S3DataSource": {"S3Uri": uri}}}


@pytest.mark.parametrize(
    ("kind", "request_", "model", "expected"),
    [
        ("training-job", {"AlgorithmSpecification": {"TrainingImage": "i"}}, "s3://m", "<i Image, >s3://m Model"),
        ("training-job",
         {"AlgorithmSpecification": {}, "InputDataConfig": [_source("s3://a"), _source("s3://a"), {"DataSource": {}}],
          "CheckpointConfig": {"S3Uri": "s3://c"}},
         "s3://m", "<s3://a DataSet, >s3://c Checkpoint, >s3://m Model"),
        ("processing-job", {"AppSpecification": {"ImageUri": "i"}}, "", "<i Image"),
        ("processing-job",
         {"AppSpecification": {"ImageUri": "i"}, "ProcessingInputs": [{"S3Input": {"S3Uri": "s3://a"}}, {}],
          "ProcessingOutputConfig": {"Outputs": [{"S3Output": {"S3Uri": "s3://a"}}, {"FeatureStoreOutput": {}}]}},
         "", "<i Image, <s3://a DataSet, >s3://a DataSet"),
        ("transform-job", {"TransformInput": _source("s3://a"), "TransformOutput": {"S3OutputPath": "s3://o"}}, "",
         "<s3://a DataSet, >s3://o DataSet"),
    ],
)  # fmt: skip
def test_of_each_kind(kind: str, request_: dict[str, Any], model: str, expected: str) -> None:
    def shown(found: JobArtifact) -> str:
        return f"{'>' if found.produced else '<'}{found.uri} {found.type}"

    assert ", ".join(map(shown, job_artifacts(kind, request_, model))) == expected
