"""The model registry and models: numbers, approval, life cycle, listing, data that must exist."""

from typing import Any

import pytest

from loopback.core.errors import ConflictException, ServiceError, UnknownOperationException, ValidationException

SPECIFICATION = {
    "Containers": [{"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz", "Environment": {"A": "1"}}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
GROUP_ARN = "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/churn"


@pytest.fixture
def group(sagemaker: Any) -> str:
    sagemaker("CreateModelPackageGroup", ModelPackageGroupName="churn")
    return "churn"


def register(sagemaker: Any, **more: Any) -> str:
    request = {"ModelPackageGroupName": "churn", "InferenceSpecification": SPECIFICATION}
    return str(sagemaker("CreateModelPackage", **(request | more))["ModelPackageArn"])


def test_versions_count_up_and_are_not_given_again(sagemaker: Any, group: str) -> None:
    first, second = register(sagemaker), register(sagemaker, ModelPackageGroupName=GROUP_ARN)
    assert [arn.rsplit("/", 2)[1:] for arn in (first, second)] == [[group, "1"], [group, "2"]]
    sagemaker("DeleteModelPackage", ModelPackageName=second)
    assert register(sagemaker).endswith("/3")


def test_a_version_waits_for_approval_unless_it_says_otherwise(sagemaker: Any, group: str) -> None:
    arn = register(sagemaker)
    package = sagemaker("DescribeModelPackage", ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["ModelPackageGroupName"] == group
    sagemaker(
        "UpdateModelPackage",
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ModelLifeCycle={"Stage": "Staging", "StageStatus": "Approved"},
        CustomerMetadataProperties={"By": "me", "Why": "good"},
    )
    sagemaker("UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["Why"])
    package = sagemaker("DescribeModelPackage", ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["CustomerMetadataProperties"] == {"By": "me"}
    assert package["ModelLifeCycle"]["Stage"] == "Staging"


@pytest.mark.usefixtures("group")
def test_listing_filters_by_approval_and_sorts_by_choice(sagemaker: Any) -> None:
    arns = [register(sagemaker) for _ in range(3)]
    sagemaker("UpdateModelPackage", ModelPackageArn=arns[1], ModelApprovalStatus="Rejected")
    listed = sagemaker("ListModelPackages", ModelPackageGroupName="churn", SortOrder="Descending")
    assert [v["ModelPackageVersion"] for v in listed["ModelPackageSummaryList"]] == [3, 2, 1]
    pending = sagemaker("ListModelPackages", ModelPackageGroupName="churn", ModelApprovalStatus="PendingManualApproval")
    assert [v["ModelPackageVersion"] for v in pending["ModelPackageSummaryList"]] == [1, 3]
    batch = sagemaker("BatchDescribeModelPackage", ModelPackageArnList=[arns[0], arns[0][:-1] + "9"])
    assert (list(batch["ModelPackageSummaries"]), len(batch["BatchDescribeModelPackageErrorMap"])) == ([arns[0]], 1)


@pytest.mark.usefixtures("group")
def test_a_group_with_versions_stays(sagemaker: Any) -> None:
    arn = register(sagemaker)
    with pytest.raises(ConflictException, match="still has versions, for example churn/1"):
        sagemaker("DeleteModelPackageGroup", ModelPackageGroupName="churn")
    sagemaker("DeleteModelPackage", ModelPackageName=arn)
    sagemaker("DeleteModelPackageGroup", ModelPackageGroupName="churn")
    with pytest.raises(ValidationException, match="does not exist"):
        sagemaker("DescribeModelPackageGroup", ModelPackageGroupName="churn")


def test_a_model_needs_its_data(sagemaker: Any, objects: Any, group: str) -> None:
    container = {"Image": "image", "ModelDataUrl": "s3://bucket/model.tar.gz"}
    role = "arn:aws:iam::000000000000:role/pipeline"
    with pytest.raises(ValidationException, match=r"Could not find model data at s3://bucket/model\.tar\.gz"):
        sagemaker("CreateModel", ModelName="m", PrimaryContainer=container, ExecutionRoleArn=role)
    objects.buckets["bucket"]["model.tar.gz"] = b"x"
    sagemaker("CreateModel", ModelName="m", PrimaryContainer=container, ExecutionRoleArn=role)
    package = register(sagemaker, ModelPackageGroupName=group)
    from_package = {"ModelPackageName": package, "Environment": {"B": "2"}}
    sagemaker("CreateModel", ModelName="p", PrimaryContainer=from_package, ExecutionRoleArn=role)
    assert [m["ModelName"] for m in sagemaker("ListModels", SortBy="Name", SortOrder="Ascending")["Models"]] == [
        "m",
        "p",
    ]
    sagemaker("DeleteModel", ModelName="m")
    with pytest.raises(ValidationException, match="Could not find model"):
        sagemaker("DescribeModel", ModelName="m")


def test_tags_of_every_kind(sagemaker: Any, group: str) -> None:
    assert group == "churn"
    sagemaker("AddTags", ResourceArn=GROUP_ARN, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sagemaker("DeleteTags", ResourceArn=GROUP_ARN, TagKeys=["a", "never"])
    assert sagemaker("ListTags", ResourceArn=GROUP_ARN)["Tags"] == [{"Key": "b", "Value": "2"}]
    with pytest.raises(ServiceError, match="would have more than 50 tags"):
        sagemaker("AddTags", ResourceArn=GROUP_ARN, Tags=[{"Key": str(n), "Value": ""} for n in range(50)])


def test_what_is_not_run_says_its_name(sagemaker: Any) -> None:
    with pytest.raises(UnknownOperationException, match="loopback does not run sagemaker CreateFeatureGroup"):
        sagemaker("CreateFeatureGroup")
