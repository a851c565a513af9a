"""Where pipelines run: project, role, bucket and region, read from the environment in one place."""

import ast
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NEEDED = {
    "name": ("SAGEMAKER_PROJECT_NAME",),
    "role": ("SAGEMAKER_PIPELINE_ROLE_ARN",),
    "bucket": ("ARTIFACT_BUCKET",),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
}


class UsageError(Exception):
    """The command can't start: an argument, a variable or a file is wrong. Commands print it and exit with 2."""


# names that pipelines made from AWS's own templates pass in --kwargs
TEMPLATE_NAMES = {
    "region": "region",
    "role": "role",
    "default_bucket": "bucket",
    "sagemaker_project_name": "name",
    "sagemaker_project_arn": "",
    "sagemaker_project_id": "project_id",
}


@dataclass(frozen=True)
class Project:
    """Every pipeline takes one of these and nothing else."""

    name: str
    role: str
    bucket: str
    region: str
    project_id: str = ""

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, given: Mapping[str, str] | None = None
    ) -> "Project":
        """Read what CodeBuild sets; values in `given` go first; what is missing is named in the error."""
        values = {
            field: (given or {}).get(field) or next((environment[v] for v in variables if environment.get(v)), "")
            for field, variables in NEEDED.items()
        }
        missing = [" or ".join(NEEDED[field]) for field, value in values.items() if not value]
        if missing:
            raise UsageError(f"environment variable not set: {', '.join(missing)}")
        return cls(**values, project_id=(given or {}).get("project_id") or environment.get("SAGEMAKER_PROJECT_ID", ""))

    @classmethod
    def from_kwargs(cls, text: str | None, role: str | None = None) -> "Project":
        """The environment, with the values of a `--kwargs` dictionary (Python or JSON) and `--role-arn` before it."""
        try:
            given = ast.literal_eval(text) if text else {}
        except (ValueError, SyntaxError):
            given = _json(str(text))
        if not isinstance(given, dict):
            raise UsageError(f"--kwargs must be a dictionary such as {{'region': 'us-east-1'}}, found {text}")
        if unknown := sorted(set(given) - set(TEMPLATE_NAMES)):
            raise UsageError(f"--kwargs: unknown {', '.join(unknown)}; allowed: {', '.join(TEMPLATE_NAMES)}")
        values = {TEMPLATE_NAMES[key]: str(value) for key, value in given.items() if TEMPLATE_NAMES[key] and value}
        return cls.from_environment(given=({"role": role} if role else {}) | values)

    def pipeline_name(self, pipeline: str) -> str:
        """The name of a pipeline, and of its model package group."""
        return f"{self.name}-{pipeline}"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise UsageError(f"--kwargs is neither a Python nor a JSON dictionary: {text}") from None
