"""No key of our own is read or written by string outside `loopback/rows`: the source is walked to prove it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3] / "loopback"
UNTYPED = ("core", "engines", "rows", "images", "sandbox", "wire")  # no records, or what makes them
WRITERS = ("create", "fire", "amend")
MODULES = sorted(
    str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in UNTYPED
)


def untyped(text: str) -> Iterator[int]:
    """The lines that open a record's `doc` or `result`, or write a member of one by its key."""
    tree = ast.parse(text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}  # future.result()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("doc", "result") and id(node) not in called:
            yield node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITERS:
            given = [*node.args, *(each.value for each in node.keywords)]
            yield from (each.lineno for each in given if isinstance(each, ast.Dict) and any(each.keys))


def test_records_are_read_with_types() -> None:
    found = {name: lines for name in MODULES if (lines := sorted(set(untyped((ROOT / name).read_text()))))}
    assert found == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("row.doc['name']", [1]),
        ("row.result.get('job')", [1]),
        ("shown = row.doc | more", [1]),
        ("store.fire(STEP, name, 'begin', {'job': 1})", [1]),
        ("store.create(STEP, name, {}, result={'job': 1})", [1]),
        ("future.result()", []),
        ("store.fire(STEP, name, 'begin', changes(StepResult, job=1))", []),
        ("store.create(STEP, name, request)", []),
    ],
)
def test_sees(text: str, found: list[int]) -> None:
    assert list(untyped(text)) == found
