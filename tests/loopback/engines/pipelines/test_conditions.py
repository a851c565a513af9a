"""Conditions."""

import pytest

from loopback.engines.pipelines.conditions import Incomparable, check, evaluate


def _two(kind, left, right):
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (_two("Equals", 1, 1.0), True),
        (_two("Equals", "a", "b"), False),
        (_two("Equals", True, True), True),
        (_two("NotEquals", 1, 2), True),
        (_two("GreaterThan", 10, 9.5), True),
        (_two("GreaterThan", "10", "9"), False),
        (_two("GreaterThanOrEqualTo", 1, 1), True),
        (_two("LessThan", 1, 1), False),
        (_two("LessThanOrEqualTo", 0.5, 1), True),
        ({"Type": "In", "QueryValue": "a", "Values": ["b", "a"]}, True),
        ({"Type": "In", "Value": 3, "In": [1, 2]}, False),
        ({"Type": "NotIn", "Value": 3, "In": [1, 2]}, True),
        ({"Type": "Not", "Condition": _two("Equals", 1, 1)}, False),
        (
            {"Type": "Or", "Conditions": [_two("Equals", 1, 2), {"Type": "Not", "Condition": _two("Equals", 1, 2)}]},
            True,
        ),
        ({"Type": "Or", "Conditions": []}, False),
    ],
)
def test_holds(condition, holds):
    check(condition)
    assert evaluate(condition, lambda value: value) is holds


def test_both_sides_are_resolved():
    assert evaluate(_two("Equals", "x", "y"), {"x": 1, "y": 1}.__getitem__)


@pytest.mark.parametrize(
    ("left", "right"), [(1, "1"), (True, 1), ("True", True), (None, None), ([1], [1]), (True, False)]
)
def test_unlike_types_are_not_compared(left, right):
    with pytest.raises(Incomparable, match=r"GreaterThan cannot compare .* must be numbers or both strings"):
        evaluate(_two("GreaterThan", left, right), lambda value: value)
