"""What CloudFormation takes and what it refuses, by the published schemas."""

from typing import Any

import pytest

from loopback.engines.cloudformation import schemas
from loopback.engines.cloudformation.properties import InvalidProperties, check_properties

CANARY = {"Type": "CANARY", "WaitIntervalInSeconds": "60", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": "10"}}


def endpoint(**more: Any) -> dict[str, Any]:
    return {"EndpointConfigName": "c", **more}


def test_text_becomes_what_the_schema_names() -> None:
    given = endpoint(
        RetainAllVariantProperties="true",
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": CANARY}},
    )
    made = check_properties("AWS::SageMaker::Endpoint", "E", given)
    assert made["RetainAllVariantProperties"] is True
    routing = made["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (routing["WaitIntervalInSeconds"], routing["CanarySize"]["Value"]) == (60, 10)


@pytest.mark.parametrize(
    ("kind", "properties", "said"),
    [
        ("Endpoint", {"EndpointConfgName": "c"}, "#: extraneous key [EndpointConfgName] is not permitted"),
        ("Endpoint", {}, "#: required key [EndpointConfigName] not found"),
        ("Endpoint", endpoint(EndpointArn="arn"), "#: extraneous key [EndpointArn] is not permitted"),
        ("Endpoint", endpoint(RetainAllVariantProperties="perhaps"), "expected type: Boolean, found: String"),
        ("Endpoint", endpoint(Tags={"a": "b"}), "#/Tags: expected type: JSONArray, found: JSONObject"),
        ("Endpoint", endpoint(Tags=[{"Key": "a"}]), "#/Tags/0: required key [Value] not found"),
        (
            "Endpoint",
            endpoint(DeploymentConfig={"RollingUpdatePolicy": {"WaitIntervalInSeconds": 4000}}),
            "value 4000 is above the maximum of 3600",
        ),
        (
            "Endpoint",
            endpoint(DeploymentConfig={"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}] * 11}}),
            "item count 11 is above the maximum of 10",
        ),
        (
            "Endpoint",
            endpoint(
                DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": CANARY | {"Type": "CANRY"}}}
            ),
            "TrafficRoutingConfiguration/Type: CANRY is not a valid enum value",
        ),
    ],
)
def test_what_does_not_fit_is_named(kind: str, properties: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProperties) as caught:
        check_properties(f"AWS::SageMaker::{kind}", "Mine", properties)
    assert said in str(caught.value)
    assert str(caught.value).startswith("Properties validation failed for resource Mine with message:\n[")


def test_types_of_the_base_are_checked_too() -> None:
    with pytest.raises(InvalidProperties, match="BucketNme"):
        check_properties("AWS::S3::Bucket", "B", {"BucketNme": "b"})
    assert check_properties("AWS::S3::Bucket", "B", {"BucketName": "bucket"}) == {"BucketName": "bucket"}


def test_a_type_that_aws_does_not_publish_is_left_alone() -> None:
    assert check_properties("AWS::Nowhere::Thing", "T", {"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("kind", "replacing", "tags"),
    [
        ("AWS::SageMaker::Endpoint", {"EndpointName"}, "list"),
        ("AWS::CodePipeline::Pipeline", {"Name"}, "list"),
        ("AWS::SSM::Parameter", {"Name"}, "map"),
        ("AWS::ServiceCatalog::PortfolioProductAssociation", {"PortfolioId", "ProductId"}, None),
    ],
)
def test_what_replaces_and_what_is_tagged(kind: str, replacing: set[str], tags: str | None) -> None:
    assert replacing <= set(schemas.create_only(kind))
    assert schemas.tag_shape(kind) == tags
