"""Captured records a block at a time.

Where every record of a block is one plain CSV row, its columns are made without a Python object for each value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json

from slipway.analysis import capture, datasets

_BLOCK = 16 << 20  # bytes of records that are in memory at a time
_PIECE = 1 << 20  # of a block, for one thread
_ORDER = ("endpointOutput", "endpointInput")  # response columns before request columns
_SIDE = pa.struct([("data", pa.string()), ("encoding", pa.string())])
_SCHEMA = pa.schema([("captureData", pa.struct([(side, _SIDE) for side in _ORDER]))])

Block = tuple[int, memoryview]  # number of its first line, its whole lines


def batches(paths: Sequence[Path], sides: Sequence[str]) -> Iterator[Any]:
    """Record batches of every record's rows. Blocks that hold anything but plain CSV rows are read record by record."""
    for path in paths:
        for first, lines in blocks(path):
            table = columns(lines, sides)
            if table is None:
                yield from datasets.batches(capture.rows_of(_records(first, lines, path), path, sides))
            else:
                yield from table.combine_chunks().to_batches()


def _records(first: int, lines: memoryview, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    return datasets.parse_lines(bytes(lines).split(b"\n"), first, path)


def blocks(path: Path) -> Iterator[Block]:
    """Whole lines of a file, some megabytes at a time."""
    first, wanted = 1, _BLOCK
    with path.open("rb") as file:
        while piece := file.read(wanted):
            end = piece.rfind(b"\n") + 1 if len(piece) == wanted else len(piece)
            cut = len(piece) - end  # bytes of a line that goes on: read again, so that nothing is copied
            file.seek(-cut, os.SEEK_CUR)
            if end:
                yield first, memoryview(piece)[:end]
                first += piece.count(b"\n", 0, end)
            wanted = cut + _BLOCK


def columns(lines: memoryview, sides: Sequence[str]) -> Any:
    """Text columns `_c0`, `_c1`, ... of the records; None where one of them is not a single plain CSV row a side."""
    try:
        texts = _texts(_records_of(lines), sides)
        return _rows(texts) if texts else None
    except pa.ArrowInvalid:  # not JSON, members of other types, rows of different lengths: the slow way says what it is
        return None


def _records_of(lines: memoryview) -> Any:
    table = pa.json.read_json(
        pa.BufferReader(lines),
        pa.json.ReadOptions(block_size=_PIECE),
        pa.json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
    )
    return table.column("captureData").combine_chunks()


def _texts(records: Any, sides: Sequence[str]) -> list[Any]:
    """What each side of each record says, without the line's end; empty where a record is not one plain CSV row."""
    texts = []
    for side in _ORDER:
        text, encoding = (pc.struct_field(records, [side, member]) for member in ("data", "encoding"))
        if side not in sides or text.null_count == len(text):
            continue
        if text.null_count or encoding.null_count or _any(pc.not_equal, encoding, "CSV"):
            return []
        text = pc.utf8_rtrim(text, "\r\n")
        if _holds_any(text, b'\n\r"') or _any(pc.equal, text, ""):
            return []
        texts.append(text)
    return texts


def _rows(texts: Sequence[Any]) -> Any:
    joined = pc.binary_join_element_wise(*texts, ",") if len(texts) > 1 else texts[0]
    names = [f"_c{index}" for index in range(joined[0].as_py().count(",") + 1)]
    rows = pc.binary_join(pa.ListArray.from_arrays([0, len(joined)], joined), "\n")[0].as_buffer()
    return pa.csv.read_csv(
        pa.BufferReader(rows),
        pa.csv.ReadOptions(column_names=names, block_size=_PIECE),
        pa.csv.ParseOptions(quote_char=False),
        pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _holds_any(texts: Any, signs: bytes) -> bool:
    """Whether one of the signs is anywhere in the texts; a tenth of the time that a pattern takes."""
    content = texts.buffers()[2]
    letters = content.to_pybytes() if content else b""
    return any(sign in letters for sign in signs)


def _any(test: Callable[[Any, str], Any], values: Any, other: str) -> bool:
    return bool(pc.any(test(values, other)).as_py())
