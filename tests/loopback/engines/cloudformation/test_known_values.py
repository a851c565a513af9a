"""What is known of properties before a resource is made, and what of them is compared with the schema."""

from typing import Any

import pytest

from loopback.engines.cloudformation.known_values import known_values
from loopback.engines.cloudformation.properties import UNKNOWN, property_faults

QUEUE = "AWS::SQS::Queue"


def known(properties: dict[str, Any], **conditions: bool) -> dict[str, Any]:
    return known_values(properties, conditions, frozenset({"Other"}), lambda value: f"resolved {value}")


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("a", "a"),
        ({"Ref": "Parameter"}, "resolved {'Ref': 'Parameter'}"),
        ({"Ref": "Other"}, UNKNOWN),
        ({"Fn::Sub": "x-${Other}"}, UNKNOWN),
        ({"Fn::Join": ["", [{"Fn::GetAtt": ["Other", "Arn"]}]]}, UNKNOWN),
        ({"Fn::ImportValue": "x"}, UNKNOWN),
        ("{{resolve:ssm:/a/b}}", UNKNOWN),
        ({"Fn::If": ["On", 1, {"Ref": "Other"}]}, 1),
        ([1, {"Fn::If": ["On", {"Ref": "AWS::NoValue"}, 2]}], [1]),
        ({"Key": {"Ref": "Other"}}, {"Key": UNKNOWN}),
    ],
)
def test_a_value(value: Any, made: Any) -> None:
    assert known({"Name": value}, On=True) == {"Name": made}


def test_a_property_that_is_not_given() -> None:
    assert known({"Name": {"Fn::If": ["On", {"Ref": "AWS::NoValue"}, "a"]}}, On=True) == {}


@pytest.mark.parametrize(
    ("properties", "faults"),
    [
        ({"QueueName": {"Ref": "Other"}, "DelaySeconds": {"Ref": "Other"}}, []),
        ({"RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Other", "Arn"]}, "maxReceiveCount": 5}}, []),
        ({"Name": {"Ref": "Other"}}, ["#: extraneous key [Name] is not permitted"]),
        ({"DelaySeconds": "soon"}, ["#/DelaySeconds: expected type: Integer, found: String"]),
    ],
)
def test_faults_that_are_known_before(properties: dict[str, Any], faults: list[str]) -> None:
    assert property_faults(QUEUE, known(properties)) == faults
