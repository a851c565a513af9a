"""Versions that travel at once, and versions that must not arrive: nothing is deployed that nobody approved."""

import re
import subprocess
import sys

import pytest

from tests.journeys.conftest import until
from tests.journeys.launched import FINAL, Launched

pytestmark = pytest.mark.journey


def test_of_two_approvals_at_once_each_goes_its_own_way_or_is_overtaken(mill: Launched) -> None:
    versions = [mill.registered() for _ in range(3)]
    for number in versions:
        mill.approve(number)
    begun = {mill.deployment_of(number): number for number in versions}
    order = [found["pipelineExecutionId"] for found in mill.deployments()]  # events come in any order
    *earlier, last = sorted(begun, key=order.index, reverse=True)
    for execution in earlier:  # it is overtaken, or ahead: then it waits for its person, who says no
        until(lambda e=execution: mill.status(e) in FINAL or "ApproveProd" in mill.actions(e), 60)
        if mill.status(execution) == "InProgress":
            mill.answer(execution, "Rejected")
            assert mill.ended(execution) == "Failed"
        else:
            assert mill.status(execution) == "Superseded"
        assert "DeployProd" not in mill.actions(execution)
    mill.answer(last)
    assert mill.ended(last) == "Succeeded"
    assert (mill.serves("staging"), mill.serves("prod")) == (begun[last], begun[last])


def test_an_approval_and_a_push_during_a_deployment_wait_for_it(mill: Launched) -> None:
    earlier, later = mill.registered(), mill.registered()
    mill.approve(earlier)
    before = mill.deployment_of(earlier)
    mill.at(before, "DeployStaging", "InProgress", "Succeeded")
    mill.approve(later)
    after = mill.deployment_of(later)
    mill.answer(before)
    assert mill.ended(before) == "Succeeded"
    mill.at(after, "ApproveProd", "InProgress")
    assert (mill.serves("staging"), mill.serves("prod")) == (later, earlier)
    mill.answer(after)
    mill.at(after, "DeployProd", "Succeeded")  # until then a push takes the version that it finds in production
    mill.edit("deploy/stages/staging.yml", "latency_ms: 500", "latency_ms: 501")
    pushing = mill.begin("ship", "churn", "--approve", "auto", "--json")
    assert mill.ended(after) == "Succeeded"
    told = mill.end(pushing).json
    assert told["version"] == later
    assert (mill.serves("staging"), mill.serves("prod")) == (later, later)
    assert [span["name"] for span in told["spans"]][:2] == ["Source", "Build"]  # modeldeploy alone: nothing to build


def test_a_version_that_is_rejected_while_it_waits_stays_out_of_production(mill: Launched) -> None:
    serving, number = mill.serves("prod"), mill.registered()
    mill.approve(number)
    execution = mill.deployment_of(number)
    mill.at(execution, "ApproveProd", "InProgress")
    mill.decide(number, "Rejected")
    mill.answer(execution)
    assert mill.ended(execution) == "Failed"
    actions = mill.actions(execution)
    assert actions["StillApproved"]["status"] == "Failed"
    why = actions["StillApproved"]["output"]["executionResult"]["errorDetails"]["message"]
    assert f"/{number} is Rejected by now (by the story)" in why
    assert "DeployProd" not in actions
    assert mill.serves("prod") == serving


def test_a_rejection_deploys_nothing(mill: Launched) -> None:
    serving, number = mill.serves("prod"), mill.registered()
    known = len(mill.deployments())
    mill.slipway("reject", str(number), "--reason", "by the story")
    refused = mill.slipway("promote", str(number), code=1)
    assert "is Rejected" in refused.err
    assert f"slipway approve {number}" in refused.err
    approved = mill.registered()
    mill.approve(approved)
    execution = mill.deployment_of(approved)  # the event of the rejection came before this one
    assert len(mill.deployments()) == known + 1
    mill.answer(execution, "Rejected")
    assert mill.ended(execution) == "Failed"
    assert mill.serves("prod") == serving


def test_release_promote_and_rollback(mill: Launched) -> None:
    serving, number = mill.serves("prod"), mill.registered()
    mill.slipway("approve", str(number))
    mill.at(mill.deployment_of(number), "ApproveProd", "InProgress")
    refused = mill.slipway("release", "--refuse", "not today", "--json").json
    assert refused["status"] == "Failed"
    assert mill.serves("prod") == serving
    assert mill.slipway("release", code=1).err.startswith("slipway: Nothing waits for approval")

    promoted = mill.slipway("promote", str(number))
    assert "ApproveProd waits for a person: slipway release" in promoted.out
    released = mill.slipway("release", "--json").json
    assert released["status"] == "Succeeded"
    assert [row["version"] for row in released["stages"]] == [number, number]

    back = mill.slipway("rollback", "prod")
    assert f"prod goes back from version {number} to version {serving}" in back.out
    assert (mill.serves("staging"), mill.serves("prod")) == (number, serving)
    forth = mill.slipway("rollback", "prod", "--to", str(number), "--json").json
    assert forth["status"] == "Succeeded"
    assert mill.serves("prod") == number
    again = mill.slipway("rollback", "prod", "--to", "1")
    assert "to version 1" in again.out
    assert mill.serves("prod") == 1

    mill.edit("deploy/stages/prod.yml", "latency_ms: ", "latency_ms: 1")
    told = mill.slipway("ship", "churn", "--approve", "auto", "--json").json
    assert told["version"] == 1  # settings alone: the newer versions are approved still, and stay out
    assert (mill.serves("staging"), mill.serves("prod")) == (1, 1)


def test_champion_and_challenger_of_one_push(mill: Launched) -> None:
    """Settings alone: production stays with its version, and the other answers a share."""
    champion, challenger = mill.serves("prod"), mill.registered()
    mill.approve(challenger)
    mill.answer(mill.deployment_of(challenger), "Rejected")  # approved, and not in production
    path = "deploy/stages/prod.yml"
    before = (mill.folder / path).read_text()
    alone = re.sub(r"^autoscaling:\n(  .*\n)+", "", before, flags=re.MULTILINE)
    alone = re.sub(r"shift: canary .*\n  percent: \d+\n", "shift: all_at_once\n", alone)
    (mill.folder / path).write_text(f"{alone}ab: {{version: {challenger}, percent: 20}}\n")
    told = mill.slipway("ship", "churn", "--approve", "auto", "--json").json
    assert told["version"] == champion
    assert variants(mill) == {"AllTraffic": (champion, 0.8), "Challenger": (challenger, 0.2)}
    counted = mill.slipway("traffic", "prod", "--seconds", "3", "--json").json
    assert counted["answered"]["AllTraffic"] > counted["answered"]["Challenger"] > 0
    assert counted["failed"] == {}
    (mill.folder / path).write_text(alone)
    assert mill.slipway("ship", "churn", "--approve", "auto", "--json").json["version"] == champion
    assert variants(mill) == {"AllTraffic": (champion, 1.0)}
    (mill.folder / path).write_text(before)
    assert mill.slipway("ship", "churn", "--approve", "auto", "--json").json["version"] == champion


def variants(mill: Launched) -> dict[str, tuple[int, float]]:
    """What serves production: version and share of each variant."""
    sagemaker = mill.client("sagemaker")
    found = sagemaker.describe_endpoint(EndpointName=mill.project.endpoint("prod"))
    config = sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])["ProductionVariants"]
    total = sum(variant["CurrentWeight"] for variant in found["ProductionVariants"])
    shares = {variant["VariantName"]: variant["CurrentWeight"] / total for variant in found["ProductionVariants"]}
    served = {}
    for variant in config:
        model = sagemaker.describe_model(ModelName=variant["ModelName"])
        container = model.get("PrimaryContainer") or model["Containers"][0]
        number = int(container["ModelPackageName"].rpartition("/")[2])
        served[variant["VariantName"]] = (number, round(shares[variant["VariantName"]], 6))
    return served


def test_a_push_to_both_halves_deploys_once(mill: Launched) -> None:
    known = {execution["pipelineExecutionId"] for execution in mill.deployments()}
    mill.edit("deploy/stages/prod.yml", "percent: 10", "percent: 20")
    mill.edit("slipway/tabular/scripts/train.py", '"""Train', '"""Train, for both halves')
    told = mill.slipway("ship", "churn", "--approve", "auto", "--json").json
    assert mill.serves("prod") == told["version"] == mill.versions()[0]["ModelPackageVersion"]
    begun = [e["pipelineExecutionId"] for e in mill.deployments() if e["pipelineExecutionId"] not in known]
    deployed = [execution for execution in begun if "DeployStaging" in mill.actions(execution)]
    assert [mill.carried(execution) for execution in deployed] == [mill.arn(told["version"])]
    assert {mill.ended(execution) for execution in begun} <= {"Succeeded", "Superseded"}


def test_what_runs_where_and_how_it_answers(mill: Launched) -> None:
    rows = mill.slipway("stages", "--json").json
    assert [(row["stage"], row["endpoint"], row["status"]) for row in rows] == [
        ("staging", "mill-staging", "InService"),
        ("prod", "mill-prod", "InService"),
    ]
    assert [row["version"] for row in rows] == [mill.serves("staging"), mill.serves("prod")]
    counted = mill.slipway("traffic", "staging", "--seconds", "2", "--json").json
    assert counted["answered"]["AllTraffic"] > 0
    assert counted["failed"] == {}
    assert counted["p95_ms"] >= counted["p50_ms"] > 0
    until(lambda: _requests(mill) >= counted["answered"]["AllTraffic"], 10)


def _requests(mill: Launched) -> float:
    """What the dashboard of staging shows of them."""
    shown = mill.slipway("dashboard", "staging", "--json").json
    (panel,) = (one for one in shown["panels"] if one["title"] == "Requests a minute")
    return float(sum(value for _, value in panel["series"]["Invocations"]))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["promote", "999"], 1, "has no version 999"),
        (["rollback", "prod", "--to", "999"], 1, "has not run version 999"),
        (["rollback", "moon"], 2, "There is no stage moon"),
        (["traffic", "moon", "--seconds", "1"], 2, "There is no stage moon"),
        (["ship", "abalone"], 1, "builds pipelines/churn, not abalone"),
        (["ship", "churn", "--data", "nothing.csv"], 2, "nothing.csv"),
    ],
)
def test_a_wrong_word_is_one_line(mill: Launched, arguments: list[str], code: int, words: str) -> None:
    said = mill.slipway(*arguments, code=code)
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


@pytest.mark.parametrize("arguments", [["stages"], ["release"], ["promote", "1"], ["rollback", "prod"]])
def test_without_a_project_it_says_how_to_launch_one(mill: Launched, arguments: list[str]) -> None:
    mill.environ["SAGEMAKER_PROJECT_NAME"] = "nobody"
    try:
        said = mill.slipway(*arguments, code=1)
    finally:
        mill.environ["SAGEMAKER_PROJECT_NAME"] = "mill"
    assert "There is no project nobody" in said.err
    assert "slipway launch nobody" in said.err
    assert said.err.count("\n") == 1


BY_HAND = """
import os, sys
from pipelines.churn.pipeline import get_pipeline

pipeline = get_pipeline(role=os.environ["ROLE"], default_bucket=os.environ["BUCKET"], pipeline_name="by-hand")
print(pipeline.upsert(role_arn=os.environ["ROLE"])["PipelineArn"])
execution = pipeline.start(parameters={"InputDataUrl": os.environ["DATA"]})
execution.wait(delay=1, max_attempts=300)
print(execution.describe()["PipelineExecutionStatus"], *sorted(s["StepName"] for s in execution.list_steps()))
"""


def test_the_sdk_makes_and_starts_our_pipeline(mill: Launched) -> None:
    """`get_pipeline().upsert()` and `.start()` as with any pipeline of the SDK, from a script in the checkout."""
    data = mill.package(1)["CustomerMetadataProperties"]["InputDataUrl"]
    given = {"ROLE": mill.project.outputs["PipelineExecutionRoleArn"], "BUCKET": mill.project.bucket, "DATA": data}
    done = subprocess.run(
        [sys.executable, "-c", BY_HAND],
        cwd=mill.folder,
        env=mill.environ | given,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    arn, ended = done.stdout.splitlines()[-2:]
    assert arn.endswith(":pipeline/by-hand")
    assert ended == "Succeeded Baseline Evaluate Gate Prepare Register Train"
    (version,) = mill.client("sagemaker").list_model_packages(ModelPackageGroupName="by-hand")[
        "ModelPackageSummaryList"
    ]
    assert version["ModelApprovalStatus"] == "PendingManualApproval"
