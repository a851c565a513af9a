"""The project that a command works on: the one of the working folder, found upwards as git finds a repository."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.project import UsageError

ROOT = Path(__file__).resolve().parent.parent  # the project that this code belongs to
MARK = Path("pipelines", "compiled.py")


def project_above(folder: Path) -> Path | None:
    """The nearest folder, this one or above, that holds a project; None outside of any."""
    folder = folder.resolve()
    return next((place for place in (folder, *folder.parents) if (place / MARK).is_file()), None)


def needed(folder: Path) -> Path:
    """The project of a folder. Raises UsageError outside of any."""
    found = project_above(folder)
    if found is None:
        raise UsageError(
            f"there is no project in {folder} or above it: no folder has {MARK}. "
            "Change to a clone of the project's repository"
        )
    return found


def work_here(module: str, arguments: Sequence[str]) -> None:
    """Say which project a command works on; where this code is another project's, start that one's in its place."""
    root = needed(Path.cwd())
    if root == ROOT:
        print(f"project {ROOT}", file=sys.stderr, flush=True)
        return
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", module, *arguments]  # -P: the working folder is not searched for modules
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})
