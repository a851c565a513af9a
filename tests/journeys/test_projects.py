"""Projects and Service Catalog for real: stacks that are made, changed, rolled back, cut off by a kill and deleted."""

import os
import signal
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.journey

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  SageMakerProjectName: {Type: String, MinLength: 1, MaxLength: 32}
  SageMakerProjectId: {Type: String}
  Greeting: {Type: String, Default: hello, AllowedValues: [hello, welcome]}
Resources:
  Told:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Name: !Sub /projects/${SageMakerProjectName}
      Value: !Sub ${Greeting} ${SageMakerProjectId}
Outputs:
  Name: {Value: !Ref Told}
"""
FAILING = """
  Broken:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Name: /projects/broken, Value: !ImportValue nobody-exports-this}
"""
WITH_ROLE = """
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub of-${SageMakerProjectName}
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: sagemaker.amazonaws.com}, Action: sts:AssumeRole}]
"""
WAITING = """
  Wait:
    Type: AWS::CloudFormation::WaitCondition
    CreationPolicy: {ResourceSignal: {Count: 1, Timeout: PT1M}}
"""
FINAL = ("Completed", "Failed")


class Site:
    """A loopback with a template in S3."""

    def __init__(self, loopback: Any, until: Any) -> None:
        self.loopback, self.until = loopback, until
        names = ("s3", "ssm", "sagemaker", "cloudformation", "servicecatalog")
        self.s3, self.ssm, self.sagemaker, self.stacks, self.catalog = (loopback.client(name) for name in names)

    def put(self, more: str = "") -> str:
        key = f"templates/{uuid.uuid4().hex}.yaml"
        body = TEMPLATE.replace("Outputs:", more.lstrip("\n") + "Outputs:")
        self.s3.put_object(Bucket="bucket", Key=key, Body=body.encode())
        return f"https://bucket.s3.us-east-1.amazonaws.com/{key}"

    def create(self, name: str, url: str, **parameters: str) -> dict[str, Any]:
        self.sagemaker.create_project(ProjectName=name, TemplateProviders=[provider(url, **parameters)])
        return self.ended(name)

    def described(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_project(ProjectName=name)
        return found

    def ended(self, name: str, seconds: float = 30) -> dict[str, Any]:
        self.until(
            lambda: self.described(name)["ProjectStatus"].endswith(FINAL), seconds, lambda: str(self.described(name))
        )
        return self.described(name)

    def value(self, name: str) -> str:
        return str(self.ssm.get_parameter(Name=f"/projects/{name}")["Parameter"]["Value"])


def provider(url: str, **parameters: str) -> dict[str, Any]:
    values = [{"Key": key, "Value": value} for key, value in parameters.items()]
    return {"CfnTemplateProvider": {"TemplateName": "small", "TemplateURL": url, "Parameters": values}}


def detail(project: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = project["TemplateProviderDetails"][0]["CfnTemplateProviderDetail"]["StackDetail"]
    return found


@pytest.fixture
def site(shared: Any, wait_until: Any) -> Site:
    return Site(shared, wait_until)


def test_a_project_is_a_stack_for_as_long_as_it_lives(site: Site) -> None:
    url = site.put()
    made = site.create("churn", url)
    assert made["ProjectStatus"] == "CreateCompleted", made
    identity = made["ProjectId"]
    assert detail(made)["Name"] == f"SP-{identity}"
    stack = site.stacks.describe_stacks(StackName=f"SP-{identity}")["Stacks"][0]
    assert stack["StackId"] == detail(made)["Id"]
    tags = {tag["Key"]: tag["Value"] for tag in stack["Tags"]}
    assert tags == {"sagemaker:project-name": "churn", "sagemaker:project-id": identity}
    assert site.value("churn") == f"hello {identity}"

    site.sagemaker.update_project(ProjectName="churn", TemplateProvidersToUpdate=[provider(url, Greeting="welcome")])
    assert site.ended("churn")["ProjectStatus"] == "UpdateCompleted"
    assert site.value("churn") == f"welcome {identity}"
    site.sagemaker.update_project(ProjectName="churn", TemplateProvidersToUpdate=[provider(site.put(FAILING))])
    failed = site.ended("churn")
    assert failed["ProjectStatus"] == "UpdateFailed"
    assert "nobody-exports-this" in detail(failed)["StatusMessage"]
    assert site.value("churn") == f"welcome {identity}"

    site.sagemaker.delete_project(ProjectName="churn")
    assert site.ended("churn")["ProjectStatus"] == "DeleteCompleted"
    with pytest.raises(site.ssm.exceptions.ParameterNotFound):
        site.value("churn")
    assert site.create("churn", url)["ProjectId"] != identity


def test_a_template_that_fails_is_rolled_back_and_told(site: Site) -> None:
    failed = site.create("broken", site.put(FAILING))
    assert failed["ProjectStatus"] == "CreateFailed"
    assert "nobody-exports-this" in detail(failed)["StatusMessage"]
    assert (
        site.stacks.describe_stacks(StackName=detail(failed)["Id"])["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE"
    )
    missing = site.create("missing", "https://s3.us-east-1.amazonaws.com/bucket/nothing.yaml")
    assert missing["ProjectStatus"] == "CreateFailed"
    assert "nothing.yaml" in detail(missing)["StatusMessage"]
    for name in ("broken", "missing"):
        site.sagemaker.delete_project(ProjectName=name)
        assert site.ended(name)["ProjectStatus"] == "DeleteCompleted"


def test_a_template_with_roles_is_refused_since_nobody_can_give_the_capability(site: Site) -> None:
    """CreateProject's CfnTemplateProvider has no field for capabilities; botocore's model is the judge of that."""
    members = site.sagemaker.meta.service_model.shape_for("CfnCreateTemplateProvider").members
    assert [name for name in members if "apabilit" in name] == []
    failed = site.create("powerful", site.put(WITH_ROLE))
    assert failed["ProjectStatus"] == "CreateFailed"
    told = "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]"
    assert detail(failed)["StatusMessage"] == told
    site.sagemaker.delete_project(ProjectName="powerful")
    assert site.ended("powerful")["ProjectStatus"] == "DeleteCompleted"
    url = site.put()
    assert site.create("powerful", url)["ProjectStatus"] == "CreateCompleted"
    site.sagemaker.update_project(ProjectName="powerful", TemplateProvidersToUpdate=[provider(site.put(WITH_ROLE))])
    assert site.ended("powerful")["ProjectStatus"] == "UpdateFailed"
    site.sagemaker.delete_project(ProjectName="powerful")
    assert site.ended("powerful")["ProjectStatus"] == "DeleteCompleted"


def test_what_a_kill_cuts_off_is_carried_on(loopback: Any, wait_until: Any) -> None:
    site = Site(loopback, wait_until)
    site.s3.create_bucket(Bucket="bucket")
    site.sagemaker.create_project(ProjectName="cut", TemplateProviders=[provider(site.put(WAITING))])
    identity = site.described("cut")["ProjectId"]
    wait_until(lambda: waits(site, identity), 10)
    for pid in loopback.processes():
        os.kill(pid, signal.SIGKILL)
    assert loopback.up().returncode == 0
    assert site.described("cut")["ProjectStatus"] == "CreateInProgress"
    wait_until(lambda: signalled(site, identity), 10)
    made = site.ended("cut")
    assert made["ProjectStatus"] == "CreateCompleted", made
    assert made["ProjectId"] == identity
    assert site.value("cut") == f"hello {identity}"
    assert [stack["StackName"] for stack in site.stacks.describe_stacks()["Stacks"]] == [f"SP-{identity}"]


def waits(site: Site, identity: str) -> bool:
    try:
        events = site.stacks.describe_stack_events(StackName=f"SP-{identity}")["StackEvents"]
    except ClientError:
        return False
    return "Wait" in [event["LogicalResourceId"] for event in events]


def signalled(site: Site, identity: str) -> bool:
    wanted = {"StackName": f"SP-{identity}", "LogicalResourceId": "Wait", "UniqueId": "test", "Status": "SUCCESS"}
    try:
        site.stacks.signal_resource(**wanted)
    except ClientError:
        return False
    return True


def test_the_same_template_as_a_product(site: Site) -> None:
    catalog = site.catalog
    portfolio = catalog.create_portfolio(DisplayName="ML", ProviderName="platform")["PortfolioDetail"]["Id"]
    made = catalog.create_product(
        Name="small",
        Owner="platform",
        ProductType="CLOUD_FORMATION_TEMPLATE",
        Tags=[{"Key": "sagemaker:studio-visibility", "Value": "true"}],
        ProvisioningArtifactParameters={
            "Name": "v1",
            "Info": {"LoadTemplateFromURL": site.put(WITH_ROLE)},  # Service Catalog gives the capabilities
            "Type": "CLOUD_FORMATION_TEMPLATE",
        },
    )
    product = made["ProductViewDetail"]["ProductViewSummary"]["ProductId"]
    artifact = made["ProvisioningArtifactDetail"]["Id"]
    catalog.associate_product_with_portfolio(ProductId=product, PortfolioId=portfolio)
    role = "arn:aws:iam::000000000000:role/launch"
    catalog.associate_principal_with_portfolio(PortfolioId=portfolio, PrincipalARN=role, PrincipalType="IAM")
    catalog.create_constraint(
        PortfolioId=portfolio, ProductId=product, Type="LAUNCH", Parameters=f'{{"RoleArn": "{role}"}}'
    )
    asked = catalog.describe_provisioning_parameters(ProductId=product, ProvisioningArtifactId=artifact)
    greeting = {entry["ParameterKey"]: entry for entry in asked["ProvisioningArtifactParameters"]}["Greeting"]
    assert greeting["ParameterConstraints"]["AllowedValues"] == ["hello", "welcome"]

    given = [
        {"Key": "SageMakerProjectName", "Value": "launched"},
        {"Key": "SageMakerProjectId", "Value": "p-1"},
    ]
    record = catalog.provision_product(
        ProductId=product, ProvisioningArtifactId=artifact, ProvisionedProductName="mine", ProvisioningParameters=given
    )["RecordDetail"]
    assert settled(site, record["RecordId"])["LaunchRoleArn"] == role
    assert site.value("launched") == "hello p-1"
    outputs = catalog.describe_record(Id=record["RecordId"])["RecordOutputs"]
    identity = record["ProvisionedProductId"]
    assert outputs[0]["OutputKey"] == "CloudformationStackARN"
    assert f"stack/SC-000000000000-{identity}/" in outputs[0]["OutputValue"]
    assert {entry["OutputKey"]: entry["OutputValue"] for entry in outputs}["Name"] == "/projects/launched"
    changed = catalog.update_provisioned_product(
        ProvisionedProductName="mine",
        ProvisioningArtifactId=artifact,
        ProvisioningParameters=[{"Key": "Greeting", "Value": "welcome"}],
    )["RecordDetail"]["RecordId"]
    settled(site, changed)
    assert site.value("launched") == "welcome p-1"
    settled(site, catalog.terminate_provisioned_product(ProvisionedProductId=identity)["RecordDetail"]["RecordId"])
    with pytest.raises(catalog.exceptions.ResourceNotFoundException):
        catalog.describe_provisioned_product(Id=identity)

    site.sagemaker.create_project(
        ProjectName="from-catalog",
        ServiceCatalogProvisioningDetails={"ProductId": product, "ProvisioningArtifactId": artifact},
    )
    project = site.ended("from-catalog")
    assert project["ProjectStatus"] == "CreateCompleted", project
    assert site.value("from-catalog") == f"hello {project['ProjectId']}"
    launched = project["ServiceCatalogProvisionedProductDetails"]["ProvisionedProductId"]
    shown = catalog.describe_provisioned_product(Id=launched)["ProvisionedProductDetail"]
    assert shown["Status"] == "AVAILABLE"
    site.sagemaker.delete_project(ProjectName="from-catalog")
    assert site.ended("from-catalog")["ProjectStatus"] == "DeleteCompleted"
    assert catalog.search_provisioned_products()["ProvisionedProducts"] == []


def settled(site: Site, record: str) -> dict[str, Any]:
    def found() -> dict[str, Any]:
        answer: dict[str, Any] = site.catalog.describe_record(Id=record)["RecordDetail"]
        return answer

    site.until(lambda: found()["Status"] in ("SUCCEEDED", "FAILED"), 30, lambda: str(found()))
    assert found()["Status"] == "SUCCEEDED", found()
    return found()
