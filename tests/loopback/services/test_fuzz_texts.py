"""Documents and expressions that people write: whatever is in them, only the declared error comes out."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopback.core.errors import ServiceError, ValidationException
from loopback.engines.cloudwatch import expressions, rules
from loopback.engines.cloudwatch.series import Grid
from loopback.engines.codepipeline import structure
from loopback.engines.schedules import cron, scheduled_actions
from loopback.runtimes.codebuild import buildspec
from loopback.wire import model
from slipway.build.project import UsageError
from slipway.deploy import stage
from tests.loopback.services.test_fuzz import JUNK

ROOT = Path(__file__).resolve().parents[3]
quickly = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
NOISE = st.text(max_size=30)


def pieces(*words: str) -> st.SearchStrategy[str]:
    """Texts that look like the language, and some that do not."""
    return st.one_of(NOISE, st.lists(st.sampled_from([*words, " "]), max_size=14).map("".join))


def attempt(read: Callable[[], Any], declared: type[Exception]) -> Any:
    """What is read, or None when it is refused as declared, in words."""
    try:
        return read()
    except declared as fault:
        if not str(fault):
            raise AssertionError("a refusal says why") from fault
        return None


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where anything is in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, inner in items for path in paths(inner, (*at, key)))]


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """A document in which something is another thing, or missing."""
    made = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(made)))
        if not path:
            continue
        holder = made
        for key in path[:-1]:
            holder = holder[key]
        if draw(st.booleans()):
            holder[path[-1]] = draw(JUNK)
        else:
            del holder[path[-1]]
    return made


SPECIFICATION = {
    "version": 0.2,
    "env": {
        "shell": "bash",
        "variables": {"A": "b"},
        "exported-variables": ["A"],
        "parameter-store": {"P": "/p"},
        "secrets-manager": {"S": "s:k"},
    },
    "phases": {
        "install": {"runtime-versions": {"python": "3.12"}, "commands": ["true"]},
        "build": {"on-failure": "ABORT", "commands": ["true", "false"], "finally": ["true"]},
    },
    "reports": {"tests": {"files": ["junit.xml"], "base-directory": "out", "file-format": "JUNITXML"}},
    "artifacts": {"files": ["**/*"], "base-directory": "out", "secondary-artifacts": {"x": {"files": ["a"]}}},
    "cache": {"paths": ["/root/.cache/**/*"]},
}


@quickly
@given(text=st.one_of(NOISE, JUNK.map(yaml.safe_dump), mutated(SPECIFICATION).map(yaml.safe_dump)))
def test_buildspecs(text: str) -> None:
    attempt(lambda: buildspec.parse(text), buildspec.BuildspecError)


def action(name: str, category: str, provider: str, configuration: dict[str, str], **more: Any) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "configuration": configuration, **more}


PIPELINE = {
    "name": "p",
    "roleArn": "arn:aws:iam::000000000000:role/r",
    "artifactStore": {"type": "S3", "location": "bucket"},
    "pipelineType": "V2",
    "executionMode": "SUPERSEDED",
    "variables": [{"name": "V", "defaultValue": "x"}],
    "stages": [
        {
            "name": "Source",
            "actions": [
                action(
                    "Source",
                    "Source",
                    "CodeCommit",
                    {"RepositoryName": "r", "BranchName": "main"},
                    outputArtifacts=[{"name": "S"}],
                    namespace="N",
                )
            ],
        },
        {
            "name": "Build",
            "onFailure": {"result": "RETRY", "retryConfiguration": {"retryMode": "FAILED_ACTIONS"}},
            "actions": [
                action("Build", "Build", "CodeBuild", {"ProjectName": "#{N.CommitId}"}, inputArtifacts=[{"name": "S"}]),
                action("Ask", "Approval", "Manual", {"CustomData": "#{variables.V}"}, runOrder=2),
            ],
        },
    ],
}


def test_the_pipeline_that_is_mutated_is_right() -> None:
    structure.check(PIPELINE, "us-east-1")
    assert buildspec.parse(yaml.safe_dump(SPECIFICATION))


@quickly
@given(declaration=mutated(PIPELINE))
def test_pipeline_structures(declaration: Any) -> None:
    shape = model.operation("codepipeline", "CreatePipeline").input_shape

    def read() -> None:
        model.check({"pipeline": declaration}, shape)
        structure.check(declaration, "us-east-1")

    attempt(read, ServiceError)


@pytest.mark.parametrize("name", ["staging", "prod"])
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_stage_files(tmp_path: Path, name: str, data: st.DataObject) -> None:
    right = yaml.safe_load((ROOT / "deploy" / "stages" / f"{name}.yml").read_text())
    path = tmp_path / "stage.yml"
    text = data.draw(st.one_of(NOISE, JUNK.map(yaml.safe_dump), mutated(right).map(yaml.safe_dump)))
    path.write_text(text, encoding="utf-8", newline="")
    attempt(lambda: stage.load(path), UsageError)


WORDS = [
    "cron(",
    "rate(",
    "at(",
    ")",
    "*",
    "?",
    "/",
    "-",
    ",",
    "#",
    "L",
    "W",
    "LW",
    "0",
    "1",
    "5",
    "12",
    "31",
    "59",
    "60",
    "2026",
    "MON",
    "FRI",
    "JAN",
    "minute",
    "minutes",
    "day",
    "days",
]
FIELDS = st.sampled_from(["*", "?", "0", "1", "L", "MON-FRI", "*/5", "1/0", "5-1", "3#2", "15W"])
CRON = st.one_of(pieces(*WORDS), st.tuples(*[FIELDS] * 6).map(lambda fields: f"cron({' '.join(fields)})"))
NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


@quickly
@given(text=CRON)
def test_schedules_of_rules_and_monitors(text: str) -> None:
    found = attempt(lambda: cron.following(cron.parse(text), NOW), cron.BadExpression)
    assert found is None or found > NOW


@quickly
@given(text=CRON, zone=st.one_of(st.sampled_from(["UTC", "Europe/Berlin", "../etc", "/etc/passwd", ""]), NOISE))
def test_schedules_of_scaling(text: str, zone: str) -> None:
    attempt(lambda: scheduled_actions.parse(text, zone), ValidationException)


@quickly
@given(text=pieces("ALARM", "OK", "(", ")", '"a"', "a", " AND ", " OR ", "NOT ", "TRUE", "AT_LEAST", "1", ","))
def test_alarm_rules(text: str) -> None:
    node = attempt(lambda: rules.parse(text), ValidationException)
    if node is not None:
        assert rules.holds(node, lambda _name: "OK") in (True, False)
        assert isinstance(rules.names(node), list)


GRID = Grid([0.0, 60.0, 120.0], 60)
SERIES = st.lists(st.one_of(st.none(), st.floats()), min_size=3, max_size=3)
MATH = pieces(
    *("m1", "m2", "e1", "+", "-", "*", "/", "^", "(", ")", "[", "]", ",", "1", "0", "2.5", "1e308", "==", "<", "AND"),
    *("IF(", "FILL(", "SUM(", "AVG(", "METRICS()", 'METRICS("m")', "STDDEV(", "RATE(", "OR", "REPEAT", "ABS(", "MAX("),
)


@quickly
@given(text=MATH, first=SERIES, second=SERIES)
def test_metric_math(text: str, first: Any, second: Any) -> None:
    known = {"m1": first, "m2": second}

    def read() -> None:
        node = expressions.parse(text)
        expressions.references(node)
        expressions.evaluate(node, known, known, GRID)

    attempt(read, ValidationException)
