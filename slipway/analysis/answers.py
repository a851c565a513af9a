"""What an endpoint answered, out of captured records: the number or the probabilities that each row got."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from slipway.analysis import capture, capture_blocks, datasets
from slipway.analysis.sketch import Floats

_SIDE = "endpointOutput"
_LISTED = "predictions"  # of a JSON answer


def numbers(source: Path) -> tuple[Floats, int]:
    """(the first number of each answered row, how many answers have none); of CSV its first column."""
    parts: list[Floats] = []
    unreadable = 0
    for path in datasets.files(source):
        for first, lines in capture_blocks.blocks(path):
            found = _plain(lines)
            if found is None:
                found = np.array(list(_each(first, lines, path)), dtype=np.float64)
            known = np.isfinite(found)
            unreadable += int((~known).sum())
            parts.append(found[known])
    return (np.concatenate(parts) if parts else np.empty(0)), unreadable


def _plain(lines: memoryview) -> Floats | None:
    """Of a block in which every answer is one plain CSV row; None where one is not."""
    table = capture_blocks.columns(lines, (_SIDE,))
    if table is None:
        return None
    try:
        found: Floats = table.column(0).cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return found


def _each(first: int, lines: memoryview, path: Path) -> Iterator[float]:
    for _, record in datasets.parse_lines(bytes(lines).split(b"\n"), first, path):
        side = (record.get("captureData") or {}).get(_SIDE)
        if isinstance(side, dict):
            yield from map(_number, _values(side))


def probabilities(source: Path, classes: int) -> tuple[Floats, int]:
    """(a row of probabilities for each answered row, how many answers have none), of a model of several classes.

    In CSV they come after the class; in JSON they are `probabilities` of each prediction.
    """
    parts: list[Floats] = []
    unreadable = 0
    for path in datasets.files(source):
        for first, lines in capture_blocks.blocks(path):
            found = _plain_rows(lines, classes)
            if found is None:
                rows = [_chances(row, classes) for row in _each_row(first, lines, path)]
                found = np.array(rows, dtype=np.float64).reshape(-1, classes)
            known = np.isfinite(found).all(axis=1)
            unreadable += int((~known).sum())
            parts.append(found[known])
    return (np.concatenate(parts) if parts else np.empty((0, classes))), unreadable


def _plain_rows(lines: memoryview, classes: int) -> Floats | None:
    """Of a block in which every answer is one plain CSV row of a class and its probabilities; else None."""
    table = capture_blocks.columns(lines, (_SIDE,))
    if table is None or table.num_columns != classes + 1:
        return None
    try:
        columns = [table.column(place + 1).cast(pa.float64()).to_numpy() for place in range(classes)]
    except pa.ArrowInvalid:
        return None
    found: Floats = np.stack(columns, axis=1)
    return found


def _each_row(first: int, lines: memoryview, path: Path) -> Iterator[Any]:
    """What each row of a request got, in CSV as a list of texts."""
    for _, record in datasets.parse_lines(bytes(lines).split(b"\n"), first, path):
        side = (record.get("captureData") or {}).get(_SIDE)
        if isinstance(side, dict):
            yield from _rows(side)


def _rows(side: dict[str, Any]) -> Sequence[Any]:
    try:
        kind, text = capture.text_of(side)
        if kind == "CSV":
            return [row for row in csv.reader(io.StringIO(text)) if row]
        document = json.loads(text)
    except (ValueError, csv.Error):
        return [None]
    found = document.get(_LISTED) if isinstance(document, dict) else document
    return found if isinstance(found, list) else [found]


def _chances(row: Any, classes: int) -> list[float]:
    """The probabilities of one answered row; numbers that are none where it has another form."""
    given = row.get("probabilities") if isinstance(row, dict) else row[1:] if isinstance(row, list) else None
    if not isinstance(given, list) or len(given) != classes:
        return [math.nan] * classes
    return [_number(value) for value in given]


def _values(side: dict[str, Any]) -> Sequence[Any]:
    """The first value of each row; one that is no number for an answer of another form."""
    try:
        kind, text = capture.text_of(side)
        if kind == "CSV":
            return [row[0] for row in csv.reader(io.StringIO(text)) if row]
        document = json.loads(text)
    except (ValueError, csv.Error):
        return [math.nan]
    found = document.get(_LISTED) if isinstance(document, dict) else document
    return found if isinstance(found, list) else [found]


def _number(value: Any) -> float:
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return math.nan
