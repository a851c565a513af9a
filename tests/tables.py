"""The tables that tests train on: the real ones where they lie beside this checkout, else made-up ones like them."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from slipway.build import sample_data

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"
ROWS = {"churn": 5000, "abalone": 4177}  # as many as the real ones have


@cache
def table(name: str) -> Path:
    """The CSV file of `churn` or `abalone`."""
    if (real := REAL / f"{name}.csv").is_file():
        return real
    made = _folder() / f"{name}.csv"
    sample_data.write(name, ROWS[name], 0, 0.0, made)
    return made


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="slipway-tables-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


only_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"the figures are those of the real tables, {REAL}")
