"""The batch of a buildspec: what is read, and what is refused with which words."""

import pytest

from loopback.engines.codebuild.batch import Batch, Task
from loopback.runtimes.codebuild.batchspec import parse
from loopback.runtimes.codebuild.walker import BuildspecError

GRAPH = """
version: 0.2
batch:
  fast-fail: true
  build-graph:
    - identifier: one
      env: {compute-type: BUILD_GENERAL1_SMALL, image: i, type: LINUX_CONTAINER, privileged-mode: no, variables: {X: 1}}
      ignore-failure: true
    - {identifier: two, buildspec: two.yml, depend-on: [one]}
"""
MATRIX = """
version: 0.2
batch:
  build-matrix:
    static: {ignore-failure: true, env: {type: LINUX_CONTAINER, variables: {ALL: x}}}
    dynamic:
      env:
        image: [first, second]
        variables: {V: ["1", "2"]}
"""


def test_a_graph() -> None:
    environment = {
        "computeType": "BUILD_GENERAL1_SMALL",
        "image": "i",
        "type": "LINUX_CONTAINER",
        "privilegedMode": False,
    }
    one = Task("one", environment=environment, variables={"X": "1"}, ignore_failure=True)
    assert parse(GRAPH) == Batch((one, Task("two", "two.yml", depends=("one",))), fast_fail=True)


def test_a_list_names_its_builds_where_they_have_no_names() -> None:
    assert parse("batch: {build-list: [{identifier: x}, {buildspec: b.yml}]}").tasks == (
        Task("x"),
        Task("build1", "b.yml"),
    )


def test_a_matrix_is_a_build_for_each_combination() -> None:
    tasks = parse(MATRIX).tasks
    assert [(task.identifier, task.environment["image"], task.variables["V"]) for task in tasks] == [
        ("build0", "first", "1"),
        ("build1", "first", "2"),
        ("build2", "second", "1"),
        ("build3", "second", "2"),
    ]
    assert {(task.ignore_failure, task.environment["type"], task.variables["ALL"]) for task in tasks} == {
        (True, "LINUX_CONTAINER", "x")
    }
    specs = parse("batch: {build-matrix: {dynamic: {buildspec: [a.yml, b.yml]}}}").tasks
    assert [task.buildspec for task in specs] == ["a.yml", "b.yml"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 0.2", "has no batch; a batch build needs batch with one of build-list, build-graph, build-matrix"),
        ("batch: {fast-fail: yes}", "batch has no builds; expected one of build-list"),
        ("batch: {build-list: [{}], build-graph: [{}]}", "batch has build-list and build-graph; expected one of"),
        ("batch: {build-fanout: {}}", "codebuild-tests-run"),
        ("batch:\n  build-lists: []", "Invalid key of batch 'build-lists' at line 2"),
        ("batch:\n  build-list: []", "batch.build-list at line 2: expected a list of builds"),
        ("batch: {build-list: [{depend-on: [a]}]}", "Invalid key of a build 'depend-on'"),
        ("batch: {build-graph: [{buildspec: x}]}", "needs an identifier"),
        ("batch: {build-list: [{identifier: a-b}]}", "identifier 'a-b' at line 1: letters, digits and underscores"),
        ("batch: {build-list: [{debug-session: true}]}", "there is no session here"),
        ("batch: {build-list: [{env: {fleet: f}}]}", "Invalid key of env 'fleet'"),
        ("batch: {build-list: [{env: {variables: {CODEBUILD_X: 1}}}]}", "CODEBUILD_ are reserved"),
        ("batch: {build-list: [{identifier: a}, {identifier: a}]}", "identifier 'a' twice"),
        ("batch: {build-graph: [{identifier: a, depend-on: b}]}", "a depends on 'b', which is no build of the batch"),
        (
            "batch: {build-graph: [{identifier: a, depend-on: b}, {identifier: b, depend-on: a}, {identifier: c}]}",
            "the builds a, b depend on each other",
        ),
        ("batch: {build-matrix: {static: {}}}", "has nothing in dynamic"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(BuildspecError, match=words):
        parse(text)
