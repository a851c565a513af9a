"""A catalog with a product that can be launched, and a CloudFormation in memory."""

from typing import Any

import pytest

from loopback.core.kinds import STACK_OPERATION
from loopback.services import registry
from loopback.services.provisioning import Provisioner
from loopback.services.registry import Context
from loopback.services.servicecatalog import handlers as _registered  # noqa: F401
from loopback.wire import model
from tests.loopback.services.fake_stacks import FakeStacks

ROLE = "arn:aws:iam::000000000000:role/launch"
URL = "https://bucket.s3.us-east-1.amazonaws.com/t.yaml"
TEMPLATE = b"""
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Size: {Type: Number, Default: 3, MinValue: 1, Description: How large}
  Secret: {Type: String, NoEcho: true, AllowedValues: [a, b]}
Resources:
  Topic: {Type: 'AWS::SNS::Topic', Properties: {TopicName: !Sub 'x-${Size}'}}
Outputs:
  Name: {Value: !GetAtt Topic.TopicName, Description: Its name}
"""


@pytest.fixture
def catalog(context: Context) -> Any:
    """`catalog("CreatePortfolio", ...)`, with the tokens that boto3 adds."""
    count = iter(range(1000))

    def call(operation: str, **request: Any) -> dict[str, Any]:
        shape = model.operation("servicecatalog", operation).input_shape
        for member in shape.required_members if shape else ():
            if member.endswith("Token") and member not in request:
                request[member] = f"token-{next(count)}"
        return registry.call("servicecatalog", operation, request, context)

    return call


@pytest.fixture
def stacks(base: Any) -> FakeStacks:
    base.clients["cloudformation", ROLE] = base.clients["cloudformation", ""] = FakeStacks()
    return base.clients["cloudformation", ROLE]


@pytest.fixture
def finish(context: Context, stacks: FakeStacks) -> Any:
    def work() -> None:
        provisioner = Provisioner(context, wait=lambda _seconds: False)
        for row in context.store.find(STACK_OPERATION):
            provisioner.carry_out(row.name)
        provisioner.close()

    return work


@pytest.fixture
def portfolio(catalog: Any) -> str:
    made = catalog("CreatePortfolio", DisplayName="ML", ProviderName="me", Tags=[{"Key": "cost", "Value": "ml"}])
    return str(made["PortfolioDetail"]["Id"])


@pytest.fixture
def product(catalog: Any, objects: Any, stacks: FakeStacks) -> str:
    objects.buckets["bucket"]["t.yaml"] = TEMPLATE
    made = catalog(
        "CreateProduct",
        Name="small",
        Owner="me",
        Description="A topic",
        ProductType="CLOUD_FORMATION_TEMPLATE",
        Tags=[{"Key": "sagemaker:studio-visibility", "Value": "true"}],
        ProvisioningArtifactParameters={"Name": "v1", "Info": {"LoadTemplateFromURL": URL}},
    )
    return str(made["ProductViewDetail"]["ProductViewSummary"]["ProductId"])


@pytest.fixture
def offered(catalog: Any, portfolio: str, product: str) -> str:
    """The product, in a portfolio that a principal may use, with a launch role."""
    catalog("AssociateProductWithPortfolio", ProductId=product, PortfolioId=portfolio)
    catalog("AssociatePrincipalWithPortfolio", PortfolioId=portfolio, PrincipalARN=ROLE, PrincipalType="IAM")
    parameters = f'{{"RoleArn": "{ROLE}"}}'
    catalog("CreateConstraint", PortfolioId=portfolio, ProductId=product, Type="LAUNCH", Parameters=parameters)
    return product
