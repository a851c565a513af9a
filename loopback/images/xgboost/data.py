"""Channels of the XGBoost container as DMatrix: CSV, libsvm and Parquet. Runs in a job host."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loopback.images.serving.formats import xgboost_kind
from loopback.images.xgboost.hyperparameters import UserError

DEEPEST = 3  # folders below the channel
CSV, LIBSVM, PARQUET = "csv", "libsvm", "parquet"


def kind_of(content_type: str | None) -> str:
    """The format that a channel's ContentType means. Raises UserError."""
    try:
        return xgboost_kind(content_type or "text/libsvm")
    except ValueError as fault:
        raise UserError(str(fault)) from None


def files_of(folder: Path) -> list[Path]:
    """The channel's files. Raises UserError for hidden ones."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and len(path.relative_to(folder).parts) <= DEEPEST + 1
    ]
    for path in found:
        if path.name.startswith("."):
            raise UserError(f"Hidden file found in the data path! Remove that before training: {path}")
    return found


def matrix_of(folder: Path, content_type: str | None, *, weights: bool) -> Any:
    """The channel's data, or None if it has no files. Raises UserError."""
    files = files_of(folder) if folder.is_dir() else []
    kind = kind_of(content_type)
    if not files:
        return None
    readers: dict[str, Callable[[list[Path]], Any]] = {
        CSV: lambda paths: _from_csv(paths, weights=weights),
        LIBSVM: lambda paths: _from_libsvm(paths, folder),
        PARQUET: _from_parquet,
    }
    if kind not in readers:
        raise UserError(
            f"channel {folder.name}: {content_type} is not supported here; use text/csv, text/libsvm or parquet"
        )
    return readers[kind](files)


def _from_csv(files: list[Path], *, weights: bool) -> Any:
    import numpy as np
    import pandas as pd
    import xgboost

    frames = []
    for path in files:
        with path.open() as file:
            line = file.readline()
        if not line:
            continue
        try:
            delimiter = csv.Sniffer().sniff(line[:512], delimiters=",;\t| ").delimiter
            frames.append(pd.read_csv(path, header=None, sep=delimiter, dtype=np.float32).to_numpy())
        except csv.Error:
            raise UserError(f"Could not determine delimiter on line {line[:50]!r} of {path}") from None
        except (ValueError, pd.errors.ParserError) as error:
            raise UserError(f"Failed to load csv data with exception:\n{path}: {error}") from None
    widths = {frame.shape[1] for frame in frames}
    if len(widths) > 1:
        raise UserError(f"csv files of one channel differ in their number of columns: {sorted(widths)}")
    if not frames:
        return None
    table = frames[0] if len(frames) == 1 else np.concatenate(frames)
    first = 2 if weights else 1
    if table.shape[1] <= first:
        raise UserError(f"csv data need a label and at least one feature, found {table.shape[1]} columns in {files[0]}")
    return xgboost.DMatrix(table[:, first:], label=table[:, 0], weight=table[:, 1] if weights else None)


def _from_libsvm(files: list[Path], folder: Path) -> Any:
    import numpy as np
    import scipy.sparse
    import xgboost

    labels: list[float] = []
    weights: list[float] = []
    columns: list[int] = []
    values: list[float] = []
    starts = [0]
    for path in files:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            fields = line.partition("#")[0].split()
            if not fields:
                continue
            try:
                label, _, weight = fields[0].partition(":")
                labels.append(float(label))
                weights.append(float(weight or 1))
                for field in fields[1:]:
                    column, _, value = field.partition(":")
                    columns.append(int(column))
                    values.append(float(value))
            except ValueError:
                raise UserError(f"Failed to load libsvm data: {path} line {number}: {line[:80]!r}") from None
            starts.append(len(columns))
    if not labels:
        raise UserError(f"no libsvm rows in {folder}")
    matrix = scipy.sparse.csr_matrix((np.array(values, dtype=np.float32), columns, starts))
    return xgboost.DMatrix(matrix, label=labels, weight=weights if any(w != 1 for w in weights) else None)


def _from_parquet(files: list[Path]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import xgboost

    try:
        table = pa.concat_tables([pq.read_table(path) for path in files]).to_pandas()
        values = table.to_numpy(dtype="float32")
    except (pa.ArrowException, ValueError) as error:
        raise UserError(f"Failed to load parquet data with exception:\n{error}") from None
    return xgboost.DMatrix(values[:, 1:], label=values[:, 0])
