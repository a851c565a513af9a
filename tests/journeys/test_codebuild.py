"""CodeBuild with real shells: sources, phases, logs, artifacts, reports, stops, and what a crash leaves."""

import contextlib
import io
import json
import os
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.journey
ROLE = "arn:aws:iam::000000000000:role/build"
IMAGE = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
SPEC = """
version: 0.2
env:
  variables: {STAGE: dev, WHO: buildspec}
  parameter-store: {TOKEN: /app/token}
  exported-variables: [MODEL_VERSION]
phases:
  install: {commands: [cd sub]}
  build:
    commands:
      - echo "who is $WHO in $STAGE, token $TOKEN, $(basename $PWD)"
      - python -c "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'])"
      - aws s3 ls
      - |
        mkdir -p ../dist
        cat > ../dist/unit.xml <<'X'
        <testsuite name="s"><testcase classname="c" name="good" time="0.25"/>
        <testcase classname="c" name="bad" time="0.5"><failure message="1 != 2"/></testcase></testsuite>
        X
        cat > ../dist/cov.xml <<'X'
        <coverage><packages><package><classes><class filename="a.py"><lines><line number="1" hits="1"/>
        <line number="2" hits="0" branch="true" condition-coverage="0% (0/2)"/></lines></class></classes></package>
        </packages></coverage>
        X
  post_build: {commands: [export MODEL_VERSION=7]}
reports:
  unit: {files: [unit.xml], base-directory: dist}
  coverage: {files: [cov.xml], base-directory: dist, file-format: COBERTURAXML}
artifacts: {files: ["**/*"], exclude-paths: "dist/*"}
"""


def environment(**variables: str) -> dict[str, Any]:
    return IMAGE | {"environmentVariables": [{"name": k, "value": v} for k, v in variables.items()]}


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return packed.getvalue()


@pytest.fixture(scope="module")
def codebuild(shared: Any) -> Any:
    return shared.client("codebuild")


@pytest.fixture
def build(codebuild: Any, wait_until: Callable[..., Any]) -> Callable[..., Any]:
    """Start a build of a project and wait for its end."""

    def ended(project: str, **more: Any) -> dict[str, Any]:
        name = codebuild.start_build(projectName=project, **more)["build"]["id"]

        def shown() -> Any:
            found = codebuild.batch_get_builds(ids=[name])["builds"][0]
            return found if found["buildComplete"] else None

        found: dict[str, Any] = wait_until(shown, 20)
        return found

    return ended


def inline(codebuild: Any, name: str, commands: list[str], **more: Any) -> None:
    spec = json.dumps({"version": 0.2, "phases": {"build": {"commands": commands}, **more.pop("phases", {})}, **more})
    codebuild.create_project(
        name=name,
        source={"type": "NO_SOURCE", "buildspec": spec},
        artifacts={"type": "NO_ARTIFACTS"},
        environment=IMAGE,
        serviceRole=ROLE,
    )


def statuses(build: dict[str, Any]) -> dict[str, str]:
    return {phase["phaseType"]: phase["phaseStatus"] for phase in build["phases"] if "phaseStatus" in phase}


def log_of(shared: Any, build: dict[str, Any]) -> str:
    logs = shared.client("logs").get_log_events(
        logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], startFromHead=True
    )
    return "\n".join(event["message"] for event in logs["events"])


def test_a_build_from_s3_with_everything(shared: Any, codebuild: Any, build: Callable[..., Any]) -> None:
    s3 = shared.client("s3")
    s3.put_object(Bucket="bucket", Key="src.zip", Body=zipped(a="1", sub__b="2"))
    shared.client("ssm").put_parameter(Name="/app/token", Value="s3cr3t-value", Type="SecureString")
    codebuild.create_project(
        name="whole",
        source={"type": "S3", "location": "bucket/src.zip", "buildspec": SPEC},
        artifacts={"type": "S3", "location": "bucket", "path": "out", "name": "app.zip", "packaging": "ZIP"},
        environment=environment(WHO="project"),
        serviceRole=ROLE,
    )
    done = build("whole", environmentVariablesOverride=[{"name": "STAGE", "value": "$HOME"}])
    log = log_of(shared, done)
    assert done["buildStatus"] == "SUCCEEDED", (done["phases"], log)
    assert "who is project in $HOME, token ***, sub" in log
    assert "s3cr3t-value" not in log
    assert log.count("bucket") >= 2
    assert done["exportedEnvironmentVariables"] == [{"name": "MODEL_VERSION", "value": "7"}]
    with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket="bucket", Key="out/app.zip")["Body"].read())) as archive:
        assert sorted(archive.namelist()) == ["a", "sub/b"]
    report = codebuild.batch_get_reports(reportArns=done["reportArns"])["reports"][0]
    assert (report["status"], report["testSummary"]["total"]) == ("FAILED", 2)
    assert report["testSummary"]["durationInNanoSeconds"] == 750_000_000
    cases = codebuild.describe_test_cases(reportArn=report["arn"], filter={"status": "FAILED"})["testCases"]
    assert [(case["name"], case["message"]) for case in cases] == [("bad", "1 != 2")]
    (file,) = codebuild.describe_code_coverages(reportArn=done["reportArns"][1])["codeCoverages"]
    assert (file["filePath"], file["lineCoveragePercentage"], file["branchesMissed"]) == ("a.py", 50.0, 2)
    group = report["reportGroupArn"]
    assert codebuild.get_report_group_trend(reportGroupArn=group, trendField="PASS_RATE")["stats"]["average"] == "50"
    assert codebuild.list_builds_for_project(projectName="whole")["ids"] == [done["id"]]


def test_a_failed_build_runs_post_build(shared: Any, codebuild: Any, build: Callable[..., Any]) -> None:
    phases = {"post_build": {"commands": ["echo succeeding $CODEBUILD_BUILD_SUCCEEDING"]}}
    inline(codebuild, "fails", ["(exit 3)", "echo never"], phases=phases)
    done = build("fails")
    assert (done["buildStatus"], statuses(done)["BUILD"], statuses(done)["POST_BUILD"]) == (
        "FAILED",
        "FAILED",
        "SUCCEEDED",
    )
    context = next(phase["contexts"][0] for phase in done["phases"] if phase["phaseType"] == "BUILD")
    assert context["statusCode"] == "COMMAND_EXECUTION_ERROR"
    assert context["message"] == "Error while executing command: (exit 3). Reason: exit status 3"
    log = log_of(shared, done)
    assert "succeeding 0" in log
    assert "never\n" not in log


def running(mark: str) -> list[str]:
    """The processes of this machine with `mark` in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (path / "cmdline").read_text():
                found.append(path.name)
    return found


def test_a_stop_ends_all_that_was_started(shared: Any, codebuild: Any, wait_until: Callable[..., Any]) -> None:
    background = "setsid nohup sh -c 'echo begun > /tmp/back; exec sleep 300.0517' >/dev/null 2>&1 &"
    inline(codebuild, "stops", [background, "echo begun > /tmp/front; sleep 300.0517"])
    name = codebuild.start_build(projectName="stops")["build"]["id"]
    wait_until(lambda: shared.left("front") and shared.left("back"), 20)
    codebuild.stop_build(id=name)
    wait_until(lambda: codebuild.batch_get_builds(ids=[name])["builds"][0]["buildStatus"] == "STOPPED", 10)
    assert not running("300.0517")


def test_a_graph_of_builds_one_of_which_may_fail(codebuild: Any, wait_until: Callable[..., Any]) -> None:
    first = {"identifier": "first", "ignore-failure": "true", "env": {"variables": {"CODE": "3"}}}
    batch = {"build-graph": [first, {"identifier": "second", "depend-on": ["first"]}]}
    inline(codebuild, "graph", ["exit ${CODE:-0}"], batch=batch)
    config = {"serviceRole": ROLE}
    name = codebuild.start_build_batch(projectName="graph", buildBatchConfigOverride=config)["buildBatch"]["id"]

    def shown() -> Any:
        found = codebuild.batch_get_build_batches(ids=[name])["buildBatches"][0]
        return found if found["complete"] else None

    found = wait_until(shown, 20)
    summaries = [group["currentBuildSummary"]["buildStatus"] for group in found["buildGroups"]]
    assert (found["buildBatchStatus"], summaries) == ("SUCCEEDED", ["SUCCEEDED", "FAILED", "SUCCEEDED"])
    ended = [phase["phaseType"] for phase in found["phases"]]
    assert ended == ["SUBMITTED", "DOWNLOAD_BATCHSPEC", "IN_PROGRESS", "SUCCEEDED"]
    assert codebuild.list_build_batches_for_project(projectName="graph")["ids"] == [name]


def test_a_lost_machine_is_a_fault(loopback: Any, wait_until: Callable[..., Any]) -> None:
    codebuild = loopback.client("codebuild")
    inline(codebuild, "lost", ["setsid sh -c 'echo begun > /tmp/lost; exec sleep 300.0518' & wait"])
    name = codebuild.start_build(projectName="lost")["build"]["id"]
    wait_until(lambda: loopback.left("lost"), 20)
    os.kill(loopback.found["pid"], signal.SIGKILL)

    def ended() -> Any:
        try:
            found = codebuild.batch_get_builds(ids=[name])["builds"][0]
        except Exception:  # noqa: BLE001 - nobody answers meanwhile
            return None
        return found if found["buildComplete"] else None

    found = wait_until(ended, 20)
    assert found["buildStatus"] == "FAULT"
    assert "lost" in next(p for p in found["phases"] if p["phaseType"] == "BUILD")["contexts"][0]["message"]
    assert not running("300.0518")
