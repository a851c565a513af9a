"""No import inside a function hides a circle: what it imports never comes back to the module that it stands in."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "loopback").rglob("*.py")
}
Graph = dict[str, set[str]]


def imported(node: ast.stmt) -> Iterator[str]:
    """The modules of loopback that an import names."""
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names if each.name in MODULES)
    if isinstance(node, ast.ImportFrom) and node.module:
        for each in node.names:
            name = f"{node.module}.{each.name}"
            if name in MODULES or node.module in MODULES:
                yield name if name in MODULES else node.module


def imports(text: str) -> tuple[set[str], set[str]]:
    """What a module imports when it is loaded, and what only inside its functions."""
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    found = [(name, id(node) in inside) for node in statements for name in imported(node)]
    return {name for name, hidden in found if not hidden}, {name for name, hidden in found if hidden}


def reached(start: str, graph: Graph) -> set[str]:
    """All modules that are loaded with one, or when its functions run."""
    seen: set[str] = set()
    left = [start]
    while left:
        if (name := left.pop()) not in seen:
            seen.add(name)
            left += graph.get(name, ())
    return seen


def circles(sources: dict[str, str]) -> list[str]:
    """The imports inside functions without which there would be no circle."""
    found = {name: imports(text) for name, text in sources.items()}
    graph = {name: loaded | hidden for name, (loaded, hidden) in found.items()}
    lazy = ((name, target) for name, (_, hidden) in found.items() for target in hidden)
    return sorted(f"{name} -> {target}" for name, target in lazy if name in reached(target, graph))


def test_no_import_inside_a_function_hides_a_circle() -> None:
    assert circles({name: path.read_text() for name, path in MODULES.items()}) == []


def test_a_hidden_circle_is_found() -> None:
    lazy = "def f():\n    from loopback.core import store\n"
    assert circles({"loopback.core.kinds": lazy, "loopback.core.store": "from loopback.core import kinds"}) == [
        "loopback.core.kinds -> loopback.core.store"
    ]
    assert circles({"loopback.core.kinds": lazy, "loopback.core.store": "import json"}) == []
