"""What a team's script and label files may hold; the rest is refused in one message with file and line.

A script that fails without a word costs people days: aws/sagemaker-python-sdk#2665,
aws-samples/amazon-sagemaker-immersion-day#29.
"""

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pytest

from slipway.analysis import capture
from slipway.analysis.errors import BadInput

SIDE = {"observedContentType": "text/csv", "encoding": "CSV"}


def hour(folder, *records):
    path = folder / "c.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return [path]


ROWS = {
    "a row": ({"a": 1, "b": None}, [{"a": 1, "b": None}]),
    "rows": ([{"a": "x"}, {"a": True}], [{"a": "x"}, {"a": True}]),
    "none": ([], []),
    "keys of two kinds": ({0: 1.5, "a": 2}, [{"0": 1.5, "a": 2}]),
    "numpy's own float, which is one": ({"a": np.float64(2)}, [{"a": 2.0}]),
}
REFUSED = {
    "nothing": (None, "returned None; expected a dict of columns, or a list of such dicts"),
    "a text": ("1,2", "returned '1,2'; expected a dict"),
    "lists": ([[1, 2]], r"returned \[\[1, 2\]\]; expected a dict"),
    "an integer of numpy": ({"a": np.int64(3)}, r"returned np.int64\(3\) \(numpy.int64\) in 'a'; expected text or a"),
    "a date": ({"a": dt.date(2026, 1, 2)}, r"returned .* \(datetime.date\) in 'a'"),
    "a decimal": ([{"a": 1}, {"a": Decimal(1)}], r"returned .* \(decimal.Decimal\) in 'a'"),
    "a list in a column": ({"a": list(range(99))}, r"returned \[0, 1, .*\.\.\. \(builtins.list\) in 'a'"),
}


@pytest.mark.parametrize(("result", "rows"), ROWS.values(), ids=ROWS)
def test_a_script_gives_rows(tmp_path, result, rows):
    assert [*capture.rows(hour(tmp_path, {}), capture.SIDES, lambda _: result)] == rows


@pytest.mark.parametrize(("result", "message"), REFUSED.values(), ids=REFUSED)
def test_a_script_that_gives_something_else_is_told_where(tmp_path, result, message):
    with pytest.raises(BadInput, match=rf"c\.jsonl, line 1: preprocess_handler {message}"):
        [*capture.rows(hour(tmp_path, {}), capture.SIDES, lambda _: result)]


def judged(folder, truth, answer="0.7"):
    side = {"endpointOutput": {**SIDE, "data": answer}}
    return [*capture.merged_rows(hour(folder, {"captureData": side, "groundTruthData": truth}))]


@pytest.mark.parametrize(("label", "text"), [("1", "1"), (1, "1"), (0, "0"), (1.5, "1.5")])
def test_a_label_is_text_or_a_number(tmp_path, label, text):
    assert judged(tmp_path, {"data": label, "encoding": "CSV"}) == [{"0": "0.7", "groundTruth": text}]


@pytest.mark.parametrize("truth", [{"data": True}, {"data": None}, {"data": [1]}, {}, "1"])
def test_what_is_no_label_is_told_where(tmp_path, truth):
    with pytest.raises(BadInput, match=r"c\.jsonl, line 1: groundTruthData is .*; expected a label as text or number"):
        judged(tmp_path, truth)


def test_as_many_labels_as_answers(tmp_path):
    with pytest.raises(BadInput, match="line 1: the response has 2 rows and groundTruthData has 1"):
        judged(tmp_path, {"data": "1", "encoding": "CSV"}, "0.7\n0.2")
