"""The data of an analysis as record batches, in whichever format it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loopback.monitor import capture, datasets
from loopback.monitor.settings import Settings


def chunks(settings: Settings, known: list[str]) -> Iterator[Any]:
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
        script = capture.load_preprocessor(settings.preprocessor) if settings.preprocessor else None
        found = datasets.batches(capture.rows(paths, sides, script))
    for chunk in found:
        yield _kept(_named(chunk, known), settings.excluded)


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
