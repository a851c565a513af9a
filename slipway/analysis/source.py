"""The data of an analysis as record batches, in whichever format it comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.analysis import capture, capture_blocks, datasets
from slipway.analysis.capture import Preprocess

CAPTURE = "sagemakerCaptureJson"


@dataclass(frozen=True)
class Source:
    """A folder or file of data, its format with the options of that, and what shapes or leaves out parts of it."""

    path: Path
    format: str
    options: Mapping[str, Any] = field(default_factory=dict)
    preprocess: Preprocess | None = None
    excluded: frozenset[str] = frozenset()


def chunks(source: Source, known: Sequence[str]) -> Iterator[Any]:
    """Record batches of the data; columns without names of their own take the `known` ones, by position."""
    paths = datasets.files(source.path)
    if source.format == "csv":
        found = datasets.read_csv(paths, header=bool(source.options.get("header", False)))
    elif source.format == "json":
        found = datasets.read_json(paths, lines=bool(source.options.get("lines", True)))
    elif source.format == "parquet":
        found = datasets.read_parquet(paths)
    else:
        found = _captured_batches(source, paths)
    for chunk in found:
        yield _drop_columns(_name_columns(chunk, known), source.excluded)


def _captured_batches(source: Source, paths: Sequence[Path]) -> Iterator[Any]:
    sides = source.options.get("captureIndexNames") or capture.SIDES
    if source.preprocess is None:
        return capture_blocks.batches(paths, sides)
    return datasets.batches(capture.rows(paths, sides, source.preprocess))


def _name_columns(chunk: Any, known: Sequence[str]) -> Any:
    """Headerless data is called `_c0`, `_c1`, ...; the baseline may know better."""
    own = chunk.schema.names
    automatic = all(name == f"_c{index}" for index, name in enumerate(own))
    if not automatic or not known or "_c0" in known:
        return chunk
    return chunk.rename_columns([*known[: len(own)], *own[len(known) :]])


def _drop_columns(chunk: Any, excluded: frozenset[str]) -> Any:
    left = [name for name in chunk.schema.names if name not in excluded]
    return chunk.select(left) if excluded else chunk
