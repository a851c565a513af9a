"""The data of an analysis as record batches, in whichever format it comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from loopback.images.model_monitor import capture, capture_blocks, datasets
from loopback.images.model_monitor.settings import AnalysisSettings


def chunks(settings: AnalysisSettings, known: list[str]) -> Iterator[Any]:
    """Record batches of the data; columns without names of their own take those of the baseline, by position."""
    paths = datasets.files(settings.source)
    if settings.format == "csv":
        found = datasets.read_csv(paths, header=bool(settings.options.get("header", False)))
    elif settings.format == "json":
        found = datasets.read_json(paths, lines=bool(settings.options.get("lines", True)))
    elif settings.format == "parquet":
        found = datasets.read_parquet(paths)
    else:
        sides = settings.options.get("captureIndexNames") or capture.SIDES
        found = _captured(settings, paths, sides)
    for chunk in found:
        yield _kept(_named(chunk, known), settings.excluded)


def _captured(settings: AnalysisSettings, paths: Sequence[Path], sides: Sequence[str]) -> Iterator[Any]:
    if settings.preprocessor is None:
        return capture_blocks.batches(paths, sides)
    return datasets.batches(capture.rows(paths, sides, capture.load_preprocessor(settings.preprocessor)))


def _named(chunk: Any, known: list[str]) -> Any:
    """Headerless data is called `_c0`, `_c1`, ...; the baseline may know better."""
    own = chunk.schema.names
    automatic = all(name == f"_c{index}" for index, name in enumerate(own))
    if not automatic or not known or "_c0" in known:
        return chunk
    return chunk.rename_columns([*known[: len(own)], *own[len(known) :]])


def _kept(chunk: Any, excluded: frozenset[str]) -> Any:
    left = [name for name in chunk.schema.names if name not in excluded]
    return chunk.select(left) if excluded else chunk
