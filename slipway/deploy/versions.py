"""Which version is promoted: found in the registry, and checked to be approved at this moment."""

from collections.abc import Collection
from typing import Any

from botocore.exceptions import ClientError

# A pipeline variable can't be empty: these say that no version was given.
IN_PRODUCTION = "in-production"
NEWEST = "newest-approved"
APPROVED, REJECTED = "Approved", "Rejected"
CHAMPION = "AllTraffic"  # the variant of endpoint.yml that a release replaces
LEFT_PRODUCTION = "Archived"  # the stage that a version gets when production serves another one


class NotDeployableError(Exception):
    """The version may not be deployed. Commands print it and exit with 1."""


class NothingToDeployError(Exception):
    """No version was given, and none is approved yet, as in a new project, or the one to come is still being built."""


def pinned_version(sagemaker: Any, group: str, arn: str) -> dict[str, Any]:
    """The version that the ARN names, which must belong to the group, be complete and approved now."""
    package = describe(sagemaker, arn)
    if package.get("ModelPackageGroupName") != group:
        found = package.get("ModelPackageGroupName", "no group")
        raise NotDeployableError(f"{arn} belongs to {found}, and this project deploys {group}")
    _require(package, "ModelPackageStatus", "Completed", "its registration has not completed")
    _require(package, "ModelApprovalStatus", APPROVED, "approve it, or start the pipeline for an approved version")
    return package


def newest(sagemaker: Any, group: str, others: Collection[int] = ()) -> dict[str, Any]:
    """The approved version that was created last; of equally old ones the highest. Raises NothingToDeployError.

    Left out, as long as any is left: `others`, which stand beside it, and what production has left for another one.
    """
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, ModelApprovalStatus=APPROVED, SortBy="CreationTime", SortOrder="Descending"
    )
    try:
        approved = [package for page in pages for package in page["ModelPackageSummaryList"]]
    except ClientError as error:
        raise NotDeployableError(f"the versions of {group} can't be listed: {_message(error)}") from None
    if not approved:
        raise NothingToDeployError(f"no version of {group} is approved yet; approve one, and it is deployed by itself")
    chosen = [
        package
        for package in approved
        if package.get("ModelPackageVersion") not in others
        and package.get("ModelLifeCycle", {}).get("Stage") != LEFT_PRODUCTION
    ]
    best = max(chosen or approved, key=lambda package: (package["CreationTime"], package.get("ModelPackageVersion", 0)))
    return pinned_version(sagemaker, group, best["ModelPackageArn"])


def in_production(sagemaker: Any, endpoint: str) -> str:
    """The ARN of the version that an endpoint runs as its champion; "" where there is no endpoint yet.

    The endpoint is asked, and not the registry's life cycle: it tells what serves also after a rollback.
    """
    try:
        found = sagemaker.describe_endpoint(EndpointName=endpoint)
        config = sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
        models = {variant["VariantName"]: variant["ModelName"] for variant in config["ProductionVariants"]}
        model = sagemaker.describe_model(ModelName=models[CHAMPION])
    except ClientError as error:
        if _is_missing(error):
            return ""
        raise NotDeployableError(f"what {endpoint} runs can't be told: {_message(error)}") from None
    except KeyError:
        raise NotDeployableError(f"{endpoint} has no variant {CHAMPION}: it is not what this project deploys") from None
    container = model.get("PrimaryContainer") or (model.get("Containers") or [{}])[0]
    if not container.get("ModelPackageName"):
        raise NotDeployableError(f"{endpoint} runs a model of no version in the registry; name one: slipway promote N")
    return str(container["ModelPackageName"])


def _is_missing(error: ClientError) -> bool:
    """SageMaker has no code of its own for what is not there."""
    found = error.response["Error"]
    return found.get("Code") == "ValidationException" and "could not find endpoint" in found.get("Message", "").lower()


def beside(sagemaker: Any, group: str, package: dict[str, Any], version: int, *, answers: bool) -> str:
    """The ARN of the version that stands beside the pinned one. What `answers` callers must be approved."""
    arn = f"{package['ModelPackageArn'].rpartition('/')[0]}/{version}"
    if arn == package["ModelPackageArn"]:
        raise NotDeployableError(f"version {version} can't stand beside itself: choose another for ab or shadow")
    if answers:
        return str(pinned_version(sagemaker, group, arn)["ModelPackageArn"])
    other = describe(sagemaker, arn)
    if other["ModelApprovalStatus"] == REJECTED:
        raise NotDeployableError(f"{arn} is rejected: it can't be a shadow variant")
    return arn


def describe(sagemaker: Any, arn: str) -> dict[str, Any]:
    """DescribeModelPackage, its errors as a sentence."""
    try:
        return dict(sagemaker.describe_model_package(ModelPackageName=arn))
    except ClientError as error:
        raise NotDeployableError(f"{arn} can't be described: {_message(error)}") from None


def _require(package: dict[str, Any], field: str, wanted: str, advice: str) -> None:
    if package.get(field) != wanted:
        raise NotDeployableError(f"{package['ModelPackageArn']} is {package.get(field)}, not {wanted}: {advice}")


def _message(error: ClientError) -> str:
    return f"{error.response['Error'].get('Code')}: {error.response['Error'].get('Message')}"
