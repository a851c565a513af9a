"""Builds as stories: real shells, real processes, everything else a dictionary."""

import io
import os
import signal
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loopback.core.artifacts import Artifact
from loopback.core.kinds import BUILD, BUILD_BATCH
from loopback.core.store import Resource
from loopback.engines.codebuild.batch import Batch
from loopback.rows.codebuild import BuildBatchRow
from loopback.services.codebuild import batch_builds, batches
from loopback.services.codebuild.builds import BuildOverrides, start_for_pipeline, start_of_batch

Phases = Callable[[Resource], dict[str, str]]


def commands(*lines: str, **more: Any) -> dict[str, Any]:
    return {"phases": {"build": {"commands": list(lines)} | more}}


def test_one_shell_runs_everything(bench: Any) -> None:
    spec = {
        "phases": {
            "install": {"commands": ["mkdir a; cd a", r"export X=$'two\nlines'", "quiet=1"]},
            "build": {"commands": ['echo "$X" $quiet $(basename $PWD)', "set -e", "echo $-"]},
            "post_build": {"commands": ["set +e; set -o pipefail", "trap 'echo bye' EXIT; exit 0", "echo $X $PWD"]},
        }
    }
    row = bench.build(spec)
    assert row.status == "SUCCEEDED", row.result["failure"]
    lines = bench.output(row)
    assert lines[:2] == ["two", "lines 1 a"]
    assert "e" in lines[2]
    assert lines[3] == "bye"
    assert lines[4].startswith("two lines /")
    assert lines[4].endswith("/src/a")


def test_the_environment_is_the_builds_own(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST_SECRET", "no")
    variables = [{"name": "WHO", "value": "project"}, {"name": "RAW", "value": "$HOME `id`"}]
    bench.project(
        {"env": {"variables": {"WHO": "buildspec", "ONLY": "here"}}} | commands("env"),
        environment={
            "type": "LINUX_CONTAINER",
            "image": "image",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": variables,
        },
    )
    row = bench.run(environmentVariablesOverride=[{"name": "WHO", "value": "request"}])
    seen = dict(line.split("=", 1) for line in bench.output(row) if "=" in line)
    assert "HOST_SECRET" not in seen
    assert (seen["WHO"], seen["ONLY"], seen["RAW"]) == ("request", "here", "$HOME `id`")
    assert (seen["AWS_ACCESS_KEY_ID"], seen["AWS_ENDPOINT_URL"]) == ("r", "http://127.0.0.1:1")
    assert seen["CODEBUILD_BUILD_ID"] == row.name
    assert seen["CODEBUILD_BUILD_ARN"] == f"arn:aws:codebuild:us-east-1:000000000000:build/{row.name}"
    root = str(bench.means.folder / row.name.rpartition(":")[2])
    assert all(seen[name].startswith(root) for name in ("HOME", "TMPDIR", "CODEBUILD_SRC_DIR"))


def test_a_failure_skips_and_finally_runs(bench: Any, phases: Phases) -> None:
    spec = {
        "phases": {
            "install": {"commands": ["true"]},
            "build": {
                "commands": ["(exit 7)", "echo skipped"],
                "finally": ["echo finally $CODEBUILD_BUILD_SUCCEEDING"],
            },
            "post_build": {"commands": ["echo post $CODEBUILD_BUILD_SUCCEEDING"]},
        }
    }
    row = bench.build(spec)
    assert (row.status, bench.output(row)) == ("FAILED", ["finally 0", "post 0"])
    assert row.result["failure"] == "BUILD failed: Error while executing command: (exit 7). Reason: exit status 7"
    assert phases(row)["UPLOAD_ARTIFACTS"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("said", "status", "lines"),
    [
        ("RETRY-2", "SUCCEEDED", ["try 1", "try 2", "try 3", "post"]),
        ("RETRY-1", "FAILED", ["try 1", "try 2", "post"]),
        ("RETRY-2-try [12]", "SUCCEEDED", ["try 1", "try 2", "try 3", "post"]),
        ("RETRY-other", "FAILED", ["try 1", "post"]),
        ("CONTINUE", "FAILED", ["try 1", "post"]),
        ("ABORT", "FAILED", ["try 1"]),
    ],
)
def test_on_failure(bench: Any, said: str, status: str, lines: list[str]) -> None:
    spec = commands("n=$((n+1)); echo try $n; [ $n = 3 ]", **{"on-failure": said})
    spec["phases"]["post_build"] = {"commands": ["echo post"]}
    row = bench.build(spec)
    assert (row.status, bench.output(row)) == (status, lines)


def running(mark: str) -> bool:
    """Whether a process of this machine has `mark` in its command line."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (path / "cmdline").read_text():
                return True
        except OSError:
            continue
    return False


def test_time_out_ends_every_process(bench: Any, phases: Phases) -> None:
    spec = commands("(setsid sh -c 'exec sleep 300.0417' &) ; sleep 300.0417")
    row = bench.build(spec, timeoutInMinutes=5)
    assert (row.status, phases(row)["BUILD"]) == ("TIMED_OUT", "TIMED_OUT")
    assert "POST_BUILD" not in phases(row)
    assert not running("300.0417")


def test_what_runs_in_the_background_ends_with_the_build(bench: Any) -> None:
    row = bench.build(
        commands("nohup setsid sh -c 'touch ran; exec sleep 300.0418' & while [ ! -e ran ]; do :; done", "echo begun")
    )
    assert row.status == "SUCCEEDED"
    assert "begun" in bench.output(row)
    assert not running("300.0418")


def test_a_flood_from_the_background_holds_nobody_up(bench: Any) -> None:
    row = bench.build(commands("(while :; do echo flood; done) & sleep 0.05", "echo end", "seq 1 2000 | tail -1"))
    assert row.status == "SUCCEEDED"
    assert {"end", "2000"} <= set(bench.output(row))


def test_a_role_that_cannot_be_assumed(bench: Any, phases: Phases) -> None:
    def refuse(role: str, _session: str) -> dict[str, str]:
        raise PermissionError(f"{role} may not be assumed")

    bench.builder._means = replace(bench.means, credentials=refuse)
    row = bench.build(commands("true"))
    assert (row.status, phases(row)["PROVISIONING"]) == ("FAILED", "FAILED")
    assert "not authorized to perform: sts:AssumeRole on service role arn:aws:iam::0:role/r" in row.result["failure"]


def test_a_waiting_build_is_stopped_before_it_starts(bench: Any) -> None:
    mark = bench.means.pip / "go"
    bench.project(commands(f"while [ ! -e {mark} ]; do sleep 0.02; done"))
    running = [bench.call("StartBuild", projectName="p1")["build"]["id"] for _ in range(5)]
    bench.call("StopBuild", id=running[4])
    mark.touch()
    assert [bench.wait(name).status for name in running] == ["SUCCEEDED"] * 4 + ["STOPPED"]


def test_a_lost_reaper_is_a_fault(bench: Any) -> None:
    bench.project(commands("sleep 300"))
    name = bench.call("StartBuild", projectName="p1")["build"]["id"]
    deadline = time.monotonic() + 10
    while "machine" not in bench.row(name).result and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(bench.row(name).result["machine"]["pid"], signal.SIGKILL)
    row = bench.wait(name)
    assert row.status == "FAULT"
    assert "ended from outside" in row.result["failure"]


def test_recovery(bench: Any) -> None:
    store = bench.means.store
    bench.project(commands("echo hi"))
    doc = bench.call("StartBuild", projectName="p1")["build"]
    done = bench.wait(doc["id"])
    logs = {"groupName": "g", "streamName": "s"}
    lost = {"currentPhase": "BUILD", "phases": [{"phaseType": "BUILD", "startTime": 1.0}], "logs": logs}
    waits = {"currentPhase": "QUEUED", "phases": [], "logs": logs}
    store.create(BUILD, "p1:lost", done.doc, parent="p1", result=lost | {"machine": {"pid": 1, "born": "another"}})
    store.create(BUILD, "p1:waits", done.doc, parent="p1", result=waits)
    bench.builder.recover()
    assert bench.row("p1:lost").status == "FAULT"
    assert "The build machine was lost" in bench.row("p1:lost").result["failure"]
    assert bench.wait("p1:waits").status == "SUCCEEDED"


class Ssm:
    def get_parameter(self, *, Name: str, WithDecryption: bool) -> Any:  # noqa: N803
        assert WithDecryption
        return {"Parameter": {"Value": f"value of {Name}"}}


def test_secrets_are_masked_and_not_exported(bench: Any, base: Any) -> None:
    base.clients["ssm", "arn:aws:iam::0:role/r"] = Ssm()
    env = {"parameter-store": {"PW": "/pw"}, "exported-variables": ["PW", "OUT"]}
    row = bench.build({"env": env} | commands('echo "<$PW>"; export OUT=1', '[ "$PW" = "value of /pw" ]'))
    assert (row.status, bench.output(row)) == ("SUCCEEDED", ["<***>"])
    assert row.result["exported"] == {"OUT": "1"}


def zipped(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


def names(body: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return sorted(archive.namelist())


def test_an_action_of_a_pipeline(bench: Any, objects: Any) -> None:
    objects.buckets["bucket"] |= {"in/src.zip": zipped(a="1"), "in/more.zip": zipped(b="2")}
    spec = {
        "env": {"exported-variables": ["SEEN"]},
        "artifacts": {"files": ["a"], "secondary-artifacts": {"Two": {"files": ["*"], "base-directory": "out"}}},
    }
    spec |= commands(
        "mkdir out; cp $CODEBUILD_SRC_DIR_More/b out/c",
        "export SEEN=$CODEBUILD_RESOLVED_SOURCE_VERSION-$CODEBUILD_INITIATOR-$EXTRA",
    )
    bench.project(spec, source={"type": "CODEPIPELINE"}, artifacts={"type": "CODEPIPELINE"})
    asked = BuildOverrides(
        initiator="codepipeline/deliver",
        environment=[{"name": "EXTRA", "value": "x", "type": "PLAINTEXT"}],
        inputs=[Artifact("Src", "bucket", "in/src.zip"), Artifact("More", "bucket", "in/more.zip")],
        primary="Src",
        outputs=[Artifact("Two", "bucket", "out/two.zip")],
        source_version="abc",
    )
    row = bench.wait(start_for_pipeline("p1", bench.context, asked))
    assert row.status == "SUCCEEDED", row.result["failure"]
    assert row.result["exported"] == {"SEEN": "abc-codepipeline/deliver-x"}
    assert names(objects.buckets["bucket"]["out/two.zip"]) == ["c"]


def test_variables_of_artifacts_have_the_values_that_the_commands_left(bench: Any, objects: Any) -> None:
    """As the buildspecs of aws-samples' MLOps templates write them: `files: - $EXPORT_TEMPLATE_NAME`."""
    files = {"files": ["$TEMPLATE", "${CONFIG}-*.json", "sub/$DEEP/**/*"], "exclude-paths": ["sub/$DEEP/no"]}
    other = {"files": ["$CODEBUILD_SRC_DIR/out/*"], "base-directory": "$CODEBUILD_SRC_DIR/out", "name": "n-$CONFIG"}
    third = {"files": ["**/*"], "base-directory": "$OUT"}
    spec = {
        "env": {"variables": {"TEMPLATE": "t.yml", "OUT": "nowhere"}},
        "artifacts": files | {"secondary-artifacts": {"Two": other, "Three": third}},
        "phases": {
            "build": {
                "commands": [
                    "export CONFIG=prod DEEP='a b' OUT=out; mkdir -p out 'sub/a b/c'",
                    "touch t.yml prod-1.json dev-1.json out/o 'sub/a b/no' 'sub/a b/c/f'",
                ]
            }
        },
    }
    bench.project(spec, source={"type": "CODEPIPELINE"}, artifacts={"type": "CODEPIPELINE"})
    objects.buckets["bucket"]["in/src.zip"] = zipped(a="1")
    outputs = [Artifact(name, "bucket", f"out/{name}") for name in ("", "Two", "Three")]
    asked = BuildOverrides("codepipeline/p", [], [Artifact("Src", "bucket", "in/src.zip")], "Src", outputs, "abc")
    row = bench.wait(start_for_pipeline("p1", bench.context, asked))
    assert row.status == "SUCCEEDED", row.result["failure"]
    assert names(objects.buckets["bucket"]["out/"]) == ["prod-1.json", "sub/a b/c/f", "t.yml"]
    assert names(objects.buckets["bucket"]["out/Two"]) == ["o"]
    assert names(objects.buckets["bucket"]["out/Three"]) == ["o"]


def test_an_empty_variable_of_artifacts_is_named(bench: Any) -> None:
    row = bench.build(commands("true") | {"artifacts": {"files": ["$NOT_SET"]}}, artifacts=TO_S3)
    assert row.result["failure"] == "UPLOAD_ARTIFACTS failed: no matching artifact paths found for $NOT_SET"


def test_reports_and_caches_take_variables(bench: Any) -> None:
    files = {"files": ["$WHAT.xml"], "base-directory": "$CODEBUILD_SRC_DIR/$WHERE"}
    spec = {
        "phases": {
            "build": {
                "commands": [
                    "ls $HOME/.tool deps 2>/dev/null | tr '\\n' ' '; echo .",
                    "export WHAT=unit WHERE=r GROUP=g; mkdir -p r deps $HOME/.tool; touch deps/d $HOME/.tool/z",
                    "echo '<testsuite/>' > r/unit.xml",
                ]
            }
        },
        "reports": {"$GROUP": files},
        "cache": {"paths": ["$CODEBUILD_SRC_DIR/deps/**/*", "$HOME/.tool/*"]},
    }
    bench.project(spec, cache={"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]})
    first, second = bench.run(), bench.run()
    assert first.status == "SUCCEEDED", first.result["failure"]
    assert "report/p1-g:" in first.result["reportArns"][0]
    assert bench.output(second)[0].split()[-2:] != ["."]
    assert {"z", "d"} <= set(bench.output(second)[0].replace(":", "").split())


def test_a_pipelines_output_without_artifacts_in_the_buildspec(bench: Any, objects: Any) -> None:
    """AWS's own project templates build like this: the action succeeds, and nothing is uploaded."""
    bench.project(commands("true"), source={"type": "CODEPIPELINE"}, artifacts={"type": "CODEPIPELINE"})
    objects.buckets["bucket"]["in/src.zip"] = zipped(a="1")
    outputs = [Artifact("Built", "bucket", "out/built.zip")]
    asked = BuildOverrides("codepipeline/p", [], [Artifact("Src", "bucket", "in/src.zip")], "Src", outputs, "abc")
    row = bench.wait(start_for_pipeline("p1", bench.context, asked))
    assert row.status == "SUCCEEDED", row.result["failure"]
    assert "out/built.zip" not in objects.buckets["bucket"]
    assert any(
        "no artifacts: nothing is uploaded for the artifact Built" in line
        for line in next(iter(bench.logs.lines.values()))
    )


def test_the_builds_of_a_batch(bench: Any, objects: Any) -> None:
    objects.buckets["bucket"]["in/src.zip"] = zipped(a="1")
    spec = commands("echo I am $CODEBUILD_BATCH_BUILD_IDENTIFIER with $X") | {
        "batch": {"build-list": [{"identifier": "one", "env": {"variables": {"X": "x"}}}]},
        "artifacts": {"files": ["a"], "secondary-artifacts": {"report": {"files": ["a"]}}},
    }
    config = {"serviceRole": "arn:aws:iam::0:role/batch"}
    source = {"type": "CODEPIPELINE"}
    bench.project(spec, source=source, artifacts=source, buildBatchConfig=config)
    outputs = [Artifact(name, "bucket", f"out/{name}") for name in ("one", "one_report")]
    asked = BuildOverrides("codepipeline/p", [], [Artifact("Src", "bucket", "in/src.zip")], "Src", outputs, "abc")
    store, name = bench.means.store, batches.start_for_pipeline("p1", bench.context, asked, combine=False)

    def ended(doc: Any) -> Any:
        return bench.wait(start_of_batch("p1", doc, bench.context))

    first = ended(batch_builds.download(BuildBatchRow.get(store, name)))
    assert (first.status, bench.output(first)) == ("SUCCEEDED", [])
    read = first.result["batch"]
    batch = BuildBatchRow.from_row(store.amend(BUILD_BATCH, name, "read", result={"batch": read}))
    row = ended(batch_builds.of_task(batch, Batch.of(read).tasks[0]))
    assert (row.status, bench.output(row)) == ("SUCCEEDED", ["I am one with x"])
    assert {key for key in objects.buckets["bucket"] if key.startswith("out/")} == {"out/one", "out/one_report"}


@pytest.mark.parametrize(
    "cache", [{"type": "S3", "location": "bucket/c"}, {"type": "LOCAL", "modes": ["LOCAL_CUSTOM_CACHE"]}]
)
def test_a_cache_outlives_the_build(bench: Any, cache: dict[str, Any]) -> None:
    kept = {"key": "k-$(codebuild-hash-files lock)", "paths": ["deps/**/*", "~/.tool/*"], "fallback-keys": ["k-1"]}
    spec = {
        "cache": kept,
        "phases": {
            "build": {
                "commands": [
                    "ls deps ~/.tool 2>/dev/null | tr '\\n' ' '; echo .",
                    "mkdir -p deps/x ~/.tool; touch deps/x/y ~/.tool/z",
                ]
            }
        },
    }
    source = {"type": "S3", "location": "bucket/src/"}
    bench.means.objects.buckets["bucket"]["src/lock"] = b"1"
    bench.project(spec, source=source, cache=cache)
    first, second = bench.run(), bench.run()
    assert (first.status, second.status) == ("SUCCEEDED", "SUCCEEDED"), bench.logs.lines
    assert bench.output(first) == ["."]
    assert "x" in bench.output(second)[0]


def test_s3_artifacts_as_files(bench: Any, objects: Any) -> None:
    config = {"type": "S3", "location": "bucket", "path": "out", "overrideArtifactName": True, "packaging": "NONE"}
    spec = {"artifacts": {"files": ["**/*"], "name": "app-$(echo 1)"}} | commands("mkdir d; echo hi > d/f")
    row = bench.build(spec, artifacts=config)
    assert row.result["artifacts"]["location"] == "arn:aws:s3:::bucket/out/app-1"
    assert objects.buckets["bucket"] == {"out/app-1/d/f": b"hi\n"}


@pytest.mark.parametrize(
    ("spec", "more", "code", "words"),
    [
        ({"phases": {"bild": {}}}, {}, "YAML_FILE_ERROR", "Invalid phase 'bild'"),
        (
            commands("x"),
            {"source": {"type": "S3", "location": "bucket/no.zip"}},
            "CLIENT_ERROR",
            "no object s3://bucket/no",
        ),
        (commands("x"), {"source": {"type": "S3", "location": "nope/k"}}, "CLIENT_ERROR", "the bucket does not exist"),
        (
            commands("x"),
            {"source": {"type": "GITHUB", "location": "https://github.com/a/b"}},
            "CLIENT_ERROR",
            "cannot be reached from here",
        ),
    ],
)
def test_what_download_source_says(bench: Any, spec: Any, more: Any, code: str, words: str) -> None:
    row = bench.build(spec, **more)
    phase = row.result["phases"][3]
    assert (row.status, phase["phaseType"], phase["contexts"][0]["statusCode"]) == ("FAILED", "DOWNLOAD_SOURCE", code)
    assert words in phase["contexts"][0]["message"]
    assert [phase["phaseType"] for phase in row.result["phases"][4:]] == ["FINALIZING", "COMPLETED"]


TO_S3 = {"type": "S3", "location": "bucket"}


def test_missing_artifacts_fail_the_upload(bench: Any, phases: Phases) -> None:
    spec = {"artifacts": {"files": ["nope"]}} | commands("true")
    row = bench.build(spec, artifacts={"type": "S3", "location": "bucket"})
    assert (row.status, phases(row)["UPLOAD_ARTIFACTS"]) == ("FAILED", "FAILED")
    assert row.result["failure"] == "UPLOAD_ARTIFACTS failed: no matching artifact paths found for nope"


def test_python_is_the_builds_own(bench: Any) -> None:
    row = bench.build(
        commands(
            "python -c 'import sys, boto3; print(sys.prefix)'",
            "pip --version | cut -d' ' -f1; command -v pytest",
            "command -v slipway || echo none",
        )
    )
    root = bench.means.folder / row.name.rpartition(":")[2]
    assert bench.output(row) == [str(root / "python"), "pip", str(root / "tools/pytest"), "none"]


COBERTURA = (
    '<coverage><packages><package><classes><class filename="a.py"><lines><line number="1" hits="1"/>'
    '<line number="2" hits="0"/></lines></class></classes></package></packages></coverage>'
)


def test_reports_of_both_types(bench: Any) -> None:
    write = [f"echo '{COBERTURA}' > cov.xml", "echo '<testsuite/>' > unit.xml"]
    reports = {
        "cov": {"files": ["cov.xml"], "file-format": "COBERTURAXML"},
        "unit": {"files": ["unit.xml"]},
    }
    done = bench.build({"phases": {"build": {"commands": write}}, "reports": reports})
    assert done.status == "SUCCEEDED"
    shown = bench.call("BatchGetReports", reportArns=done.result["reportArns"])["reports"]
    assert [(each["type"], each["status"]) for each in shown] == [
        ("CODE_COVERAGE", "SUCCEEDED"),
        ("TEST", "SUCCEEDED"),
    ]
    assert shown[0]["codeCoverageSummary"]["lineCoveragePercentage"] == 50.0
    (file,) = bench.call("DescribeCodeCoverages", reportArn=shown[0]["arn"])["codeCoverages"]
    assert (file["filePath"], file["linesCovered"], file["reportARN"]) == ("a.py", 1, shown[0]["arn"])


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ("JACOCOXML", "unit.xml is not a report of format JACOCOXML: its root is <testsuite>; expected <report>"),
        ("JUNITXML", "the report group p1-r is of type CODE_COVERAGE; this report is of type TEST"),
    ],
)
def test_a_report_that_cannot_be_made_fails_the_build(bench: Any, shape: str, why: str) -> None:
    bench.call("CreateReportGroup", name="p1-r", type="CODE_COVERAGE", exportConfig={})
    spec = {"phases": {"build": {"commands": ["echo '<testsuite/>' > unit.xml"]}}}
    done = bench.build(spec | {"reports": {"r": {"files": ["unit.xml"], "file-format": shape}}})
    assert done.status == "FAILED"
    assert why in str(done.result["failure"])
