"""A project as it stands: its names, its two pipelines, its stages. AWS is asked for all of it, nothing is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.cli.target import Target, UserError

STAGES = ("staging", "prod")


@dataclass(frozen=True)
class Project:
    """One launched project and the outputs of its stack."""

    name: str
    id: str
    outputs: Mapping[str, str]

    @property
    def build(self) -> str:
        """The CodePipeline from source to registered version."""
        return self.outputs["ModelBuildPipelineName"]

    @property
    def deploy(self) -> str:
        """The CodePipeline from approved version to production."""
        return self.outputs["ModelDeployPipelineName"]

    @property
    def group(self) -> str:
        """The model package group; the SageMaker pipeline has the same name."""
        return self.outputs["ModelPackageGroupName"]

    @property
    def pipeline(self) -> str:
        """The folder of pipelines/ that it builds."""
        return self.group.removeprefix(f"{self.name}-")

    @property
    def bucket(self) -> str:
        """Data, models, reports."""
        return self.outputs["ArtifactBucketName"]

    def endpoint(self, stage: str) -> str:
        """The name of a stage's endpoint."""
        return f"{self.name}-{stage}"

    def stack(self, stage: str) -> str:
        """The name of a stage's stack."""
        return self.outputs[{"staging": "StagingStackName", "prod": "ProdStackName"}[stage]]


def find(target: Target, name: str = "") -> Project | None:
    """The project of that name, by default the target's; None when there is none. Raises UserError while it changes."""
    name = name or target.project
    client = target.client("sagemaker")
    try:
        found = client.describe_project(ProjectName=name)
    except client.exceptions.ClientError as fault:
        if fault.response["Error"]["Code"] in ("ResourceNotFound", "ValidationException"):
            return None
        raise
    if found["ProjectStatus"] in ("DeleteCompleted", "CreateFailed"):
        return None
    if not found["ProjectStatus"].endswith("Completed"):
        raise UserError(f"Project {name} is {found['ProjectStatus']}; wait for its end: slipway doctor tells more")
    return Project(name, found["ProjectId"], outputs(target, found))


def require(target: Target) -> Project:
    """Raises UserError when the project is not there."""
    project = find(target)
    if project is None:
        raise UserError(
            f"There is no project {target.project} on {target.title}; launch one with `slipway launch {target.project}`"
            " (another name: set SAGEMAKER_PROJECT_NAME)"
        )
    return project


def outputs(target: Target, found: Mapping[str, Any]) -> dict[str, str]:
    """What a project's stack or provisioned product says of itself; `found` is DescribeProject's answer."""
    for provider in found.get("TemplateProviderDetails", []):
        stack = provider.get("CfnTemplateProviderDetail", {}).get("StackDetail", {}).get("Id")
        if stack:
            return stack_outputs(target, stack)
    product = found.get("ServiceCatalogProvisionedProductDetails", {}).get("ProvisionedProductId")
    if product is None:
        raise UserError(f"Project {found['ProjectName']} has neither a stack nor a provisioned product")
    catalog = target.client("servicecatalog")
    listed = catalog.get_provisioned_product_outputs(ProvisionedProductId=product)["Outputs"]
    return {entry["OutputKey"]: entry["OutputValue"] for entry in listed}


def stack_outputs(target: Target, stack: str) -> dict[str, str]:
    """The outputs of a stack; empty when there is no such stack."""
    client = target.client("cloudformation")
    try:
        described = client.describe_stacks(StackName=stack)["Stacks"][0]
    except client.exceptions.ClientError:
        return {}
    return {entry["OutputKey"]: entry["OutputValue"] for entry in described.get("Outputs", [])}
