"""Variables, triggers and the inputs of event targets."""

import json

import pytest

from loopback.engines.codepipeline import filters, variables
from loopback.engines.codepipeline.filters import PullRequest, Push
from loopback.engines.eventbridge import inputs


def test_variables_are_replaced_once() -> None:
    known = {"Src": {"Id": "#{Src.Id}"}, "variables": {"Stage": "dev"}, "codepipeline": {"PipelineExecutionId": "e"}}
    given = {"A": "x-#{Src.Id}-#{variables.Stage}", "B": "#{codepipeline.PipelineExecutionId}", "C": "#{ not one }"}
    assert variables.resolve(given, known) == {"A": "x-#{Src.Id}-dev", "B": "e", "C": "#{ not one }"}


@pytest.mark.parametrize(
    ("text", "words"), [("#{No.X}", "no such namespace"), ("#{Src.X}", "it has Id"), ("x" * 110_000, "at most")]
)
def test_what_cannot_be_resolved_is_named(text: str, words: str) -> None:
    with pytest.raises(variables.Unresolved, match=words):
        variables.resolve({"A": text}, {"Src": {"Id": "1"}})


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("main", "main", True),
        ("main", "main2", False),
        ("feature/*", "feature/a", True),
        ("feature/*", "feature/a/b", False),
        ("feature/**", "feature/a/b", True),
        ("**/*.md", "README.md", True),
        ("**/*.md", "docs/a/b.md", True),
        ("model/**", "model/train.py", True),
        ("model/**", "models/train.py", False),
        ("v?.{1,2}", "v3.2", True),
        ("v?.{1,2}", "v3.3", False),
        ("a.b", "axb", False),
        ("[a]", "a", False),
    ],
)
def test_globs(glob: str, path: str, matches: bool) -> None:
    assert bool(filters.pattern(glob).fullmatch(path)) is matches


MODEL = {"branches": {"includes": ["main"]}, "filePaths": {"includes": ["model/**"], "excludes": ["**/*.md"]}}


@pytest.mark.parametrize(
    ("push", "moved", "starts"),
    [
        ([MODEL], Push("main", files=("model/a.py",)), True),
        ([MODEL], Push("main", files=("model/a.md",)), False),
        ([MODEL], Push("main", files=("model/a.md", "model/a.py")), True),
        ([MODEL], Push("dev", files=("model/a.py",)), False),
        ([MODEL], Push("main", files=()), False),
        ([MODEL], Push(tag="v1", files=("model/a.py",)), False),
        ([MODEL, {"branches": {"includes": ["dev"]}}], Push("dev"), True),
        ([{"branches": {"includes": ["**"], "excludes": ["main"]}}], Push("main"), False),
        ([{"branches": {"excludes": ["main"]}}], Push("dev"), True),
        ([{"tags": {"includes": ["v*"]}}], Push(tag="v1"), True),
        ([{"tags": {"includes": ["v*"]}}], Push("v1"), False),
    ],
)
def test_pushes(push, moved: Push, starts: bool) -> None:
    assert filters.matches_push({"sourceActionName": "Src", "push": push}, moved) is starts


@pytest.mark.parametrize(
    ("request_", "starts"),
    [
        (PullRequest("OPEN", "main"), True),
        (PullRequest("CLOSED", "main"), False),
        (PullRequest("OPEN", "dev"), False),
    ],
)
def test_pull_requests(request_: PullRequest, starts: bool) -> None:
    git = {"pullRequest": [{"events": ["OPEN", "UPDATED"], "branches": {"includes": ["main"]}}]}
    assert filters.matches_pull_request(git, request_) is starts
    assert not filters.matches_push(git, Push("main"))


EVENT = json.dumps({"source": "aws.s3", "detail": {"object": {"version-id": "v1", "size": 3}, "list": ["a"]}})


@pytest.mark.parametrize(
    ("target", "made"),
    [
        ({}, {}),
        ({"Input": '{"a": 1}'}, {"a": 1}),
        ({"InputPath": "$.detail.object"}, {"version-id": "v1", "size": 3}),
        (
            {"InputTransformer": {"InputPathsMap": {"v": "$.detail.object.version-id", "n": "$.detail.object.size",
                                                    "l": "$.detail.list[0]", "no": "$.detail.no"},
                                  "InputTemplate": '{"x": "is <v> and <n><no>", "v": <v>, "n": <n>, "l": <l>}'}},
            {"x": "is v1 and 3", "v": "v1", "n": 3, "l": "a"},
        ),
    ],
)  # fmt: skip
def test_inputs_of_targets(target, made) -> None:
    assert inputs.target_input(target, EVENT) == made


@pytest.mark.parametrize("text", ["no", "[1]"])
def test_an_input_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="target's input"):
        inputs.target_input({"Input": text}, EVENT)
