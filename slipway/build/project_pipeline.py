"""The SDK's pipeline of a project: compiled without an account, and made and started in one as any pipeline of the SDK.

`get_pipeline(...).upsert(role_arn=...)` and `.start()` do what `run-pipeline` does: the code that the steps refer to is
in the bucket before the pipeline is in the account, and a run starts with its commit, data version and champion.
"""

import json
from collections.abc import Mapping
from typing import Any

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.mlops.workflow.pipeline import Pipeline

from slipway.build.compiled import put_missing, without_empty_environment
from slipway.build.run_values import looked_up


class ProjectPipeline(Pipeline):  # type: ignore[misc]
    """Its definition is made with the session that only records; all else asks the account."""

    def __init__(self, workshop: Any, steps: list[Any]) -> None:
        self.workshop = workshop
        self._account: Session | None = None
        self._records = True
        self._text = ""
        super().__init__(
            workshop.name, parameters=workshop.parameters.all(), steps=steps, sagemaker_session=workshop.session
        )
        self._records = False

    @property
    def sagemaker_session(self) -> Any:
        """The session of the account, made at the first use; that of the workshop while a definition is made."""
        if self._records:
            return self.workshop.session
        if self._account is None:
            project = self.workshop.project
            self._account = Session(boto3.Session(region_name=project.region), default_bucket=project.bucket)
        return self._account

    @sagemaker_session.setter
    def sagemaker_session(self, session: Any) -> None:
        """Another session of the account; what the SDK makes up where none is given is not taken."""
        if not self._records:
            self._account = session

    def definition(self) -> str:
        """The definition as run-pipeline sends it."""
        if not self._text:
            self._records = True
            try:
                made = without_empty_environment(json.loads(super().definition()))
            finally:
                self._records = False
            self._text = json.dumps(made, indent=1, sort_keys=True)
        return self._text

    def _create_args(self, *arguments: Any, **more: Any) -> Any:
        """What create and update send, once the code that it refers to is in the bucket."""
        found = super()._create_args(*arguments, **more)
        s3 = self.sagemaker_session.boto_session.client("s3")
        put_missing(self.workshop.bundles, self.name, self.workshop.project.bucket, s3)
        return found

    def start(self, parameters: Mapping[str, Any] | None = None, *arguments: Any, **more: Any) -> Any:
        """Start a run; its commit, data version and champion are looked up unless they are given."""
        given = {name: str(value) for name, value in (parameters or {}).items()}
        session, root = self.sagemaker_session, self.workshop.folder.parents[1]
        s3 = session.boto_session.client("s3")
        values = looked_up(self.definition(), self.workshop.group, given, session.sagemaker_client, s3, root)
        return super().start(values, *arguments, **more)
