"""What an endpoint has captured, as a data set: features of its requests, answers, and labels that came later."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loopback.images.clarify.answers import Reader, rows_of
from loopback.images.clarify.configuration import CSV, FILE, JSON, JSON_LINES, Config
from loopback.images.clarify.dataset import locate
from slipway.analysis import capture, datasets
from slipway.analysis.errors import BadInput
from slipway.analysis.frames import Dataset, are_classes


@dataclass(frozen=True)
class CapturedRequests:
    """`kinds` are the content types of a request and of its answer, as the last record has them."""

    data: Dataset
    predicted: pd.Series | None
    kinds: tuple[str, str]


@dataclass(frozen=True)
class _Record:
    request: tuple[str, str]  # content type, text
    answer: tuple[str, str] | None
    truth: Any
    where: str


def load(config: Config, source: Path, environ: Mapping[str, str]) -> CapturedRequests:
    """Every record, in the columns that the configuration's `headers` name: features, and the label last."""
    names, label = _names(config)
    features: list[list[Any]] = []
    truths: list[Any] = []
    answered: list[tuple[_Record, int]] = []
    for record in _records(datasets.files(source)):
        rows = _rows(record, names, environ.get("features_attribute"))
        features += rows
        answered.append((record, len(rows)))
        truths += _truths(record, len(rows)) if label is not None else []
    if not features:
        raise BadInput(f"there is no data: {source} holds no record")
    frame = pd.DataFrame(features, columns=names, dtype=object)
    excluded = {name.strip() for name in environ.get("exclude_features_attribute", "").split(",")}
    data = Dataset(frame, tuple(name for name in names if name not in excluded), label)
    last = answered[-1][0]
    kinds = (last.request[0], last.answer[0] if last.answer else last.request[0])
    if label is None:
        return CapturedRequests(data, None, kinds)
    frame[label] = pd.Series(truths, dtype=object)
    classes, reader = are_classes(frame[label]), Reader.of(config, environ)
    told = [label for record, count in answered for label in _predicted_labels(record, count, reader, classes=classes)]
    return CapturedRequests(data, pd.Series(told, dtype=object), kinds)


def _names(config: Config) -> tuple[list[str], str | None]:
    """(the features, the label where the configuration has one)."""
    headers, label = list(config.get("headers", ())), config.get("label")
    if not headers:
        raise BadInput(f"{FILE}: headers is missing; a monitor needs the names of the columns")
    if label is None:
        return headers, None
    label = headers[label] if isinstance(label, int) and label < len(headers) else str(label)
    if label not in headers:  # a JMESPath expression: the last header is the label's
        return headers[:-1], headers[-1]
    return [name for name in headers if name != label], label


def _records(paths: Sequence[Path]) -> Iterator[_Record]:
    for path in paths:
        for number, record in datasets.json_lines(path):
            data, where = record.get("captureData") or {}, f"{path.name}, line {number}"
            if "endpointInput" not in data:
                raise BadInput(f"{where}: the request is not captured; the monitor needs CaptureMode Input")
            answer = data.get("endpointOutput")
            told = _text(answer, where) if answer else None
            yield _Record(_text(data["endpointInput"], where), told, record.get("groundTruthData"), where)


def _text(part: Mapping[str, Any], where: str) -> tuple[str, str]:
    """(content type, text) of one side of a record."""
    try:
        kind, text = capture.text_of(part)
    except ValueError as error:
        raise BadInput(f"{where}: {error}") from error
    lines = "jsonlines" in str(part.get("observedContentType"))
    return (JSON_LINES if lines else JSON) if kind == "JSON" else CSV, text


def _rows(record: _Record, names: Sequence[str], expression: str | None) -> list[list[Any]]:
    """The features of the request, in the order of the headers."""
    kind, text = record.request
    if kind == CSV:
        rows: list[Any] = [[cell or None for cell in row] for row in csv.reader(text.splitlines()) if row]
        rows = rows[1:] if rows and rows[0] == list(names) else rows
    else:
        documents = [json.loads(line) for line in (text.splitlines() if kind == JSON_LINES else [text]) if line.strip()]
        found = [locate(document, expression, "FeaturesAttribute") for document in documents]
        rows = found if kind == JSON_LINES else [row for part in found for row in _matrix(part)]
    return [_order_values(row, names, record.where) for row in rows]


def _matrix(found: Any) -> list[Any]:
    rows = rows_of(found)
    return rows if rows and isinstance(rows[0], list | dict) else [rows]


def _order_values(row: Any, names: Sequence[str], where: str) -> list[Any]:
    if isinstance(row, dict):
        missing = [name for name in names if name not in row]
        if missing:
            raise BadInput(f"{where}: the request lacks {', '.join(missing)}, which {FILE} has among its headers")
        return [row[name] for name in names]
    if not isinstance(row, list) or len(row) != len(names):
        many = len(row) if isinstance(row, list) else 1
        raise BadInput(f"{where}: the request has {many} features; the headers of {FILE} name {len(names)}")
    return row


def _predicted_labels(record: _Record, count: int, reader: Reader, *, classes: bool) -> list[Any]:
    if record.answer is None:
        raise BadInput(f"{record.where}: the answer is not captured; a bias monitor needs CaptureMode Output")
    kind, text = record.answer
    try:
        return reader.labels(text, kind, count, classes=classes)
    except (BadInput, ValueError) as error:
        raise BadInput(f"{record.where}: {error}") from error


def _truths(record: _Record, count: int) -> list[Any]:
    """The label of each row of the request."""
    if not isinstance(record.truth, dict):
        raise BadInput(f"{record.where}: there is no groundTruthData; a bias monitor reads merged records")
    kind, text = _text(record.truth, record.where)
    if kind == CSV:
        found = [row[0] if row else None for row in csv.reader(text.splitlines())]
    else:
        found = [next(iter(r.values()), None) if isinstance(r, dict) else r for r in rows_of(json.loads(text))]
    if len(found) != count:
        raise BadInput(f"{record.where}: the request has {count} rows, its ground truth {len(found)}")
    return found
