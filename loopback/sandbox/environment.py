"""The folders that Python programs need, wherever they are on this machine."""

import importlib.util
import os
import site
import sys
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parents[1]


def own_environment(python: str = sys.executable) -> tuple[str, ...]:
    """What runs a program of ours: a Python, its packages, loopback and slipway, without what lies beside these."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE and python == sys.executable else []
    folders = [*_package_folders("slipway"), *_package_folders("loopback")]  # the monitors' stand-in runs an analysis
    found = (*interpreter_folders(python), *user, str(_PACKAGE), *folders)
    return tuple(dict.fromkeys(path for path in found if Path(path) != _PACKAGE.parent))


def _package_folders(name: str) -> list[str]:
    """Where a package is found: by the path of this process, and as it is installed, should that be elsewhere."""
    installed: list[Any] = [
        finder for finder in sys.meta_path if getattr(finder, "__module__", "").startswith("__editable__")
    ]
    specs = [importlib.util.find_spec(name), *(finder.find_spec(name) for finder in installed)]
    return [folder for spec in specs if spec for folder in spec.submodule_search_locations or ()]


def interpreter_folders(python: str) -> tuple[str, ...]:
    """Of a Python: its environment, what that is made from, and the folders that its path files name."""
    prefix, real = Path(python).absolute().parents[1], Path(os.path.realpath(python)).parents[1]
    named = [line for path in prefix.glob("lib/python*/site-packages/*.pth") for line in _folders_in(path)]
    further = [str(Path(line).parents[2]) for line in named if Path(line).name == "site-packages"]
    return tuple(dict.fromkeys((str(prefix), str(real), *named, *further)))


def program_folders(path: str) -> tuple[str, ...]:
    """Of another program, for example node: where it is installed."""
    real = Path(os.path.realpath(path))
    return tuple(dict.fromkeys(str(found.parents[1]) for found in (Path(path).absolute(), real)))


def _folders_in(path: Path) -> list[str]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if os.path.isabs(line) and os.path.isdir(line)]
