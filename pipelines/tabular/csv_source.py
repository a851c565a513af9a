"""Raw CSV files as a stream of typed batches: bounded memory, and every fault of the schema named in one message."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from pipelines.tabular.columns import Columns, spelling
from pipelines.tabular.job import JobError

BLOCK_BYTES = 4 << 20  # a batch; memory is bounded by it, not by the file
NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"]
EXAMPLES = 3


@dataclass(frozen=True)
class CsvFile:
    """One raw file and the configured names of its columns, in the order of the file."""

    path: Path
    names: tuple[str, ...]


def find(folder: Path, columns: Columns) -> list[CsvFile]:
    """The CSV files of a folder (and below), their headers checked against the configuration."""
    files = sorted(p for p in folder.rglob("*") if p.name.endswith((".csv", ".csv.gz")) and not p.name.startswith("."))
    if not files:
        there = ", ".join(sorted(p.name for p in folder.iterdir())[:5]) if folder.is_dir() else "no such folder"
        raise JobError(f"No CSV file in the input {folder} (found: {there or 'nothing'}). Expected *.csv or *.csv.gz.")
    return [CsvFile(path, _names(path, columns)) for path in files]


def batches(file: CsvFile, columns: Columns, also: str = "") -> Iterator[pa.RecordBatch]:
    """The used columns of one file, typed: numbers as float64, the rest as text. The order is `columns.used`.

    `also` is one more column to read, which rows are split by; it comes last.
    """
    names = [*columns.used, *([also] if also and also not in columns.used else [])]
    types = {name: pa.float64() if columns.is_number(name) else pa.string() for name in names}
    try:
        for batch in _stream(file, columns, types):
            if any(columns.is_number(name) and _is_infinite(batch.column(name)) for name in columns.used):
                raise pa.ArrowInvalid("infinite numbers")
            yield batch
    except pa.ArrowInvalid as error:
        faults = _faults(file, columns)
        raise JobError(_block(file.path, faults or [str(error)])) from None


def _stream(file: CsvFile, columns: Columns, types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
    yield from pacsv.open_csv(
        file.path,
        read_options=pacsv.ReadOptions(
            column_names=list(file.names), skip_rows=int(columns.header), block_size=BLOCK_BYTES
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=types, include_columns=list(types), null_values=NULLS, strings_can_be_null=True
        ),
    )


def _is_infinite(values: pa.Array) -> bool:
    return bool(pc.any(pc.is_inf(values)).as_py())


def _names(path: Path, columns: Columns) -> tuple[str, ...]:
    """The configured name of each column of a file."""
    with pa.input_stream(path, compression="detect") as stream:
        first = stream.read(1 << 16).split(b"\n", 1)[0].decode("utf-8-sig", errors="replace").strip("\r")
    if not first.strip():
        raise JobError(_block(path, ["the file is empty"]))
    found = pacsv.read_csv(
        pa.BufferReader(first.encode() + b"\n"),
        read_options=pacsv.ReadOptions(autogenerate_column_names=True),
        convert_options=pacsv.ConvertOptions(column_types={f"f{i}": pa.string() for i in range(first.count(",") + 1)}),
    )
    cells = [str(value) for value in found.to_pylist()[0].values()]
    return _match(path, cells, columns) if columns.header else _count(path, cells, columns)


def _match(path: Path, cells: list[str], columns: Columns) -> tuple[str, ...]:
    known = {spelling(name): name for name in columns.types}
    faults = [
        f"unknown column {c!r}: add it to data.columns (type identifier drops it)"
        for c in cells
        if spelling(c) not in known
    ]
    found = [known[spelling(c)] for c in cells if spelling(c) in known]
    faults += [f"missing column {name!r} ({kind})" for name, kind in columns.types.items() if name not in found]
    faults += [
        f"column {name!r} appears {found.count(name)} times" for name in dict.fromkeys(found) if found.count(name) > 1
    ]
    if faults and not found:
        faults.append(f"the first line has no known name ({', '.join(cells[:4])}, ...): has the file a header?")
    if faults:
        raise JobError(_block(path, faults))
    return tuple(found)


def _count(path: Path, cells: list[str], columns: Columns) -> tuple[str, ...]:
    if len(cells) == len(columns.types):
        return tuple(columns.types)
    names = ", ".join(columns.types)
    raise JobError(_block(path, [f"{len(cells)} columns, expected {len(columns.types)} without a header: {names}"]))


def _faults(file: CsvFile, columns: Columns) -> list[str]:
    """Read a file that does not parse once more, as text, and name each bad column and row."""
    ragged: list[str] = []

    def note(row: pacsv.InvalidRow) -> str:
        ragged.append(
            f"row {(row.number or 0) - columns.header}: {row.actual_columns} cells, expected {row.expected_columns}"
        )
        return "skip"

    reader = pacsv.open_csv(
        file.path,
        read_options=pacsv.ReadOptions(
            column_names=list(file.names), skip_rows=int(columns.header), block_size=BLOCK_BYTES, use_threads=False
        ),
        parse_options=pacsv.ParseOptions(invalid_row_handler=note),
        convert_options=pacsv.ConvertOptions(
            column_types={name: pa.string() for name in file.names}, null_values=NULLS, strings_can_be_null=True
        ),
    )
    bad: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    first_row = 1
    for batch in reader:
        for name in filter(columns.is_number, columns.used):
            for row, value in _unparsable(batch.column(name)):
                counts[name] = counts.get(name, 0) + 1
                if counts[name] <= EXAMPLES:
                    bad.setdefault(name, []).append(f"row {first_row + row} has {value!r}")
        first_row += batch.num_rows
    faults = [
        f"column {name!r} must be a number: {', '.join(rows)} ({counts[name]} in all)" for name, rows in bad.items()
    ]
    return faults + ragged[:EXAMPLES] + ([f"... {len(ragged)} such rows in all"] if len(ragged) > EXAMPLES else [])


def _unparsable(values: pa.Array) -> Iterator[tuple[int, str]]:
    for row, value in enumerate(values.to_pylist()):
        try:
            finite = math.isfinite(float(value or 0))
        except ValueError:
            finite = False
        if not finite:
            yield row, value


def _block(path: Path, faults: list[str]) -> str:
    first = f"{path.name} does not fit data.columns in config.yml:"
    if len(faults) == 1:
        return f"{first} {faults[0]}"
    return "\n".join([first, *(f"  - {fault}" for fault in faults)])
