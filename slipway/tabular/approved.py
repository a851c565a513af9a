"""Which registered version is in production: the champion. Asks the registry, loads nothing."""

from typing import Any

NONE, LATEST = "none", "latest"
LIVE = {"Stage": "Production", "StageStatus": "Approved"}


def find(sagemaker: Any, group: str) -> str:
    """The ARN of the champion of a group, or `none`.

    The newest package whose life cycle says Production and Approved; before anything was deployed, the newest approved.
    """
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
    )
    newest = NONE
    try:
        for package in (package for page in pages for package in page["ModelPackageSummaryList"]):
            if LIVE.items() <= package.get("ModelLifeCycle", {}).items():
                return str(package["ModelPackageArn"])
            newest = package["ModelPackageArn"] if newest == NONE else newest
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"ValidationException", "ResourceNotFound"}:
            return NONE  # before the first registration there is no group
        raise
    return str(newest)
