import copy
from contextlib import nullcontext
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.engines.codepipeline import structure


def action(name: str, kind: str, configuration=None, inputs=(), outputs=(), **more: Any) -> dict[str, Any]:
    category, provider = kind.split("/")
    return {
        "name": name,
        "actionTypeId": {"category": category, "owner": "AWS", "provider": provider, "version": "1"},
        "configuration": configuration or {},
        "inputArtifacts": [{"name": each} for each in inputs],
        "outputArtifacts": [{"name": each} for each in outputs],
        **more,
    }


S3 = {"S3Bucket": "b", "S3ObjectKey": "k.zip"}
STACK = {"ActionMode": "CREATE_UPDATE", "StackName": "s", "TemplatePath": "Code::t", "RoleArn": "r"}


def pipeline(**more: Any) -> dict[str, Any]:
    return {
        "name": "p",
        "roleArn": "arn:aws:iam::000000000000:role/r",
        "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "bucket"},
        "stages": [
            {"name": "Source", "actions": [action("Src", "Source/S3", S3, (), ("Code",), namespace="Src")]},
            {
                "name": "Build",
                "actions": [
                    action("Make", "Build/CodeBuild", {"ProjectName": "x"}, ("Code",), ("Made",), namespace="Made"),
                    action("Ask", "Approval/Manual", {"CustomData": "#{Made.Version}"}, runOrder=2),
                ],
            },
        ],
        **more,
    }


def test_a_sound_pipeline_passes() -> None:
    structure.check(pipeline(), "us-east-1")


def stage(declared: dict[str, Any], i: int, **more: Any) -> None:
    declared["stages"][i].update(more)


def act(declared: dict[str, Any], i: int, j: int, **more: Any) -> None:
    declared["stages"][i]["actions"][j].update(more)


def configure(declared: dict[str, Any], i: int, j: int, **more: str) -> None:
    declared["stages"][i]["actions"][j]["configuration"].update(more)


def add(declared: dict[str, Any], made: dict[str, Any], i: int = 1) -> None:
    declared["stages"][i]["actions"].append(made)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda p: p["stages"].pop(), "InvalidStructureException", "only 1 stage"),
        (lambda p: stage(p, 1, name="Source"), "InvalidStructureException", "Stage names"),
        (lambda p: stage(p, 1, actions=[]), "InvalidStageDeclarationException", "at least one action"),
        (lambda p: act(p, 1, 1, name="Make"), "InvalidStructureException", "Action names in stage Build"),
        (lambda p: add(p, action("X", "Source/S3", S3, (), ("Y",))), "InvalidStructureException", "Only the first"),
        (lambda p: add(p, action("X", "Approval/Manual"), 0), "InvalidStructureException", "only contains source"),
        (lambda p: act(p, 1, 0, inputArtifacts=[{"name": "No"}]), "InvalidStructureException", "No in action Make"),
        (lambda p: act(p, 1, 0, outputArtifacts=[{"name": "Code"}]), "InvalidStructureException", "unique"),
        (lambda p: act(p, 1, 0, inputArtifacts=[]), "InvalidActionDeclarationException", "less than the minimum"),
        (lambda p: add(p, action("X", "Deploy/ECS")), "InvalidActionDeclarationException", "'ECS'"),
        (lambda p: configure(p, 1, 0, Colour="red"), "InvalidActionDeclarationException", "'Colour'"),
        (lambda p: configure(p, 1, 0, BuildOnly="true"), "InvalidActionDeclarationException", "'BuildOnly'"),
        (lambda p: configure(p, 0, 0, PollForSourceChanges="no"), "InvalidActionDeclarationException", "true, false"),
        (lambda p: configure(p, 1, 0, ProjectName=""), "InvalidActionDeclarationException", "1 to 1000"),
        (lambda p: p["stages"][0]["actions"][0]["configuration"].pop("S3Bucket"),
         "InvalidActionDeclarationException", "missing required configuration 'S3Bucket'"),
        (lambda p: add(p, action("D", "Deploy/CloudFormation", STACK | {"ActionMode": "UPSERT"}, ("Code",))),
         "InvalidActionDeclarationException", "UPSERT"),
        (lambda p: add(p, action("D", "Deploy/CloudFormation", {"ActionMode": "CHANGE_SET_EXECUTE", "StackName": "s"})),
         "InvalidActionDeclarationException", "ChangeSetName"),
        (lambda p: configure(p, 1, 1, CustomData="#{Later.X}"), "InvalidActionDeclarationException", "Later"),
        (lambda p: configure(p, 1, 0, ProjectName="#{Made.X}"), "InvalidActionDeclarationException", "Made.X"),
        (lambda p: configure(p, 1, 1, CustomData="#{variables.X}"), "InvalidActionDeclarationException", "variables.X"),
        (lambda p: act(p, 1, 0, namespace="Src"), "InvalidStructureException", "Namespaces"),
        (lambda p: act(p, 1, 0, namespace="variables"), "InvalidStructureException", "reserved"),
        (lambda p: act(p, 1, 0, region="eu-west-1"), "InvalidActionDeclarationException", "eu-west-1"),
        (lambda p: act(p, 1, 0, commands=["ls"]), "InvalidActionDeclarationException", "for provider Commands"),
        (lambda p: add(p, action("C", "Compute/Commands", {}, ("Code",))), "InvalidActionDeclarationException",
         "'C' must have commands"),
        (lambda p: add(p, action("C", "Compute/Commands", {}, ("Code",), commands=["if x\nfi"])),
         "InvalidActionDeclarationException", "several lines"),
        (lambda p: add(p, action("C", "Compute/Commands", {}, ("Code",), commands=["echo #{Later.X}"])),
         "InvalidActionDeclarationException", "configuration 'commands[0]': #{Later.X}"),
        (lambda p: stage(p, 0, onFailure={"result": "ROLLBACK"}), "InvalidStageDeclarationException", "source stage"),
        (lambda p: stage(p, 1, onFailure={"result": "SKIP"}), "InvalidStageDeclarationException", "SKIP"),
        (lambda p: p.update(pipelineType="V1", executionMode="QUEUED"), "InvalidStructureException", "V2"),
        (lambda p: p.pop("artifactStore"), "InvalidStructureException", "artifactStore"),
        (lambda p: p.update(artifactStores={}), "InvalidStructureException", "one region"),
        (lambda p: p.update(triggers=[{"providerType": "CodeStarSourceConnection",
                                       "gitConfiguration": {"sourceActionName": "Src"}}]),
         "ValidationException", "sourceActionName Src"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_named(change, code: str, words: str) -> None:
    declared = copy.deepcopy(pipeline())
    change(declared)
    with pytest.raises(ServiceError) as caught:
        structure.check(declared, "us-east-1")
    assert caught.value.code == code
    assert words in str(caught.value)


def rule(provider: str = "VariableCheck", configuration=None, **more: Any) -> dict[str, Any]:
    """A rule that is sound after the stage `Build`, of whatever provider."""
    sound = {
        "VariableCheck": {"Variable": "#{Src.ETag}", "Operator": "EQ", "Value": "x"},
        "CloudWatchAlarm": {"AlarmName": "a"},
    }
    kind = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": "R", "ruleTypeId": kind, "configuration": configuration or sound.get(provider, {}), **more}


def conditional(member: str, follows: str, *rules: Any, at: int = 1, **more: Any) -> dict[str, Any]:
    declared = copy.deepcopy(pipeline())
    stage(declared, at, **{member: {"conditions": [{"result": follows, "rules": list(rules)}], **more}})
    return declared


@pytest.mark.parametrize(
    "declared",
    [
        conditional("beforeEntry", "SKIP", rule()),
        conditional("onSuccess", "ROLLBACK", rule("CloudWatchAlarm"), rule(name="Q")),
        conditional("onFailure", "RETRY", rule(), retryConfiguration={"retryMode": "ALL_ACTIONS"}),
        conditional("onSuccess", "FAIL", rule(configuration={"Variable": "#{Made.X}", "Operator": "NE", "Value": "x"})),
        conditional("onSuccess", "FAIL", rule("CodeBuild", {"ProjectName": "x"}, inputArtifacts=[{"name": "Made"}])),
        conditional("beforeEntry", "FAIL", rule("Commands", commands=["ls"], inputArtifacts=[{"name": "Code"}])),
        conditional("beforeEntry", "FAIL", {"name": "R", "ruleTypeId": {"category": "Rule", "provider": "LambdaInvoke"},
                                            "configuration": {"FunctionName": "f"}}),
    ],
)  # fmt: skip
def test_sound_conditions_pass(declared: dict[str, Any]) -> None:
    structure.check(declared, "us-east-1")


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (conditional("beforeEntry", "FAIL", rule()) | {"pipelineType": "V1"}, "beforeEntry needs pipelineType V2"),
        (conditional("onSuccess", "FAIL", rule(), at=0), "a source stage has no conditions"),
        (conditional("beforeEntry", "ROLLBACK", rule()), "expected FAIL or SKIP"),
        (conditional("onSuccess", "SKIP", rule()), "expected FAIL or ROLLBACK"),
        (conditional("onFailure", "SKIP", rule()), "expected FAIL or ROLLBACK or RETRY"),
        (conditional("onFailure", "FAIL", rule(), result="ROLLBACK"), "either a result, or a condition"),
        (conditional("onFailure", "FAIL", rule(), retryConfiguration={"retryMode": "ALL_ACTIONS"}), "result RETRY"),
        (conditional("beforeEntry", "FAIL"), "one to five rules"),
        (conditional("beforeEntry", "FAIL", rule(), rule()), "must be unique"),
        (conditional("beforeEntry", "SKIP", rule("CloudWatchAlarm")), "only rules of LambdaInvoke and VariableCheck"),
        (conditional("beforeEntry", "FAIL", rule("Quantum")), "Quantum"),
        (conditional("beforeEntry", "FAIL", rule(commands=["ls"])), "which are for provider Commands"),
        (conditional("beforeEntry", "FAIL", rule(region="eu-west-1")), "eu-west-1"),
        (conditional("beforeEntry", "FAIL", rule("CloudWatchAlarm", {"WaitTime": "1"})), "'AlarmName'"),
        (conditional("beforeEntry", "FAIL", rule("CloudWatchAlarm", {"AlarmName": "a", "X": "1"})), "'X'"),
        (conditional("beforeEntry", "FAIL", rule(configuration={"Variable": "v", "Operator": "LT", "Value": "x"})),
         "expected one of EQ, NE, MATCHES, CONTAINS"),
        (conditional("beforeEntry", "FAIL", rule(inputArtifacts=[{"name": "Code"}])), "more than the maximum"),
        (conditional("beforeEntry", "FAIL", rule("CodeBuild", {"ProjectName": "x"}, inputArtifacts=[{"name": "Made"}])),
         "Made in rule R is not declared"),
        (conditional("beforeEntry", "FAIL", rule(configuration={"Variable": "#{Made.X}", "Operator": "EQ",
                                                                "Value": "x"})), "Rule 'R', configuration 'Variable'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_condition_is_named(declared: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError) as caught:
        structure.check(declared, "us-east-1")
    assert words in str(caught.value)


def test_two_inputs_need_a_primary_source_among_them() -> None:
    declared = pipeline()
    made = action("Test", "Test/CodeBuild", {"ProjectName": "x"}, ("Code", "Made"), (), runOrder=3)
    add(declared, made)
    with pytest.raises(structure.InvalidActionDeclarationException, match="PrimarySource"):
        structure.check(declared, "us-east-1")
    made["configuration"]["PrimarySource"] = "Other"
    with pytest.raises(structure.InvalidActionDeclarationException, match="not one of its input"):
        structure.check(declared, "us-east-1")
    made["configuration"]["PrimarySource"] = "Made"
    structure.check(declared, "us-east-1")


@pytest.mark.parametrize(
    ("configuration", "outputs", "words"),
    [
        ({"BatchEnabled": "true", "CombineArtifacts": "true"}, ("A",), ""),
        ({"BatchEnabled": "yes"}, ("A",), "'BatchEnabled' of action 'Test' is 'yes'; expected one of true, false"),
        ({"CombineArtifacts": "true"}, ("A",), "CombineArtifacts of action 'Test' needs BatchEnabled"),
        ({"BatchEnabled": "true", "CombineArtifacts": "true"}, ("A", "B"), "needs BatchEnabled, and one output"),
    ],
)
def test_batches_and_their_artifacts(configuration: dict[str, str], outputs: tuple[str, ...], words: str) -> None:
    declared = pipeline()
    add(
        declared,
        action("Test", "Test/CodeBuild", {"ProjectName": "x", **configuration}, ("Code",), outputs, runOrder=3),
    )
    with pytest.raises(ServiceError, match=words) if words else nullcontext():
        structure.check(declared, "us-east-1")
