"""Ranges of a tuning job: what AWS's API references allow, and combinations that stay inside them."""

import math
from typing import Any

import pytest

from loopback.engines.tuning import ranges
from loopback.engines.tuning.ranges import InvalidRanges, space
from loopback.engines.tuning.suggest import Tried, suggest


def integer(name: str, low: str, high: str, **more: str) -> dict[str, Any]:
    return {"IntegerParameterRanges": [{"Name": name, "MinValue": low, "MaxValue": high, **more}]}


def continuous(name: str, low: str, high: str, **more: str) -> dict[str, Any]:
    return {"ContinuousParameterRanges": [{"Name": name, "MinValue": low, "MaxValue": high, **more}]}


def choice(name: str, *values: str) -> dict[str, Any]:
    return {"CategoricalParameterRanges": [{"Name": name, "Values": list(values)}]}


@pytest.mark.parametrize(
    ("asked", "static", "told"),
    [
        ({}, {}, "has no range"),
        (integer("a", "1", "x"), {}, "hyperparameter a: 'x' is not an integer"),
        (integer("a", "1.5", "2"), {}, "'1.5' is not an integer"),
        (continuous("a", "nan", "2"), {}, "'nan' is not a finite number"),
        (continuous("a", "3", "2"), {}, "MinValue 3 is above MaxValue 2"),
        (continuous("a", "0", "2", ScalingType="Logarithmic"), {}, "needs a MinValue above 0, not 0"),
        (continuous("a", "0", "1", ScalingType="ReverseLogarithmic"), {}, "needs a range within 0 <= x < 1"),
        (integer("a", "0", "1", ScalingType="ReverseLogarithmic"), {}, "for continuous ranges only"),
        (choice("a", "x", "x"), {}, "has a value twice"),
        (choice("a", "x"), {"a": "x"}, "is in StaticHyperParameters and has a range"),
        (choice("a", "x") | integer("a", "1", "2"), {}, "hyperparameter a has two ranges"),
        ({"AutoParameters": [{"Name": "a", "ValueHint": "1"}]}, {}, "loopback does not choose ranges"),
    ],
)
def test_refuses(asked: dict[str, Any], static: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidRanges, match=told):
        space(asked, static)


def test_at_most_thirty_hyperparameters() -> None:
    many = [{"Name": f"p{i}", "MinValue": "0", "MaxValue": "1"} for i in range(16)]
    names = [{**entry, "Name": f"q{i}"} for i, entry in enumerate(many)]
    with pytest.raises(InvalidRanges, match="32 hyperparameters have ranges; at most 30"):
        space({"IntegerParameterRanges": many, "ContinuousParameterRanges": names}, {})


SPACE = space(
    integer("rounds", "1", "50")
    | {
        "ContinuousParameterRanges": [
            {"Name": "eta", "MinValue": "0.0001", "MaxValue": "0.5", "ScalingType": "Logarithmic"},
            {"Name": "rate", "MinValue": "0.5", "MaxValue": "0.999", "ScalingType": "ReverseLogarithmic"},
        ]
    }
    | choice("booster", "gbtree", "dart"),
    {},
)


@pytest.mark.parametrize("strategy", ["Random", "Bayesian", "Hyperband"])
def test_combinations_are_of_their_ranges_and_the_same_for_the_same_seed(strategy: str) -> None:
    tried: list[Tried] = []
    for index in range(20):
        values = suggest(strategy, SPACE, tried, index, 7, maximize=True)
        assert values == suggest(strategy, SPACE, tried, index, 7, maximize=True)
        texts = {name: ranges.as_text(value) for name, value in values.items()}
        assert ranges.read(SPACE, texts) == values, texts
        tried.append(Tried(values, float(index) if index % 3 else None))
    assert len({str(one.values) for one in tried}) > 15


def test_bayesian_is_drawn_to_what_was_good() -> None:
    """Of a parabola's values those of the second half are nearer to its top than chance would have them."""
    line = space(continuous("x", "0", "1"), {})
    tried: list[Tried] = []
    for index in range(40):
        values = suggest("Bayesian", line, tried, index, 3, maximize=False)
        tried.append(Tried(values, (float(values["x"]) - 0.3) ** 2))
    late = [abs(float(one.values["x"]) - 0.3) for one in tried[20:]]
    assert sum(late) / len(late) < 0.15  # 0.29 by chance


def test_a_logarithmic_range_is_drawn_by_decades() -> None:
    line = space(continuous("x", "0.0001", "1", ScalingType="Logarithmic"), {})
    drawn = [math.log10(float(suggest("Random", line, [], i, 0, maximize=True)["x"])) for i in range(400)]
    assert [sum(low <= at < low + 1 for at in drawn) > 60 for low in (-4, -3, -2, -1)] == [True] * 4


def test_a_grid_is_all_combinations_once() -> None:
    grid = space({"CategoricalParameterRanges": [
        {"Name": "a", "Values": ["1", "2"]}, {"Name": "b", "Values": ["x", "y", "z"]}]}, {})  # fmt: skip
    assert ranges.combinations(grid) == 6
    found = [suggest("Grid", grid, [], index, 0, maximize=True) for index in range(6)]
    assert found[:4] == [{"a": "1", "b": "x"}, {"a": "1", "b": "y"}, {"a": "1", "b": "z"}, {"a": "2", "b": "x"}]
    with pytest.raises(InvalidRanges, match="only categorical ranges are allowed"):
        ranges.combinations(SPACE)
