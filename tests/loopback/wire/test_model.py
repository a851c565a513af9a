import pytest

from loopback.core.errors import ValidationException
from loopback.wire import model

JOB = {
    "ProcessingJobName": "j",
    "AppSpecification": {"ImageUri": "image"},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    "RoleArn": "arn:aws:iam::000000000000:role/pipeline",
}


def check(**changes: object) -> None:
    model.check(JOB | changes, model.operation("sagemaker", "CreateProcessingJob").input_shape)


def test_a_good_request_passes() -> None:
    check()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Unknown": 1}, "Unknown parameter"),
        ({"ProcessingJobName": 7}, "Invalid type for parameter ProcessingJobName"),
        (
            {"ProcessingJobName": "a b"},
            "Value 'a b' at 'processingJobName' failed to satisfy constraint: Member must satisfy regular",
        ),
        ({"ProcessingJobName": "x" * 64}, "Member must have length less than or equal to 63"),
        ({"RoleArn": "me"}, "Invalid length for parameter RoleArn"),
        (
            {
                "ProcessingResources": {
                    "ClusterConfig": {"InstanceCount": 101, "InstanceType": "ml.huge", "VolumeSizeInGB": 1}
                }
            },
            "2 validation errors detected",
        ),
        (
            {"Environment": {str(i): "v" for i in range(101)}},
            "'environment' failed to satisfy constraint: Member must have length less than or equal to 100",
        ),
    ],
)
def test_each_fault_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        check(**changes)


def test_every_pattern_of_the_model_compiles() -> None:
    shapes = model.service("sagemaker")._shape_resolver._shape_map.values()
    patterns = {shape["pattern"] for shape in shapes if "pattern" in shape}
    assert len([model._compile(pattern) for pattern in patterns]) > 200


@pytest.mark.parametrize("text", ["ümlaut value", "a=b", "s3://bucket/key@x"])
def test_java_character_classes_mean_what_they_say(text: str) -> None:
    shape = model.operation("sagemaker", "CreateModelPackage").input_shape.members["CustomerMetadataProperties"]
    model.check({"key": text}, shape)
    with pytest.raises(ValidationException, match="must satisfy regular"):
        model.check({"key": "semi;colon"}, shape)
