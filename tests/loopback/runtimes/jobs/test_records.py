"""Splitting, filtering, grouping and joining of batch transform data."""

import pytest

from loopback.runtimes.jobs import records
from loopback.runtimes.jobs.jsonpath import BadPath, compile_path
from loopback.runtimes.jobs.records import BadRecord, RecordPlan


@pytest.mark.parametrize(
    ("path", "document", "found"),
    [
        ("$", [1, 2], [1, 2]),
        ("$[0]", [1, 2, 3], 1),
        ("$[-1]", [1, 2, 3], 3),
        ("$[1:]", [1, 2, 3], [2, 3]),
        ("$[:-1]", [1, 2, 3], [1, 2]),
        ("$[0,2]", [1, 2, 3], [1, 3]),
        ("$.a.b", {"a": {"b": 1}}, 1),
        ("$['a'][1:]", {"a": [1, 2]}, [2]),
        ("$['a','b']", {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2}),
    ],
)
def test_paths(path: str, document, found) -> None:
    assert compile_path(path)(document) == found


@pytest.mark.parametrize("path", ["a", "$..a", "$[*]", "$.*", "$[?(@.a>1)]", "$[a]", "$[]"])
def test_other_paths_are_refused_by_name(path: str) -> None:
    with pytest.raises(BadPath, match="JSONPath"):
        compile_path(path)


@pytest.mark.parametrize(
    ("plan", "groups"),
    [
        (RecordPlan("text/csv", "Line"), [["1,2", "3,4", "5,6"]]),
        (RecordPlan("text/csv", "Line", "SingleRecord"), [["1,2"], ["3,4"], ["5,6"]]),
        (RecordPlan("text/csv", "Line", payload=8), [["1,2", "3,4"], ["5,6"]]),
        (RecordPlan("text/csv", "None"), [["1,2\n3,4\n5,6\n"]]),
    ],
)
def test_groups(plan: RecordPlan, groups: list) -> None:
    lines = ["1,2\n", "3,4\n", "5,6\n"]
    assert list(records.payloads(records.split(lines, plan), plan)) == groups


def test_a_record_that_is_too_large_is_named() -> None:
    plan = RecordPlan("text/csv", "Line", payload=4)
    with pytest.raises(BadRecord, match="record 2 has 5 bytes, more than MaxPayloadInMB allows"):
        list(records.payloads(["1", "12345"], plan))


@pytest.mark.parametrize(
    ("plan", "sent", "answer", "kind", "output"),
    [
        (RecordPlan("text/csv", "Line", assemble="Line"), "1,2\n3,4\n", b"0.1\n0.2\n", "text/csv", "0.1\n0.2\n"),
        (RecordPlan("text/csv", "Line"), "1,2\n3,4\n", b"0.10.2", "text/csv", "0.10.2"),
        (
            RecordPlan("text/csv", "Line", assemble="Line", input_filter="$[1:]", join="Input"),
            "2\n4\n",
            b"0.1\n0.2\n",
            "text/csv",
            "1,2,0.1\n3,4,0.2\n",
        ),
        (
            RecordPlan("text/csv", "Line", assemble="Line", join="Input", output_filter="$[0,-1]"),
            "1,2\n3,4\n",
            b"0.1\n0.2\n",
            "text/csv",
            "1,0.1\n3,0.2\n",
        ),
    ],
)
def test_csv(plan: RecordPlan, sent: str, answer: bytes, kind: str, output: str) -> None:
    group = ["1,2", "3,4"]
    assert records.body(group, plan).decode() == sent
    assert records.results(group, answer, kind, plan) == output


def test_json_lines_are_joined_under_a_key() -> None:
    plan = RecordPlan("application/jsonlines", "Line", assemble="Line", input_filter="$.x", join="Input")
    group = ['{"id": 1, "x": [1, 2]}', '{"id": 2, "x": [3]}']
    assert records.body(group, plan) == b"[1, 2]\n[3]\n"
    output = records.results(group, b"0.5\n0.25\n", "text/csv", plan)
    assert output == ('{"id": 1, "x": [1, 2], "SageMakerOutput": 0.5}\n{"id": 2, "x": [3], "SageMakerOutput": 0.25}\n')


@pytest.mark.parametrize(
    ("answer", "message"),
    [(b"1\n", "answered 1 predictions to 2 records"), (b"1\n2\n3\n", "3 predictions to 2 records")],
)
def test_predictions_that_do_not_match_are_refused(answer: bytes, message: str) -> None:
    with pytest.raises(BadRecord, match=message):
        records.results(["1", "2"], answer, "text/csv", RecordPlan("text/csv", "Line", join="Input"))
