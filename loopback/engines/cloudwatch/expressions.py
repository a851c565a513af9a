"""CloudWatch's metric math, in alarms and GetMetricData: text to tree, tree and series to a series. Pure.

A value is a number, a series (one number or None a period, oldest first), or a list of series (METRICS(), [m1, m2]).
What is missing in one operand is missing in the result, and so is a division by zero.
"""

import operator
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch import series as of_series
from loopback.engines.cloudwatch.series import Grid, Series

Value: TypeAlias = Any  # a number, a Series or a list of them: only its content tells
Node: TypeAlias = "tuple[Any, ...]"

_TOKEN = re.compile(
    r"\s*(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|[A-Za-z_]\w*|&&|\|\||[<>=!]=|[-+*/^<>(),\[\]]|\"[^\"]*\"|'[^']*'|\S)"
)
_LEVELS: tuple[dict[str, str], ...] = (  # from the loosest binding to the tightest
    {"||": "or", "OR": "or"},
    {"&&": "and", "AND": "and"},
    {name: name for name in ("==", "!=", "<=", ">=", "<", ">")},
    {"+": "+", "-": "-"},
    {"*": "*", "/": "/"},
)


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


def _power(left: float, right: float) -> float | None:
    try:
        found = left**right
    except (ZeroDivisionError, OverflowError):
        return None
    return found if isinstance(found, float | int) else None


_BINARY: dict[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "^": _power,
    "<": lambda left, right: float(left < right),
    ">": lambda left, right: float(left > right),
    "<=": lambda left, right: float(left <= right),
    ">=": lambda left, right: float(left >= right),
    "==": lambda left, right: float(left == right),
    "!=": lambda left, right: float(left != right),
    "and": lambda left, right: float(bool(left) and bool(right)),
    "or": lambda left, right: float(bool(left) or bool(right)),
}
_FOLDS: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "AVG": lambda numbers: sum(numbers) / len(numbers),
    "MIN": min,
    "MAX": max,
}
_COUNTS: dict[str, Callable[[Sequence[Series]], float]] = {  # of all series of an array
    "METRIC_COUNT": lambda several: float(len(several)),
    "DATAPOINT_COUNT": lambda several: float(sum(value is not None for series in several for value in series)),
}
_CHOICES: dict[str, int] = {"FIRST": 0, "LAST": -1}
FUNCTIONS = (*_FOLDS, *of_series.FUNCTIONS, *_COUNTS, *_CHOICES, "IF", "FILL", "METRICS", "PERIOD", "TIME_SERIES")


def parse(text: str) -> Node:
    """The tree of an expression. Raises ValidationException, which names what loopback does not compute."""
    return _ExpressionParser(text).whole()


def references(node: Node) -> set[str]:
    """The ids of other queries that an expression reads by name; METRICS() is not among them."""
    if node[0] == "id":
        return {node[1]}
    return set().union(*(references(part) for part in node[1:] if isinstance(part, tuple)), set())


def evaluate(node: Node, queries: Mapping[str, Value], metrics: Mapping[str, Series], grid: Grid) -> Value:
    """What the expression gives for these series; `metrics` is what METRICS() means. Raises ValidationException."""
    return _Evaluation(queries, metrics, grid).value(node)


@dataclass
class _ExpressionParser:
    text: str

    def __post_init__(self) -> None:
        self.tokens = [*_TOKEN.findall(self.text.strip()), ""]
        self.at = 0

    def whole(self) -> Node:
        if self.tokens[0].upper() == "SELECT":
            raise ValidationException(f"loopback does not run Metrics Insights queries: {self.text!r}")
        node = self.binary(0)
        if self.tokens[self.at]:
            self.fail()
        return node

    def fail(self) -> None:
        raise ValidationException(f"Invalid metrics list: {self.tokens[self.at] or 'the end'!r} in {self.text!r}")

    def take(self, wanted: str | None = None) -> str:
        token: str = self.tokens[self.at]
        if not token or (wanted is not None and token != wanted):
            self.fail()
        self.at += 1
        return token

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.power()
        left = self.binary(level + 1)
        while (name := _LEVELS[level].get(self.tokens[self.at])) is not None:
            self.at += 1
            left = ("binary", name, left, self.binary(level + 1))
        return left

    def power(self) -> Node:
        """An operand, a negated one, or a power; it binds to the right."""
        if self.tokens[self.at] == "-":
            self.at += 1
            return ("binary", "-", ("number", 0.0), self.power())
        base = self.operand()
        if self.tokens[self.at] != "^":
            return base
        self.at += 1
        return ("binary", "^", base, self.power())

    def operand(self) -> Node:
        """A number, a text, an id, a call, an array, or an expression in parentheses. Raises ValidationException."""
        token = self.take()
        if token == "(":  # noqa: S105
            inner = self.binary(0)
            self.take(")")
            return inner
        if token == "[":  # noqa: S105
            return ("array", *self.several("]"))
        if token[0] in string.digits or (token[0] == "." and len(token) > 1):
            return ("number", float(token))
        if token[0] in "\"'" and len(token) > 1:
            return ("text", token[1:-1])
        if not (token[0].isalpha() or token[0] == "_"):
            self.at -= 1
            self.fail()
        if self.tokens[self.at] == "(":
            self.at += 1
            return self.parse_call(token)
        return ("keyword", token) if token in ("REPEAT", "LINEAR") else ("id", token)

    def parse_call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise ValidationException(
                f"loopback does not compute {name} in metric math; it knows {', '.join(FUNCTIONS)}"
            )
        return ("call", name, *self.several(")"))

    def several(self, end: str) -> list[Node]:
        found: list[Node] = []
        while self.tokens[self.at] != end:
            found.append(self.binary(0))
            if self.tokens[self.at] != end:
                self.take(",")
        self.take(end)
        return found


def is_series(value: Value) -> bool:
    """Whether this is one number a period."""
    return isinstance(value, list) and not (value and isinstance(value[0], list))


@dataclass(frozen=True)
class _Evaluation:
    queries: Mapping[str, Value]
    metrics: Mapping[str, Series]
    grid: Grid

    def value(self, node: Node) -> Value:
        """The number or the series that a node stands for. Raises ValidationException."""
        match node:
            case ("number", number):
                return float(number)
            case ("id", name):
                if name not in self.queries:
                    raise ValidationException(f"Invalid metrics list: there is no query with the id {name!r}")
                return self.queries[name]
            case ("binary", name, left, right):
                return _each(_BINARY[name], self.value(left), self.value(right))
            case ("array", *items):
                return self.several([self.value(item) for item in items])
            case ("call", name, *items):
                return self.call_function(name, items)
        raise ValidationException(f"Invalid metrics list: {node[1]!r} stands where a number or a series is expected")

    def call_function(self, name: str, items: Sequence[Node]) -> Value:
        """What a function of metric math makes of its operands. Raises ValidationException."""
        if name == "METRICS":
            wanted = self.filter_of(items)
            return [series for id_, series in self.metrics.items() if wanted in id_]
        if name == "IF" and len(items) in (2, 3):
            return _if(*(self.value(item) for item in items))
        if name == "FILL" and len(items) == 2:
            return self.fill(self.value(items[0]), items[1])
        if len(items) == 1:
            return self.call_of_one(name, self.value(items[0]))
        raise ValidationException(f"Invalid metrics list: {name} does not take {len(items)} operands")

    def call_of_one(self, name: str, given: Value) -> Value:
        """What a function makes of its only operand. Raises ValidationException."""
        if name in _FOLDS:
            return _fold(_FOLDS[name], given)
        if name == "TIME_SERIES" and not isinstance(given, list):
            return [given] * len(self.grid.starts)
        if not isinstance(given, list):
            raise ValidationException(f"Invalid metrics list: {name} takes series, not a number")
        several = [given] if is_series(given) else given
        if name in of_series.FUNCTIONS:
            found = [of_series.FUNCTIONS[name](series, self.grid) for series in several]
            return found[0] if is_series(given) else found
        if name in _COUNTS:
            return _COUNTS[name](several)
        if name in _CHOICES and several:
            return several[_CHOICES[name]]
        if name == "PERIOD":
            return float(self.grid.period)
        raise ValidationException(f"Invalid metrics list: {name} does not take 1 operands")

    def filter_of(self, items: Sequence[Node]) -> str:
        if not items:
            return ""
        if len(items) != 1 or items[0][0] != "text":
            raise ValidationException("Invalid metrics list: METRICS takes no operand, or one text")
        return str(items[0][1])

    def several(self, values: Sequence[Value]) -> list[Series]:
        found: list[Series] = []
        for value in values:
            if not isinstance(value, list):
                raise ValidationException("Invalid metrics list: an array holds series, not numbers")
            found += [value] if is_series(value) else value
        return found

    def fill(self, value: Value, filling: Node) -> Value:
        """A series with its empty periods filled: by a number, a series, the last one. Raises ValidationException."""
        if not isinstance(value, list):
            raise ValidationException("Invalid metrics list: FILL fills a series, not a number")
        if not is_series(value):
            return [self.fill(series, filling) for series in value]
        if filling == ("keyword", "REPEAT"):
            return of_series.repeat_last(value)
        if filling == ("keyword", "LINEAR"):
            return of_series.interpolate(value)
        given = self.value(filling)
        return _each(lambda own, other: other if own is None else own, value, given, missing=True)


def _each(function: Callable[[Any, Any], float | None], left: Value, right: Value, *, missing: bool = False) -> Value:
    """Apply to every period. `missing` says whether the function sees None too."""
    for one, other, turned in ((left, right, False), (right, left, True)):
        if isinstance(one, list) and not is_series(one):
            if isinstance(other, list) and not is_series(other):
                raise ValidationException("Invalid metrics list: an operator takes at most one array")
            return [
                _each(function, *((other, series) if turned else (series, other)), missing=missing) for series in one
            ]
    if not isinstance(left, list) and not isinstance(right, list):
        found_number = function(left, right)
        return 0.0 if found_number is None else found_number
    size = len(left) if isinstance(left, list) else len(right)
    pairs = zip(*(value if isinstance(value, list) else [value] * size for value in (left, right)), strict=True)
    return [None if not missing and (a is None or b is None) else function(a, b) for a, b in pairs]


def _if(condition: Value, then: Value, otherwise: Value | None = None) -> Value:
    values = [condition, then, otherwise]
    if any(isinstance(value, list) and not is_series(value) for value in values):
        raise ValidationException("Invalid metrics list: IF takes series and numbers, not arrays")
    size = next((len(value) for value in values if isinstance(value, list)), None)
    if size is None:
        return (then if condition else otherwise) or 0.0
    columns = [value if isinstance(value, list) else [value] * size for value in values]
    return [None if c is None else (a if c else b) for c, a, b in zip(*columns, strict=True)]


def _fold(function: Callable[[Sequence[float]], float], value: Value) -> Value:
    """Of an array: per period, over what is there. Of one series: a number, over the periods that are looked at."""
    if not isinstance(value, list):
        return value
    if is_series(value):
        numbers = [number for number in value if isinstance(number, float | int)]
        return function(numbers) if numbers else 0.0
    columns: list[list[float]] = [[n for n in column if n is not None] for column in zip(*value, strict=True)]
    return [function(column) if column else None for column in columns]
