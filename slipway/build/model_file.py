"""A pipeline's model.py as it is written: its functions are looked for without importing it and its packages."""

import ast
from collections.abc import Iterator
from pathlib import Path

from slipway.tabular.own_code import MODEL_FUNCTIONS

FILE = "model.py"


def exists(folder: Path) -> bool:
    """Whether a pipeline has a model.py, which takes the place of XGBoost."""
    return (folder / FILE).is_file()


def faults(folder: Path) -> list[str]:
    """What is wrong with a pipeline's model.py, each with file and line; nothing where there is none."""
    if not exists(folder):
        return []
    path = folder / FILE
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        return [f"{path}:{getattr(error, 'lineno', 1) or 1}: not Python: {getattr(error, 'msg', error)}"]
    return [f"{path}:{line}: {text}" for line, text in _faults(tree)]


def _faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    named = {*_assigned_names(tree)}
    for name, arguments in MODEL_FUNCTIONS.items():
        expected = f"{name}({', '.join(arguments)})"
        node = defined.get(name)
        if node is None and name not in named:
            yield 1, f"there is no function {expected}"
        elif isinstance(node, ast.AsyncFunctionDef):
            yield node.lineno, f"{name} is async; expected a plain function {expected}"
        elif node is not None and not _takes(node.args, len(arguments)):
            yield node.lineno, f"{name}({ast.unparse(node.args)}) can't be called as {expected}"


def _assigned_names(tree: ast.Module) -> Iterator[str]:
    """Names that are imported or assigned: Train looks at what they are."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _takes(arguments: ast.arguments, count: int) -> bool:
    """Whether a function can be called with so many arguments by place."""
    by_place = [*arguments.posonlyargs, *arguments.args]
    needed = len(by_place) - len(arguments.defaults)
    keywords_needed = any(default is None for default in arguments.kw_defaults)
    return needed <= count and (arguments.vararg is not None or len(by_place) >= count) and not keywords_needed
