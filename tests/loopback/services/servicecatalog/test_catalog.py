"""Portfolios, products, versions, constraints: what is kept, what is refused, what is in the way of a deletion."""

from typing import Any

import pytest

from loopback.services.servicecatalog.errors import (
    DuplicateResourceException,
    InvalidParametersException,
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceCatalogError,
)
from tests.loopback.services.fake_stacks import FakeStacks, refused
from tests.loopback.services.servicecatalog.conftest import ROLE, TEMPLATE, URL


def test_a_portfolio(catalog: Any, portfolio: str) -> None:
    changed = catalog(
        "UpdatePortfolio", Id=portfolio, DisplayName="AI", AddTags=[{"Key": "a", "Value": "b"}], RemoveTags=["cost"]
    )
    assert changed["Tags"] == [{"Key": "a", "Value": "b"}]
    shown = catalog("DescribePortfolio", Id=portfolio)["PortfolioDetail"]
    assert (shown["DisplayName"], shown["ProviderName"]) == ("AI", "me")
    assert shown["ARN"] == f"arn:aws:catalog:us-east-1:000000000000:portfolio/{portfolio}"
    assert catalog("ListPortfolios")["PortfolioDetails"] == [shown]
    catalog("DeletePortfolio", Id=portfolio)
    with pytest.raises(ResourceNotFoundException, match=f"Portfolio {portfolio} not found"):
        catalog("DescribePortfolio", Id=portfolio)


def test_the_same_token_makes_one_portfolio(catalog: Any) -> None:
    request = {"DisplayName": "ML", "ProviderName": "me", "IdempotencyToken": "same"}
    assert catalog("CreatePortfolio", **request) == catalog("CreatePortfolio", **request)
    assert len(catalog("ListPortfolios")["PortfolioDetails"]) == 1


def test_pages(catalog: Any) -> None:
    for name in "abc":
        catalog("CreatePortfolio", DisplayName=name, ProviderName="me")
    first = catalog("ListPortfolios", PageSize=2)
    rest = catalog("ListPortfolios", PageSize=2, PageToken=first["NextPageToken"])
    names = [entry["DisplayName"] for entry in first["PortfolioDetails"] + rest["PortfolioDetails"]]
    assert sorted(names) == ["a", "b", "c"]
    assert "NextPageToken" not in rest
    with pytest.raises(InvalidParametersException, match="PageToken"):
        catalog("ListPortfolios", PageToken="other")


def test_a_product_and_its_versions(catalog: Any, product: str, objects: Any, stacks: FakeStacks, clock: Any) -> None:
    clock.now += 1
    assert stacks.asked("validate_template") == [{"TemplateURL": "https://s3.us-east-1.amazonaws.com/bucket/t.yaml"}]
    objects.buckets["bucket"]["t.yaml"] = TEMPLATE.replace(b"Size", b"Width")
    given = {"Name": "v2", "Info": {"LoadTemplateFromURL": URL}}
    made = catalog("CreateProvisioningArtifact", ProductId=product, Parameters=given)
    assert made["Status"] == "AVAILABLE"
    listed = catalog("ListProvisioningArtifacts", ProductId=product)["ProvisioningArtifactDetails"]
    assert [entry["Name"] for entry in listed] == ["v1", "v2"]
    keys = [
        catalog(
            "DescribeProvisioningArtifact",
            ProductName="small",
            ProvisioningArtifactName=name,
            IncludeProvisioningArtifactParameters=True,
        )["ProvisioningArtifactParameters"][0]["ParameterKey"]
        for name in ("v1", "v2")
    ]
    assert keys == ["Size", "Width"], "a version keeps the template that it was made of"
    shown = catalog("DescribeProductAsAdmin", Name="small")
    assert shown["Tags"] == [{"Key": "sagemaker:studio-visibility", "Value": "true"}]
    assert [entry["Name"] for entry in shown["ProvisioningArtifactSummaries"]] == ["v1", "v2"]
    catalog("UpdateProduct", Id=product, Name="tiny", RemoveTags=["sagemaker:studio-visibility"])
    assert catalog("DescribeProductAsAdmin", Id=product)["Tags"] == []
    catalog("DeleteProduct", Id=product)
    with pytest.raises(ResourceNotFoundException):
        catalog("DescribeProduct", Name="tiny")


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"Info": {"LoadTemplateFromURL": URL.replace("t.yaml", "none")}}, "does not exist"),
        ({"Info": {"LoadTemplateFromURL": "https://example.com/t"}}, "not the address of an S3 object"),
        ({"Info": {"ImportFromPhysicalId": "arn"}}, "LoadTemplateFromURL"),
        ({"Info": {"LoadTemplateFromURL": URL.replace("t.yaml", "text")}}, "it has no Resources"),
        ({"Info": {"LoadTemplateFromURL": URL.replace("t.yaml", "bad")}}, "is not a template"),
        ({"Info": {"LoadTemplateFromURL": URL}, "Type": "TERRAFORM_CLOUD"}, "CLOUD_FORMATION_TEMPLATE only"),
    ],
)
def test_templates_that_are_refused(
    catalog: Any, product: str, objects: Any, parameters: dict[str, Any], told: str
) -> None:
    objects.buckets["bucket"] |= {"text": b"hello", "bad": b"{"}
    with pytest.raises(InvalidParametersException, match=told):
        catalog("CreateProvisioningArtifact", ProductId=product, Parameters=parameters)


def test_what_cloudformation_finds_is_told(catalog: Any, product: str, stacks: FakeStacks) -> None:
    stacks.faults = [refused("Template format error: unresolved dependency")]
    given: dict[str, Any] = {"Info": {"LoadTemplateFromURL": URL}}
    with pytest.raises(InvalidParametersException, match="unresolved dependency"):
        catalog("CreateProvisioningArtifact", ProductId=product, Parameters=given)
    catalog("CreateProvisioningArtifact", ProductId=product, Parameters=given | {"DisableTemplateValidation": True})


def test_the_products_of_portfolios(catalog: Any, portfolio: str, offered: str) -> None:
    found = catalog("ListPortfoliosForProduct", ProductId=offered)["PortfolioDetails"]
    assert [entry["Id"] for entry in found] == [portfolio]
    catalog("AssociateProductWithPortfolio", ProductId=offered, PortfolioId=portfolio)
    assert catalog("ListPrincipalsForPortfolio", PortfolioId=portfolio)["Principals"] == [
        {"PrincipalARN": ROLE, "PrincipalType": "IAM"}
    ]
    for operation, request in (
        ("DeleteProduct", {"Id": offered}),
        ("DeletePortfolio", {"Id": portfolio}),
        ("DisassociateProductFromPortfolio", {"ProductId": offered, "PortfolioId": portfolio}),
    ):
        with pytest.raises(ResourceInUseException):
            catalog(operation, **request)
    (held,) = catalog("ListConstraintsForPortfolio", PortfolioId=portfolio, ProductId=offered)["ConstraintDetails"]
    assert (held["Type"], held["Owner"]) == ("LAUNCH", "000000000000")
    catalog("DeleteConstraint", Id=held["ConstraintId"])
    catalog("DisassociateProductFromPortfolio", ProductId=offered, PortfolioId=portfolio)
    catalog("DisassociatePrincipalFromPortfolio", PortfolioId=portfolio, PrincipalARN=ROLE)
    for operation, request in (
        ("DisassociateProductFromPortfolio", {"ProductId": offered, "PortfolioId": portfolio}),
        ("DisassociatePrincipalFromPortfolio", {"PrincipalARN": ROLE, "PortfolioId": portfolio}),
        ("DescribeConstraint", {"Id": held["ConstraintId"]}),
    ):
        with pytest.raises(ResourceNotFoundException):
            catalog(operation, **request)
    catalog("DeletePortfolio", Id=portfolio)
    catalog("DeleteProduct", Id=offered)


@pytest.mark.parametrize(
    ("kind", "parameters", "expected"),
    [
        ("LAUNCH", f'{{"RoleArn": "{ROLE}"}}', DuplicateResourceException),
        ("LAUNCH", "no JSON", InvalidParametersException),
        ("LAUNCH", "{}", InvalidParametersException),
        ("LAUNCH", '{"RoleArn": "launch"}', InvalidParametersException),
        ("TEMPLATE", "{}", InvalidParametersException),
        ("RESOURCE_UPDATE", "{}", InvalidParametersException),
    ],
)
def test_constraints_that_are_refused(
    catalog: Any, portfolio: str, offered: str, kind: str, parameters: str, expected: type[ServiceCatalogError]
) -> None:
    with pytest.raises(expected):
        catalog("CreateConstraint", PortfolioId=portfolio, ProductId=offered, Type=kind, Parameters=parameters)


def test_a_constraint_needs_the_product_in_the_portfolio(catalog: Any, portfolio: str, product: str) -> None:
    with pytest.raises(ResourceNotFoundException, match="is not in portfolio"):
        catalog("CreateConstraint", PortfolioId=portfolio, ProductId=product, Type="LAUNCH", Parameters="{}")


def test_what_can_be_launched_is_what_somebody_may_use(catalog: Any, portfolio: str, product: str) -> None:
    def searched(**request: Any) -> list[str]:
        return [entry["ProductId"] for entry in catalog("SearchProducts", **request)["ProductViewSummaries"]]

    catalog("AssociateProductWithPortfolio", ProductId=product, PortfolioId=portfolio)
    assert searched() == []
    assert catalog("ListLaunchPaths", ProductId=product)["LaunchPathSummaries"] == []
    catalog("AssociatePrincipalWithPortfolio", PortfolioId=portfolio, PrincipalARN=ROLE, PrincipalType="IAM")
    assert searched(Filters={"FullTextSearch": ["topic"], "Owner": ["me"]}) == [product]
    assert searched(Filters={"FullTextSearch": ["queue"]}) == []
    (path,) = catalog("ListLaunchPaths", ProductId=product)["LaunchPathSummaries"]
    assert path["Name"] == "ML"
    assert {"Key": "cost", "Value": "ml"} in path["Tags"]
    shown = catalog("DescribeProduct", Id=product)
    assert shown["LaunchPaths"] == [{"Id": path["Id"], "Name": "ML"}]
    assert shown["ProductViewSummary"]["HasDefaultPath"]
    details = catalog("SearchProductsAsAdmin", PortfolioId=portfolio, SortBy="VersionCount")["ProductViewDetails"]
    assert [entry["ProductViewSummary"]["Name"] for entry in details] == ["small"]
    with pytest.raises(InvalidParametersException, match="SourceProductId"):
        searched(Filters={"SourceProductId": ["x"]})


def test_the_parameters_of_a_template(catalog: Any, offered: str) -> None:
    asked = catalog("DescribeProvisioningParameters", ProductId=offered, ProvisioningArtifactName="v1")
    size, secret = asked["ProvisioningArtifactParameters"]
    assert (size["ParameterKey"], size["DefaultValue"], size["ParameterType"]) == ("Size", "3", "Number")
    assert size["ParameterConstraints"]["MinValue"] == "1"
    assert secret["IsNoEcho"]
    assert "DefaultValue" not in secret
    assert secret["ParameterConstraints"]["AllowedValues"] == ["a", "b"]
    assert asked["ProvisioningArtifactOutputKeys"] == [{"Key": "Name", "Description": "Its name"}]
    assert asked["ConstraintSummaries"] == [{"Type": "LAUNCH"}]
