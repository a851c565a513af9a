"""Projects that are made from products."""

from typing import Any

import pytest

from loopback.core.errors import ValidationException
from loopback.services.sagemaker import projects  # noqa: F401 - registers the handlers
from tests.loopback.services.fake_stacks import FakeStacks

ARN = "arn:aws:sagemaker:us-east-1:000000000000:project/churn"


def status(sagemaker: Any) -> str:
    return str(sagemaker("DescribeProject", ProjectName="churn")["ProjectStatus"])


def test_a_project_from_a_product(sagemaker: Any, offered: str, stacks: FakeStacks, finish: Any) -> None:
    details = {"ProductId": offered, "ProvisioningParameters": [{"Key": "Size", "Value": "1"}]}
    sagemaker("CreateProject", ProjectName="churn", ServiceCatalogProvisioningDetails=details)
    finish()
    shown = sagemaker("DescribeProject", ProjectName="churn")
    assert shown["ProjectStatus"] == "CreateCompleted"
    launched = shown["ServiceCatalogProvisionedProductDetails"]["ProvisionedProductId"]
    (asked,) = stacks.asked("create_stack")
    assert asked["StackName"] == f"SC-000000000000-{launched}"
    values = {entry["ParameterKey"]: entry["ParameterValue"] for entry in asked["Parameters"]}
    assert values == {"Size": "1", "SageMakerProjectName": "churn", "SageMakerProjectId": shown["ProjectId"]}
    assert {"Key": "sagemaker:project-name", "Value": "churn"} in asked["Tags"]
    update = {"ProvisioningParameters": [{"Key": "Size", "Value": "2"}]}
    sagemaker("UpdateProject", ProjectName="churn", ServiceCatalogProvisioningUpdateDetails=update)
    finish()
    assert status(sagemaker) == "UpdateCompleted"
    sagemaker("DeleteProject", ProjectName="churn")
    finish()
    assert status(sagemaker) == "DeleteCompleted"


def test_a_project_whose_product_somebody_terminated(
    sagemaker: Any, catalog: Any, offered: str, stacks: FakeStacks, finish: Any
) -> None:
    sagemaker("CreateProject", ProjectName="churn", ServiceCatalogProvisioningDetails={"ProductId": offered})
    finish()
    details = sagemaker("DescribeProject", ProjectName="churn")["ServiceCatalogProvisionedProductDetails"]
    catalog("TerminateProvisionedProduct", ProvisionedProductId=details["ProvisionedProductId"])
    finish()
    assert status(sagemaker) == "CreateCompleted"
    sagemaker("DeleteProject", ProjectName="churn")
    assert status(sagemaker) == "DeleteCompleted"


def test_tags_of_a_product_need_a_constraint(sagemaker: Any, offered: str, finish: Any) -> None:
    sagemaker("CreateProject", ProjectName="churn", ServiceCatalogProvisioningDetails={"ProductId": offered})
    finish()
    with pytest.raises(ValidationException, match="RESOURCE_UPDATE constraint"):
        sagemaker("UpdateProject", ProjectName="churn", Tags=[{"Key": "a", "Value": "b"}])
    assert status(sagemaker) == "CreateCompleted"
    assert sagemaker("ListTags", ResourceArn=ARN)["Tags"] == []
