"""What is read, and what is beyond the bounds."""

import json

import pytest

from loopback.core.errors import ValidationException
from loopback.wire import model
from loopback.wire.documents import LEVELS, Unreadable, check_yaml, is_too_deep, json_value, yaml_value
from loopback.wire.json11 import parse_body


def bomb(levels: int, each: int = 9) -> str:
    """The billion laughs: each list has nine times the one before."""
    lines = ["a0: &a0 x"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * each)}]" for n in range(1, levels + 1)]
    return "\n".join(lines)


def chain(levels: int) -> str:
    """Each list holds the one before: deep, though no line is."""
    return "\n".join(["a0: &a0 x", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, levels + 1))])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (bomb(6), "more than 200000 values"),
        (bomb(30), "more than 200000 values"),
        (chain(LEVELS), "nested more than 100 levels"),
        ("[" * 30_000, "nested more than 100 levels"),
        ("{a: " * 3_000, "nested more than 100 levels"),
        ("\n".join("  " * n + "a:" for n in range(150)), "nested more than 100 levels"),
        ("- " * 150 + "a", "nested more than 100 levels"),
        ("a: &a [*a]", "contains itself"),
        ("a: [", "expected.* node content"),
        ("a: *b", "undefined alias"),
        ("a: " + "x" * 2_000_000, "at most 2000000 are read"),
    ],
)
def test_yaml_beyond_the_bounds(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        yaml_value(text)


@pytest.mark.parametrize("text", ["[" * 50_000, '{"a":' * 50_000, "[" * 150 + "]" * 150, "{", "\x00"])
def test_json_beyond_the_bounds(text: str) -> None:
    with pytest.raises(Unreadable):
        json_value(text)


def test_what_is_within_them() -> None:
    assert yaml_value("a: &a {x: 1}\nb: {<<: *a, y: [*a, *a]}") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": [{"x": 1}, {"x": 1}]},
    }
    assert yaml_value("\n".join(f"k{n}: [1, 2, {{a: b}}]" for n in range(5_000)))["k9"] == [1, 2, {"a": "b"}]
    assert json_value("[" * LEVELS + "]" * LEVELS)
    assert yaml_value("[" * LEVELS + "]" * LEVELS)


def test_aliases_are_refused_where_they_are() -> None:
    check_yaml("a: &a 1", aliases="not here")
    with pytest.raises(Unreadable, match="not here"):
        check_yaml("a: &a 1\nb: *a", aliases="not here")


def test_a_deep_body_is_no_request() -> None:
    with pytest.raises(ValidationException, match="nested more than 100 levels"):
        parse_body(b'{"a":' * 20_000 + b"1" + b"}" * 20_000)


@pytest.mark.parametrize("moment", [1e18, -1e18, float("inf")])
def test_a_number_that_is_no_time(moment: float) -> None:
    shape = model.operation("sagemaker", "ListModels").input_shape
    with pytest.raises(ValidationException, match="A timestamp of the request cannot be read"):
        model.check({"CreationTimeAfter": moment}, shape)


DEEP = "[" * (LEVELS + 1) + "]" * (LEVELS + 1)


@pytest.mark.parametrize(
    ("text", "too_deep"),
    [
        ("[" * LEVELS + "]" * LEVELS, False),
        (DEEP, True),
        (DEEP[: LEVELS + 1], True),
        ("[]" * 10_000, False),
        (json.dumps({"Policy": DEEP}), True),
        (json.dumps({"Outer": json.dumps({"Inner": json.dumps({"Policy": DEEP})})}), True),
        (json.dumps({"Policy": json.dumps(["[" * 1000])}), True),  # stricter than need be: it could be a text
        (json.dumps({"logEvents": [{"message": f"[{n}/1000"} for n in range(1000)]}), False),
        (json.dumps({"text": "a [" * 1000}), False),
        (json.dumps({"text": '\\"' * 1000 + "[" * 1000}), False),
    ],
)
def test_depth_of_a_request(text: str, too_deep: bool) -> None:
    assert is_too_deep(text) is too_deep
