"""The project that a command works on: the one of the working folder, found upwards as git finds a repository."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

from slipway.build.project import UsageError

MARKS = ("pipelines/*/pipeline.py", ".template.json")  # a project has one of these
CODE = ("pipelines", "seed_code")  # a project's own packages, and the template's


def project_above(folder: Path) -> Path | None:
    """The nearest folder, this one or above, that holds a project; None outside of any."""
    folder = folder.resolve()
    return next((place for place in (folder, *folder.parents) if any(any(place.glob(mark)) for mark in MARKS)), None)


def require_project(folder: Path) -> Path:
    """The project of a folder. Raises UsageError outside of any."""
    found = project_above(folder)
    if found is None:
        raise UsageError(
            f"there is no project in {folder} or above it: no folder has {MARKS[0]}. "
            "Change to a clone of the project's repository"
        )
    return found


def enter(root: Path) -> None:
    """Import `pipelines` from this project from now on, whatever other project's is loaded or installed."""
    if str(root) != sys.path[0]:
        sys.path.insert(0, str(root))
    for name in [name for name in sys.modules if name.partition(".")[0] in CODE]:
        if not _is_of(root, name):
            del sys.modules[name]
    importlib.invalidate_caches()
    if "pipelines" not in sys.modules and not (root / "pipelines" / "__init__.py").is_file():
        folder = ModuleType("pipelines")  # without it, an installed one that has this file would be preferred
        folder.__path__ = [str(root / "pipelines")]
        sys.modules["pipelines"] = folder


def _is_of(root: Path, module: str) -> bool:
    file = getattr(sys.modules[module], "__file__", None)
    return file is not None and Path(file).resolve().is_relative_to(root.resolve())


def work_here() -> Path:
    """Enter the working folder's project, and say on stderr which that is. Raises UsageError outside of any."""
    root = require_project(Path.cwd())
    print(f"project {root}", file=sys.stderr, flush=True)
    enter(root)
    return root
