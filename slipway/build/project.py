"""Where pipelines run: project, role, bucket and region, read from the environment in one place."""

import ast
import json
import os
from collections.abc import Iterable, Mapping
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


# arguments of get_pipeline, by the names that AWS's own templates use
ARGUMENTS = {
    "region": "region",
    "role": "role",
    "default_bucket": "bucket",
    "sagemaker_project_name": "name",
    "sagemaker_project_arn": "",  # not needed
    "sagemaker_project_id": "project_id",
    "pipeline_name": "pipeline",
    "model_package_group_name": "group",
    "base_job_prefix": "",  # SageMaker names the jobs of a pipeline
}


@dataclass(frozen=True)
class Project:
    """Where a pipeline runs, and what it is called where it is not called after the project and its folder."""

    name: str
    role: str
    bucket: str
    region: str
    project_id: str = ""
    pipeline: str = ""
    group: str = ""

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, given: Mapping[str, str] | None = None
    ) -> "Project":
        """Read what CodeBuild sets; values in `given` go first; what is missing is named in the error."""
        values = {
            field: (given or {}).get(field) or _first(environment, variables) for field, variables in NEEDED.items()
        }
        missing = [" or ".join(NEEDED[field]) for field, value in values.items() if not value]
        if missing:
            raise UsageError(f"environment variable not set: {', '.join(missing)}")
        further = {field: (given or {}).get(field, "") for field in ("pipeline", "group")}
        further["project_id"] = (given or {}).get("project_id") or environment.get("SAGEMAKER_PROJECT_ID", "")
        return cls(**values, **further)

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, str | None]) -> "Project":
        """The environment, with the arguments of a `get_pipeline` before it."""
        if unknown := sorted(set(arguments) - set(ARGUMENTS)):
            raise UsageError(f"get_pipeline takes no {', '.join(unknown)}; it takes {', '.join(ARGUMENTS)}")
        return cls.from_environment(
            given={ARGUMENTS[name]: str(value) for name, value in arguments.items() if ARGUMENTS[name] and value}
        )

    @property
    def arguments(self) -> dict[str, str]:
        """What a `get_pipeline` is given; values that are known only."""
        fields = vars(self)
        return {name: fields[field] for name, field in ARGUMENTS.items() if field and fields[field]}

    def pipeline_name(self, folder: str) -> str:
        """The name of the pipeline in a folder, and of its model package group."""
        return self.pipeline or f"{self.name}-{folder}"


def arguments(text: str | None, role: str | None = None, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What a `get_pipeline` may be given: what the environment has, then `--role-arn`, then the `--kwargs` dictionary.

    `text` is a dictionary in Python or JSON. Raises UsageError.
    """
    try:
        given = ast.literal_eval(text) if text else {}
    except (ValueError, SyntaxError):
        given = _json(str(text))
    if not isinstance(given, dict):
        raise UsageError(f"--kwargs must be a dictionary such as {{'region': 'us-east-1'}}, found {text}")
    known = {name: _first(environment, NEEDED[field]) for name, field in ARGUMENTS.items() if field in NEEDED}
    known |= {"sagemaker_project_id": environment.get("SAGEMAKER_PROJECT_ID", ""), **({"role": role} if role else {})}
    return {name: value for name, value in known.items() if value} | {str(name): value for name, value in given.items()}


def _first(environment: Mapping[str, str], names: Iterable[str]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise UsageError(f"--kwargs is neither a Python nor a JSON dictionary: {text}") from None
