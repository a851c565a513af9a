"""The SDK's session, made to send nothing: the SDK asks it for everything that it would do in an account."""

import json
import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import boto3
from sagemaker.core.config.config_manager import SageMakerConfig
from sagemaker.core.workflow.pipeline_context import PipelineSession

from slipway.build.project import Project

TELEMETRY_OFF = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}

Keep = Callable[[str, bytes], str]  # a file's name and content -> its S3 URI


def _validate_config_once() -> None:
    """The SDK validates its configuration against a schema at every look-up: half the time of a build."""
    original, seen = SageMakerConfig.validate_sagemaker_config, set()

    def once(config: Any = None) -> None:
        key = json.dumps(config, sort_keys=True, default=str)
        if key not in seen:
            original(config)
            seen.add(key)

    SageMakerConfig.validate_sagemaker_config = staticmethod(once)


_validate_config_once()
os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")  # the SDK would ask IAM, which this session can't


class Recording(PipelineSession):  # type: ignore[misc]
    """A file that the SDK would upload goes to `keep`. Keys are not needed, nothing is sent."""

    def __init__(self, project: Project, keep: Keep) -> None:
        boto = boto3.Session(region_name=project.region, aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106
        super().__init__(boto_session=boto, default_bucket=project.bucket, sagemaker_config=TELEMETRY_OFF)
        self._default_bucket = project.bucket  # the SDK would list buckets to check it
        self._keep = keep
        self.kept: dict[str, str] = {}  # where the SDK wanted a file, where it is instead

    def upload_data(self, path: str, *_: Any, **__: Any) -> str:
        """Where the file will be."""
        file = Path(path)
        return self._keep(file.name, file.read_bytes())

    def upload_string_as_file_body(self, body: str, bucket: str, key: str, *_: Any, **__: Any) -> None:
        """The SDK goes on with the address that it has made up, of a time and a chance; `kept` has the real one."""
        self.kept[f"s3://{bucket}/{key}"] = self._keep(PurePosixPath(key).name, body.encode())
