"""Reading a folder of CSV, JSON lines or Parquet files as Arrow record batches, one at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from slipway.analysis.errors import BadInput

_BLOCK = 8 << 20  # bytes of CSV that are in memory at a time
_ROWS = 65_536


def files(source: Path) -> list[Path]:
    """Every data file in or below `source`, which may be a file itself; hidden and empty ones are left out."""
    if not source.exists():
        raise BadInput(f"dataset_source {source} does not exist")
    found = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
    data = [path for path in found if not path.name.startswith((".", "_")) and path.stat().st_size]
    if not data:
        raise BadInput(f"there is no data: {source} holds no file that is not empty")
    return data


def read_csv(paths: Sequence[Path], *, header: bool) -> Iterator[Any]:
    """Batches of text columns, named by the header or `_c0`, `_c1`, ...; all files have the same columns."""
    names: list[str] = []
    for path in paths:
        own = _csv_names(path, header=header)
        if names and own != names:
            raise BadInput(f"{path.name} has the columns {_name_list(own)}; {paths[0].name} has {_name_list(names)}")
        names = own
        try:
            yield from pa.csv.open_csv(
                path,
                pa.csv.ReadOptions(column_names=names, skip_rows=int(header), block_size=_BLOCK),
                pa.csv.ParseOptions(newlines_in_values=True),
                pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
                ),
            )
        except pa.ArrowInvalid as error:
            if "Empty CSV" not in str(error):
                raise BadInput(f"{path.name} is not CSV with {len(names)} columns: {error}") from error


def read_json(paths: Sequence[Path], *, lines: bool) -> Iterator[Any]:
    """Batches of the objects, flattened: `{"a": {"b": [1]}}` is the column `a.b.0`."""
    for path in paths:
        rows = (flat(record) for _, record in json_lines(path)) if lines else iter(_json_document(path))
        yield from batches(rows)


def read_parquet(paths: Sequence[Path]) -> Iterator[Any]:
    """Batches of the columns as they are typed in the files."""
    for path in paths:
        try:
            yield from pa.parquet.ParquetFile(path).iter_batches(batch_size=_ROWS)
        except pa.ArrowInvalid as error:
            raise BadInput(f"{path.name} is not Parquet: {error}") from error


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not blank."""
    with path.open("rb") as file:
        yield from parse_lines(file, 1, path)


def parse_lines(lines: Iterable[bytes], first: int, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of the lines of a file that are not blank, from the line `first` on."""
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise BadInput(f"{path.name}, line {number} is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise BadInput(f"{path.name}, line {number} is not a JSON object")
        yield number, record


def batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    """Arrow record batches of rows of scalars; a key that a row lacks is null there."""
    rows = iter(rows)
    while chunk := list(islice(rows, _ROWS)):
        names = list(dict.fromkeys(name for row in chunk for name in row))
        yield pa.RecordBatch.from_arrays([_column([row.get(name) for row in chunk]) for name in names], names)


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """One level of keys out of nested objects and lists."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {name: leaf for key, inner in items for name, leaf in flat(inner, f"{prefix}.{key}").items()}
    return {prefix.removeprefix("."): value}


def _column(values: list[Any]) -> Any:
    """Numbers stay numbers when all are; anything mixed becomes text, and its kinds are told apart later."""
    if all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values):
        whole = all(value is None or isinstance(value, int) for value in values)
        return pa.array(values, pa.int64() if whole else pa.float64())
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pa.array(texts, pa.string())


def _csv_names(path: Path, *, header: bool) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next(csv.reader(file), [])
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name} is not CSV: it is not UTF-8 text ({error.reason})") from error
    if not first:
        raise BadInput(f"{path.name} begins with an empty line; its first line must be a header or a row")
    names = first if header else [f"_c{index}" for index in range(len(first))]
    twice = [name for index, name in enumerate(names) if name in names[:index]]
    if twice:
        raise BadInput(f"{path.name} has the column {twice[0]!r} twice; is its first line really a header?")
    return names


def _json_document(path: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path.name} is not JSON: {error}") from error
    rows = document if isinstance(document, list) else [document]
    return [flat(row) for row in rows]


def _name_list(names: Sequence[str]) -> str:
    return f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''} ({len(names)})"
