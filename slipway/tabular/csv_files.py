"""The raw CSV files of a folder: which they are, how they are opened, what their first line names."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from slipway.tabular import cells
from slipway.tabular.columns import Columns
from slipway.tabular.job import JobError

GZIP = b"\x1f\x8b"
LONGEST_HEADER = 1 << 20
WIDE = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class CsvFile:
    """One raw file and the configured names of its columns, in the order of the file.

    `skipped` lines stand before its first row; `rows` is false for a file that has none.
    """

    path: Path
    names: tuple[str, ...]
    skipped: int
    rows: bool = True


def find(folder: Path, columns: Columns) -> list[CsvFile]:
    """The CSV files of a folder (and below), their headers checked against the configuration."""
    files = sorted(p for p in folder.rglob("*") if p.name.endswith((".csv", ".csv.gz")) and not p.name.startswith("."))
    if not files:
        there = ", ".join(sorted(p.name for p in folder.iterdir())[:5]) if folder.is_dir() else "no such folder"
        raise JobError(f"No CSV file in the input {folder} (found: {there or 'nothing'}). Expected *.csv or *.csv.gz.")
    return [_inspect(path, columns) for path in files]


def open_file(path: Path) -> pa.NativeFile:
    """The bytes of a file; what is packed with gzip is unpacked, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    source = pa.OSFile(str(path))
    return pa.CompressedInputStream(source, "gzip") if packed else source


def refusal(path: Path, faults: list[str]) -> JobError:
    """What is wrong with a file, in one message."""
    first = f"{path.name} does not fit data.columns in config.yml:"
    return JobError(f"{first} {faults[0]}" if len(faults) == 1 else "\n".join([first, *(f"  - {f}" for f in faults)]))


def unreadable(path: Path, error: Exception) -> JobError:
    """Why the bytes of a file are no CSV, as far as they tell."""
    said = " ".join(str(error).split())
    if isinstance(error, OSError):
        return JobError(f"{path.name} can't be unpacked, it is cut off or damaged: {said}. Upload it again.")
    if "UTF8" in said:
        return JobError(f"{path.name} is not UTF-8: {said}. Save it as UTF-8 and upload it again.")
    return JobError(f"{path.name} can't be read as CSV: {said}")


def _inspect(path: Path, columns: Columns) -> CsvFile:
    try:
        with open_file(path) as stream:
            start = stream.read(LONGEST_HEADER)
    except (OSError, pa.ArrowInvalid) as error:
        raise unreadable(path, error) from None
    if start.startswith(WIDE):
        raise JobError(f"{path.name} is UTF-16. Save it as UTF-8 and upload it again.")
    reader = csv.reader(io.StringIO(start.decode("utf-8-sig", errors="replace"), newline=""))
    before, first = 0, list[str]()
    second: list[str] | None = None
    try:
        for record in reader:
            if first:
                second = record
                break
            if any(cell.strip() for cell in record) or len(record) > 1:
                first, before = [cells.text_of(cell) for cell in record], reader.line_num
    except csv.Error as error:
        raise unreadable(path, error) from None
    if not first:
        raise refusal(path, ["the file is empty"])
    if columns.header:
        return CsvFile(path, _match(path, first, columns), before, second is not None or len(start) == LONGEST_HEADER)
    return CsvFile(path, _count(path, first, columns), 0)


def _match(path: Path, first: list[str], columns: Columns) -> tuple[str, ...]:
    """The configured names of the cells of a header: exactly as they stand there, else by letters and digits."""
    known = {cells.spelling(name): name for name in columns.types}
    names = [cell if cell in columns.types else known.get(cells.spelling(cell)) for cell in first]
    faults = [
        f"unknown column {cell!r}: add it to data.columns (type identifier drops it)"
        for cell, name in zip(first, names, strict=True)
        if name is None
    ]
    found = [name for name in names if name is not None]
    faults += [f"missing column {name!r} ({kind})" for name, kind in columns.types.items() if name not in found]
    faults += [
        f"column {name!r} appears {found.count(name)} times" for name in dict.fromkeys(found) if found.count(name) > 1
    ]
    if faults and not found:
        faults.append(f"the first line has no known name ({', '.join(first[:4])}, ...): has the file a header?")
    if faults:
        raise refusal(path, faults)
    return tuple(found)


def _count(path: Path, first: list[str], columns: Columns) -> tuple[str, ...]:
    """The configured names, for a file without a header."""
    if is_header(first, columns):
        raise refusal(path, [f"row 1 looks like a header ({', '.join(first[:4])}, ...): set data.header: true"])
    if len(first) == len(columns.types):
        return tuple(columns.types)
    names = ", ".join(columns.types)
    raise refusal(path, [f"{len(first)} columns, expected {len(columns.types)} without a header: {names}"])


def is_header(first: list[str], columns: Columns) -> bool:
    """Whether a first row has names in it: most of those configured, or no number where each column of numbers is."""
    known = {cells.spelling(name) for name in columns.types}
    if sum(cells.spelling(cell) in known for cell in first) * 2 > len(first):
        return True
    numbers = [cell for cell, name in zip(first, columns.types, strict=False) if columns.is_number(name)]
    return len(first) == len(columns.types) and len(numbers) > 1 and not any(map(_may_be_number, numbers))


def _may_be_number(cell: str) -> bool:
    return cell == "" or any(sign.isdigit() for sign in cell) or cell.casefold() in cells.MISSING
