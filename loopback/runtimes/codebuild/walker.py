"""Reading a buildspec's tree: each value as what it has to be, or refused by its place and line. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from loopback.runtimes.codebuild import yaml_tree

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_YES = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class BuildspecError(Exception):
    """What CodeBuild calls YAML_FILE_ERROR: the message names key, place and what is allowed."""


class Walker:
    """Walks the tree; `path` is the way to what is read. Everything raises BuildspecError."""

    def __init__(self, text: str) -> None:
        try:
            self.tree = yaml_tree.read(text)
        except yaml_tree.NotYaml as fault:
            raise BuildspecError(f"the buildspec is not YAML: {fault}") from None

    def map(self, given: Any, path: yaml_tree.Path, allowed: tuple[str, ...] | None, *, noun: str) -> dict[str, Any]:
        """Keys and values; None allows every key."""
        what = ".".join(path) or "the buildspec"
        if not isinstance(given, dict):
            raise BuildspecError(f"{what}{self.tree.where(path)}: expected keys and values, found {_noun(given)}")
        for key in given if allowed is not None else ():
            if key not in (allowed or ()):
                where = self.tree.where((*path, key))
                raise BuildspecError(f"Invalid {noun} {key!r}{where}; expected one of {', '.join(allowed or ())}")
        return given

    def texts(self, given: Any, path: yaml_tree.Path) -> tuple[str, ...]:
        """A list of texts; one text is a list of one."""
        if given in (None, ""):
            return ()
        items = [given] if isinstance(given, str) else given
        if not isinstance(items, list):
            raise BuildspecError(f"{'.'.join(path)}{self.tree.where(path)}: expected a list, found {_noun(given)}")
        for index, item in enumerate(items):
            if not isinstance(item, str):
                where = self.tree.where((*path, str(index)))
                raise BuildspecError(
                    f"{'.'.join(path)}[{index}]{where}: expected text, found {_noun(item)}; "
                    f"put quotes around text that contains a colon and a space"
                )
        return tuple(items)

    def text(self, given: Mapping[str, Any], key: str, path: yaml_tree.Path) -> str:
        """The text of a key, "" where it is not there."""
        value = given.get(key, "")
        if not isinstance(value, str):
            where = self.tree.where((*path, key))
            raise BuildspecError(f"{'.'.join((*path, key))}{where}: expected text, found {_noun(value)}")
        return value

    def flag(self, given: Mapping[str, Any], key: str, path: yaml_tree.Path) -> bool:
        """The yes or no of a key, no where it is not there."""
        value = given.get(key, "no")
        if not isinstance(value, str) or value.lower() not in _YES:
            where = self.tree.where((*path, key))
            raise BuildspecError(f"{'.'.join((*path, key))} is {value!r}{where}; expected yes or no")
        return _YES[value.lower()]

    def variables(self, given: Any, path: yaml_tree.Path) -> dict[str, str]:
        """Environment variables by their names."""
        found = self.map(given or {}, path, None, noun="variable")
        for name, value in found.items():
            self.variable(name, path)
            if not isinstance(value, str):
                where = self.tree.where((*path, name))
                raise BuildspecError(f"{'.'.join(path)}.{name}{where}: expected text, found {_noun(value)}")
        return found

    def variable(self, name: str, path: yaml_tree.Path) -> None:
        """Whether a variable may be called so."""
        where, dotted = self.tree.where((*path, name)), ".".join(path)
        if not VARIABLE.fullmatch(name):
            raise BuildspecError(f"{dotted}.{name}{where}: a variable has letters, digits and underscores")
        if name.startswith("CODEBUILD_"):
            raise BuildspecError(f"{dotted}.{name}{where}: names that begin with CODEBUILD_ are reserved")


def _noun(value: Any) -> str:
    if isinstance(value, str):
        return repr(value) if value else "nothing"
    return "keys and values" if isinstance(value, dict) else "a list" if isinstance(value, list) else "nothing"
