"""Faults of a pipeline definition, found before it leaves the machine. The SDK lets all of these through."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from slipway.build import service_models

MOST_STEPS, MOST_PARAMETERS, MOST_BYTES = 50, 200, 1 << 20
STEP_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?")
# step type -> the operation that its Arguments belong to, and the member that the service fills in
OPERATIONS = {
    "Processing": ("CreateProcessingJob", "ProcessingJobName"),
    "QualityCheck": ("CreateProcessingJob", "ProcessingJobName"),
    "ClarifyCheck": ("CreateProcessingJob", "ProcessingJobName"),
    "Training": ("CreateTrainingJob", "TrainingJobName"),
    "Tuning": ("CreateHyperParameterTuningJob", "HyperParameterTuningJobName"),
    "Transform": ("CreateTransformJob", "TransformJobName"),
    "Model": ("CreateModel", "ModelName"),
    "RegisterModel": ("CreateModelPackage", "ModelPackageName"),
}
REFERENCES = ("Get", "Std:Join", "Std:JsonGet")
BRANCHES = ("IfSteps", "ElseSteps", "ForEachBody")
DUMMIES: dict[str, Any] = {"integer": 1, "long": 1, "float": 1.0, "double": 1.0, "boolean": True, "timestamp": 0}


def faults(text: str) -> list[str]:
    """Everything that is wrong with a definition, one line each."""
    definition = json.loads(text)
    steps = list(_walk(definition["Steps"]))
    return [
        *_quotas(text, definition, steps),
        *_names(steps),
        *_references(definition, steps),
        *_cycles(steps),
        *(fault for step in steps for fault in _arguments(step)),
    ]


def _walk(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for branch in BRANCHES:
            yield from _walk(step["Arguments"].get(branch, []))


def _quotas(text: str, definition: Mapping[str, Any], steps: list[dict[str, Any]]) -> Iterator[str]:
    for what, count, most in (
        ("steps", len(steps), MOST_STEPS),
        ("parameters", len(definition.get("Parameters", [])), MOST_PARAMETERS),
        ("bytes", len(text.encode()), MOST_BYTES),
    ):
        if count > most:
            yield f"the pipeline has {count} {what}; SageMaker allows {most}"


def _names(steps: list[dict[str, Any]]) -> Iterator[str]:
    names = [step["Name"] for step in steps]
    for name in dict.fromkeys(names):
        if not STEP_NAME.fullmatch(name):
            yield f"step name {name!r}: letters, digits, - and _ only, at most 64"
        if names.count(name) > 1:
            yield f"step name {name!r} is used {names.count(name)} times"
    for step in steps:
        expires = step.get("CacheConfig", {}).get("ExpireAfter")
        if expires is not None and not DURATION.fullmatch(expires):
            yield f"step {step['Name']}: cache duration {expires!r} is not ISO 8601, as P30D is"


def _find_references(node: Any) -> Iterator[dict[str, Any]]:
    """Every Get and JsonGet below a node, branches of other steps included."""
    if isinstance(node, dict):
        if "Get" in node or "Std:JsonGet" in node:
            yield node
        for value in node.values():
            yield from _find_references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _find_references(value)


def _without_branches(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step without the steps of its branches."""
    arguments = {k: v for k, v in step["Arguments"].items() if k not in BRANCHES}
    return {**step, "Arguments": arguments}


def _references(definition: Mapping[str, Any], steps: list[dict[str, Any]]) -> Iterator[str]:
    declared = {parameter["Name"] for parameter in definition.get("Parameters", [])}
    by_name = {step["Name"]: step for step in steps}
    for step in steps:
        for node in _find_references(_without_branches(step)):
            kind, _, rest = str(node.get("Get", "")).partition(".")
            name = rest.split(".")[0].split("[")[0]
            if kind == "Parameters" and name not in declared:
                yield f"step {step['Name']}: parameter {name!r} is not declared"
            if kind == "Steps" and name not in by_name:
                yield f"step {step['Name']}: there is no step {name!r}"
            yield from _property_file(step, node.get("Std:JsonGet", {}).get("PropertyFile", {}), by_name)
        for name in _explicit(step):
            if name not in by_name:
                yield f"step {step['Name']}: DependsOn names {name!r}, which does not exist"


def _property_file(step: Mapping[str, Any], source: Mapping[str, Any], by_name: Mapping[str, Any]) -> Iterator[str]:
    match = re.fullmatch(r"Steps\.([^.]+)\.PropertyFiles\.(.+)", str(source.get("Get", "")))
    if not match or match[1] not in by_name:
        return
    owner = by_name[match[1]]
    files = {file["PropertyFileName"]: file for file in owner.get("PropertyFiles", [])}
    if match[2] not in files:
        yield f"step {step['Name']}: step {match[1]} declares no property file {match[2]!r}"
        return
    outputs = [o["OutputName"] for o in owner["Arguments"].get("ProcessingOutputConfig", {}).get("Outputs", [])]
    if files[match[2]]["OutputName"] not in outputs:
        wanted = files[match[2]]["OutputName"]
        yield f"step {match[1]}: property file {match[2]!r} is in output {wanted!r}, not in {outputs}"


def _explicit(step: Mapping[str, Any]) -> list[str]:
    return [item["Step"] if isinstance(item, dict) else item for item in step.get("DependsOn", [])]


def _cycles(steps: list[dict[str, Any]]) -> Iterator[str]:
    waits = {step["Name"]: set(_explicit(step)) | set(_implicit(step)) for step in steps}
    for step in steps:
        for branch in BRANCHES:
            for inner in _walk(step["Arguments"].get(branch, [])):
                waits[inner["Name"]].add(step["Name"])
    while free := [name for name, needs in waits.items() if not needs & waits.keys()]:
        for name in free:
            del waits[name]
    if waits:
        yield f"steps wait for each other: {', '.join(waits)}"


def _implicit(step: Mapping[str, Any]) -> Iterator[str]:
    for node in _find_references(_without_branches(step)):
        for get in (node.get("Get", ""), node.get("Std:JsonGet", {}).get("PropertyFile", {}).get("Get", "")):
            if str(get).startswith("Steps."):
                yield get.split(".")[1].split("[")[0]


@cache
def _sagemaker() -> ServiceModel:
    return ServiceModel(service_models.loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def _arguments(step: dict[str, Any]) -> Iterator[str]:
    """A step's arguments against the API model of the operation that they are for."""
    if step["Type"] not in OPERATIONS:
        return
    operation, name_member = OPERATIONS[step["Type"]]
    shape = _sagemaker().operation_model(operation).input_shape
    request = {name_member: "x", **_without_references(shape, step["Arguments"])}
    report = ParamValidator().validate(request, shape)
    problems = report.generate_report().splitlines() if report.has_errors() else []
    for problem in [*problems, *_unknown_values(shape, request, "")]:
        yield f"step {step['Name']}: {problem}"


def _without_references(shape: Shape, value: Any) -> Any:
    """The value with a dummy of the right type for each reference."""
    kind = shape.type_name
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in REFERENCES:
        return (shape.enum or ["x"])[0] if kind == "string" else DUMMIES.get(kind, value)
    if kind == "structure" and isinstance(value, dict):
        members = shape.members
        return {k: _without_references(members[k], v) if k in members else v for k, v in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_without_references(shape.member, item) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {k: _without_references(shape.value, v) for k, v in value.items()}
    return value


def _unknown_values(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Members that the API does not have, strings outside an enumeration: botocore leaves both to the service."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for key, item in value.items():
            if key in shape.members:
                yield from _unknown_values(shape.members[key], item, f"{path}.{key}")
            else:
                yield f"{path}.{key}: the API has no such member"
    elif shape.type_name == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_values(shape.member, item, f"{path}[{index}]")
    elif shape.type_name == "string" and shape.enum and isinstance(value, str) and value not in shape.enum:
        yield f"{path}: {value!r} is not one of {', '.join(shape.enum[:6])}, ..."
