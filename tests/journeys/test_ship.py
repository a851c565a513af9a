"""A change on its way to production with one command: what arrives, what does not, and what survives on the way."""

import json
from typing import Any

import pytest

from tests.journeys.conftest import until
from tests.journeys.launched import NAME, Launched

pytestmark = pytest.mark.journey


def test_the_first_ship_launches_and_arrives(mill: Launched) -> None:
    out = mill.first.out
    assert "CREATE_COMPLETE" not in out  # the full list is for `slipway launch`
    launch = next(line for line in out.splitlines() if line.startswith("launched in "))
    assert launch.endswith(" resources")
    closing = out[out.index("stage ") :]
    assert max(len(line.rstrip()) for line in closing.splitlines()) <= 80
    for word in ("mill-staging", "mill-prod", "InService", "approved by", "mill-prod-latency", "prod answers {", "->"):
        assert word in closing
    assert "from commit to production" in closing
    assert mill.arrived.serving == (1, 1)
    assert mill.arrived.life_cycle == {"Stage": "Production", "StageStatus": "Approved"}
    assert set(mill.arrived.deployments) == {"Succeeded"}
    began = mill.deployments()[-1]["pipelineExecutionId"]  # with the project, before anything was approved
    assert mill.summary(began) == {"Source": "Succeeded", "Build": "Succeeded"}
    asked = mill.client("codepipeline").list_rule_executions(
        pipelineName=mill.project.deploy, filter={"pipelineExecutionId": began}
    )["ruleExecutionDetails"]
    assert [(rule["stageName"], rule["status"]) for rule in reversed(asked)] == [
        ("DeployStaging", "Failed"),
        ("ApproveProd", "Failed"),
        ("DeployProd", "Failed"),
        ("WatchProd", "Failed"),
    ]


def test_a_changed_line_goes_round_as_an_update_that_no_caller_notices(mill: Launched) -> None:
    sagemaker, scaling = mill.client("sagemaker"), mill.client("application-autoscaling")
    newest = mill.versions()[0]["ModelPackageVersion"]
    before = {stage: sagemaker.describe_endpoint(EndpointName=f"{NAME}-{stage}") for stage in ("staging", "prod")}
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=f"{NAME}-prod",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )
    instances(mill, 3)
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    mill.edit("slipway/tabular/scripts/train.py", '"""Train: ', '"""Train, once more: ')
    with mill.steady_traffic("prod") as counts:
        told = mill.slipway("ship", "churn", "--approve", "auto", "--message", "once more", "--json").json
    assert set(counts) == {"answered"}, counts
    assert counts["answered"] > 100
    made = told["version"]
    assert made == newest + 1
    assert mill.package(made)["CustomerMetadataProperties"]["CommitId"] == told["commit"]
    assert told["commit"] != mill.package(1)["CustomerMetadataProperties"]["CommitId"]
    assert [(row["version"], row["status"]) for row in told["stages"]] == [(made, "InService")] * 2
    assert told["lead_seconds"] > told["approval_seconds"]
    assert {"Build (build)", "Train", "DeployStaging", "DeployProd"} <= {span["name"] for span in told["spans"]}
    for stage, was in before.items():
        now = sagemaker.describe_endpoint(EndpointName=f"{NAME}-{stage}")
        assert now["CreationTime"] == was["CreationTime"]
        assert now["EndpointConfigName"] != was["EndpointConfigName"]
    instances(mill, 3)
    after = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert [(t["MinCapacity"], t["MaxCapacity"], t["CreationTime"]) for t in after] == [
        (t["MinCapacity"], t["MaxCapacity"], t["CreationTime"]) for t in targets
    ]
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]


def test_a_model_that_answers_wrongly_is_stopped_in_staging(mill: Launched) -> None:
    serving = mill.serves("prod")
    path, right = "slipway/tabular/scripts/inference.py", "model.predict(model.parse(body, content_type))"
    mill.edit(path, right, f"(0.9 - {right})")
    try:
        said = mill.slipway("ship", "churn", "--approve", "auto", code=1)
    finally:
        mill.edit(path, f"(0.9 - {right})", right)
    assert "TestStaging" in said.err
    assert "modeldeploy ended Failed" in said.err
    last = mill.deployments()[0]["pipelineExecutionId"]
    assert "ApproveProd" not in mill.actions(last)
    assert mill.serves("staging") == mill.versions()[0]["ModelPackageVersion"]
    assert mill.serves("prod") == serving


def test_new_data_start_a_build_by_themselves(mill: Launched) -> None:
    client, known = mill.client("codepipeline"), builds(mill)
    versions = [version["ModelPackageVersion"] for version in mill.versions()]
    s3, bucket = mill.client("s3"), mill.project.bucket
    prefix = mill.project.outputs["DataUri"].removeprefix(f"s3://{bucket}/")
    row = json.loads(mill.row())[0]
    s3.put_object(Bucket=bucket, Key=f"{prefix}churn.csv", Body=",".join(row).encode())
    until(lambda: len(builds(mill)) > len(known), 20)
    started = next(execution for execution in builds(mill) if execution not in known)
    told = client.get_pipeline_execution(pipelineName=mill.project.build, pipelineExecutionId=started)
    assert told["pipelineExecution"]["trigger"]["triggerType"] == "CloudWatchEvent"
    until(lambda: build_status(mill, started) == "Failed", 60, lambda: build_status(mill, started))  # a heading alone
    assert [version["ModelPackageVersion"] for version in mill.versions()] == versions
    s3.delete_object(Bucket=bucket, Key=f"{prefix}churn.csv")


def test_a_trip_arrives_though_the_control_plane_is_killed_twice(mill: Launched) -> None:
    """A build that is cut off has failed, as on AWS when its machine is lost; the stage is tried again."""
    mill.edit("slipway/tabular/scripts/train.py", '"""Train', '"""Train again')
    known, pipeline = builds(mill), mill.project.build
    mill.slipway_push("killed on the way")
    build = until(lambda: next((e for e in builds(mill) if e not in known), ""), 20)
    until(lambda: "Build" in build_actions(mill, build), 30)
    mill.crash()
    until(lambda: build_status(mill, build) == "Failed", 60, lambda: str(build_actions(mill, build)))
    mill.client("codepipeline").retry_stage_execution(
        pipelineName=pipeline, stageName="Build", pipelineExecutionId=build, retryMode="FAILED_ACTIONS"
    )
    until(lambda: build_status(mill, build) == "Succeeded", 90, lambda: str(build_actions(mill, build)))
    number = mill.versions()[0]["ModelPackageVersion"]
    mill.approve(number)
    execution = mill.deployment_of(number)
    mill.at(execution, "DeployStaging", "InProgress")
    mill.crash()
    mill.answer(execution)
    assert mill.ended(execution) == "Succeeded"
    assert (mill.serves("staging"), mill.serves("prod")) == (number, number)


def instances(mill: Launched, wanted: int) -> None:
    def found() -> Any:
        (variant,) = mill.client("sagemaker").describe_endpoint(EndpointName=f"{NAME}-prod")["ProductionVariants"]
        return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]

    until(lambda: found() == (wanted, wanted), 20, lambda: str(found()))


def builds(mill: Launched) -> list[str]:
    listed = mill.client("codepipeline").list_pipeline_executions(pipelineName=mill.project.build)
    return [execution["pipelineExecutionId"] for execution in listed["pipelineExecutionSummaries"]]


def build_status(mill: Launched, execution: str) -> str:
    found = mill.client("codepipeline").get_pipeline_execution(
        pipelineName=mill.project.build, pipelineExecutionId=execution
    )
    return str(found["pipelineExecution"]["status"])


def build_actions(mill: Launched, execution: str) -> dict[str, str]:
    details = mill.client("codepipeline").list_action_executions(
        pipelineName=mill.project.build, filter={"pipelineExecutionId": execution}
    )["actionExecutionDetails"]
    return {detail["actionName"]: detail["status"] for detail in details}
