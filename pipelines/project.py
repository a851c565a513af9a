"""Where pipelines run: project, role, bucket and region, read from the environment in one place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

NEEDED = {
    "name": ("SAGEMAKER_PROJECT_NAME",),
    "role": ("SAGEMAKER_PIPELINE_ROLE_ARN",),
    "bucket": ("ARTIFACT_BUCKET",),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
}


class UsageError(Exception):
    """The command can't start: an argument, a variable or a file is wrong. Commands print it and exit with 2."""


@dataclass(frozen=True)
class Project:
    """Every pipeline takes one of these and nothing else."""

    name: str
    role: str
    bucket: str
    region: str
    project_id: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **given: str) -> "Project":
        """Read what CodeBuild sets; values in `given` go first; what is missing is named in the error."""
        values = {
            field: given.get(field) or next((environment[v] for v in variables if environment.get(v)), "")
            for field, variables in NEEDED.items()
        }
        missing = [" or ".join(NEEDED[field]) for field, value in values.items() if not value]
        if missing:
            raise UsageError(f"environment variable not set: {', '.join(missing)}")
        return cls(**values, project_id=given.get("project_id") or environment.get("SAGEMAKER_PROJECT_ID", ""))

    def pipeline_name(self, pipeline: str) -> str:
        """The name of a pipeline, and of its model package group."""
        return f"{self.name}-{pipeline}"
