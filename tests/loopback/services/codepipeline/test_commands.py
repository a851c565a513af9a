"""Commands actions: a build of their own, without a project."""

import json
from typing import Any

from loopback.core.kinds import BUILD


def ended(world: Any, event: str, **result: Any) -> None:
    (row,) = world.context.store.find(BUILD, status="IN_PROGRESS")
    world.context.store.fire(BUILD, row.name, event, result)
    world.on_change(BUILD.slug, row.name)
    world.settle()


def test_commands_run_as_a_build_and_give_their_variables(world: Any, act: Any, stage: Any) -> None:
    commit = world.push(a="1")
    run = act(
        "Run",
        "Compute/Commands",
        inputs=("Code",),
        namespace="Ran",
        commands=["echo #{Src.CommitId} > out.txt", "export SAID=$WHO"],
        environmentVariables=[{"name": "WHO", "value": "#{Src.BranchName}"}],
        outputVariables=["SAID", "CODEBUILD_BUILD_ID"],
    ) | {"outputArtifacts": [{"name": "Out", "files": ["out.txt"]}]}
    ask = act("Ask", "Approval/Manual", {"CustomData": "#{Ran.SAID} #{Ran.CODEBUILD_BUILD_ID}"}, runOrder=2)
    world.create(stage("Two", run, ask))
    (build,) = world.context.store.find(BUILD)
    assert json.loads(build.doc["source"]["buildspec"]) == {
        "version": "0.2",
        "env": {"exported-variables": ["SAID"]},
        "phases": {"build": {"commands": [f"echo {commit} > out.txt", "export SAID=$WHO"]}},
        "artifacts": {"files": ["out.txt"]},
    }
    assert build.doc["environment"]["environmentVariables"] == [{"type": "PLAINTEXT", "name": "WHO", "value": "main"}]
    assert build.doc["serviceRole"] == "arn:aws:iam::000000000000:role/pipeline"
    assert build.result["logs"]["groupName"] == "/aws/codepipeline/p"
    assert world.latest("Run")["logStreamARN"].endswith(f":log-stream:{build.name.partition(':')[2]}")
    ended(world, "succeed", exported={"SAID": "main"})
    shown = world.ask("ListActionExecutions", pipelineName="p")["actionExecutionDetails"]
    assert shown[0]["input"]["resolvedConfiguration"] == {"CustomData": f"main {build.name}"}


def test_a_rule_of_commands_says_no_by_its_exit_status(world: Any, act: Any, stage: Any) -> None:
    world.push(a="1")
    kind = {"category": "Rule", "owner": "AWS", "provider": "Commands", "version": "1"}
    rule = {"name": "Check", "ruleTypeId": kind, "commands": ["exit 3"], "inputArtifacts": [{"name": "Code"}]}
    condition = {"conditions": [{"result": "FAIL", "rules": [rule]}]}
    world.create(stage("Two", act("Ask", "Approval/Manual"), beforeEntry=condition))
    ended(world, "fail", failure="exit status 3")
    assert world.statuses() == ["Failed"]
    shown = world.ask("GetPipelineState", name="p")["stageStates"][1]["beforeEntryConditionState"]
    assert shown["latestExecution"]["summary"] == "Check: exit status 3"
