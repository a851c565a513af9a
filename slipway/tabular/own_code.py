"""A pipeline's own features.py and model.py: found and imported; what goes wrong in them is told with file and line.

Two models in one process (the new one and the champion) each have code of their own, and modules of one name that it
imports. So it is imported apart from the modules of the project that are loaded already.
"""

import ast
import importlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from slipway.tabular.job import JobError

ENGINE = "tabular"  # the folder of this file, in every copy
PROJECT = ("pipelines", "slipway", "features", "model")  # what is imported apart
# what model.py must define, and what each function is given
MODEL_FUNCTIONS = {
    "fit": ("train", "validation", "settings"),
    "predict": ("model", "rows"),
    "save": ("model", "folder"),
    "load": ("folder",),
}


@dataclass(frozen=True)
class OwnCode:
    """A module of a project; `root` is the folder that its imports start from, `modules` are those it has imported."""

    module: ModuleType
    root: Path
    modules: Mapping[str, ModuleType]

    @contextmanager
    def with_modules(self) -> Iterator[None]:
        """Let imports of the project find this code's modules: pickle looks for classes by their names."""
        before = _loaded_modules()
        for name in before:
            del sys.modules[name]
        sys.modules.update(self.modules)
        try:
            yield
        finally:
            for name in _loaded_modules():
                del sys.modules[name]
            sys.modules.update(before)

    def place_of(self, error: BaseException, otherwise: str) -> str:
        """File and line of the project that an error comes from; `otherwise` where no line of it took part."""
        own = (self.root / "pipelines", *self.root.glob("*.py"))
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if any(Path(frame.filename).is_relative_to(each) for each in own):
                return f"{self.path_in_project(frame.filename)}:{frame.lineno}"
        return otherwise

    def path_in_project(self, filename: str) -> str:
        """A file as a message names it."""
        path = Path(filename)
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else filename


def load(path: Path, fault: type[JobError]) -> OwnCode:
    """Import a file of a pipeline, or of the code that travels with a job or a model. Raises `fault`."""
    path = path.resolve()
    root, name = _module(path)
    with _apart(root):
        try:
            module = importlib.import_module(name)
        except Exception as error:
            raise fault(f"{_import_place(error, path, root)}: {reason(error)}") from error
        _refuse_late_imports(root, fault)
        return OwnCode(module, root, _loaded_modules())


def reason(error: BaseException) -> str:
    """The type of an error and the first line of its text: messages stand in one line."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


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


def _refuse_late_imports(root: Path, fault: type[JobError]) -> None:
    """A function that imports a module of the project when it is called would get whichever is loaded then."""
    paths = {Path(module.__file__) for module in _loaded_modules().values() if module.__file__}
    for path in sorted(path for path in paths if path.parent.name != ENGINE):
        functions = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.FunctionDef)]
        for node in (inner for function in functions for inner in ast.walk(function)):
            if isinstance(node, ast.Import | ast.ImportFrom) and _is_of_project(node):
                raise fault(
                    f"{path.relative_to(root)}:{node.lineno}: a module of the project is imported inside a function: "
                    "import it at the top of the file"
                )


def _is_of_project(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").partition(".")[0] in PROJECT
    return any(alias.name.partition(".")[0] in PROJECT for alias in node.names)
