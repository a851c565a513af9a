"""How rows are written for a model, and how its answers are read."""

import json

import pandas as pd
import pytest

from loopback.images.clarify import requests
from loopback.images.clarify.answers import Reader, records
from loopback.images.clarify.requests import RecordFormat, Vocabulary
from slipway.analysis.errors import BadInput

CSV, LINES, JSON = "text/csv", "application/jsonlines", "application/json"
NAMES = ["a", "b c"]
FRAME = pd.DataFrame({"a": ["1", "02", None], "b c": ["x", 'say "hi", you', "x"]}, dtype=object)


def bodies(predictor, kind, frame=FRAME):
    vocabulary = Vocabulary.of(RecordFormat.of(predictor, kind, NAMES), frame)
    return [body for body, _ in vocabulary.form.bodies(vocabulary.lines(vocabulary.codes(frame)))]


def test_csv_is_as_it_came():
    assert bodies({}, CSV) == ['1,x\n02,"say ""hi"", you"\n,x\n']


def test_json_has_numbers_where_a_column_has_nothing_else():
    (body,) = bodies({"content_template": '{"in": $features}'}, LINES)
    rows = [json.loads(line)["in"] for line in body.splitlines()]
    assert rows == [[1, "x"], [2, 'say "hi", you'], [None, "x"]]


@pytest.mark.parametrize(
    ("content", "record", "first"),
    [
        ('{"instances": $records}', "$features", {"instances": [[1, "x"]]}),
        ("$records", "$features_kvp", [{"a": 1, "b c": "x"}]),
        ("$records", '{"A": "${a}", "rest": ["${b c}"]}', [{"A": 1, "rest": ["x"]}]),
        ("$records", '{"names": $feature_names, "v": $features}', [{"names": ["a", "b c"], "v": [1, "x"]}]),
        ("$record", "$features_kvp", {"a": 1, "b c": "x"}),
    ],
)
def test_templates(content, record, first):
    predictor = {"content_template": content, "record_template": record}
    assert json.loads(bodies(predictor, JSON, FRAME[:1])[0]) == first
    assert len(bodies(predictor, JSON)) == (3 if content == "$record" else 1)


def test_requests_are_not_too_large(monkeypatch):
    monkeypatch.setattr(requests, "MOST_ROWS", 2)
    assert [body.count("\n") for body in bodies({}, CSV)] == [2, 1]
    monkeypatch.setattr(requests, "MOST_BYTES", 10)
    assert [body.count("\n") for body in bodies({}, CSV)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("body", "kind", "count", "place", "found"),
    [
        ("0.1\n0.2\n", CSV, 2, None, [[0.1], [0.2]]),
        ("0.1,0.2", CSV, 2, None, [[0.1], [0.2]]),
        ("yes,0.9\nno,0.2\n", CSV, 2, 0, ["yes", "no"]),
        ("yes,0.9\nno,0.2\n", CSV, 2, "1", [0.9, 0.2]),
        ('{"p": 1}\n{"p": 2}\n', LINES, 2, "p", [1, 2]),
        ('{"predictions": [0.1, 0.2]}', JSON, 2, None, [0.1, 0.2]),
        ('{"predictions": [0.1, 0.2]}', JSON, 2, "0", [0.1, 0.2]),
        ('{"predictions": [{"s": 1}, {"s": 2}]}', JSON, 2, "predictions[*].s", [1, 2]),
        ('[{"s": 1}, {"s": 2}]', JSON, 2, "s", [1, 2]),
        ('{"s": 0.5}', JSON, 1, "s", [0.5]),
    ],
)
def test_where_an_answer_has_it(body, kind, count, place, found):
    assert records(body, kind, count, place) == found


@pytest.mark.parametrize(
    ("reader", "body", "classes", "found"),
    [
        (Reader(), "0.4\n0.6\n", True, [0, 1]),
        (Reader(threshold=0.3), "0.3\n0.4\n", True, [0, 1]),  # above, not at it
        (Reader(), "3.2\n0.6\n", False, [3.2, 0.6]),
        (Reader(label=0), "yes,0.9\nno,0.1\n", True, ["yes", "no"]),
        (Reader(label=0), "1,0.1\n0,0.9\n", True, [1.0, 0.0]),
        (Reader(label="0"), "0.2\n0.7\n", True, [0, 1]),  # a label that is a score
        (Reader(probability=1), "yes,0.9\nno,0.1\n", True, [1, 0]),
        (Reader(probability=0, names=("cat", "dog")), '"[0.9, 0.1]"\n"[0.2, 0.8]"\n', True, ["cat", "dog"]),
        (Reader(names=("cat", "dog")), "0.9,0.1\n0.2,0.8\n", True, ["cat", "dog"]),
        (Reader(label=0, probability=1), '"[""a"", ""b""]","[0.1, 0.9]"\n' * 2, True, ["b", "b"]),
    ],
)
def test_the_label_that_an_answer_means(reader, body, classes, found):
    assert list(reader.labels(body, CSV, 2, classes=classes)) == found


@pytest.mark.parametrize(
    ("reader", "body", "told"),
    [
        (Reader(), "yes\nno\n", "the values in the model's answer are no numbers"),
        (Reader(), "1,2\n3,4\n", "say where its score is"),
        (Reader(probability=3), "1,2\n3,4\n", "has no column 3: '1,2'"),
        (Reader(probability="p"), "1\n2\n", "the values at 'p' must be the number of a column"),
        (Reader(), "1\n", "asked about 2 records and answered with 1"),
    ],
)
def test_answers_that_cannot_be_read(reader, body, told):
    with pytest.raises(BadInput) as fault:
        reader.scores(body, CSV, 2)
    assert told in str(fault.value)
