"""What differs between two pipeline definitions; SageMaker's defaults as botocore's service model tells them."""

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from slipway.cli.definition_differences import CHANGED, DEFAULTS, FILES, WRITTEN, Differences, compare

# One pipeline, compiled by sagemaker 2.257.7 and by 3.27.0, whose code was not uploaded: its hash is made up.
RECORDED = Path(__file__).parent / "definitions"
HASHES = ("a" * 64, "b" * 64)


def training(**arguments: Any) -> dict[str, Any]:
    return {"Version": "2020-12-01", "Steps": [{"Name": "Train", "Type": "Training", "Arguments": arguments}]}


def kinds(found: Differences) -> list[tuple[str, str, Any, Any]]:
    return [(each.kind, each.path, each.first, each.second) for each in found.members]


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def channel(**members: Any) -> list[dict[str, Any]]:
    return [{"ChannelName": "train", **members}]


FILE_MODE = {"AlgorithmSpecification": {"TrainingInputMode": "File"}}
PIPE_MODE = {"AlgorithmSpecification": {"TrainingInputMode": "Pipe"}}
BOTH = "Train.Arguments."
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "a value": ({"HyperParameters": {"d": "4"}}, {"HyperParameters": {"d": "5"}}, [(CHANGED, "HyperParameters.d")]),
    "a member more": ({}, {"Environment": {"A": "1"}}, [(CHANGED, "Environment")]),
    "true is not 1": ({"EnableManagedSpotTraining": True}, {"EnableManagedSpotTraining": 1}, [(CHANGED, "Enable")]),
    "null and nothing": ({"VpcConfig": None}, {}, [(WRITTEN, "VpcConfig")]),
    "empty and nothing": ({"Environment": {}}, {}, [(WRITTEN, "Environment")]),
    "an empty text is something": ({"Environment": {"A": ""}}, {"Environment": {}}, [(CHANGED, "Environment.A")]),
    "quoted hyperparameter": ({"HyperParameters": {"o": '"x"'}}, {"HyperParameters": {"o": "x"}}, [(WRITTEN, "Hyper")]),
    "number and text": ({"HyperParameters": {"d": 5}}, {"HyperParameters": {"d": "5"}}, [(WRITTEN, "Hyper")]),
    "text and number elsewhere": ({"Environment": {"d": "5"}}, {"Environment": {"d": 5}}, [(CHANGED, "Environment.d")]),
    "JSON in a text, spaces": ({"Environment": {"j": '{"a": 1}'}}, {"Environment": {"j": '{"a":1}'}}, [(WRITTEN, "")]),
    "JSON in a text, changed": (
        {"Environment": {"j": '{"a": 1, "b": 2}'}},
        {"Environment": {"j": '{"b": 2, "a": 3}'}},
        [(CHANGED, "Environment.j.a")],
    ),
    "channels in another order": (
        {"InputDataConfig": [{"ChannelName": "a"}, {"ChannelName": "b"}]},
        {"InputDataConfig": [{"ChannelName": "b"}, {"ChannelName": "a"}]},
        [(WRITTEN, "InputDataConfig")],
    ),
    "a channel more": (
        {"InputDataConfig": [{"ChannelName": "b"}]},
        {"InputDataConfig": [{"ChannelName": "a"}, {"ChannelName": "b"}]},
        [(CHANGED, "InputDataConfig.a")],
    ),
    "subnets in another order": (
        {"VpcConfig": {"Subnets": ["a", "b"]}},
        {"VpcConfig": {"Subnets": ["b", "a"]}},
        [(WRITTEN, "VpcConfig.Subnets")],
    ),
    "arguments in another order": (
        {"ContainerArguments": ["a", "b"]},
        {"ContainerArguments": ["b", "a"]},
        [(CHANGED, "ContainerArguments[0]"), (CHANGED, "ContainerArguments[1]")],
    ),
    "a channel's mode": (
        {**FILE_MODE, "InputDataConfig": channel()},
        {**FILE_MODE, "InputDataConfig": channel(InputMode="File")},
        [(WRITTEN, "InputDataConfig.train.InputMode")],
    ),
    "a channel's mode, another": (
        {**PIPE_MODE, "InputDataConfig": channel()},
        {**PIPE_MODE, "InputDataConfig": channel(InputMode="File")},
        [(CHANGED, "InputDataConfig.train.InputMode")],
    ),
    "a default": ({"OutputDataConfig": {"CompressionType": "GZIP"}}, {"OutputDataConfig": {}}, [(WRITTEN, "Output")]),
    "no default": ({"OutputDataConfig": {"CompressionType": "NONE"}}, {"OutputDataConfig": {}}, [(CHANGED, "Output")]),
    "a join of texts": ({"S3Uri": join("s3:/", join("b", "k"))}, {"S3Uri": "s3://b/k"}, [(WRITTEN, "S3Uri")]),
    "quotes in a reference": (
        {"S3Uri": {"Get": 'Steps.A.Outputs["train"].S3Uri'}},
        {"S3Uri": {"Get": "Steps.A.Outputs['train'].S3Uri"}},
        [(WRITTEN, "S3Uri")],
    ),
    "another reference": ({"S3Uri": {"Get": "Steps.A.X"}}, {"S3Uri": {"Get": "Steps.B.X"}}, [(CHANGED, "S3Uri.Get")]),
    "code of another hash": (
        {"S3Uri": f"s3://b/code/{HASHES[0]}/a.py"},
        {"S3Uri": f"s3://b/code/{HASHES[1]}/a.py"},
        [(FILES, "S3Uri")],
    ),
    "code of another second": (
        {"S3Uri": "s3://b/train-20261121005430/input/code"},
        {"S3Uri": "s3://b/train-20261121005431/input/code"},
        [(FILES, "S3Uri")],
    ),
    "another file": (
        {"S3Uri": f"s3://b/code/{HASHES[0]}/a.py"},
        {"S3Uri": f"s3://b/code/{HASHES[1]}/b.py"},
        [(CHANGED, "S3Uri")],
    ),
    "a hash that is no address": ({"Tag": HASHES[0]}, {"Tag": HASHES[1]}, [(CHANGED, "Tag")]),
    "the toolkit's log level": ({"HyperParameters": {"sagemaker_container_log_level": "20"}}, {}, [(CHANGED, "Hyper")]),
    "the toolkit's log level beside others": (
        {"HyperParameters": {"d": "1", "sagemaker_container_log_level": "20"}},
        {"HyperParameters": {"d": "1"}},
        [(WRITTEN, "HyperParameters.sagemaker_container_log_level")],
    ),
    "another log level": (
        {"HyperParameters": {"d": "1", "sagemaker_container_log_level": "10"}},
        {"HyperParameters": {"d": "1"}},
        [(CHANGED, "HyperParameters.sagemaker_container_log_level")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_differs_in_a_step(name: str) -> None:
    first, second, expected = CASES[name]
    for sides in ((first, second), (second, first)):
        found = kinds(compare(*(training(**side) for side in sides)))
        assert [kind for kind, *_ in found] == [kind for kind, _ in expected]
        assert all(path.startswith(BOTH + part) for (_, path, *_), (_, part) in zip(found, expected, strict=True))


def test_the_same() -> None:
    assert compare(training(a=1, b=2), training(a=1, b=2)) == Differences({}, {}, [])


def test_only_the_order_of_members() -> None:
    found = compare(training(a=1, b=2), training(b=2, a=1))
    assert [each.why for each in found.members] == ["the order of members"]
    assert not found.changes_the_run


def test_steps_of_one_side_alone_and_of_another_branch() -> None:
    fail = {"Name": "TooLow", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": [fail], "ElseSteps": []}}
    turned = copy.deepcopy(gate)
    turned["Arguments"] |= {"IfSteps": [], "ElseSteps": [fail]}
    explain = {"Name": "Explain", "Type": "ClarifyCheck", "Arguments": {}}
    found = compare({"Steps": [gate]}, {"Steps": [explain, turned]})
    assert (found.removed, found.added) == ({}, {"Explain": "ClarifyCheck"})
    assert kinds(found) == [(CHANGED, "TooLow.Branch", "Gate.IfSteps", "Gate.ElseSteps")]


def test_parameters_go_by_their_names() -> None:
    depth, rows = ({"Name": name, "Type": "Integer", "DefaultValue": 4} for name in ("Depth", "Rows"))
    found = compare(
        {"Parameters": [depth, rows], "Steps": []}, {"Parameters": [rows, depth | {"DefaultValue": 5}], "Steps": []}
    )
    assert kinds(found) == [
        (CHANGED, "Parameters.Depth.DefaultValue", 4, 5),
        (WRITTEN, "Parameters", ["Depth", "Rows"], ["Rows", "Depth"]),
    ]


@cache
def told(shape: str, member: str) -> str:
    model = botocore.session.Session().get_service_model("sagemaker")
    return re.sub("<[^>]+>", "", model.shape_for(shape).members[member].documentation)


@pytest.mark.parametrize(
    ("holder", "shape", "words"),
    [
        ("ProcessingInputs", "ProcessingInput", r"When False \(default\)"),
        ("Outputs", "ProcessingOutput", r"When False \(default\)"),
        ("InputDataConfig", "Channel", "default value is None"),
        ("OutputDataConfig", "OutputDataConfig", "Defaults to gzip"),
        ("StoppingCondition", "StoppingCondition", "default value is 1 day"),
        ("TransformInput", "TransformInput", "default value.* is None"),
        ("DataProcessing", "DataProcessing", r"default value (is None|\$)|leave the default value, \$"),
    ],
)
def test_a_default_is_what_the_api_reference_says(holder: str, shape: str, words: str) -> None:
    members = [member for name, member in DEFAULTS if name == holder]
    assert members
    for member in members:
        assert re.search(words, told(shape, member)), member


def test_a_channel_takes_the_mode_of_the_training() -> None:
    assert "If you don't set a value for InputMode, SageMaker uses the value set for TrainingInputMode" in told(
        "Channel", "InputMode"
    )


def test_one_pipeline_of_two_versions_of_the_sdk() -> None:
    """What is left is real: the Debugger's hook, and the empty variables that version 3 registers a model with."""
    sides = [json.loads((RECORDED / f"churn_sdk_{version}.json").read_text()) for version in (2, 3)]
    found = compare(*sides)
    container = "Register.Arguments.InferenceSpecification.Containers[0].Environment"
    variables = ("PROGRAM", "SUBMIT_DIRECTORY", "CONTAINER_LOG_LEVEL", "REGION")
    assert not found.removed
    assert not found.added
    assert [each.path for each in found.of_kind(CHANGED)] == [
        "Train.Arguments.DebugHookConfig",
        "Train.Arguments.ProfilerConfig",
        *(f"{container}.SAGEMAKER_{name}" for name in variables),
    ]
    assert [each.path for each in found.of_kind(FILES)] == [
        "Train.Arguments.HyperParameters.sagemaker_submit_directory"
    ]
    assert len(found.of_kind(WRITTEN)) == 16
    assert found.of_kind(WRITTEN)[0].first == "Register-RegisterModel"
