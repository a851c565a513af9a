"""The SDK's session, made to send nothing: the SDK asks it for everything that it would do in an account."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from sagemaker.core.config import config_manager
from sagemaker.core.config.config_schema import SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA
from sagemaker.core.helper import session_helper
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow import steps

from slipway.build import service_models
from slipway.build.project import Project

TELEMETRY_OFF = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}

Keep = Callable[[str, bytes], str]  # a file's name and content -> its S3 URI


def _validate_config_once() -> None:
    """The SDK validates its configuration, and first the schema for it, at every look-up: half the time of a build."""
    schema, seen = SAGEMAKER_PYTHON_SDK_CONFIG_SCHEMA, set()
    jsonschema = config_manager.jsonschema  # what the SDK validates with
    validator = jsonschema.validators.validator_for(schema)(schema)

    def once(config: Any = None) -> None:
        key = json.dumps(config, sort_keys=True, default=str)
        if key not in seen:
            if fault := jsonschema.exceptions.best_match(validator.iter_errors(config)):
                raise fault
            seen.add(key)

    config_manager.SageMakerConfig.validate_sagemaker_config = staticmethod(once)
    session_helper.validate_sagemaker_config = once


def _name_local_client_without_session() -> None:
    """A ProcessingStep makes a client of the local mode, with a session and its clients, to ask for a method's name."""
    steps.LocalSagemakerClient = partial(steps.LocalSagemakerClient, sagemaker_session=object())


_validate_config_once()
_name_local_client_without_session()
os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")  # the SDK would ask IAM, which this session can't


class Recording(PipelineSession):  # type: ignore[misc]
    """A file that the SDK would upload goes to `keep`. Keys are not needed, nothing is sent."""

    def __init__(self, project: Project, keep: Keep) -> None:
        boto = service_models.session(
            region_name=project.region,
            aws_access_key_id="none",
            aws_secret_access_key="none",  # noqa: S106
        )
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
