"""What a model is asked: records as text/csv, JSON lines or JSON, as the predictor's templates say."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loopback.images.clarify.configuration import CSV, JSON, Config
from slipway.analysis.frames import numbers

MOST_ROWS, MOST_BYTES = 2_000, 4 << 20  # of one request; an endpoint takes 6 MB
_BLANK = re.compile(r'"\$\{(.+?)\}"')

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class RecordFormat:
    """How a record is written: `parts` are texts and, as numbers, the features between them."""

    kind: str
    parts: tuple[str | int, ...]
    document: str = "$records"  # of JSON: around the records

    @classmethod
    def of(cls, predictor: Config, kind: str, names: Sequence[str]) -> RecordFormat:
        """From the predictor's templates, which `configuration` has checked."""
        if kind == CSV:
            return cls(kind, _between("", range(len(names)), ",", ""))
        if kind == JSON:
            return cls(kind, _record(predictor["record_template"], names), predictor["content_template"])
        before, _, after = str(predictor["content_template"]).partition("$features")
        return cls(kind, _between(f"{before}[", range(len(names)), ",", f"]{after}"))

    def cell(self, value: Any, *, number: bool) -> str:
        """A value as it stands in a record; `number` says that its column holds numbers only."""
        missing = value is None or value != value  # noqa: PLR0124 - NaN
        if self.kind == CSV:
            return "" if missing else _csv_cell(str(value))
        if missing:
            return "null"
        if number and isinstance(value, str):
            return str(int(value)) if re.fullmatch(r"-?\d+", value) else repr(float(value))
        return json.dumps(value.item() if hasattr(value, "item") else value)

    def bodies(self, lines: Sequence[str]) -> Iterator[tuple[str, int]]:
        """(body, records in it) of as many requests as it takes."""
        single = self.kind == JSON and "$records" not in self.document
        for some in _shares(lines, 1 if single else MOST_ROWS):
            if self.kind != JSON:
                yield "\n".join(some) + "\n", len(some)
            elif single:
                yield self.document.replace("$record", some[0]), 1
            else:
                yield self.document.replace("$records", f"[{','.join(some)}]"), len(some)


def _between(before: str, columns: Iterable[int], comma: str, after: str) -> tuple[str | int, ...]:
    parts: list[str | int] = []
    for column in columns:
        parts += [comma if parts else before, column]
    return (*parts, after)


def _record(template: str, names: Sequence[str]) -> tuple[str | int, ...]:
    """A record_template: `$features`, `$features_kvp`, or `"${name}"` for each feature."""
    template = template.replace("$feature_names", json.dumps(list(names)))
    if "$features_kvp" in template:
        before, _, after = template.partition("$features_kvp")
        parts: list[str | int] = []
        for column, name in enumerate(names):
            parts += [f"{',' if parts else before + '{'}{json.dumps(name)}:", column]
        return (*parts, f"}}{after}")
    if "$features" in template:
        before, _, after = template.partition("$features")
        return _between(f"{before}[", range(len(names)), ",", f"]{after}")
    found, at = [], 0
    for blank in _BLANK.finditer(template):
        found += [template[at : blank.start()], names.index(blank[1]) if blank[1] in names else blank[0]]
        at = blank.end()
    return (*found, template[at:])


def _csv_cell(text: str) -> str:
    if not re.search(r'[",\r\n]', text):
        return text
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow([text])
    return written.getvalue()


def _shares(lines: Sequence[str], most: int) -> Iterator[list[str]]:
    share: list[str] = []
    size = 0
    for line in lines:
        if share and (len(share) == most or size + len(line) > MOST_BYTES):
            yield share
            share, size = [], 0
        share.append(line)
        size += len(line) + 1
    if share:
        yield share


@dataclass(frozen=True)
class Vocabulary:
    """Every value of each feature, once, with its number: so rows are numbers, and their texts are made at once."""

    form: RecordFormat
    values: tuple[tuple[Any, ...], ...]
    texts: tuple[Any, ...]  # an Arrow array of texts for each feature

    @classmethod
    def of(cls, form: RecordFormat, *frames: pd.DataFrame) -> Vocabulary:
        """Of all rows of frames that have the same columns."""
        whole = pd.concat(frames, ignore_index=True)
        values = [tuple(pd.unique(whole[name])) for name in whole.columns]
        kinds = [numbers(whole[name]) is not None for name in whole.columns]
        texts = [
            pa.array([form.cell(value, number=kind) for value in column], pa.string())
            for column, kind in zip(values, kinds, strict=True)
        ]
        return cls(form, tuple(values), tuple(texts))

    def codes(self, frame: pd.DataFrame) -> Codes:
        """The rows of a frame as numbers of their values."""
        columns = [
            pd.Index(values, dtype=object).get_indexer(frame[name].astype(object))
            for name, values in zip(frame.columns, self.values, strict=True)
        ]
        return np.column_stack(columns).astype(np.int32)

    def lines(self, codes: Codes) -> list[str]:
        """The records of rows."""
        columns = [pc.take(text, pa.array(codes[:, index])) for index, text in enumerate(self.texts)]
        parts = [columns[part] if isinstance(part, int) else pa.scalar(part) for part in self.form.parts]
        found: list[str] = pc.binary_join_element_wise(*parts, "").to_pylist()
        return found
