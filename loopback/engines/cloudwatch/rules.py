"""Rules of composite alarms: text to tree, tree and states to true or false. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from loopback.core.errors import ValidationException

Node: TypeAlias = "tuple[Any, ...]"
STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[(),]|[^\s(),"]+|")')


def parse(rule: str) -> Node:
    """The tree of an AlarmRule. Raises ValidationException, with the place of what cannot be read."""
    return _RuleParser(rule).whole()


def holds(node: Node, state_of: Callable[[str], str | None]) -> bool:
    """Whether the rule is true; `state_of` gives the state of an alarm by name or ARN."""
    match node:
        case ("constant", value):
            return bool(value)
        case ("state", state, name):
            return bool(state_of(name) == state)
        case ("not", inner):
            return not holds(inner, state_of)
        case ("and", left, right):
            return holds(left, state_of) and holds(right, state_of)
        case ("or", left, right):
            return holds(left, state_of) or holds(right, state_of)
        case ("at least", (number, percent), (negated, state), *names):
            found = sum((state_of(name) == state) != negated for name in names)
            return bool(found * 100 >= number * len(names) if percent else found >= number)
    raise ValueError(node)


def names(node: Node) -> list[str]:
    """The alarms that a rule looks at, in its order, each once."""
    match node:
        case ("constant", _):
            return []
        case ("state", _, name):
            return [name]
        case ("at least", _, _, *listed):
            return list(dict.fromkeys(listed))
    return list(dict.fromkeys(name for part in node[1:] for name in names(part)))


@dataclass
class _RuleParser:
    rule: str

    def __post_init__(self) -> None:
        matches = list(_TOKEN.finditer(self.rule))
        self.tokens = [(match.group(1), match.start(1)) for match in matches] + [("", len(self.rule))]
        self.at = 0

    def whole(self) -> Node:
        node = self.either()
        if self.word:
            self.fail("AND or OR")
        return node

    @property
    def word(self) -> str:
        return self.tokens[self.at][0]

    def fail(self, expected: str) -> None:
        text, place = self.tokens[self.at]
        found = f"{text!r} at char {place}" if text else "the end"
        raise ValidationException(f"Error in AlarmRule [Unsupported token {found}, must be: {expected}]")

    def take(self, expected: str) -> None:
        if self.word != expected:
            self.fail(expected)
        self.at += 1

    def either(self) -> Node:
        node = self.both()
        while self.word == "OR":
            self.at += 1
            node = ("or", node, self.both())
        return node

    def both(self) -> Node:
        node = self.single()
        while self.word == "AND":
            self.at += 1
            node = ("and", node, self.single())
        return node

    def single(self) -> Node:
        """NOT, parentheses, a constant, the state of an alarm or AT_LEAST. Raises ValidationException."""
        word = self.word
        self.at += bool(word)
        match word:
            case "NOT":
                return ("not", self.single())
            case "(":
                inner = self.either()
                self.take(")")
                return inner
            case "TRUE" | "FALSE":
                return ("constant", word == "TRUE")
            case "ALARM" | "OK" | "INSUFFICIENT_DATA":
                self.take("(")
                name = self.name()
                self.take(")")
                return ("state", word, name)
            case "AT_LEAST":
                return self.at_least()
        self.at -= bool(word)
        self.fail("'(', NOT, AT_LEAST, TRUE, FALSE, ALARM, OK or INSUFFICIENT_DATA")
        raise AssertionError

    def name(self) -> str:
        text = self.word
        if text in ("", "(", ")", ",", '"'):
            self.fail("the name or the ARN of an alarm")
        self.at += 1
        return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text

    def at_least(self) -> Node:
        """AT_LEAST(2, ALARM, (a, b, c)); the number may be a percentage, the state may be negated."""
        self.take("(")
        number = re.fullmatch(r"(\d+)(%?)", self.word)
        if number is None:
            self.fail("a number or a percentage")
            raise AssertionError
        self.at += 1
        self.take(",")
        negated = self.word == "NOT"
        self.at += negated
        state = self.word
        if state not in STATES:
            self.fail(", ".join(STATES))
        self.at += 1
        self.take(",")
        self.take("(")
        listed = [self.name()]
        while self.word == ",":
            self.at += 1
            listed.append(self.name())
        self.take(")")
        self.take(")")
        return ("at least", (int(number[1]), bool(number[2])), (negated, state), *listed)
