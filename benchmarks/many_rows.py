"""What many rows cost: a page of each list, a start, and the memory that ten thousand executions leave behind."""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import local_aws, processes
from benchmarks.bench import Bench
from benchmarks.local_aws import ACCOUNT
from benchmarks.rows import Goal, Row, measure_in_turns

FEW, MANY = 200, 100_000
EXECUTIONS, WARM = 10_000, 500
REQUESTS = 30
START = 1_700_000_000.0
Doc = Mapping[str, Any]
EXECUTION = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline/p/execution/e"
PAGES: tuple[tuple[str, str, Doc], ...] = (  # service, operation, request
    ("sagemaker", "list_pipeline_executions", {"PipelineName": "p", "MaxResults": 20}),
    ("sagemaker", "list_pipeline_execution_steps", {"PipelineExecutionArn": EXECUTION, "MaxResults": 20}),
    ("sagemaker", "list_processing_jobs", {"MaxResults": 20}),
    ("sagemaker", "list_processing_jobs", {"MaxResults": 20, "SortBy": "Name", "StatusEquals": "Failed"}),
    ("sagemaker", "list_processing_jobs", {"MaxResults": 20, "SortBy": "Status"}),
    ("sagemaker", "list_model_packages", {"ModelPackageGroupName": "p", "MaxResults": 20}),
    ("codepipeline", "list_pipeline_executions", {"pipelineName": "p", "maxResults": 20}),
    ("codepipeline", "list_action_executions", {"pipelineName": "p", "maxResults": 20}),
    ("codepipeline", "get_pipeline_state", {"name": "p"}),
)
COMMANDS = (("status",), ("versions", "-p", "p"), ("executions", "-p", "p"))
TYPE = {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}
DECLARATION = {
    "name": "p",
    "roleArn": local_aws.ROLE,
    "version": 1,
    "pipelineType": "V2",
    "executionMode": "SUPERSEDED",
    "artifactStore": {"type": "S3", "location": "b"},
    "stages": [
        {"name": name, "actions": [{"name": "a", "actionTypeId": TYPE, "configuration": {"ProjectName": "p"}}]}
        for name in ("Source", "Build")
    ],
}


def measure(bench: Bench) -> Iterator[Row]:
    """Pages and starts beside those of few rows; memory after executions that leave rows only."""
    bench.progress(f"writing {MANY} rows of each kind")
    few, many = (_state(bench.folder / str(number), number) for number in (FEW, MANY))
    yield _pages(bench, few, many)
    yield _commands(bench, few, many)
    rounds = 3 if bench.quick else 5
    ours, floor = measure_in_turns(lambda: _start(many), lambda: _start(bench.folder / "empty"), rounds, bench.progress)
    yield Row(f"start with {MANY:,} rows", "s", ours, Goal("ratio", 1.5), floor, note="floor: an empty state folder")
    yield _memory(bench, 2000 if bench.quick else EXECUTIONS)


def _pages(bench: Bench, few: Path, many: Path) -> Row:
    """The list that is slowed down most."""
    with local_aws.running(few) as small, local_aws.running(many) as large:
        found = []
        for service, operation, request in PAGES:
            ours, floor = measure_in_turns(
                *(_request(getattr(aws.client(service), operation), request) for aws in (large, small)),
                REQUESTS,
                lambda _, name=operation: bench.progress(name),
            )
            more = " ".join(f"{key}={request[key]}" for key in ("SortBy", "StatusEquals") if key in request)
            found.append((ours / floor, ours, floor, f"{operation} {more}".strip()))
    _, ours, floor, name = max(found)
    details = [f"{name}: {ours:.2f} ms, ratio {ratio:.2f}" for ratio, ours, _, name in found]
    note = f"{name}, the worst of {len(found)}; floor: at {FEW} rows"
    return Row(f"a page of 20 at {MANY:,} rows", "ms", ours, Goal("ratio", 1.5), floor, note=note, details=details)


def _commands(bench: Bench, few: Path, many: Path) -> Row:
    """The verb that is slowed down most, as whole processes."""
    with local_aws.running(few) as small, local_aws.running(many) as large:
        found = []
        for arguments in COMMANDS:
            command = [sys.executable, "-m", "slipway", *arguments]
            environs = (aws.environ | {"SAGEMAKER_PROJECT_NAME": "p"} for aws in (large, small))
            runs = (partial(processes.run, command, environ) for environ in environs)
            ours, floor = measure_in_turns(*runs, 3 if bench.quick else 7, bench.progress)
            found.append((ours / floor, ours, floor, f"slipway {arguments[0]}"))
    _, ours, floor, name = max(found)
    details = [f"{name}: {ours:.2f} s, ratio {ratio:.2f}" for ratio, ours, _, name in found]
    note = f"{name}, the worst of {len(found)}; floor: at {FEW} rows"
    return Row(f"a verb at {MANY:,} rows", "s", ours, Goal("ratio", 1.5), floor, note=note, details=details)


def _request(call: Callable[..., Any], request: Doc) -> Callable[[], float]:
    """The milliseconds of five requests, divided by five."""

    def measure_request() -> float:
        began = time.perf_counter()
        for _ in range(5):
            call(**request)
        return 200 * (time.perf_counter() - began)

    return measure_request


def _start(state: Path) -> float:
    """Seconds until a loopback on this folder answers."""
    began = time.perf_counter()
    with local_aws.running(state):
        return time.perf_counter() - began


def _memory(bench: Bench, number: int) -> Row:
    """The control plane's memory after executions of one step that needs no job."""
    step = {"Conditions": [{"Type": "Equals", "LeftValue": 1, "RightValue": 1}], "IfSteps": [], "ElseSteps": []}
    document = {"Version": "2020-12-01", "Steps": [{"Name": "Gate", "Type": "Condition", "Arguments": step}]}
    with local_aws.running() as aws:
        sagemaker = aws.client("sagemaker")
        local_aws.put_pipeline(sagemaker, "gate", document)
        pid = json.loads((aws.state / "endpoint.json").read_text())["pid"]
        memory = []
        for count in (WARM, number):
            for done in range(count):
                arn = sagemaker.start_pipeline_execution(PipelineName="gate")["PipelineExecutionArn"]
                if done % 100 == 0:
                    local_aws.wait(sagemaker, arn, time.perf_counter())
                    bench.progress(f"{done} of {count} executions")
            local_aws.wait(sagemaker, arn, time.perf_counter())
            memory.append(_settled_mb(pid))
    before, after = memory
    note = f"the control plane: {before:.0f} MB before, {after:.0f} MB after"
    return Row(f"memory after {number:,} executions", "MB more", max(0.0, after - before), Goal("ours", 10), note=note)


def _settled_mb(pid: int) -> float:
    """The least of some looks: what is being worked on at one of them is not kept."""
    looks = []
    for _ in range(5):
        time.sleep(1.0)
        looks.append(processes.pss_mb([pid]))
    return min(looks)


def _state(folder: Path, number: int) -> Path:
    """A state folder with so many rows of the kinds that grow, and the few others that they need.

    Its indexes are made afterwards, which is faster than keeping them up row by row.
    """
    from loopback.core.store import Store

    with local_aws.running(folder):
        pass
    db = sqlite3.connect(folder / "loopback.db")
    with db:
        for (name,) in db.execute("select name from sqlite_master where type = 'index' and sql is not null").fetchall():
            db.execute(f"drop index {name}")
        db.executemany(
            "insert into resource (kind, name, parent, status, created, changed, doc, result) values (?,?,?,?,?,?,?,?)",
            _rows(number),
        )
    db.close()
    Store(folder / "loopback.db").close()
    return folder


def _rows(number: int) -> Iterator[tuple[Any, ...]]:
    """For the table: the newest comes last."""
    yield _row("pipeline", ("p", ""), "Active", 0, {"PipelineName": "p", "RoleArn": local_aws.ROLE}, {"version": 1})
    yield _row("pipeline-execution", ("e", "q"), "Succeeded", 0, {"parameters": {}})
    yield _row("model-package-group", ("p", ""), "Completed", 0, {"ModelPackageGroupName": "p"})
    yield _row("delivery-pipeline", ("p", ""), "Completed", 0, DECLARATION, {"versions": [DECLARATION]})
    execution = {"declaration": DECLARATION, "variables": {}, "trigger": {}, "type": "STANDARD", "token": ""}
    empty: Doc = {"configuration": {}, "resolved": {}, "inputs": [], "outputs": [], "deadline": 0.0}
    action = {"pipeline": "p", "stage": "Build", "action": "a", "type": TYPE, "role": "", "namespace": "", "token": ""}
    for i in range(number):
        job, name = "Failed" if i % 10 == 0 else "Completed", f"{i:08}"
        yield _row("pipeline-execution", (name, "p"), "Succeeded", i, {"parameters": {}, "PipelineName": "p"})
        yield _row("pipeline-step", (f"e/{name}", "e"), "Succeeded", i, {"name": name, "type": "Processing"})
        yield _row("processing-job", (name, ""), job, i, {"ProcessingJobName": name})
        version = {"ModelPackageVersion": i + 1, "ModelApprovalStatus": "Approved"}
        yield _row("model-package", (f"p/{i + 1}", "p"), "Completed", i, version)
        yield _row("delivery-execution", (name, "p"), "Succeeded", i, {**execution, "order": i + 1}, {"at": 1})
        stage = {"name": "Build", "pipeline": "p"}
        yield _row("delivery-stage", (f"{name}/Build", name), "Succeeded", i, stage, {"entered": i + 1})
        yield _row("delivery-action", (f"a-{name}", name), "Succeeded", i, {**action, **empty, "order": i + 1})


def _row(kind: str, names: tuple[str, str], status: str, second: int, *documents: Doc) -> tuple[Any, ...]:
    """Its name and its parent; its `doc` and, where it has one, its `result`."""
    at, (doc, *rest) = START + second, documents
    return kind, *names, status, at, at, json.dumps(doc), json.dumps(rest[0] if rest else {})
