"""Requests as clients send them, and as they should not."""

import itertools
import json
import math
import re
import sys
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slipway.tabular.encoder import Encoder
from slipway.tabular.job import JobError
from slipway.tabular.serving import BadRequest, Model, answer, answer_bad_requests
from slipway.tabular.target import Target


@pytest.fixture(scope="module")
def model(churn):
    return Model.load(churn.folder / "model")


@pytest.fixture(scope="module")
def rows(churn):
    return json.loads((churn.folder / "out" / "golden" / "golden.json").read_text())["rows"][:3]


def forms(rows):
    instances = [row["instance"] for row in rows]
    names = list(instances[0])
    lines = [row["csv"] for row in rows]
    yield "csv", "\n".join(lines), "text/csv"
    yield "csv, windows line ends", "\r\n".join(lines) + "\r\n", "text/csv; charset=utf-8"
    yield "csv, header", "\n".join([",".join(names), *lines]), "text/csv"
    yield (
        "csv, header of the raw file",
        "\n".join(["Phone,State," + ",".join(names[1:]), *(f"555,{x}" for x in lines)]),
        "text/csv",
    )
    yield "json, instances", json.dumps({"instances": instances}), "application/json"
    yield "json, objects", json.dumps(instances), "application/json"
    yield (
        "json, other order and spelling",
        json.dumps([{k.upper(): i[k] for k in reversed(names)} for i in instances]),
        "application/json",
    )
    yield "json, lists", json.dumps([list(i.values()) for i in instances]), "application/json"
    yield (
        "json, numbers as text",
        json.dumps([{k: str(v) for k, v in i.items()} for i in instances]),
        "application/json",
    )
    yield (
        "json, a category as number",
        json.dumps([{**i, "area_code": float(i["area_code"])} for i in instances]),
        "application/json",
    )


def test_a_byte_order_mark_is_no_part_of_the_first_value(model, rows):
    plain = model.parse(rows[0]["csv"], "text/csv").tolist()
    for body in ("\ufeff" + rows[0]["csv"], b"\xef\xbb\xbf" + rows[0]["csv"].encode()):
        assert model.parse(body, "text/csv").tolist() == plain


def test_all_forms_of_a_request_mean_the_same(model, rows):
    expected = model.predict(model.parse(json.dumps([row["instance"] for row in rows]), "application/json")).tolist()
    for name, body, kind in forms(rows):
        assert model.predict(model.parse(body, kind)).tolist() == expected, name
        assert model.predict(model.parse(body.encode(), kind)).tolist() == expected, name


@pytest.mark.parametrize("one", ["csv", "object", "list"])
def test_one_row_alone(model, rows, one):
    instance = rows[0]["instance"]
    body = {"csv": rows[0]["csv"], "object": json.dumps(instance), "list": json.dumps(list(instance.values()))}[one]
    kind = "text/csv" if one == "csv" else "application/json"
    assert model.predict(model.parse(body, kind)).shape == (1,)


def test_missing_values_and_unseen_categories_are_missing(model, rows):
    instance = rows[0]["instance"]
    gone = model.parse(json.dumps({**instance, "day_mins": None, "state": "Atlantis"}), "application/json")
    text = model.parse(json.dumps({**instance, "day_mins": "NA", "state": ""}), "application/json")
    assert [name for name, v in zip(model.encoder.features, gone[0], strict=True) if math.isnan(v)] == [
        "state",
        "day_mins",
    ]
    assert [name for name, v in zip(model.encoder.features, text[0], strict=True) if math.isnan(v)] == [
        "state",
        "day_mins",
    ]


BAD = {
    "empty csv": ("", "text/csv", "the request has no row"),
    "a header alone": (
        "state,account_length,area_code,intl_plan,vmail_plan,vmail_message,day_mins,day_calls,day_charge,eve_mins",
        "text/csv",
        "the request has no row",
    ),
    "too few cells": ("CA,1", "text/csv", r"row 1: 2 values, expected 19: state, account_length"),
    "not json": ("{", "application/json", "not JSON"),
    "no instances": ('{"instances": []}', "application/json", "no row"),
    "a number for rows": ("7", "application/json", "no row"),
    "a missing column": ('[{"state": "CA"}]', "application/json", "row 1: column 'account_length'.* is missing"),
    "a row of a wrong kind": ('[{"state": "CA"}, 3]', "application/json", "row 1: column|row 2: 3 is neither"),
    "a line that ends halfway": ("1,\r2", "text/csv", "not CSV"),
    "a number beyond all": ("[[" + "9" * 400 + "]]", "application/json", "values, expected"),
    "another content type": ("x", "text/plain", "'text/plain' is not supported"),
    "not utf-8": (b"\xff\xfe\xfa", "text/csv", "not UTF-8"),
    "not utf-8, as Flask decodes it": (b"\xff".decode(errors="replace"), "text/csv", "not UTF-8"),
}


@pytest.mark.parametrize(("body", "kind", "message"), BAD.values(), ids=BAD)
def test_bad_requests_are_explained(model, body, kind, message):
    with pytest.raises(BadRequest) as raised:
        model.parse(body, kind)
    assert re.search(message, str(raised.value)), raised.value


class ToolkitError(Exception):
    """As the container's sagemaker_inference.errors has it."""

    def __init__(self, status_code, message):
        super().__init__(message)
        self.status_code = status_code


@pytest.fixture
def toolkit(monkeypatch):
    """What the container's Flask server has imported: all of sagemaker_inference."""
    errors = SimpleNamespace(GenericInferenceToolkitError=ToolkitError)
    for name, module in {"": SimpleNamespace(), ".errors": errors, ".transformer": SimpleNamespace()}.items():
        monkeypatch.setitem(sys.modules, f"sagemaker_inference{name}", module)


@pytest.mark.usefixtures("toolkit")
def test_a_refusal_is_a_response_for_the_containers_flask(model):
    told = answer_bad_requests(lambda model, body, kind, accept: answer([model.parse(body, kind)[0][0]], accept))
    refused = told(model, "[}", "application/json", "text/csv")
    assert (refused.status_code, refused.mimetype) == (400, "text/plain")
    assert refused.get_data(as_text=True).startswith("the request is not JSON")


@pytest.mark.usefixtures("toolkit")
def test_a_refusal_is_an_exception_with_a_status_for_multi_model_server(monkeypatch):
    monkeypatch.setitem(sys.modules, "mms", SimpleNamespace())
    refusing = answer_bad_requests(lambda *_: answer([1.0], "image/png"))
    with pytest.raises(ToolkitError, match="image/png") as raised:
        refusing(None, "1", "text/csv", "image/png")
    assert raised.value.status_code == 400


def fail(*_):
    raise JobError("model.py:7: predict() failed: ValueError: no, in row 2")


@pytest.mark.usefixtures("toolkit")
def test_a_row_that_the_model_cannot_answer_is_a_500_with_the_reason_and_a_trace_in_the_log(capsys):
    failed = answer_bad_requests(fail)(None, "1", "text/csv", "text/csv")
    assert (failed.status_code, failed.mimetype) == (500, "text/plain")
    assert failed.get_data(as_text=True) == "model.py:7: predict() failed: ValueError: no, in row 2"
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.usefixtures("toolkit")
def test_so_it_is_for_multi_model_server(monkeypatch):
    monkeypatch.setitem(sys.modules, "mms", SimpleNamespace())
    with pytest.raises(ToolkitError, match="in row 2") as raised:
        answer_bad_requests(fail)(None, "1", "text/csv", "text/csv")
    assert raised.value.status_code == 500


@pytest.mark.parametrize("value", ["much", "inf", "1e999", "1_000", "\uff11", "1e39", [1], {}])
def test_a_bad_value_is_named_with_row_and_column(model, rows, value):
    good, bad = rows[0]["instance"], {**rows[1]["instance"], "day_mins": value}
    with pytest.raises(BadRequest, match=r"row 2, column 'day_mins': .* is not a"):
        model.parse(json.dumps([good, bad]), "application/json")


@pytest.mark.parametrize("value", ["1_000", "\uff11"])
def test_a_number_that_only_python_reads_is_refused_in_csv_too(model, rows, value):
    line = rows[0]["csv"].split(",")
    line[model.encoder.features.index("day_mins")] = value
    with pytest.raises(BadRequest, match=r"row 1, column 'day_mins': .* is not a number"):
        model.parse(",".join(line), "text/csv")


def test_a_column_that_is_there_twice_is_refused(model, rows):
    with pytest.raises(BadRequest, match="row 1: column 'state' is there twice"):
        model.parse(json.dumps({**rows[0]["instance"], "STATE": "FL"}), "application/json")


@pytest.mark.parametrize("value", [[1], {}])
def test_a_category_that_is_no_text_or_number_is_named_too(model, rows, value):
    with pytest.raises(BadRequest, match=r"row 1, column 'state': .* is not a category"):
        model.parse(json.dumps([{**rows[0]["instance"], "state": value}]), "application/json")


@pytest.mark.parametrize(
    ("features", "line", "is_header"),
    [
        (("age", "mins"), "age,mins", True),
        (("age", "mins"), "Age,other,MINS", True),
        (("age", "mins"), "1,2", False),
        (("age", "mins"), "-1,+.5", False),
        (("age", "mins"), "age,2", False),
        (("age", "mins"), "nan,", False),
        (("2024", "2025"), "2024,2025", True),
        (("2024", "2025"), "2024,7", False),
        (("2024", "age"), "-2024,AGE", True),
    ],
)
def test_a_first_line_of_names_is_told_from_a_row(features, line, is_header):
    bare = Model(None, Encoder(features, {}), Target("regression"))
    rows = bare._csv_rows(f"{line}\n{line}")
    assert len(rows) == (1 if is_header else 2)


CELLS = st.sampled_from(
    ["1", " 2", "-.5", "FL", " FL", "FL ", "", "nan", "1e999", "much", '"3"', '"F,L"', '"', "\t4", "mins"]
)
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", "\n\n", ""])


@given(st.lists(st.tuples(CELLS, st.sampled_from([",", ",", ",", ""]), CELLS, ENDS), max_size=6))
@settings(max_examples=400, deadline=None)
@example([("state", ",", "mins", "\n"), ("FL", ",", "1", "\n")])
def test_plain_csv_is_read_as_the_csv_module_reads_it(parts):
    def read(columns):
        try:
            return bare._matrix(columns()).tolist()
        except BadRequest as refused:
            return str(refused)

    bare = Model(None, Encoder(("state", "mins"), {"state": ("FL", "GA")}), Target("regression"))
    text = "".join(itertools.chain(*parts))
    plain = bare._plain_csv(text)
    if plain is not None:
        assert repr(read(lambda: plain)) == repr(read(lambda: bare._transpose(bare._csv_rows(text))))


def test_what_clients_usually_send_is_plain(model, rows):
    lines = [row["csv"] for row in rows]
    for body in (lines[0], "\n".join(lines), "\r\n".join(lines) + "\r\n"):
        assert model._plain_csv(body) is not None
    assert model._plain_csv(f'{lines[0]}\n"{lines[1]}"') is None


@pytest.mark.parametrize(
    ("accept", "body", "kind"),
    [
        ("text/csv", "0.5000000\n0.2500000", "text/csv"),
        ("*/*", "0.5000000\n0.2500000", "text/csv"),
        ("", "0.5000000\n0.2500000", "text/csv"),
        ("application/json", '{"predictions": [0.5, 0.25]}', "application/json"),
        ("text/html, application/json;q=0.9", '{"predictions": [0.5, 0.25]}', "application/json"),
    ],
)
def test_answers(accept, body, kind):
    assert answer([0.5, 0.25], accept) == (body, kind)


def test_an_answer_that_cannot_be_given():
    with pytest.raises(BadRequest, match="'image/png' is not supported"):
        answer([0.5], "image/png")
