"""Captured requests and responses of an endpoint, as rows; and the user's own script that may shape them."""

from __future__ import annotations

import base64
import csv
import functools
import inspect
import json
import logging
import runpy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from slipway.analysis.datasets import flat, json_lines
from slipway.analysis.errors import BadInput

HANDLER = "preprocess_handler"
SCALARS = (str, int, float, bool)  # what json.dumps writes
SIDES = ("endpointInput", "endpointOutput")
Row = dict[str, Any]
Preprocess = Callable[[Any], Any]


class EncodingMismatch(BadInput):
    """Two sides of a record are captured differently."""


def rows(paths: Sequence[Path], sides: Sequence[str], preprocess: Preprocess | None = None) -> Iterator[Row]:
    """The rows of every captured record: response columns before request columns for CSV, after them for JSON."""
    for path in paths:
        yield from rows_of(json_lines(path), path, sides, preprocess)


def rows_of(
    records: Iterable[tuple[int, Row]], path: Path, sides: Sequence[str], preprocess: Preprocess | None = None
) -> Iterator[Row]:
    """The rows of the records of one file, each with the number of its line."""
    for number, record in records:
        try:
            yield from preprocess_record(record, preprocess) if preprocess else _rows(record, sides)
        except EncodingMismatch:
            raise
        except ValueError as error:
            raise BadInput(f"{path.name}, line {number}: {error}") from error


def merged_rows(paths: Sequence[Path]) -> Iterator[Row]:
    """Merged records: the columns of the response as `0`, `1`, ... (or its keys), and `groundTruth`."""
    for path in paths:
        for number, record in json_lines(path):
            try:
                yield from answers_with_labels(record)
            except ValueError as error:
                raise BadInput(f"{path.name}, line {number}: {error}") from error


def answers_with_labels(record: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of a merged record: of CSV answers the columns by number, and `groundTruth`. Raises ValueError."""
    response, truth = (record.get("captureData") or {}).get("endpointOutput"), record.get("groundTruthData")
    if response is None or truth is None:
        raise ValueError("the record lacks captureData.endpointOutput or groundTruthData")
    answers, labels = _table(response), _table(_as_text(truth))
    if len(answers) != len(labels):
        raise ValueError(f"the response has {len(answers)} rows and groundTruthData has {len(labels)}")
    for values, known in zip(answers, labels, strict=True):
        told = values if isinstance(values, dict) else {str(index): value for index, value in enumerate(values)}
        yield {**told, "groundTruth": next(iter(_name_values(known).values()))}


def _as_text(truth: Any) -> Mapping[str, Any]:
    """Ground truth whose label may have been written as a number."""
    label = truth.get("data") if isinstance(truth, dict) else None
    if isinstance(label, bool) or not isinstance(label, str | int | float):
        said = f'groundTruthData is {json.dumps(truth)}; expected a label as text or number: {{"data": "1", ...}}'
        raise ValueError(said)  # noqa: TRY004
    return {**truth, "data": str(label)}


def load_preprocessor(script: Path) -> Preprocess:
    """`preprocess_handler` of the user's script, called with the record, and with a logger if it takes one."""
    handler = load(script, HANDLER)
    if len(inspect.signature(handler).parameters) > 1:
        return lambda record: handler(record, logging.getLogger(HANDLER))
    return handler


def load(script: Path, function: str) -> Callable[..., Any]:
    """A function of a user's script, whose errors become BadInput."""
    handler = _call_code(script.name, lambda: runpy.run_path(str(script)).get(function))
    if not callable(handler):
        raise BadInput(f"{script.name} defines no function {function}")

    @functools.wraps(handler)
    def call_handler(*arguments: Any) -> Any:
        return _call_code(f"{function} of {script.name}", lambda: handler(*arguments))

    return call_handler


def _call_code(name: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        raise BadInput(f"{name} raised {type(error).__name__}: {error}") from error


def preprocess_record(record: Mapping[str, Any], preprocess: Preprocess) -> Iterator[Row]:
    """The rows that a script makes of a record. Raises ValueError for what are no rows."""
    result = preprocess(_record(record))
    for row in result if isinstance(result, list) else [result]:
        if not isinstance(row, dict):
            said = f"{HANDLER} returned {_short(result)}; expected a dict of columns, or a list of such dicts"
            raise ValueError(said)  # noqa: TRY004
        for key, value in row.items():
            if value is not None and not isinstance(value, SCALARS):
                kind = f"{type(value).__module__}.{type(value).__name__}"
                raise ValueError(f"{HANDLER} returned {_short(value)} ({kind}) in {key!r}; expected text or a number")
        yield dict(sorted((str(key), value) for key, value in row.items()))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _record(record: Mapping[str, Any]) -> SimpleNamespace:
    """What the script sees; parts that the event lacks are None."""
    data, meta = record.get("captureData", {}), record.get("eventMetadata", {})
    return SimpleNamespace(
        endpoint_input=_part(data.get("endpointInput")),
        endpoint_output=_part(data.get("endpointOutput")),
        batch_transform_output=_part(data.get("batchTransformOutput")),
        ground_truth=_part(record.get("groundTruthData")),
        event_metadata=SimpleNamespace(
            event_id=meta.get("eventId"),
            event_time=meta.get("inferenceTime"),
            custom_attribute=meta.get("customAttributes"),
        ),
        event_version=record.get("eventVersion"),
        event_dict=dict(record),
        as_dict=lambda: dict(record),
    )


def _part(part: Mapping[str, Any] | None) -> SimpleNamespace | None:
    if part is None:
        return None
    return SimpleNamespace(**{key: part.get(key) for key in ("encoding", "data", "observedContentType", "mode")})


def _rows(record: Mapping[str, Any], sides: Sequence[str]) -> Iterator[Row]:
    data = record.get("captureData")
    if not isinstance(data, dict) or not any(side in data for side in sides):
        raise ValueError(f"the record has no captureData with {' or '.join(sides)}")
    _check_encodings(data, sides)
    found = {side: _table(data[side]) for side in sides if side in data}
    response, request = found.get("endpointOutput", []), found.get("endpointInput", [])
    if request and response and len(request) != len(response):
        response = _by_request(request, response)
    for index in range(max(len(request), len(response))):
        before = response[index] if response else []
        after = request[index] if request else []
        yield _join_sides(before, after)


def _check_encodings(data: Mapping[str, Any], sides: Sequence[str]) -> None:
    """Raises EncodingMismatch, in AWS's words (aws/sagemaker-python-sdk#2785)."""
    told = {side: data[side].get("encoding") for side in sides if isinstance(data.get(side), dict)}
    if len(set(told.values())) > 1:
        (first, one), (second, other) = sorted(told.items())
        raise EncodingMismatch(
            f"Encoding mismatch: Encoding is {one} for {first}, but Encoding is {other} for {second}. "
            "We currently only support the same type of input and output encoding at the moment."
        )


def _by_request(request: Sequence[Any], response: Sequence[Any]) -> list[Any]:
    """One line of as many values as there were rows in the request is one prediction a row."""
    if len(response) == 1 and isinstance(response[0], list) and len(response[0]) == len(request):
        return [[value] for value in response[0]]
    raise ValueError(f"the request has {len(request)} rows and the response {len(response)}")


def _join_sides(response: Any, request: Any) -> Row:
    if isinstance(response, dict) or isinstance(request, dict):
        return {**_name_values(request), **_name_values(response)}
    return {f"_c{index}": value for index, value in enumerate([*response, *request])}


def _name_values(values: Any) -> Row:
    return values if isinstance(values, dict) else {f"_c{index}": value for index, value in enumerate(values)}


def _table(part: Mapping[str, Any]) -> list[Any]:
    """Rows of one side: lists of text for CSV, flat dicts for JSON."""
    kind, text = text_of(part)
    if kind == "CSV":
        return [[value or None for value in row] for row in csv.reader(text.splitlines()) if row]
    lines = text.splitlines() if "jsonlines" in str(part.get("observedContentType")) else [text]
    documents = [json.loads(line) for line in lines]
    return [flat(row) for document in documents for row in (document if isinstance(document, list) else [document])]


def text_of(part: Mapping[str, Any]) -> tuple[str, str]:
    """(CSV or JSON, the text) of one side of a record. Raises ValueError for what is captured otherwise."""
    text, kind = part.get("data") or "", part.get("encoding")
    if kind == "BASE64":
        text = base64.b64decode(text).decode()
        kind = "JSON" if "json" in str(part.get("observedContentType")) else "CSV"
    if kind not in ("CSV", "JSON"):
        raise ValueError(f"data is captured as {kind}; CSV, JSON and BASE64 can be analyzed")
    return kind, text
