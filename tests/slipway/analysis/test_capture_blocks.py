"""Reading captured records by blocks gives what reading them one by one gives."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.analysis import capture, capture_blocks
from slipway.analysis.errors import BadInput

SIDES = capture.SIDES


def _side(data, mode="INPUT", encoding="CSV"):
    return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": encoding}


def _line(request, response=None, encoding="CSV"):
    sides = {"endpointInput": _side(request, encoding=encoding)}
    sides |= {"endpointOutput": _side(response, "OUTPUT")} if response is not None else {}
    return json.dumps({"captureData": sides, "eventMetadata": {"eventId": "e"}, "eventVersion": "0"})


def _both(tmp_path, lines, sides=SIDES):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines) + "\n")
    fast = [row for batch in capture_blocks.batches([path], sides) for row in batch.to_pylist()]
    slow = list(capture.rows([path], sides))
    return fast, slow


@pytest.mark.parametrize("sides", [SIDES, ("endpointInput",), ("endpointOutput",)])
def test_plain_rows_take_the_fast_way_to_the_same_values(tmp_path, sides):
    lines = [_line(f"{i},x{i % 3},,{i / 7:.3f}", f"0.{i}\n") for i in range(500)]
    assert capture_blocks.columns(memoryview("\n".join(lines).encode()), sides) is not None
    fast, slow = _both(tmp_path, lines, sides)
    assert fast == slow


@pytest.mark.parametrize(
    "line",
    [
        _line("1,2\n3,4\n", "0.1\n0.2\n"),
        _line('1,"a,b"', "0.1"),
        _line("1,2,3", "0.1"),
        _line("1,2"),
        _line("", ""),
    ],
)
def test_anything_else_takes_the_slow_way_and_loses_nothing(tmp_path, line):
    lines = [_line("1,2", "0.5"), line, _line("5,6", "0.7")]
    assert capture_blocks.columns(memoryview("\n".join(lines).encode()), SIDES) is None
    try:
        fast, slow = _both(tmp_path, lines)
    except BadInput as fault:
        pytest.fail(str(fault))
    names = {name for row in fast for name in row}
    assert [{name: str(value) if value is not None else None for name, value in row.items()} for row in fast] == [
        {name: str(row[name]) if row.get(name) is not None else None for name in dict.fromkeys(names)} for row in slow
    ]


@pytest.mark.parametrize(("encoding", "text"), [("JSON", '{"a": 1}'), ("BASE64", "MSwy")])
def test_two_encodings_in_one_record_fail_the_analysis(tmp_path, encoding, text):
    """In the words of aws/sagemaker-python-sdk#2785; one side alone can be read."""
    lines = [_line("1,2", "0.5"), _line(text, "0.1", encoding=encoding)]
    told = f"Encoding mismatch: Encoding is {encoding} for endpointInput, but Encoding is CSV for endpointOutput. "
    with pytest.raises(BadInput) as fault:
        _both(tmp_path, lines)
    assert (
        str(fault.value) == told + "We currently only support the same type of input and output encoding at the moment."
    )
    fast, slow = _both(tmp_path, lines, ("endpointOutput",))
    assert [row["_c0"] for row in fast] == [row["_c0"] for row in slow] == ["0.5", "0.1"]


@pytest.mark.parametrize("bad", ["{", "[]", '{"captureData": 7}', '{"captureData": {"endpointInput": {"data": {}}}}'])
def test_a_line_that_is_no_record_is_told_by_its_number(tmp_path, bad):
    with pytest.raises(BadInput, match=r"a\.jsonl, line 2"):
        _both(tmp_path, [_line("1,2", "0.5"), bad])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200), st.integers(1, 900))
def test_where_blocks_end_changes_nothing(tmp_path_factory, values, size):
    folder = tmp_path_factory.mktemp("blocks")
    before, capture_blocks._BLOCK = capture_blocks._BLOCK, size
    try:
        fast, slow = _both(folder, [_line(f"{v},{random.Random(v).choice('ab')}", str(v / 3)) for v in values])
    finally:
        capture_blocks._BLOCK = before
    assert fast == slow
