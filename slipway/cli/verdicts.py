"""What decided over a model: the figures of its evaluation beside the gates of its pipeline, whichever that is."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from slipway.cli import executions
from slipway.cli.target import Target, UserError

SIGNS = {
    "GreaterThan": ">",
    "GreaterThanOrEqualTo": ">=",
    "LessThan": "<",
    "LessThanOrEqualTo": "<=",
    "Equals": "=",
}
_HOLDS = {
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    "=": lambda value, bound: value == bound,
}


@dataclass(frozen=True)
class Verdict:
    """One comparison of a Condition step, with the figures that it compared."""

    gate: str
    metric: str
    value: Any
    sign: str
    bound: Any
    holds: bool

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)


def verdicts(target: Target, execution_arn: str) -> list[Verdict]:
    """The comparisons of all Condition steps of an execution whose figures are there."""
    client = target.client("sagemaker")
    text = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution_arn)["PipelineDefinition"]
    pages = client.get_paginator("list_pipeline_parameters_for_execution").paginate(PipelineExecutionArn=execution_arn)
    parameters = {p["Name"]: p["Value"] for page in pages for p in page["PipelineParameters"]}
    reports = _Reports(target, execution_arn, json.loads(text))
    return list(_step_verdicts(json.loads(text)["Steps"], parameters, reports))


class _Reports:
    """Property files of the execution's processing steps, read when asked for."""

    def __init__(self, target: Target, execution_arn: str, definition: dict[str, Any]) -> None:
        self._target = target
        self._steps = {step["StepName"]: step for step in executions.steps(target, execution_arn)}
        self._declared = {step["Name"]: step.get("PropertyFiles", []) for step in _walk(definition["Steps"])}
        self._read: dict[str, Any] = {}

    def value(self, reference: str, path: str) -> Any:
        """The figure at `path` of `Steps.S.PropertyFiles.P`. Raises LookupError when it is not there."""
        _, step, _, name = reference.split(".")
        if reference not in self._read:
            entry = next(e for e in self._declared[step] if e["PropertyFileName"] == name)
            arn = self._steps[step]["Metadata"]["ProcessingJob"]["Arn"]
            job = self._target.client("sagemaker").describe_processing_job(ProcessingJobName=arn.rpartition("/")[2])
            outputs = {o["OutputName"]: o["S3Output"]["S3Uri"] for o in job["ProcessingOutputConfig"]["Outputs"]}
            self._read[reference] = json.loads(self._target.read(f"{outputs[entry['OutputName']]}/{entry['FilePath']}"))
        return at(self._read[reference], path)


def at(document: Any, path: str) -> Any:
    """Follow `a.b['c'][0]`. Raises LookupError."""
    for name, key, index in re.findall(r"([^.\[\]]+)|\['([^']+)'\]|\[(\d+)\]", path):
        document = document[int(index)] if index else document[name or key]
    return document


def _walk(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from _walk(step.get("Arguments", {}).get(branch, []))


def _step_verdicts(steps: list[dict[str, Any]], parameters: Mapping[str, str], reports: _Reports) -> Iterator[Verdict]:
    for step in _walk(steps):
        for condition in step["Arguments"].get("Conditions", []) if step["Type"] == "Condition" else []:
            sign = SIGNS.get(condition["Type"])
            left = condition.get("LeftValue")
            if sign is None or not isinstance(left, dict) or "PropertyFile" not in left.get("Std:JsonGet", {}):
                continue
            found = left["Std:JsonGet"]
            try:  # what another team's definition compares may not be a figure of a report
                bound = _resolve_value(condition["RightValue"], parameters)
                value = reports.value(found["PropertyFile"]["Get"], found["Path"])
                holds = bool(_HOLDS[sign](value, bound))
            except (LookupError, StopIteration, ValueError, TypeError, UserError):
                continue
            metric = " ".join(found["Path"].removesuffix(".value").split(".")[-2:])
            metric = metric.partition("_metrics ")[2] or metric.replace("_", " ")
            yield Verdict(step["Name"], metric, value, sign, bound, holds)


def _resolve_value(written: Any, parameters: Mapping[str, str]) -> Any:
    if isinstance(written, dict) and "Get" in written:
        written = parameters[written["Get"].removeprefix("Parameters.")]
    try:
        return float(written)
    except (TypeError, ValueError):
        return written
