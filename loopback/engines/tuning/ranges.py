"""The ranges of a tuning job: checked as AWS checks them, and the values in them as text and as numbers.

Source: AWS, API references of IntegerParameterRange, ContinuousParameterRange and CategoricalParameterRange, and
automatic-model-tuning-define-ranges.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_PARAMETERS = 30  # AWS's quota of hyperparameters that can be searched, over all three kinds
AUTO_LOGARITHMIC = 1000.0  # AWS does not say what Auto chooses: here the logarithm where a range has three decades
Value = int | float | str


class InvalidRanges(ValueError):
    """Ranges that cannot be searched; the message names the hyperparameter, what was found and what is allowed."""


@dataclass(frozen=True)
class Choice:
    """A hyperparameter with a list of values."""

    name: str
    values: tuple[str, ...]

    def read(self, text: str) -> str | None:
        """The value that a text stands for; None where it is none of this range."""
        return text if text in self.values else None


@dataclass(frozen=True)
class Interval:
    """A hyperparameter between two numbers, both included. `scale` is Linear, Logarithmic or ReverseLogarithmic."""

    name: str
    low: float
    high: float
    scale: str
    whole: bool

    def read(self, text: str) -> float | None:
        """The number that a text stands for; None where it is none of this range."""
        try:
            number = float(text)
        except ValueError:
            return None
        if not self.low <= number <= self.high or (self.whole and number != int(number)):
            return None
        return int(number) if self.whole else number


Range = Choice | Interval
Space = tuple[Range, ...]


def space(ranges: Mapping[str, Any], static: Mapping[str, str]) -> Space:
    """The ranges of a request (ParameterRanges), beside its static hyperparameters. Raises InvalidRanges."""
    if ranges.get("AutoParameters"):
        raise InvalidRanges("AutoParameters: loopback does not choose ranges by itself; give ranges")
    found: Space = tuple(_ranges(ranges))
    names = [each.name for each in found]
    if not found:
        raise InvalidRanges("ParameterRanges has no range; give at least one hyperparameter to search")
    if len(found) > MOST_PARAMETERS:
        raise InvalidRanges(f"{len(found)} hyperparameters have ranges; at most {MOST_PARAMETERS} are allowed")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidRanges(f"hyperparameter {twice[0]} has two ranges; give it one")
    if both := sorted(set(names) & set(static)):
        raise InvalidRanges(f"hyperparameter {both[0]} is in StaticHyperParameters and has a range; leave one out")
    return found


def _ranges(ranges: Mapping[str, Any]) -> Iterator[Range]:
    for entry in ranges.get("IntegerParameterRanges") or ():
        yield _interval(entry, whole=True)
    for entry in ranges.get("ContinuousParameterRanges") or ():
        yield _interval(entry, whole=False)
    for entry in ranges.get("CategoricalParameterRanges") or ():
        if len(set(entry["Values"])) < len(entry["Values"]):
            raise InvalidRanges(f"hyperparameter {entry['Name']} has a value twice: {', '.join(entry['Values'])}")
        yield Choice(entry["Name"], tuple(entry["Values"]))


def _interval(entry: Mapping[str, str], *, whole: bool) -> Interval:
    name, asked = entry["Name"], entry.get("ScalingType", "Auto")
    low, high = (_number(name, entry[member], whole=whole) for member in ("MinValue", "MaxValue"))
    if low > high:
        raise InvalidRanges(
            f"hyperparameter {name}: MinValue {entry['MinValue']} is above MaxValue {entry['MaxValue']}"
        )
    if asked == "Logarithmic" and low <= 0:
        raise InvalidRanges(f"hyperparameter {name}: Logarithmic scaling needs a MinValue above 0, not {low:g}")
    if asked == "ReverseLogarithmic" and whole:
        raise InvalidRanges(f"hyperparameter {name}: ReverseLogarithmic scaling is for continuous ranges only")
    if asked == "ReverseLogarithmic" and not (low >= 0 and high < 1):
        raise InvalidRanges(f"hyperparameter {name}: ReverseLogarithmic scaling needs a range within 0 <= x < 1")
    if asked == "Auto":
        asked = "Logarithmic" if low > 0 and high / low >= AUTO_LOGARITHMIC else "Linear"
    return Interval(name, low, high, asked, whole)


def _number(name: str, text: str, *, whole: bool) -> float:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        kind = "an integer" if whole else "a number"
        raise InvalidRanges(f"hyperparameter {name}: {text!r} is not {kind}") from None
    if not math.isfinite(number):
        raise InvalidRanges(f"hyperparameter {name}: {text!r} is not a finite number")
    return number


def as_text(value: Value) -> str:
    """A value as a training job gets it: hyperparameters are text."""
    return value if isinstance(value, str) else repr(value)


def combinations(searched: Space) -> int:
    """How many there are in a grid. Raises InvalidRanges: a grid has categorical ranges only, as on AWS."""
    number = 1
    for each in searched:
        if not isinstance(each, Choice):
            raise InvalidRanges(
                f"hyperparameter {each.name}: with the Grid strategy only categorical ranges are allowed; "
                "list its values, or choose another strategy"
            )
        number *= len(each.values)
    return number


def at(searched: Space, index: int) -> dict[str, Value]:
    """The combination with this index in a grid; the last hyperparameter changes first."""
    found: dict[str, Value] = {}
    for each in reversed(searched):
        assert isinstance(each, Choice)
        index, place = divmod(index, len(each.values))
        found[each.name] = each.values[place]
    return {each.name: found[each.name] for each in searched}


def read(searched: Space, texts: Mapping[str, str]) -> dict[str, Value] | None:
    """The values in a training job's hyperparameters; None where one is not in its range."""
    found: dict[str, Value] = {}
    for each in searched:
        value = each.read(texts[each.name]) if each.name in texts else None
        if value is None:
            return None
        found[each.name] = value
    return found
