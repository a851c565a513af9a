"""A pipeline's features.py: found, imported and called; what goes wrong in it is told with its file and line.

Two models in one process (the new one and the champion) each have a features.py of their own, and modules of one name
that it imports. So it is imported apart from the modules of the project that are loaded already.
"""

import ast
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from slipway.tabular.job import JobError

FILE, FUNCTION = "features.py", "features"
ENGINE = "tabular"  # the folder of this file, in every copy
PROJECT = ("pipelines", "slipway", "features")  # what is imported apart


class FeatureError(JobError):
    """The features of some rows can't be made; the message begins with file and line of features.py."""


@dataclass(frozen=True)
class FeatureFunction:
    """The function `features` of a features.py; `root` is the folder that its imports start from."""

    function: Callable[[Any], Any]
    root: Path

    @property
    def place(self) -> str:
        """File and line of the function."""
        code = self.function.__code__
        return f"{self._path_in_project(code.co_filename)}:{code.co_firstlineno}"

    def __call__(self, rows: Any) -> Any:
        """What the function returns. Raises FeatureError for what it raises."""
        try:
            return self.function(rows)
        except Exception as error:
            raise FeatureError(f"{self._place_of(error)}: {type(error).__name__}: {error}") from error

    def _place_of(self, error: Exception) -> str:
        """File and line of the project that an error comes from."""
        own = (self.root / "pipelines", self.root / FILE)
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if any(Path(frame.filename).is_relative_to(each) for each in own):
                return f"{self._path_in_project(frame.filename)}:{frame.lineno}"
        return self.place

    def _path_in_project(self, filename: str) -> str:
        path = Path(filename)
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else filename


def beside(script: str) -> FeatureFunction | None:
    """The function of the features.py beside a pipeline's script; None where there is no such file."""
    return load(Path(script).resolve().parent)


def load(folder: Path) -> FeatureFunction | None:
    """The function of the features.py in a folder: of a pipeline, or of the code that travels with a job or a model."""
    path = folder.resolve() / FILE
    if not path.is_file():
        return None
    root, name = _module(path)
    with _apart(root):
        try:
            function: Any = getattr(importlib.import_module(name), FUNCTION, None)
        except Exception as error:
            raise FeatureError(f"{_import_place(error, path, root)}: {type(error).__name__}: {error}") from error
        if not hasattr(function, "__code__"):
            raise FeatureError(f"{path.relative_to(root)}: there is no function features(rows)")
        _refuse_late_imports(root)
    return FeatureFunction(function, root)


def _module(path: Path) -> tuple[Path, str]:
    """The folder to import a file from, and the name of its module there."""
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    return root, ".".join(names)


@contextmanager
def _apart(root: Path) -> Iterator[None]:
    """Import the project's modules from `root`, whatever is loaded; afterwards all is as before."""
    before = _loaded_modules()
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(root))
        for name in _loaded_modules():
            del sys.modules[name]
        sys.modules.update(before)


def _loaded_modules() -> dict[str, ModuleType]:
    """The modules of the project that are loaded."""
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in PROJECT}


def _import_place(error: Exception, path: Path, root: Path) -> str:
    """File and line of what can't be imported."""
    if isinstance(error, SyntaxError) and error.filename:
        file, line = Path(error.filename), error.lineno
    else:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(path.parent)]
        file, line = (Path(frames[-1].filename), frames[-1].lineno) if frames else (path, 1)
    return f"{file.relative_to(root) if file.is_relative_to(root) else file}:{line}"


def _refuse_late_imports(root: Path) -> None:
    """A function that imports a module of the project when it is called would get whichever is loaded then."""
    paths = {Path(module.__file__) for module in _loaded_modules().values() if module.__file__}
    for path in sorted(path for path in paths if path.parent.name != ENGINE):
        functions = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.FunctionDef)]
        for node in (inner for function in functions for inner in ast.walk(function)):
            if isinstance(node, ast.Import | ast.ImportFrom) and _is_of_project(node):
                raise FeatureError(
                    f"{path.relative_to(root)}:{node.lineno}: a module of the project is imported inside a function: "
                    "import it at the top of the file"
                )


def _is_of_project(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").partition(".")[0] in PROJECT
    return any(alias.name.partition(".")[0] in PROJECT for alias in node.names)
