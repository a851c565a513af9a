"""A pipeline's model.py and features.py as they are written: functions are looked for without importing packages."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from slipway.tabular import feature_code
from slipway.tabular.own_code import MODEL_FUNCTIONS

FILE = "model.py"
FILES: dict[str, Mapping[str, tuple[str, ...]]] = {
    FILE: MODEL_FUNCTIONS,
    feature_code.FILE: {feature_code.FUNCTION: ("rows",)},
}


def exists(folder: Path) -> bool:
    """Whether a pipeline has a model.py, which takes the place of XGBoost."""
    return (folder / FILE).is_file()


def faults(folder: Path) -> list[str]:
    """What is wrong with a pipeline's own files, each with file and line; nothing where there are none."""
    paths = [folder / name for name in FILES if (folder / name).is_file()]
    return [fault for path in paths for fault in _file_faults(path)]


def _file_faults(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        return [f"{path}:{getattr(error, 'lineno', 1) or 1}: not Python: {getattr(error, 'msg', error)}"]
    return [f"{path}:{line}: {text}" for line, text in _faults(tree, FILES[path.name])]


def _faults(tree: ast.Module, functions: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[int, str]]:
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    named = {*_assigned_names(tree)}
    for name, arguments in functions.items():
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
