"""Batches of builds: which are asked for, how they go on with their builds, and what callers see. Nothing runs here."""

import io
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from loopback.core.artifacts import Artifact
from loopback.core.errors import AccessDeniedException, ServiceError
from loopback.core.kinds import BUILD
from loopback.engines.codebuild.batch import Batch, Task
from loopback.services import registry
from loopback.services.codebuild import handlers as _registered  # noqa: F401  # the operations
from loopback.services.codebuild.batch_driver import Batches
from loopback.services.codebuild.batches import start_for_pipeline
from loopback.services.codebuild.builds import BuildOverrides

SMALL, LARGE = "BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_LARGE"
ENVIRONMENT = {"type": "LINUX_CONTAINER", "image": "any/image:1", "computeType": SMALL}
CONFIG = {"serviceRole": "arn:aws:iam::0:role/batch"}
PROJECT: dict[str, Any] = {
    "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2"},
    "artifacts": {"type": "NO_ARTIFACTS"},
    "environment": ENVIRONMENT,
    "serviceRole": "r",
    "buildBatchConfig": CONFIG,
}
ONE = Task("one", environment={"computeType": LARGE}, variables={"X": "1"})
TWO = Task("two", "two.yml", depends=("one",))


class World:
    """CodeBuild, and builds that end when the test says so."""

    def __init__(self, context: registry.Context, clock: Any) -> None:
        self.store, self.clock, self.asked = context.store, clock, []
        self.context = replace(context, on_change=self.on_change, permit=self.permit)
        self.driver = Batches(self.context, clock)
        self.denied = ""

    def permit(self, role: str, checks: Any) -> None:
        self.asked += [(role.rpartition("/")[2], check.action) for check in checks]
        if any(check.action == self.denied for check in checks):
            raise AccessDeniedException(f"{role} is not authorized to perform: {self.denied}")

    def on_change(self, kind: str, name: str) -> None:
        self.driver.on_change(kind, name)

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        return registry.call("codebuild", operation, request, self.context)

    def settle(self) -> None:
        self.driver.close()
        self.driver.loop()

    def start(self, **more: Any) -> str:
        name: str = self("StartBuildBatch", projectName="p1", **more)["buildBatch"]["id"]
        self.settle()
        return name

    def shown(self, name: str) -> dict[str, Any]:
        self.settle()
        found: dict[str, Any] = self("BatchGetBuildBatches", ids=[name])["buildBatches"][0]
        return found

    def builds(self) -> dict[str, Any]:
        """Those that run, by the names that they have in their batch."""
        return {row.doc["batch"]["identifier"]: row for row in self.store.find(BUILD, status="IN_PROGRESS")}

    def end(self, identifier: str, event: str = "succeed", **result: Any) -> None:
        row = self.builds()[identifier]
        self.store.fire(BUILD, row.name, event, result)
        self.on_change(BUILD.slug, row.name)
        self.settle()

    def read(self, *tasks: Task, fast_fail: bool = False, version: str | None = None) -> None:
        """The first build has found this in the buildspec."""
        self.end("DOWNLOAD_SOURCE", batch=asdict(Batch(tasks, fast_fail)), resolvedSourceVersion=version)


@pytest.fixture
def world(context: registry.Context, clock: Any) -> World:
    made = World(context, clock)
    made("CreateProject", name="p1", **PROJECT)
    return made


def phases(shown: dict[str, Any]) -> list[tuple[str, str]]:
    return [(phase["phaseType"], phase.get("phaseStatus", "")) for phase in shown["phases"]]


def test_a_batch_from_its_buildspec_to_its_end(world: World) -> None:
    name = world.start()
    assert world.shown(name)["buildGroups"][0]["identifier"] == "DOWNLOAD_SOURCE"
    assert world.shown(name)["currentPhase"] == "DOWNLOAD_BATCHSPEC"
    world.read(ONE, TWO)
    one = world.builds()["one"].doc
    assert set(world.builds()) == {"one"}
    assert one["environment"]["computeType"] == LARGE
    assert one["environment"]["environmentVariables"] == [{"name": "X", "value": "1", "type": "PLAINTEXT"}]
    world.end("one")
    assert world.builds()["two"].doc["source"]["buildspec"] == "two.yml"
    groups = world.shown(name)["buildGroups"]
    assert [(group["identifier"], group["currentBuildSummary"]["buildStatus"]) for group in groups] == [
        ("DOWNLOAD_SOURCE", "SUCCEEDED"),
        ("one", "SUCCEEDED"),
        ("two", "IN_PROGRESS"),
    ]
    assert groups[2]["dependsOn"] == ["one"]
    build = world("BatchGetBuilds", ids=[groups[2]["currentBuildSummary"]["arn"]])["builds"][0]
    assert build["buildBatchArn"] == world.shown(name)["arn"]
    world.end("two")
    ended = world.shown(name)
    assert (ended["buildBatchStatus"], ended["complete"], ended["buildBatchNumber"]) == ("SUCCEEDED", True, 1)
    assert phases(ended) == [
        ("SUBMITTED", "SUCCEEDED"),
        ("DOWNLOAD_BATCHSPEC", "SUCCEEDED"),
        ("IN_PROGRESS", "SUCCEEDED"),
        ("SUCCEEDED", ""),
    ]
    assert set(world.asked) == {("batch", "codebuild:StartBuild")}


def test_the_builds_are_of_the_version_that_the_batch_was_read_from(world: World) -> None:
    source = {"type": "CODECOMMIT", "location": "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/r"}
    world("UpdateProject", name="p1", source=source)
    world.start(sourceVersion="main")
    assert world.builds()["DOWNLOAD_SOURCE"].doc["sourceVersion"] == "main"
    world.read(ONE, version="f00d")
    assert world.builds()["one"].doc["sourceVersion"] == "f00d"


def test_a_failure_ends_the_batch_once_all_have_ended(world: World) -> None:
    name = world.start()
    world.read(ONE, TWO, Task("three"))
    world.end("one", "fail")
    assert world.shown(name)["buildBatchStatus"] == "IN_PROGRESS"
    world.end("three")
    ended = world.shown(name)
    assert (ended["buildBatchStatus"], ended["currentPhase"]) == ("FAILED", "FAILED")
    assert ended["phases"][-2]["contexts"] == [{"statusCode": "BATCH_FAILED", "message": "one failed"}]
    assert "currentBuildSummary" not in ended["buildGroups"][2]


def test_fast_fail_and_a_stop_end_the_builds(world: World) -> None:
    name = world.start()
    world.read(ONE, Task("three"), fast_fail=True)
    world.end("one", "fail")
    assert world.builds()["three"].result["stopping"]
    world.end("three", "stop")
    assert world.shown(name)["buildBatchStatus"] == "FAILED"

    name = world.start()
    world("StopBuildBatch", id=world.shown(name)["arn"])
    world.settle()
    assert world.builds()["DOWNLOAD_SOURCE"].result["stopping"]
    world.end("DOWNLOAD_SOURCE", "stop")
    assert world.shown(name)["buildBatchStatus"] == "STOPPED"
    assert world("StopBuildBatch", id=name)["buildBatch"]["complete"]


def test_a_batch_that_takes_too_long_is_timed_out(world: World) -> None:
    name = world.start(buildBatchConfigOverride=CONFIG | {"timeoutInMins": 5})
    world.read(ONE)
    world.clock.now += 301
    world.driver.recover()
    world.settle()
    assert world.builds()["one"].result["stopping"]
    world.end("one", "stop")
    assert (world.shown(name)["buildBatchStatus"], world.shown(name)["currentPhase"]) == ("TIMED_OUT", "FAILED")


@pytest.mark.parametrize(
    ("restrictions", "words"),
    [
        ({"maximumBuildsAllowed": 1}, "the batch has 2 builds; restrictions.maximumBuildsAllowed is 1"),
        ({"computeTypesAllowed": [SMALL]}, f"the build one has compute type {LARGE}; allowed: {SMALL}"),
    ],
)
def test_restrictions(world: World, restrictions: dict[str, Any], words: str) -> None:
    name = world.start(buildBatchConfigOverride=CONFIG | {"restrictions": restrictions})
    world.read(ONE, TWO)
    ended = world.shown(name)
    assert (ended["buildBatchStatus"], ended["phases"][1]["contexts"][0]["message"]) == ("FAILED", words)


def test_what_the_batchs_role_may_not_do_fails_the_batch(world: World) -> None:
    world.denied = "codebuild:StartBuild"
    ended = world.shown(world.start())
    assert phases(ended) == [("SUBMITTED", "FAILED"), ("FAILED", "")]
    assert (
        "role/batch is not authorized to perform: codebuild:StartBuild" in ended["phases"][0]["contexts"][0]["message"]
    )


def test_a_buildspec_without_a_batch_fails_it_with_the_words_of_the_build(world: World) -> None:
    name = world.start()
    world.end("DOWNLOAD_SOURCE", "fail", failure="DOWNLOAD_SOURCE failed: the buildspec has no batch")
    message = world.shown(name)["phases"][1]["contexts"][0]["message"]
    assert message == "DOWNLOAD_SOURCE failed: the buildspec has no batch"


def test_lists_filters_and_the_same_request_twice(world: World) -> None:
    first = world.start(idempotencyToken="t")
    assert world.start(idempotencyToken="t") == first
    world.clock.now += 1
    second = world.start()
    assert world("ListBuildBatches", sortOrder="ASCENDING")["ids"] == [first, second]
    assert world("ListBuildBatchesForProject", projectName="p1", filter={"status": "FAILED"})["ids"] == []
    assert world("BatchGetBuildBatches", ids=["p1:x"])["buildBatchesNotFound"] == ["p1:x"]
    done = world.builds()["DOWNLOAD_SOURCE"].name
    world.end("DOWNLOAD_SOURCE", "fail")
    with pytest.raises(ServiceError, match="belongs to a batch; start the batch again"):
        world("RetryBuild", id=done)
    with pytest.raises(ServiceError, match="is running; stop it first"):
        world("DeleteProject", name="p1")


@pytest.mark.parametrize(
    ("project", "request_", "words"),
    [
        ({"buildBatchConfig": {}}, {}, "no buildBatchConfig with a serviceRole"),
        ({}, {"buildBatchConfigOverride": {"timeoutInMins": 3}}, "timeoutInMins is 3"),
        ({}, {"buildBatchConfigOverride": {"restrictions": {"fleetsAllowed": ["f"]}}}, "there are no fleets here"),
        ({}, {"buildBatchConfigOverride": {"restrictions": {"maximumBuildsAllowed": 101}}}, "between 1 and 100"),
        ({}, {"debugSessionEnabled": True}, "does not carry out debugSessionEnabled"),
        (
            {"artifacts": {"type": "S3", "location": "bucket", "packaging": "ZIP"}},
            {"buildBatchConfigOverride": {"combineArtifacts": True}},
            "does not carry out combineArtifacts",
        ),
        ({"source": {"type": "CODEPIPELINE"}, "artifacts": {"type": "CODEPIPELINE"}}, {}, "which starts its batches"),
    ],
)
def test_what_is_refused(world: World, project: dict[str, Any], request_: dict[str, Any], words: str) -> None:
    if project:
        world("UpdateProject", name="p1", **project)
    with pytest.raises(ServiceError, match=words):
        world.start(**request_)


def asked(*outputs: str) -> BuildOverrides:
    places = [Artifact(name, "bucket", f"out/{name}") for name in outputs]
    return BuildOverrides("codepipeline/p", [], [Artifact("src", "bucket", "in")], "src", places, "f00d")


def test_outputs_of_an_action_go_to_the_builds_that_they_are_named_after(world: World) -> None:
    start_for_pipeline("p1", world.context, asked("one", "one_report"), combine=False)
    world.settle()
    assert world.builds()["DOWNLOAD_SOURCE"].doc["pipeline"]["outputs"] == []
    world.read(ONE, Task("three"))
    made = {name: row.doc["pipeline"]["outputs"] for name, row in world.builds().items()}
    assert made == {
        "one": [
            {"name": "", "bucket": "bucket", "key": "out/one"},
            {"name": "report", "bucket": "bucket", "key": "out/one_report"},
        ],
        "three": [],
    }
    name = start_for_pipeline("p1", world.context, asked("other"), combine=False)
    world.settle()
    world.read(ONE)
    assert "belongs to no build of the batch" in world.shown(name)["phases"][1]["contexts"][0]["message"]


class S3:
    """As much of S3's client as is needed, over the test's objects."""

    def __init__(self, objects: Any) -> None:
        self.objects = objects

    def download_file(self, bucket: str, key: str, path: str) -> None:
        self.objects.fetch(bucket, key, Path(path))

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        self.objects.store(bucket, key, Path(path))


def zipped(**files: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return body.getvalue()


def test_combined_artifacts_are_one_zip(world: World, base: Any, objects: Any) -> None:
    base.clients["s3", "r"] = S3(objects)
    name = start_for_pipeline("p1", world.context, asked("all"), combine=True)
    world.settle()
    world.read(ONE, replace(TWO, depends=()), Task("three", ignore_failure=True))
    for task, files in {"one": {"a": "1", "b": "1"}, "two": {"b": "2"}}.items():
        (place,) = world.builds()[task].doc["pipeline"]["outputs"]
        objects.buckets["bucket"][place["key"]] = zipped(**files)
        world.end(task)
    world.end("three", "fail")
    ended = world.shown(name)
    assert (ended["buildBatchStatus"], phases(ended)[3]) == ("SUCCEEDED", ("COMBINE_ARTIFACTS", "SUCCEEDED"))
    assert list(objects.buckets["bucket"]) == ["out/all"]
    with zipfile.ZipFile(io.BytesIO(objects.buckets["bucket"]["out/all"])) as merged:
        assert {entry: merged.read(entry) for entry in merged.namelist()} == {"a": b"1", "b": b"2"}
