"""Model Monitor's record preprocessor: what a captured request says, by the names of the baseline's columns.

A request may be CSV with or without a header, or JSON; the captured answer stands before it. The monitor itself would
go by position. Runs inside the monitor's container, so it needs nothing but Python 3.7 and the baseline beside it.
"""

from __future__ import annotations  # the container's Python is older than what the annotations need

import base64
import csv
import io
import json
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

VARIABLE = "baseline_constraints"  # of the container
CONSTRAINTS = "/opt/ml/processing/baseline/constraints/constraints.json"
UNREADABLE = "request_not_readable"  # a column of this name in a report says that there were such requests


def preprocess_handler(inference_record: Any) -> Any:
    """One dict for each row of the request: column name -> value, with None for what is missing."""
    captured = inference_record.endpoint_input
    if captured is None:
        return []
    text = captured.data or ""
    if captured.encoding == "BASE64":
        text = base64.b64decode(text).decode("utf-8-sig", errors="replace")
    kind = str(captured.observedContentType or "").partition(";")[0].strip().lower()
    try:
        rows = _of_json(text) if captured.encoding == "JSON" or "json" in kind else _of_csv(text)
    except ValueError:
        return {UNREADABLE: "1"}
    return [{name: _told(name, value) for name, value in row.items()} for row in rows]


def _of_csv(text: str) -> list[dict[str, Any]]:
    lines: list[list[str]] = [row for row in csv.reader(io.StringIO(text), skipinitialspace=True) if row]
    if not lines:
        return []
    known = _by_spelling()
    named: list[str] = [known.get(_spelling(cell), cell) for cell in lines[0]]
    if sum(_spelling(cell) in known for cell in lines[0]) * 2 > len(lines[0]):
        return [dict(zip(named, row)) for row in lines[1:]]
    return [_by_position(row) for row in lines]


def _of_json(text: str) -> list[dict[str, Any]]:
    document = json.loads(text)
    rows = document["instances"] if isinstance(document, dict) and "instances" in document else document
    if isinstance(rows, dict) or (isinstance(rows, list) and rows and not isinstance(rows[0], (list, dict))):
        rows = [rows]
    known = _by_spelling()
    return [
        {known.get(_spelling(name)) or str(name): value for name, value in row.items()}
        if isinstance(row, dict)
        else _by_position(row)
        for row in rows
    ]


def _by_position(row: Sequence[Any]) -> dict[str, Any]:
    """Values beyond the known columns are named by their place, so that the monitor reports them as extra columns."""
    names = _names()
    return {names[place] if place < len(names) else f"extra_{place}": value for place, value in enumerate(row)}


def _told(name: str, value: Any) -> Any:
    """The model reads 94 and 94.0 alike, and so must the monitor: of one such value it would call the type wrong."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    text = value.strip() if isinstance(value, str) else value
    if name in _integral() and isinstance(text, (str, float)):
        return _as_integer(text)
    return text


def _as_integer(value: str | float) -> Any:
    try:
        number = float(value)
    except ValueError:
        return value
    if not number.is_integer():
        return value
    return str(int(number)) if isinstance(value, str) else int(number)


@lru_cache(maxsize=1)
def _features() -> tuple[dict[str, Any], ...]:
    document = json.loads(Path(os.environ.get(VARIABLE, CONSTRAINTS)).read_text(encoding="utf-8"))
    return tuple(document["features"])


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    """The columns of the baseline, in its order."""
    return tuple(feature["name"] for feature in _features())


@lru_cache(maxsize=1)
def _integral() -> frozenset[str]:
    return frozenset(feature["name"] for feature in _features() if feature["inferred_type"] == "Integral")


@lru_cache(maxsize=1)
def _by_spelling() -> dict[str, str]:
    return {_spelling(name): name for name in _names()}


def _spelling(name: object) -> str:
    """As the model reads column names: case, spaces and punctuation don't count."""
    return re.sub(r"[\W_]", "", str(name).casefold())
