"""Which baseline a step leaves for the monitors: the one that it has made, or that of the version in production.

The two settings mean what they mean for AWS's check steps: SkipCheck compares with no earlier baseline, and
RegisterNewBaseline lets the new one take its place.

Source: AWS, pipelines-quality-clarify-baseline-lifecycle.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

from slipway.tabular.approved import NONE, find
from slipway.tabular.job import JobError

Client = Callable[[str], Any]  # a service's name -> its client
Document = dict[str, Any]


@dataclass(frozen=True)
class Lifecycle:
    """What the pipeline's parameters say of a baseline; `group` is the model package group."""

    skip_check: bool
    register_new: bool
    group: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Lifecycle":
        """From SKIP_CHECK, REGISTER_NEW_BASELINE and MODEL_PACKAGE_GROUP_NAME."""
        return cls(
            environ.get("SKIP_CHECK", "true").lower() == "true",
            environ.get("REGISTER_NEW_BASELINE", "true").lower() == "true",
            environ.get("MODEL_PACKAGE_GROUP_NAME", ""),
        )

    def earlier(self, section: str, names: Mapping[str, str], client: Client) -> dict[str, Document]:
        """The documents of DriftCheckBaselines.`section` of the version in production; empty when none is needed.

        `names` is what they are called here, by what the registry calls them. Raises JobError where they are needed
        and are not there.
        """
        if self.skip_check and self.register_new:
            return {}
        sagemaker = client("sagemaker")
        arn = find(sagemaker, self.group)
        found = {} if arn == NONE else _documents(sagemaker.describe_model_package(ModelPackageName=arn), section)
        if found.keys() >= names.keys():
            return {name: _read(found[key], arn, client("s3")) for key, name in names.items()}
        if not self.register_new:
            whose = f"{arn} has none" if arn != NONE else f"{self.group} has no approved version"
            raise JobError(
                f"RegisterNewBaseline=false asks for DriftCheckBaselines.{section} of the version in production, and "
                f"{whose}: pass RegisterNewBaseline=true"
            )
        return {}


def _documents(package: Mapping[str, Any], section: str) -> dict[str, str]:
    found = (package.get("DriftCheckBaselines") or {}).get(section) or {}
    return {name: str(document["S3Uri"]) for name, document in found.items()}


def _read(uri: str, arn: str, s3: Any) -> Document:
    address = urlparse(uri)
    try:
        content = s3.get_object(Bucket=address.netloc, Key=address.path.lstrip("/"))["Body"].read()
        return dict(json.loads(content))
    except Exception as error:
        raise JobError(f"the baseline {uri} of {arn} can't be read: {error}") from error


def client(service: str) -> Any:
    """A client of the job's own account and region."""
    import boto3

    return boto3.client(service)
