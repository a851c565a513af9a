"""The splits between jobs: folders of Parquet files with typed raw rows, written and read in pieces."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from slipway.tabular.columns import Columns
from slipway.tabular.encoder import Encoder
from slipway.tabular.job import JobError

ROWS_A_FILE = 250_000  # several files, so that ShardedByS3Key has something to share out
ROWS_A_GROUP = 65_536  # what a reader holds at a time


class PartWriter:
    """Writes rows to `<folder>/part-0000.parquet`, ...; numbers as float32, text as dictionaries."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._files = self._rows_in_file = self._rows_waiting = 0
        self.rows = 0

    def write(self, table: pa.Table) -> None:
        """Add rows; they reach the disk a row group at a time."""
        self.rows += table.num_rows
        self._waiting.append(table)
        self._rows_waiting += table.num_rows
        if self._rows_waiting >= ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        if self._writer is None:
            path = self._folder / f"part-{self._files:04d}.parquet"
            text = [column.name for column in table.schema if pa.types.is_string(column.type)]
            self._writer = pq.ParquetWriter(path, table.schema, compression="lz4", use_dictionary=text)
        self._writer.write_table(table, row_group_size=ROWS_A_GROUP)
        self._rows_in_file += table.num_rows
        self._waiting, self._rows_waiting = [], 0
        if self._rows_in_file >= ROWS_A_FILE:
            self._close_file()

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._files += 1
            self._rows_in_file = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flush()
        self._close_file()


def storage_table(rows: pa.Table, columns: Columns, *, exact: bool = False) -> pa.Table:
    """Rows as they are stored: features in order, the label last, numbers as float32.

    `exact` keeps features as float64, which is what features.py is given of a request.
    """
    numbers = {name for name in columns.features if columns.is_number(name) and not exact} | {columns.label}
    arrays = [rows.column(name).cast(pa.float32()) if name in numbers else rows.column(name) for name in columns.used]
    return pa.table(arrays, names=list(columns.used))


def files(folder: Path) -> list[Path]:
    """The Parquet files of a split; a missing or empty folder is an error that names it."""
    found = sorted(folder.rglob("*.parquet"))
    if not found:
        raise JobError(f"{folder} has no Parquet file; expected a split that the Prepare step wrote")
    return found


def pieces(folder: Path, text_columns: list[str]) -> Iterator[pa.Table]:
    """The rows of a split, a row group at a time, text columns as dictionaries."""
    for path in files(folder):
        with pq.ParquetFile(path, read_dictionary=text_columns) as source:
            for group in range(source.num_row_groups):
                yield source.read_row_group(group, use_threads=True)


def matrix(
    folder: Path, encoder: Encoder, label: str, rank: int = 0, world: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features and labels of a split; of `world` readers, reader `rank` gets every world-th row."""
    total = sum(pq.read_metadata(path).num_rows for path in files(folder))
    count = len(range(rank, total, world))
    features = np.empty((count, len(encoder.features)), dtype=np.float32)
    labels = np.empty(count, dtype=np.float32)
    seen = filled = 0
    for piece in pieces(folder, list(encoder.raw.categories)):
        mine = slice((rank - seen) % world, None, world)
        rows = len(range(piece.num_rows)[mine])
        features[filled : filled + rows] = encoder.encode(piece)[mine]
        labels[filled : filled + rows] = piece.column(label).to_numpy()[mine]
        seen += piece.num_rows
        filled += rows
    return features, labels
