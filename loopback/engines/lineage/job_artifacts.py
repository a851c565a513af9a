"""The artifacts that SageMaker itself tracks of a job, out of its Create request.

Source: AWS Developer Guide, Amazon SageMaker-Created Tracking Entities. Types are those of the SageMaker SDK's
LineageSourceEnum.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

IMAGE, DATASET, MODEL, CHECKPOINT = "Image", "DataSet", "Model", "Checkpoint"


class JobArtifact(NamedTuple):
    """One URI that a job reads, or makes (`produced`)."""

    uri: str
    type: str
    produced: bool = False


def job_artifacts(kind: str, request: Mapping[str, Any], model: str = "") -> list[JobArtifact]:
    """Each once, in the request's order. `kind` is a job's slug, `model` where a training job's model will be."""
    found = _OF_KIND[kind](request)
    made = [JobArtifact(model, MODEL, produced=True)] if model else []
    return list(dict.fromkeys(each for each in (*found, *made) if each.uri))


def _of_training(request: Mapping[str, Any]) -> Iterator[JobArtifact]:
    yield JobArtifact(request["AlgorithmSpecification"].get("TrainingImage", ""), IMAGE)
    for channel in request.get("InputDataConfig") or ():
        yield JobArtifact(_s3_uri(channel["DataSource"]), DATASET)
    yield JobArtifact((request.get("CheckpointConfig") or {}).get("S3Uri", ""), CHECKPOINT, produced=True)


def _of_processing(request: Mapping[str, Any]) -> Iterator[JobArtifact]:
    yield JobArtifact(request["AppSpecification"]["ImageUri"], IMAGE)
    for given in request.get("ProcessingInputs") or ():
        yield JobArtifact((given.get("S3Input") or {}).get("S3Uri", ""), DATASET)
    for output in (request.get("ProcessingOutputConfig") or {}).get("Outputs") or ():
        yield JobArtifact((output.get("S3Output") or {}).get("S3Uri", ""), DATASET, produced=True)


def _of_transform(request: Mapping[str, Any]) -> Iterator[JobArtifact]:
    yield JobArtifact(_s3_uri(request["TransformInput"]["DataSource"]), DATASET)
    yield JobArtifact(request["TransformOutput"]["S3OutputPath"], DATASET, produced=True)


def _s3_uri(source: Mapping[str, Any]) -> str:
    return str((source.get("S3DataSource") or {}).get("S3Uri", ""))


_OF_KIND = {"training-job": _of_training, "processing-job": _of_processing, "transform-job": _of_transform}
