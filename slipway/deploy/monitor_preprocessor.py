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
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

VARIABLE = "baseline_constraints"  # of the container
CONSTRAINTS = "/opt/ml/processing/baseline/constraints/constraints.json"
MISSING_WORDS = "missing_words"  # of the container, where config.yml has words of its own: a JSON list in base64
NUMBERS = ("Integral", "Fractional")
UNREADABLE = "request_not_readable"  # a column of this name in a report says that there were such requests


# -- the same in slipway/tabular/cells.py --------------------------------------------------------------------------
BLANKS = " \t\r\n\v\f\u00a0"
MISSING = ("", "?", "na", "n/a", "nan", "null", "none")  # in any case
WHOLE = re.compile(r"(-?)(0|[1-9][0-9]*)(\.0*)?")
OTHER_BOOLEAN = {"true": "1", "1": "true", "false": "0", "0": "false"}


def text_of(cell: str) -> str:
    """What a cell of CSV says: without blanks around it, and without quotes that stand behind a blank."""
    text = cell.strip(BLANKS)
    if len(text) > 1 and text[0] == text[-1] == '"' and cell[0] in BLANKS:
        return text[1:-1].replace('""', '"').strip(BLANKS)
    return text


def category(value: Any, missing: Collection[str] = MISSING) -> str | None:
    """The one spelling of a category, whichever it came in; None for a missing value."""
    if isinstance(value, str):
        text = text_of(value)
        if text.casefold() in missing:
            return None
        if text.lower() in ("true", "false"):
            return text.lower()
        whole = WHOLE.fullmatch(text)
        if whole is None:
            return text
        return whole.group(2) if whole.group(2) == "0" else whole.group(1) + whole.group(2)
    if value is None or value != value:  # noqa: PLR0124  it is NaN
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    raise TypeError(f"{value!r} is not a category")


def spelling(name: str) -> str:
    """What tells one column name from another: its letters and digits, of any script and case.

    `Int'l Plan` is `intl_plan`. A name of other signs only, as %, is told by those.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in plain if unicodedata.category(sign)[0] in "LMN") or plain.strip()


# -- end of the same ---------------------------------------------------------------------------------------------------


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
        return [{name: _read(name, value) for name, value in row.items()} for row in rows]
    except (ValueError, TypeError, csv.Error):  # the endpoint has refused it, too
        return {UNREADABLE: "1"}


def _of_csv(text: str) -> list[dict[str, Any]]:
    lines: list[list[str]] = [row for row in csv.reader(io.StringIO(text), skipinitialspace=True) if row]
    if not lines:
        return []
    named: list[str] = [_baseline_column(cell) or cell for cell in lines[0]]
    if sum(_baseline_column(cell) is not None for cell in lines[0]) * 2 > len(lines[0]):
        return [dict(zip(named, row)) for row in lines[1:]]
    return [_by_position(row) for row in lines]


def _of_json(text: str) -> list[dict[str, Any]]:
    document = json.loads(text)
    rows = document["instances"] if isinstance(document, dict) and "instances" in document else document
    if isinstance(rows, dict) or (isinstance(rows, list) and rows and not isinstance(rows[0], (list, dict))):
        rows = [rows]
    return [
        {_baseline_column(name) or str(name): value for name, value in row.items()}
        if isinstance(row, dict)
        else _by_position(row)
        for row in rows
    ]


def _by_position(row: Sequence[Any]) -> dict[str, Any]:
    """Values beyond the known columns are named by their place, so that the monitor reports them as extra columns."""
    names = _names()
    return {names[place] if place < len(names) else f"extra_{place}": value for place, value in enumerate(row)}


def _read(name: str, value: Any) -> Any:
    """A value as the model reads it, in the spelling of the baseline; None for what is missing to the model.

    The model reads 94 and 94.0 alike, and so must the monitor: of one such value it would call the type wrong.
    """
    text = category(value, _missing())
    if text is None:
        return None
    kind, domain = _columns().get(name, ("", ()))
    if kind in NUMBERS:
        if isinstance(value, (int, float)):  # a boolean, too
            return value if isinstance(value, float) and not value.is_integer() else int(value)
        return {"true": "1", "false": "0"}.get(text) or _as_integer(text, kind)
    other = OTHER_BOOLEAN.get(text, text)
    return other if text not in domain and other in domain else text


def _as_integer(text: str, kind: str) -> str:
    """1e3 as 1000, where training had integers."""
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if kind == NUMBERS[0] and number.is_integer() else text


@lru_cache(maxsize=1)
def _features() -> tuple[dict[str, Any], ...]:
    document = json.loads(Path(os.environ.get(VARIABLE, CONSTRAINTS)).read_text(encoding="utf-8"))
    return tuple(document["features"])


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    """The columns of the baseline, in its order."""
    return tuple(feature["name"] for feature in _features())


@lru_cache(maxsize=1)
def _columns() -> dict[str, tuple[str, tuple[str, ...]]]:
    """What type each column of the baseline has, and its categories."""
    return {
        feature["name"]: (
            feature["inferred_type"],
            tuple((feature.get("string_constraints") or {}).get("domains") or ()),
        )
        for feature in _features()
    }


@lru_cache(maxsize=1)
def _missing() -> tuple[str, ...]:
    """The words for a missing value that the version was trained with."""
    words = os.environ.get(MISSING_WORDS)
    return tuple(json.loads(base64.b64decode(words))) if words else MISSING


@lru_cache(maxsize=1)
def _by_spelling() -> dict[str, str]:
    return dict({spelling(name): name for name in _names()}, **{name: name for name in _names()})


def _baseline_column(name: object) -> str | None:
    """The column of the baseline that a name means: as it stands, or by its letters and digits."""
    return _by_spelling().get(str(name)) or _by_spelling().get(spelling(str(name)))
