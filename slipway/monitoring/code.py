"""What a monitor's job gets as its code: its program, the preprocessor beside it, and the modules that they import.

The folder is named by a hash of the contents: another version of the library is another folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from slipway.monitoring.definition import PROGRAM
from slipway.monitoring.settings import PREPROCESSOR

LIBRARY = Path(__file__).resolve().parents[2]
MODULES = ("bias", "captured_files", "explanations", "job", "publish", "settings", "verdict", "window")
MODEL = (  # of slipway.tabular: what loads a version's model
    *("__init__", "asking", "cells", "columns", "decision", "derived", "encoder", "explaining", "feature_code"),
    *("hashing", "job", "kinds", "own_code", "own_model", "parts", "predictor", "scoring", "serving", "split"),
    "target",
)
_PROGRAM = '''"""The program of a monitor's job."""

import os
import sys
from pathlib import Path

from slipway.monitoring.job import main

sys.exit(main(os.environ, Path(__file__).resolve().parent))
'''


def files(preprocessor: bytes, *, explains: bool = False) -> dict[str, bytes]:
    """By their place in the folder. `explains`: with what loads the version's model."""
    package = LIBRARY / "slipway"
    found = [package / "__init__.py", *sorted((package / "analysis").glob("*.py"))]
    found += [package / "monitoring" / f"{name}.py" for name in ("__init__", *MODULES)]
    found += [package / "tabular" / f"{name}.py" for name in MODEL] if explains else []
    return {
        PROGRAM: _PROGRAM.encode(),
        PREPROCESSOR: preprocessor,
        **{path.relative_to(LIBRARY).as_posix(): path.read_bytes() for path in found},
    }


def digest(contents: Mapping[str, bytes]) -> str:
    """Of names and contents."""
    found = hashlib.sha256()
    for name, content in sorted(contents.items()):
        found.update(f"{name}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()[:16]
