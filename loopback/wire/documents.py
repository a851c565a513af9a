"""JSON and YAML that somebody hands in, read within bounds. Pure.

A few hundred bytes of YAML can stand for gigabytes, by aliases of aliases; and a deep document exhausts the stack of
whatever walks through it. Both are refused before anything is built of them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

LEVELS = 100  # of lists and objects in each other
NODES = 200_000  # of a YAML document with its aliases written out
CHARACTERS = 2_000_000  # of a YAML document
TOO_DEEP = f"it is nested more than {LEVELS} levels deep"
TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)  # of JSON: texts and brackets
DOCUMENT = re.compile(r'"\s*[\[{]')
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast


class Unreadable(ValueError):
    """The document is none, or beyond the bounds; the message says why."""


def json_value(text: str | bytes) -> Any:
    """Raises Unreadable."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise Unreadable(TOO_DEEP) from None
    except ValueError as fault:
        raise Unreadable(str(fault)) from None
    _check_depth(value)
    return value


def is_too_deep(text: str) -> bool:
    """Whether lists and objects stand deeper in each other than LEVELS: in a JSON text, or in a text that it holds.

    A policy or a pattern is a text within a request. One with few brackets is not walked through.
    """
    if text.count("[") + text.count("{") <= LEVELS:
        return False
    depth = 0
    for found in TOKENS.finditer(text):
        part = found[0]
        if part[0] == '"':
            if DOCUMENT.match(part) and is_too_deep(part[1:-1].replace('\\"', '"').replace("\\\\", "\\")):
                return True
            continue
        depth += 1 if part in "[{" else -1
        if depth > LEVELS:
            return True
    return False


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(LEVELS + 1):
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    raise Unreadable(TOO_DEEP)


def _children(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item.values()
    elif isinstance(item, list):
        yield from item


def yaml_value(text: str, loader: Any = Loader) -> Any:
    """The value of one document. Raises Unreadable."""
    check_yaml(text)
    try:
        return yaml.load(text, loader)  # noqa: S506 - SafeLoader's, or a subclass of it
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise Unreadable(" ".join(str(fault).split())) from None


def check_yaml(text: str, *, aliases: str = "") -> None:
    """Raises Unreadable where a document is beyond the bounds, or none; `aliases` says why it may have no aliases."""
    if len(text) > CHARACTERS:
        raise Unreadable(f"it has {len(text)} characters; at most {CHARACTERS} are read")
    size = _Size(aliases)
    try:
        for event in yaml.parse(text, Loader):
            size.add(event)
    except yaml.YAMLError as fault:
        raise Unreadable(" ".join(str(fault).split())) from None


@dataclass
class _Size:
    """How large what has been read of a document would be with its aliases written out."""

    aliases: str
    nodes: int = 0
    open: list["_Collection"] = field(default_factory=list)
    named: dict[str, tuple[int, int]] = field(default_factory=dict)  # an anchor: its nodes, its levels

    def add(self, event: yaml.Event) -> None:
        """Raises Unreadable."""
        if isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor or "")
        elif isinstance(event, yaml.ScalarEvent):
            self._grow(1, 0)
            if event.anchor:
                self.named[event.anchor] = 1, 0
        elif isinstance(event, yaml.CollectionStartEvent):
            self._grow(1, 1)
            self.open.append(_Collection(event.anchor, self.nodes - 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = self.open.pop()
            if ended.anchor:
                self.named[ended.anchor] = self.nodes - ended.before, ended.levels
            if self.open:
                self.open[-1].levels = max(self.open[-1].levels, ended.levels + 1)

    def _alias(self, anchor: str) -> None:
        if self.aliases:
            raise Unreadable(self.aliases)
        if anchor in [collection.anchor for collection in self.open]:
            raise Unreadable("the document contains itself")
        self._grow(*self.named.get(anchor, (1, 0)))

    def _grow(self, nodes: int, levels: int) -> None:
        self.nodes += nodes
        if self.nodes > NODES:
            raise Unreadable(f"it has more than {NODES} values, with its aliases written out")
        if len(self.open) + levels > LEVELS:
            raise Unreadable(TOO_DEEP)
        if self.open:
            self.open[-1].levels = max(self.open[-1].levels, 1 + levels)


@dataclass
class _Collection:
    """A list or an object that has begun: `before` are the nodes before it, `levels` what is in each other in it."""

    anchor: str | None
    before: int
    levels: int = 1
