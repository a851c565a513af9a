"""Raw files in; splits, encoder, monitoring baseline and golden requests out. One batch in memory."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from slipway.tabular import csv_files, csv_source, hashing, labels, parts
from slipway.tabular.cleaning import Clean, apply_clean
from slipway.tabular.columns import Columns
from slipway.tabular.dealing import Seen
from slipway.tabular.encoder import CategoryCollector
from slipway.tabular.feature_code import FeatureFunction
from slipway.tabular.hashing import Hashes
from slipway.tabular.split import PARTS, Dealt, Split, candidates
from slipway.tabular.target import Target

INTEGER = re.compile("0|-?[1-9][0-9]{0,14}")  # what every reader of JSON keeps exactly
BASELINE_ROWS = 100_000  # a baseline of more rows takes longer and decides nothing better
GOLDEN_ROWS = 50
BIAS_ROWS = 10_000  # a share is known to half a percent then, and a shadow endpoint answers them in seconds


@dataclass
class Kept:
    """The first rows of a split, kept in memory up to a limit."""

    part: str
    limit: int
    tables: list[pa.Table] = field(default_factory=list)
    rows: int = 0

    def add(self, table: pa.Table) -> None:
        """Keep what still fits."""
        if self.rows < self.limit:
            self.tables.append(table.slice(0, self.limit - self.rows))
            self.rows += self.tables[-1].num_rows

    def table(self) -> pa.Table:
        """All that was kept."""
        return pa.concat_tables(self.tables)


@dataclass(frozen=True)
class Functions:
    """A pipeline's own: which rows are learned from, and what is made of them."""

    clean: Clean
    features: FeatureFunction | None


class Preparation:
    """Deals batches out to the three splits and remembers what the other outputs need."""

    def __init__(
        self,
        output_dir: Path,
        columns: Columns,
        split: Split,
        config: Mapping[str, Any],
        stack: ExitStack,
        *,
        exact: bool,
    ) -> None:
        self.columns, self.split, self.exact = columns, split, exact
        self.writers = [stack.enter_context(parts.PartWriter(output_dir / part)) for part in PARTS]
        self.categories = CategoryCollector(name for name in columns.features if not columns.is_number(name))
        self.baseline = Kept("train", BASELINE_ROWS)
        self.golden = Kept("test", GOLDEN_ROWS)
        self.checked = dict(_clarify_files(config))
        self.seen = Seen(columns)

    def add(self, batch: pa.RecordBatch) -> None:
        """Split one batch, its label numeric, and pass its rows on."""
        rows = hashing.of_rows((batch.column(name) for name in self.columns.features), batch.num_rows)
        groups, missing = self._groups(batch, rows)
        assigned = self.split.parts(groups)
        self.seen.add(rows, groups, missing, assigned, np.asarray(batch.column(self.columns.label)))
        raw = pa.Table.from_batches([batch.select(list(self.columns.used))])
        table = parts.storage_table(raw, self.columns, exact=self.exact)
        for part, writer in enumerate(self.writers):
            writer.write(table.filter(pa.array(assigned == part)))
        self.categories.add(raw.filter(pa.array(assigned == PARTS.index("train"))))
        for kept in (self.baseline, self.golden, *self.checked.values()):
            if kept.rows < kept.limit:
                kept.add(raw.filter(pa.array(assigned == PARTS.index(kept.part))))

    def _groups(self, batch: pa.RecordBatch, rows: Hashes) -> tuple[Hashes, int]:
        """The hash that decides about each row; how many rows have no value in the column that they are split by."""
        if not self.split.by:
            return rows, 0
        values = batch.column(self.split.by)
        found = hashing.of_values(values)
        return (np.where(np.asarray(values.is_null()), rows, found) if values.null_count else found), values.null_count


def _clarify_files(config: Mapping[str, Any]) -> Iterator[tuple[str, Kept]]:
    """What Clarify reads, by the name of its file: only what the configuration asks for."""
    if "bias" in config:
        yield "train.csv", Kept("train", BIAS_ROWS)
        yield "test.csv", Kept("test", BIAS_ROWS)
    if "explainability" in config:
        yield "explained.csv", Kept("test", config["explainability"]["rows"])


def _measured_by(config: Mapping[str, Any]) -> set[str]:
    """The columns that metrics and the split are made by, beside what the model sees."""
    bias = config.get("bias", {})
    asked = [*config.get("slices", ()), *bias.get("facets", ()), bias.get("group"), config["split"].get("group")]
    return {name for name in asked if name}


def prepare(
    input_dir: Path,
    output_dir: Path,
    config: Mapping[str, Any],
    clean: Clean,
    features: FeatureFunction | None = None,
) -> dict[str, int]:
    """Write train/ validation/ test/ encoder/ baseline/ golden/ below `output_dir`; return the rows of each split.

    `config` has the sections data and split; with bias or explainability it also writes checked/. All rows are written
    as they came: Train and Evaluate make the features of them, as the endpoint does. `exact` in it keeps numbers as
    float64, as model.py is given them.
    """
    columns = Columns.from_config(config["data"])
    sources = csv_files.find(input_dir, columns)
    for split in candidates(config["split"], columns.identifiers):
        work = _pass(sources, output_dir, columns, split, config, Functions(clean, features))
        if not split.by or config["split"].get("group") or not (fault := work.seen.no_identifier()):
            break
        print(f"column {split.by!r} does not identify the rows: {fault}. They are split by something else")
    dealt = work.seen.summarise(split)
    print(f"split by {split.words}, {dealt.repeated:,} rows repeat an earlier one")
    for warning in work.seen.warnings(dealt):
        print(f"warning: {warning}")
    _write(output_dir, work, dealt, features, _measured_by(config))
    return dict(dealt.rows)


def _pass(
    sources: Sequence[csv_files.CsvFile],
    output_dir: Path,
    columns: Columns,
    split: Split,
    config: Mapping[str, Any],
    own: Functions,
) -> Preparation:
    """Read all files once and write the parts."""
    for part in PARTS:
        shutil.rmtree(output_dir / part, ignore_errors=True)
    with ExitStack() as stack:
        work = Preparation(
            output_dir, columns, split, config, stack, exact=own.features is not None or config.get("exact", False)
        )
        for source in sources:
            row = 1
            for batch in csv_source.batches(source, columns, split.by):
                work.add(apply_clean(labels.number_labels(batch, columns, row), own.clean))
                row += batch.num_rows
    return work


def _write(
    output_dir: Path, work: Preparation, dealt: Dealt, features: FeatureFunction | None, elsewhere: set[str]
) -> None:
    """All outputs but the parts."""
    columns = work.columns
    encoder = work.categories.encoder(columns)
    if features is not None:
        from slipway.tabular import deriving  # pandas, which plain columns do without

        encoder = deriving.fit(output_dir, encoder, columns, features, elsewhere)
        print("features.py makes " + ", ".join(encoder.features))
    encoder.save(output_dir / "encoder")
    dealt.save(output_dir / "encoder")
    Target.of_columns(columns).save(output_dir / "encoder")
    (output_dir / "baseline").mkdir(exist_ok=True)
    rows = work.baseline.table().select(list(columns.features))
    pacsv.write_csv(rows, output_dir / "baseline" / "baseline.csv")
    _write_golden(output_dir / "golden", work.golden.table(), columns)
    if work.checked:
        _write_checked(output_dir / "checked", work.checked, columns)


def _write_golden(folder: Path, rows: pa.Table, columns: Columns) -> None:
    """Requests that a staging test sends: raw rows as CSV line and as JSON instance, with their label."""
    folder.mkdir(exist_ok=True)
    truth = rows.column(columns.label).to_pylist()
    if columns.classes:
        truth = [columns.classes[int(place)] for place in truth]
    golden = [
        {"csv": _line(row.values()), "instance": {name: _json(value) for name, value in row.items()}, "label": label}
        for row, label in zip(rows.select(list(columns.features)).to_pylist(), truth, strict=True)
    ]
    (folder / "golden.json").write_text(json.dumps({"columns": columns.features, "rows": golden}, indent=1))


def _line(values: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue().removesuffix("\r\n")


def _json(value: Any) -> Any:
    """A category that looks like an integer or a boolean as JSON has those: the test then sends both spellings."""
    if isinstance(value, str) and INTEGER.fullmatch(value):
        return int(value)
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _write_checked(folder: Path, checked: Mapping[str, Kept], columns: Columns) -> None:
    """Rows as the endpoint sees them, and their label last: a class as 0 or 1. No header; Clarify is told the names."""
    folder.mkdir(exist_ok=True)
    for name, kept in checked.items():
        rows = kept.table().select(list(columns.used))
        if columns.is_classification:
            labels = rows.column(columns.label).cast(pa.int64())
            rows = rows.set_column(rows.num_columns - 1, columns.label, labels)
        pacsv.write_csv(rows, folder / name, pacsv.WriteOptions(include_header=False))
