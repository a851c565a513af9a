"""YAML as dicts, lists and text, with the line of every value: so that an error can say where it is. Pure.

Scalars stay as they are written: `3.10` is not 3.1, and `yes` is no boolean until somebody asks.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

from loopback.wire import documents

Path = tuple[str, ...]


class NotYaml(Exception):
    """The text is not one YAML document."""


@dataclass(frozen=True)
class Tree:
    """A document and the line, from 1, at which the value of each path begins."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def where(self, path: Path) -> str:
        """` at line N` for messages; empty where it is not known."""
        while path and path not in self.lines:
            path = path[:-1]
        return f" at line {self.lines[path]}" if path in self.lines else ""


def read(text: str) -> Tree:
    """Raises NotYaml with the parser's words, or with the bound that the document is beyond."""
    try:
        documents.check_yaml(text)
    except documents.Unreadable as fault:
        raise NotYaml(str(fault)) from None
    loader = documents.Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Path, int] = {}
        value = None if node is None else _value(loader, node, (), lines)
        return Tree(value, lines)
    except yaml.YAMLError as fault:
        raise NotYaml(" ".join(str(fault).split())) from None
    finally:
        loader.dispose()


def _value(loader: Any, node: Any, path: Path, lines: dict[Path, int]) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, (*path, str(i)), lines) for i, item in enumerate(node.value)]
    loader.flatten_mapping(node)  # `<<: *anchor`
    found: dict[str, Any] = {}
    for key, item in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise NotYaml(f"a key at line {key.start_mark.line + 1} is not text")
        found[key.value] = _value(loader, item, (*path, key.value), lines)
        lines[(*path, key.value)] = key.start_mark.line + 1
    return found
