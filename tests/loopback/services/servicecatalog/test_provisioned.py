"""Provisioned products: launched, changed, tainted, terminated; and the records of it."""

from typing import Any

import pytest

from loopback.services.servicecatalog.errors import (
    DuplicateResourceException,
    InvalidParametersException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from tests.loopback.services.fake_stacks import ROLLED_BACK, FakeStacks
from tests.loopback.services.servicecatalog.conftest import ROLE, TEMPLATE


def launch(catalog: Any, product: str, name: str = "mine", **more: Any) -> dict[str, Any]:
    given = {"ProductId": product, "ProvisioningArtifactName": "v1", "ProvisionedProductName": name}
    record: dict[str, Any] = catalog("ProvisionProduct", **given | more)["RecordDetail"]
    return record


def shown(catalog: Any, name: str = "mine") -> dict[str, Any]:
    detail: dict[str, Any] = catalog("DescribeProvisionedProduct", Name=name)["ProvisionedProductDetail"]
    return detail


def test_a_launch(catalog: Any, offered: str, stacks: FakeStacks, finish: Any) -> None:
    parameters = [{"Key": "Secret", "Value": "a"}]
    record = launch(
        catalog,
        offered,
        ProvisioningParameters=parameters,
        Tags=[{"Key": "team", "Value": "a"}, {"Key": "aws:cloudformation:stack-name", "Value": "s"}],
    )
    assert (record["Status"], record["RecordType"], record["LaunchRoleArn"]) == ("CREATED", "PROVISION_PRODUCT", ROLE)
    assert shown(catalog)["Status"] == "UNDER_CHANGE"
    finish()
    (asked,) = stacks.asked("create_stack")
    identity = record["ProvisionedProductId"]
    assert asked["StackName"] == f"SC-000000000000-{identity}"
    assert asked["TemplateBody"] == TEMPLATE.decode()
    assert asked["Capabilities"] == ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    assert {tag["Key"]: tag["Value"] for tag in asked["Tags"]} == {
        "team": "a",
        "cost": "ml",
        "sagemaker:studio-visibility": "true",
    }
    found = shown(catalog)
    assert (found["Status"], found["Id"], found["LastRecordId"]) == ("AVAILABLE", identity, record["RecordId"])
    assert found["LastSuccessfulProvisioningRecordId"] == record["RecordId"]
    described = catalog("DescribeRecord", Id=record["RecordId"])
    assert described["RecordDetail"]["Status"] == "SUCCEEDED"
    outputs = [(entry["OutputKey"], entry["OutputValue"]) for entry in described["RecordOutputs"]]
    assert outputs[0][0] == "CloudformationStackARN"
    assert outputs[1] == ("Name", "it")


def test_a_launch_that_fails(catalog: Any, offered: str, stacks: FakeStacks, finish: Any) -> None:
    stacks.plan["create"] = ROLLED_BACK
    record = launch(catalog, offered)
    finish()
    assert shown(catalog)["Status"] == "ERROR"
    ended = catalog("DescribeRecord", Id=record["RecordId"])["RecordDetail"]
    assert ended["Status"] == "FAILED"
    assert ended["RecordErrors"] == [{"Description": "First (AWS::S3::Bucket): The name is taken"}]
    catalog("TerminateProvisionedProduct", ProvisionedProductName=shown(catalog)["Arn"])
    finish()
    with pytest.raises(ResourceNotFoundException):
        shown(catalog)


def test_a_change_that_fails_taints(catalog: Any, offered: str, stacks: FakeStacks, finish: Any) -> None:
    launch(catalog, offered)
    with pytest.raises(ResourceInUseException, match="is being changed"):
        catalog("UpdateProvisionedProduct", ProvisionedProductName="mine")
    finish()
    stacks.plan["update"] = ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")
    catalog("UpdateProvisionedProduct", ProvisionedProductName="mine", ProvisioningArtifactName="v1")
    finish()
    assert shown(catalog)["Status"] == "TAINTED"
    stacks.plan["update"] = ("UPDATE_COMPLETE",)
    parameters = [{"Key": "Size", "Value": "5"}, {"Key": "Secret", "UsePreviousValue": True}]
    catalog("UpdateProvisionedProduct", ProvisionedProductName="mine", ProvisioningParameters=parameters)
    finish()
    assert shown(catalog)["Status"] == "AVAILABLE"
    asked = stacks.asked("update_stack")[-1]
    assert {"ParameterKey": "Size", "ParameterValue": "5"} in asked["Parameters"]
    assert asked["UsePreviousTemplate"]
    kinds = [entry["RecordType"] for entry in catalog("ListRecordHistory")["RecordDetails"]]
    assert sorted(kinds) == ["PROVISION_PRODUCT", "UPDATE_PROVISIONED_PRODUCT", "UPDATE_PROVISIONED_PRODUCT"]


def test_terminating(catalog: Any, offered: str, stacks: FakeStacks, finish: Any) -> None:
    identity = launch(catalog, offered)["ProvisionedProductId"]
    finish()
    stacks.plan["delete"] = ("DELETE_FAILED",)
    catalog("TerminateProvisionedProduct", ProvisionedProductId=identity)
    finish()
    assert shown(catalog)["Status"] == "ERROR"
    record = catalog("TerminateProvisionedProduct", ProvisionedProductId=identity, IgnoreErrors=True)["RecordDetail"]
    finish()
    with pytest.raises(ResourceNotFoundException):
        catalog("DescribeProvisionedProduct", Id=identity)
    wanted = {"Key": "provisionedproduct", "Value": identity}
    history = catalog("ListRecordHistory", SearchFilter=wanted)["RecordDetails"]
    assert len(history) == 3
    assert catalog("DescribeRecord", Id=record["RecordId"])["RecordDetail"]["Status"] == "FAILED"
    with pytest.raises(InvalidParametersException, match="RetainPhysicalResources"):
        catalog("TerminateProvisionedProduct", ProvisionedProductId=identity, RetainPhysicalResources=True)


@pytest.mark.parametrize(
    ("more", "expected", "told"),
    [
        ({"ProvisioningArtifactName": "v9"}, ResourceNotFoundException, "artifact v9"),
        ({"ProvisioningArtifactName": None}, InvalidParametersException, "Either the id or the name of the artifact"),
        ({"ProductName": "small"}, InvalidParametersException, "Either the id or the name of the product"),
        ({"ProductId": "prod-0"}, ResourceNotFoundException, "Product prod-0 not found"),
        ({"PathId": "lpv3-0"}, ResourceNotFoundException, "Launch path lpv3-0"),
        ({"NotificationArns": ["arn:aws:sns:us-east-1:1:t"]}, InvalidParametersException, "NotificationArns"),
        ({"ProvisioningPreferences": {"StackSetAccounts": ["1" * 12]}}, InvalidParametersException, "Preferences"),
    ],
)
def test_launches_that_are_refused(
    catalog: Any, offered: str, more: dict[str, Any], expected: type[Exception], told: str
) -> None:
    with pytest.raises(expected, match=told):
        launch(catalog, offered, **more)
    assert catalog("SearchProvisionedProducts")["TotalResultsCount"] == 0


def test_a_launch_needs_a_path_and_one_only(catalog: Any, product: str, portfolio: str) -> None:
    catalog("AssociateProductWithPortfolio", ProductId=product, PortfolioId=portfolio)
    with pytest.raises(ResourceNotFoundException, match="No launch paths found"):
        launch(catalog, product)
    other = catalog("CreatePortfolio", DisplayName="Other", ProviderName="me")["PortfolioDetail"]["Id"]
    catalog("AssociateProductWithPortfolio", ProductId=product, PortfolioId=other)
    for identity in (portfolio, other):
        catalog("AssociatePrincipalWithPortfolio", PortfolioId=identity, PrincipalARN=ROLE, PrincipalType="IAM")
    with pytest.raises(InvalidParametersException, match="several launch paths"):
        launch(catalog, product)
    assert launch(catalog, product, PathName="Other")["Status"] == "CREATED"


def test_a_name_and_a_token_are_used_once(catalog: Any, offered: str) -> None:
    first = launch(catalog, offered, ProvisionToken="same")
    assert launch(catalog, offered, ProvisionToken="same")["RecordId"] == first["RecordId"]
    with pytest.raises(DuplicateResourceException, match="named mine already exists"):
        launch(catalog, offered)


def test_a_local_role_and_allowed_tags(
    catalog: Any, product: str, portfolio: str, stacks: FakeStacks, finish: Any
) -> None:
    catalog("AssociateProductWithPortfolio", ProductId=product, PortfolioId=portfolio)
    catalog("AssociatePrincipalWithPortfolio", PortfolioId=portfolio, PrincipalARN=ROLE, PrincipalType="IAM")
    given = {"PortfolioId": portfolio, "ProductId": product}
    catalog("CreateConstraint", Type="LAUNCH", Parameters='{"LocalRoleName": "launch"}', **given)
    assert launch(catalog, product)["LaunchRoleArn"] == ROLE
    finish()
    change = {"ProvisionedProductName": "mine", "Tags": [{"Key": "team", "Value": "b"}]}
    with pytest.raises(InvalidParametersException, match="RESOURCE_UPDATE"):
        catalog("UpdateProvisionedProduct", **change)
    allowed = '{"Version": "2.0", "Properties": {"TagUpdateOnProvisionedProduct": "ALLOWED"}}'
    catalog("CreateConstraint", Type="RESOURCE_UPDATE", Parameters=allowed, **given)
    catalog("UpdateProvisionedProduct", **change)
    finish()
    assert {"Key": "team", "Value": "b"} in stacks.asked("update_stack")[-1]["Tags"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("name:mine", ["mine"]), ("ours", ["yours"]), ("status:available", ["mine", "yours"]), ("id:x", [])],
)
def test_searching(catalog: Any, offered: str, finish: Any, query: str, expected: list[str]) -> None:
    for name in ("yours", "mine"):
        launch(catalog, offered, name)
    finish()
    found = catalog("SearchProvisionedProducts", Filters={"SearchQuery": [query]}, SortBy="name")
    assert [entry["Name"] for entry in found["ProvisionedProducts"]] == expected
    assert all(entry["ProductName"] == "small" for entry in found["ProvisionedProducts"])
    with pytest.raises(InvalidParametersException, match="colour is none of"):
        catalog("SearchProvisionedProducts", Filters={"SearchQuery": ["colour:red"]})


def test_a_long_template_goes_by_its_url_while_it_is_the_same(
    catalog: Any, offered: str, objects: Any, stacks: FakeStacks, finish: Any
) -> None:
    url = "https://s3.us-east-1.amazonaws.com/bucket/long.yaml"
    objects.buckets["bucket"]["long.yaml"] = TEMPLATE + b"#" * 60_000
    given = {"Name": "long", "Info": {"LoadTemplateFromURL": url}}
    catalog("CreateProvisioningArtifact", ProductId=offered, Parameters=given)
    launch(catalog, offered, ProvisioningArtifactName="long")
    finish()
    assert stacks.asked("create_stack")[-1]["TemplateURL"] == url
    objects.buckets["bucket"]["long.yaml"] += b"#"
    with pytest.raises(InvalidParametersException, match="not any more what it was"):
        launch(catalog, offered, "other", ProvisioningArtifactName="long")
