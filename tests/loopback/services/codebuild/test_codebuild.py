"""Projects, builds and reports as callers see them; nothing runs here."""

import json
from dataclasses import replace
from typing import Any

import pytest

from loopback.core.artifacts import Artifact
from loopback.core.aws_warnings import AwsWarning
from loopback.core.errors import ServiceError
from loopback.core.kinds import BUILD, REPORT
from loopback.core.quota_rules import QuotaRules
from loopback.runtimes.codebuild.formats import cases, coverages
from loopback.runtimes.codebuild.formats.cases import Case
from loopback.runtimes.codebuild.formats.coverages import Coverage
from loopback.services import registry
from loopback.services.announce import announcements
from loopback.services.codebuild import handlers as _registered  # noqa: F401  # the operations
from loopback.services.codebuild.builds import BuildOverrides, start_for_pipeline
from loopback.wire import json11

ENVIRONMENT = {"type": "LINUX_CONTAINER", "image": "any/image:1", "computeType": "BUILD_GENERAL1_SMALL"}
INLINE = {"type": "NO_SOURCE", "buildspec": "version: 0.2"}


class CodeBuild:
    def __init__(self, context: registry.Context) -> None:
        self.context = context

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        return registry.call("codebuild", operation, request, self.context)

    def project(self, name: str = "p1", **more: Any) -> dict[str, Any]:
        base = {"source": INLINE, "artifacts": {"type": "NO_ARTIFACTS"}, "environment": ENVIRONMENT, "serviceRole": "r"}
        return self("CreateProject", name=name, **(base | more))["project"]

    def start(self, **more: Any) -> dict[str, Any]:
        return self("StartBuild", projectName="p1", **more)["build"]


@pytest.fixture
def codebuild(context: registry.Context) -> CodeBuild:
    return CodeBuild(context)


def test_builds_beyond_the_account_s_quota_are_told(context: registry.Context) -> None:
    told: list[AwsWarning] = []
    codebuild = CodeBuild(replace(context, quotas=QuotaRules(is_new=True, warn=told.append)))
    codebuild.project()
    large = ENVIRONMENT | {"computeType": "BUILD_GENERAL1_LARGE"}
    codebuild.project("large", environment=large)
    codebuild.start()
    codebuild("StartBuild", projectName="large")  # another environment has a quota of its own
    assert told == []
    codebuild.start()
    assert [(one.subject, one.text) for one in told] == [
        (
            "Concurrently running builds for Linux/Small environment",
            "2 builds at once; by default AWS gives 1 (2024-02-10)",
        )
    ]


def test_a_project_from_its_making_to_its_end(codebuild: CodeBuild) -> None:
    made = codebuild.project(tags=[{"key": "a", "value": "b"}])
    assert made["arn"] == "arn:aws:codebuild:us-east-1:000000000000:project/p1"
    assert (made["timeoutInMinutes"], made["queuedTimeoutInMinutes"]) == (60, 480)
    assert made["tags"] == [{"key": "a", "value": "b"}]
    with pytest.raises(ServiceError, match="already exists") as refused:
        codebuild.project()
    assert refused.value.code == "ResourceAlreadyExistsException"
    assert codebuild("UpdateProject", name="p1", description="d")["project"]["source"] == INLINE
    codebuild.project("other")
    assert codebuild("ListProjects")["projects"] == ["other", "p1"]
    found = codebuild("BatchGetProjects", names=[made["arn"], "nope"])
    assert ([p["description"] for p in found["projects"]], found["projectsNotFound"]) == (["d"], ["nope"])
    codebuild("DeleteProject", name="p1")
    codebuild("DeleteProject", name="p1")
    assert codebuild("ListProjects")["projects"] == ["other"]


VARIABLE = {"name": "CODEBUILD_X", "value": "1"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "a b"}, "'a b' at 'name' failed to satisfy constraint: Member must satisfy regular"),
        ({"timeoutInMinutes": 4}, "timeoutInMinutes"),
        ({"timeoutInMinutes": 2161}, "timeoutInMinutes"),
        ({"source": {"type": "CODEPIPELINE"}}, "with CodePipeline both must be CODEPIPELINE"),
        ({"artifacts": {"type": "CODEPIPELINE"}}, "with CodePipeline both must be CODEPIPELINE"),
        ({"source": {"type": "NO_SOURCE"}}, "needs a buildspec"),
        ({"source": {"type": "S3"}}, "needs a location"),
        ({"source": {"type": "S3", "location": "bucket"}}, "expected bucket/key.zip"),
        ({"artifacts": {"type": "S3"}}, "the name of a bucket"),
        ({"artifacts": {"type": "S3", "location": "b", "path": "../x"}}, "may not contain"),
        ({"environment": ENVIRONMENT | {"environmentVariables": [VARIABLE]}}, "CODEBUILD_ are reserved"),
        ({"environment": ENVIRONMENT | {"type": "WINDOWS_CONTAINER"}}, "WINDOWS_CONTAINER"),
        ({"secondarySources": [INLINE]}, "needs sourceIdentifier"),
        ({"cache": {"type": "S3"}}, "needs a location"),
        ({"fileSystemLocations": [{"type": "EFS"}]}, "does not carry out fileSystemLocations"),
        ({"environment": ENVIRONMENT | {"computeType": "HUGE"}}, "HUGE"),
        ({"logsConfig": {"s3Logs": {"status": "ENABLED"}}}, "s3Logs needs a location"),
        ({"tags": [{"value": "v"}]}, "every tag needs a key"),
    ],
)
def test_projects_that_are_refused(codebuild: CodeBuild, more: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        codebuild.project(**more)
    assert codebuild("ListProjects")["projects"] == []


def test_a_build_is_the_project_with_the_requests_overrides(codebuild: CodeBuild, changes: list[Any]) -> None:
    variables = [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
    codebuild.project(environment=ENVIRONMENT | {"environmentVariables": variables})
    changes.clear()
    build = codebuild.start(
        environmentVariablesOverride=[{"name": "B", "value": "2"}],
        imageOverride="other",
        buildspecOverride="version: 0.2\n",
        timeoutInMinutesOverride=7,
    )
    assert [(v["name"], v["value"]) for v in build["environment"]["environmentVariables"]] == [("A", "1"), ("B", "2")]
    assert (build["environment"]["image"], build["source"]["buildspec"], build["timeoutInMinutes"]) == (
        "other",
        "version: 0.2\n",
        7,
    )
    assert (build["buildNumber"], build["buildStatus"], build["currentPhase"]) == (1, "IN_PROGRESS", "SUBMITTED")
    project, _, mark = build["id"].partition(":")
    assert (build["logs"]["groupName"], build["logs"]["streamName"]) == (f"/aws/codebuild/{project}", mark)
    assert changes == [("build", build["id"])]
    assert codebuild.start()["buildNumber"] == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"debugSessionEnabled": True}, "debugSessionEnabled"),
        ({"fleetOverride": {"fleetArn": "arn:aws:codebuild:us-east-1:1:fleet/f:1"}}, "fleetOverride"),
        ({"sourceTypeOverride": "S3"}, "needs a location"),
        ({"timeoutInMinutesOverride": 3000}, "timeoutInMinutes"),
    ],
)
def test_builds_that_are_refused(codebuild: CodeBuild, more: dict[str, Any], words: str) -> None:
    codebuild.project()
    with pytest.raises(ServiceError, match=words):
        codebuild.start(**more)
    assert codebuild("ListBuilds")["ids"] == []


def test_a_pipelines_project_is_started_by_pipelines(codebuild: CodeBuild) -> None:
    codebuild.project(source={"type": "CODEPIPELINE"}, artifacts={"type": "CODEPIPELINE"})
    with pytest.raises(ServiceError, match="takes its source from CodePipeline"):
        codebuild.start()
    inline = {"sourceTypeOverride": "NO_SOURCE", "buildspecOverride": "version: 0.2"}
    with pytest.raises(ServiceError, match="give artifactsOverride too"):
        codebuild.start(**inline)
    assert codebuild.start(**inline, artifactsOverride={"type": "NO_ARTIFACTS"})["id"]


def test_for_a_pipeline(codebuild: CodeBuild) -> None:
    codebuild.project(source={"type": "CODEPIPELINE", "buildspec": "b.yml"}, artifacts={"type": "CODEPIPELINE"})
    given: dict[str, Any] = {"initiator": "codepipeline/x", "environment": [], "outputs": [], "source_version": "v"}
    source = [Artifact("Src", "b", "k")]
    asked = BuildOverrides(**given, inputs=source, primary="Src", timeout_minutes=9)
    name = start_for_pipeline("p1", codebuild.context, asked)
    row = codebuild.context.store.get(BUILD, name)
    assert row.doc["source"] == {"type": "CODEPIPELINE", "buildspec": "b.yml"}
    assert (row.doc["initiator"], row.doc["timeoutInMinutes"]) == ("codepipeline/x", 9)
    with pytest.raises(ServiceError, match="'Other' is not among the input artifacts: Src"):
        start_for_pipeline("p1", codebuild.context, replace(asked, primary="Other"))
    with pytest.raises(ServiceError, match="Project cannot be found") as refused:
        start_for_pipeline("nope", codebuild.context, asked)
    assert refused.value.code == "ResourceNotFoundException"
    codebuild.context.store.fire(BUILD, name, "fail", {"phases": []})
    with pytest.raises(ServiceError, match="belongs to a pipeline"):
        codebuild("RetryBuild", id=name)


def test_lists_pages_and_lookups(codebuild: CodeBuild, clock: Any) -> None:
    codebuild.project()
    ids = []
    for _ in range(101):
        clock.now += 1
        ids.append(codebuild.start()["id"])
    first = codebuild("ListBuildsForProject", projectName="p1", sortOrder="ASCENDING")
    second = codebuild("ListBuildsForProject", projectName="p1", sortOrder="ASCENDING", nextToken=first["nextToken"])
    assert first["ids"] + second["ids"] == ids
    assert "nextToken" not in second
    assert codebuild("ListBuilds")["ids"][0] == ids[-1]
    found = codebuild("BatchGetBuilds", ids=[ids[0], "p1:nope"])
    assert ([b["id"] for b in found["builds"]], found["buildsNotFound"]) == ([ids[0]], ["p1:nope"])
    for token in ("x", "MQ==", "LTE=", "²"):
        with pytest.raises(ServiceError, match="nextToken"):
            codebuild("ListBuilds", nextToken=token)


def test_a_token_starts_one_build(codebuild: CodeBuild) -> None:
    codebuild.project()
    assert codebuild.start(idempotencyToken="t")["id"] == codebuild.start(idempotencyToken="t")["id"]


def test_stop_and_retry(codebuild: CodeBuild, changes: list[Any]) -> None:
    codebuild.project()
    name = codebuild.start(sourceVersion="v")["id"]
    with pytest.raises(ServiceError, match="has not ended"):
        codebuild("RetryBuild", id=name)
    codebuild("StopBuild", id=name)
    assert codebuild.context.store.get(BUILD, name).result["stopping"]
    assert changes[-1] == ("build", name)
    with pytest.raises(ServiceError, match="is running; stop it first"):
        codebuild("DeleteProject", name="p1")
    codebuild.context.store.fire(BUILD, name, "stop")
    again = codebuild("RetryBuild", id=name)["build"]
    assert (again["sourceVersion"], again["buildNumber"]) == ("v", 2)
    with pytest.raises(ServiceError, match="There is no build p1:nope"):
        codebuild("StopBuild", id="p1:nope")


def test_a_limit_of_concurrent_builds(codebuild: CodeBuild) -> None:
    codebuild.project(concurrentBuildLimit=1)
    name = codebuild.start()["id"]
    with pytest.raises(ServiceError, match="1 build at a time") as refused:
        codebuild.start()
    assert refused.value.code == "AccountLimitExceededException"
    codebuild.context.store.fire(BUILD, name, "succeed")
    codebuild.start()


def test_events(codebuild: CodeBuild) -> None:
    codebuild.project()
    name, store = codebuild.start()["id"], codebuild.context.store
    times = {"startTime": 1_504_282_349.0, "endTime": 1_504_282_350.0}
    failed = {"phaseStatus": "FAILED", "contexts": [{"statusCode": "E", "message": "m"}], "durationInSeconds": 1}
    phase = {"phaseType": "BUILD", **times, **failed}
    store.amend(BUILD, name, "phase BUILD", result={"phases": [phase]})
    last = {"phaseType": "FINALIZING", **times, "phaseStatus": "SUCCEEDED", "contexts": [], "durationInSeconds": 1}
    store.fire(BUILD, name, "fail", {"phases": [phase, last, {"phaseType": "COMPLETED", "startTime": 1.0}]})
    told = [one for event in store.events(0) for one in announcements(event, codebuild.context)]
    assert {one.source for one in told} == {"aws.codebuild"}
    states = [one.detail for one in told if one.title == "CodeBuild Build State Change"]
    assert [detail["build-status"] for detail in states] == ["IN_PROGRESS", "FAILED"]
    assert states[1]["project-name"] == "p1"
    assert states[1]["build-id"] == f"arn:aws:codebuild:us-east-1:000000000000:build/{name}" == told[0].resources[0]
    assert states[1]["additional-information"]["build-complete"] is True
    phases = [one.detail for one in told if one.title == "CodeBuild Build Phase Change"]
    assert [(d["completed-phase"], d["completed-phase-status"]) for d in phases] == [
        ("BUILD", "FAILED"),
        ("FINALIZING", "SUCCEEDED"),
    ]
    assert json.loads(phases[0]["completed-phase-context"]) == ["E: m"]
    assert phases[0]["completed-phase-start"] == "Sep 1, 2017 4:12:29 PM"
    json.dumps([one.detail for one in told])


def test_report_groups(codebuild: CodeBuild) -> None:
    made = codebuild("CreateReportGroup", name="gg", type="TEST", exportConfig={"exportConfigType": "NO_EXPORT"})
    arn = made["reportGroup"]["arn"]
    with pytest.raises(ServiceError, match="does not carry out the export"):
        codebuild("CreateReportGroup", name="hh", type="TEST", exportConfig={"exportConfigType": "S3"})
    report = arn.replace("report-group/gg", "report/gg:1")
    cases = [{"name": "a", "status": "FAILED"}, {"name": "b", "status": "SUCCEEDED"}]
    doc = {"arn": report, "status": "FAILED", "expired": 2.0}
    codebuild.context.store.create(REPORT, "gg:1", doc, parent="gg", result={"cases": cases})
    assert codebuild("ListReports")["reports"] == [report]
    assert codebuild("ListReports", filter={"status": "SUCCEEDED"})["reports"] == []
    assert codebuild("ListReportsForReportGroup", reportGroupArn=arn)["reports"] == [report]
    assert codebuild("BatchGetReports", reportArns=[report])["reports"][0]["status"] == "FAILED"
    assert [c["name"] for c in codebuild("DescribeTestCases", reportArn=report, filter={"keyword": "b"})["testCases"]]
    with pytest.raises(ServiceError, match="has reports; give deleteReports"):
        codebuild("DeleteReportGroup", arn=arn)
    codebuild("DeleteReportGroup", arn=arn, deleteReports=True)
    assert codebuild("BatchGetReportGroups", reportGroupArns=[arn])["reportGroupsNotFound"] == [arn]
    assert codebuild("ListReports")["reports"] == []


def test_coverages_and_trends(codebuild: CodeBuild, clock: Any) -> None:
    arn = codebuild("CreateReportGroup", name="cov", type="CODE_COVERAGE", exportConfig={})["reportGroup"]["arn"]
    for i, covered in enumerate((50, 100)):
        report = arn.replace("report-group/cov", f"report/cov:{i}")
        files = [Coverage("b.py", covered, 100 - covered).view, Coverage("a.py", 1, 0).view]
        doc = {"arn": report, "status": "SUCCEEDED", "expired": 2.0, "codeCoverageSummary": coverages.summary(files)}
        codebuild.context.store.create(REPORT, f"cov:{i}", doc, parent="cov", result={"coverages": files})
        clock.now += 1
    first = arn.replace("report-group/cov", "report/cov:0")

    def paths(**asked: Any) -> list[str]:
        found = codebuild("DescribeCodeCoverages", reportArn=first, **asked)["codeCoverages"]
        return [each["filePath"] for each in found]

    assert paths() == ["a.py", "b.py"]
    assert paths(sortBy="LINE_COVERAGE_PERCENTAGE") == ["b.py", "a.py"]
    assert paths(maxLineCoveragePercentage=60) == ["b.py"]
    trend = codebuild("GetReportGroupTrend", reportGroupArn=arn, trendField="LINES_COVERED")
    assert [each["data"] for each in trend["rawData"]] == ["101", "51"]
    assert trend["stats"] == {"average": "76", "max": "101", "min": "51"}
    newest = codebuild("GetReportGroupTrend", reportGroupArn=arn, trendField="LINE_COVERAGE", numOfReports=1)
    assert newest["stats"] == {"average": "100", "max": "100", "min": "100"}
    with pytest.raises(ServiceError, match="have no PASS_RATE; expected LINE_COVERAGE"):
        codebuild("GetReportGroupTrend", reportGroupArn=arn, trendField="PASS_RATE")
    with pytest.raises(ServiceError, match="There is no report"):
        codebuild("DescribeCodeCoverages", reportArn=first + "0")


def test_the_pass_rate_of_a_group(codebuild: CodeBuild) -> None:
    arn = codebuild("CreateReportGroup", name="tt", type="TEST", exportConfig={})["reportGroup"]["arn"]
    assert codebuild("GetReportGroupTrend", reportGroupArn=arn, trendField="TOTAL") == {"stats": {}, "rawData": []}
    found = [Case("c", name, status, 0.5).view for name, status in (("a", "SUCCEEDED"), ("b", "FAILED"))]
    doc = {"arn": "r", "status": "FAILED", "testSummary": cases.summary(found)}
    codebuild.context.store.create(REPORT, "tt:1", doc, parent="tt")
    figures = {
        field: codebuild("GetReportGroupTrend", reportGroupArn=arn, trendField=field)["stats"]["max"]
        for field in ("PASS_RATE", "DURATION", "TOTAL")
    }
    assert figures == {"PASS_RATE": "50", "DURATION": "1000000000", "TOTAL": "2"}


def test_what_goes_over_the_wire(codebuild: CodeBuild) -> None:
    codebuild.project()
    sent = json.loads(json11.render({"build": codebuild.start()}, "codebuild", "StartBuild"))
    assert "initiator" in sent["build"]
    assert "projectName" in sent["build"]
