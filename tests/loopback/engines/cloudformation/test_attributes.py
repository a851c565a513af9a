"""Attributes of Fn::GetAtt. The judge is cfn-lint's table of them."""

import pytest

from loopback.engines.cloudformation.attributes import _table, attributes, has_attribute


@pytest.mark.parametrize(
    ("kind", "attribute", "found"),
    [
        ("AWS::Lambda::Function", "Arn", True),
        ("AWS::Lambda::Function", "FunctionName", False),
        ("AWS::SQS::Queue", "QueueName", True),
        ("AWS::SQS::Queue", "Name", False),
        ("AWS::SageMaker::Endpoint", "EndpointName", True),
        ("AWS::CloudFormation::Stack", "Outputs.Anything", True),
        ("AWS::CloudFormation::Stack", "Anything", False),
        ("Custom::Anything", "Any.Thing", True),
        ("AWS::No::Such", "Arn", True),
        ("AWS::RDS::DBInstance", "Endpoint.Address", True),
        ("AWS::RDS::DBInstance", "Endpoint.Nothing", False),
    ],
)
def test_an_attribute(kind: str, attribute: str, found: bool) -> None:
    assert has_attribute(kind, attribute) is found


def test_the_table_is_cfn_lints() -> None:
    from cfnlint.schema import _getatts

    assert sorted(_getatts._all_property_types) == _table()["every property"]
    assert {kind: sorted(names) for kind, names in _getatts._exceptions.items()} == _table()["more"]


def test_attributes_are_those_that_cfn_lint_finds() -> None:
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    for kind in ("AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SageMaker::Model", "AWS::SQS::Queue", "AWS::IAM::Role"):
        judged = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).get_atts
        assert {name.replace("\\", "") for name in judged.data} <= (attributes(kind) or frozenset()), kind
