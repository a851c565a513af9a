"""A CSV file that nobody has described: its delimiter, its header, and what is in each column."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from slipway.cli.target import WrongUsage
from slipway.tabular import cells, csv_files, typed

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 1 << 20  # bytes, for delimiter and header
MOST_VALUES = 10_000  # different ones that are remembered of a column
DECIMAL_COMMA = r"^\s*[+-]?[0-9]*,[0-9]+\s*$"


@dataclass
class Column:
    """What the cells of a column are."""

    name: str
    rows: int = 0
    missing: int = 0
    numbers: int = 0  # cells that are one
    whole: int = 0  # cells that are a number without decimals
    decimal_commas: int = 0
    values: dict[str, int] = field(default_factory=dict)  # how often each stands there, up to MOST_VALUES

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return self.rows - self.missing

    @property
    def is_number(self) -> bool:
        """Whether every cell that holds something is a number."""
        return 0 < self.present == self.numbers

    @property
    def is_varied(self) -> bool:
        """Whether it has more different values than are remembered."""
        return len(self.values) >= MOST_VALUES

    def add(self, texts: pa.Array) -> None:
        """Look at some more cells."""
        plain = pc.utf8_trim(texts, characters=cells.BLANKS)
        absent = pc.is_in(pc.utf8_lower(plain), value_set=pa.array(cells.MISSING, pa.string()))
        found = typed.numbers(texts, cells.MISSING)
        number = pc.and_(pc.is_finite(found), pc.invert(absent)).fill_null(False)
        self.rows += len(texts)
        self.missing += _count(absent)
        self.numbers += _count(number)
        self.whole += _count(pc.and_(number, pc.equal(found, pc.floor(found))).fill_null(False))
        self.decimal_commas += _count(pc.match_substring_regex(plain, DECIMAL_COMMA))
        if not self.is_varied:
            for counted in pc.value_counts(plain.filter(pc.invert(absent))).to_pylist():
                text = cells.category(counted["values"]) or ""
                if text in self.values or len(self.values) < MOST_VALUES:
                    self.values[text] = self.values.get(text, 0) + counted["counts"]


def _count(flags: Any) -> int:
    return int(pc.sum(flags).as_py() or 0)


@dataclass(frozen=True)
class Table:
    """A file as it was found."""

    path: Path
    delimiter: str
    header: bool
    columns: tuple[Column, ...]

    @property
    def rows(self) -> int:
        """Without the header."""
        return self.columns[0].rows


def read(path: Path) -> Table:
    """Look through a whole file. Raises WrongUsage for one that can't be trained on, with what to do."""
    if not path.is_file():
        raise WrongUsage(f"There is no data file {path}; give a CSV file with --data")
    try:
        with csv_files.open_file(path) as stream:
            start = stream.read(LOOKED_AT)
        text = start.decode("utf-8-sig")
    except (OSError, pa.ArrowInvalid) as error:
        raise WrongUsage(f"{path} can't be unpacked: {error}") from None
    except UnicodeDecodeError as error:
        if error.start < len(start) - 4:  # not the character that the end has cut
            raise WrongUsage(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from None
        text = start[: error.start].decode("utf-8-sig")
    delimiter, first = _delimiter(path, text, whole=len(start) < LOOKED_AT)
    header = is_header(first[0], first[1:])
    names = first[0] if header else [f"column_{place}" for place in range(1, len(first[0]) + 1)]
    _check_names(path, names)
    columns = [Column(name) for name in names]
    try:
        for batch in _batches(path, delimiter, names, skipped=int(header)):
            for column, texts in zip(columns, batch.columns, strict=True):
                column.add(texts)
    except pa.ArrowInvalid as error:
        raise WrongUsage(f"{path} can't be read as a table: {' '.join(str(error).split())}") from None
    if not columns[0].rows:
        raise WrongUsage(f"{path} has no rows")
    return Table(path, delimiter, header, tuple(columns))


def _delimiter(path: Path, text: str, *, whole: bool) -> tuple[str, list[list[str]]]:
    """What separates the cells, and the first rows: all of one length, as long as may be."""
    best: tuple[str, list[list[str]]] = ("", [])
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
        except csv.Error:
            continue
        rows = rows if whole else rows[:-1]
        width = len(rows[0]) if rows else 0
        if width > 1 and all(len(row) == width for row in rows) and (not best[1] or width > len(best[1][0])):
            best = delimiter, [[cells.text_of(cell) for cell in row] for row in rows]
    if not best[1]:
        raise WrongUsage(
            f"{path} is no table: no one of comma, semicolon, tab and | separates all its rows into as many cells"
        )
    return best


def is_header(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a first row names columns: it has no number, all differ, and they are not values of their columns."""
    if any(cells.NUMBER.fullmatch(cell) for cell in first) or len(set(first)) < len(first):
        return False
    columns = list(zip(*others, strict=False))
    if any(all(cells.NUMBER.fullmatch(cell) or cell.lower() in cells.MISSING for cell in column) for column in columns):
        return True
    return not any(cell in column for cell, column in zip(first, columns, strict=False))


def _check_names(path: Path, names: Sequence[str]) -> None:
    for place, name in enumerate(names, 1):
        if not name:
            raise WrongUsage(
                f"{path}: column {place} has no name in the header. Name it, or leave it out "
                "(pandas writes its index so: to_csv(..., index=False))"
            )
    spelled: dict[str, str] = {}
    for name in names:
        if (other := spelled.setdefault(cells.spelling(name), name)) != name:
            raise WrongUsage(f"{path}: columns {other!r} and {name!r} differ in case, spaces and punctuation only")


def _batches(path: Path, delimiter: str, names: Sequence[str], skipped: int) -> Iterator[pa.RecordBatch]:
    yield from pacsv.open_csv(
        csv_files.open_file(path),
        read_options=pacsv.ReadOptions(column_names=list(names), skip_rows=skipped, block_size=4 << 20),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[]),
    )


def write_with_commas(table: Table, path: Path) -> None:
    """A copy of a table as pipelines read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [column.name for column in table.columns]
    with path.open("x", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if table.header:
            writer.writerow(names)
        for batch in _batches(table.path, table.delimiter, names, skipped=int(table.header)):
            writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))
