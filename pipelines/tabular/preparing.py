"""Raw files in; splits, encoder, monitoring baseline and golden requests out. One pass, one batch in memory."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from pipelines.tabular import csv_source, labels, parts
from pipelines.tabular.cleaning import Clean, cleaned
from pipelines.tabular.columns import Columns
from pipelines.tabular.encoder import CategoryCollector
from pipelines.tabular.job import JobError
from pipelines.tabular.split import PARTS, Strata, StratifiedSplit

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


class Preparation:
    """Deals batches out to the three splits and remembers what the other outputs need."""

    def __init__(self, output_dir: Path, columns: Columns, config: Mapping[str, Any], stack: ExitStack) -> None:
        self.columns = columns
        self.writers = [stack.enter_context(parts.PartWriter(output_dir / part)) for part in PARTS]
        self.categories = CategoryCollector(name for name in columns.features if not columns.is_number(name))
        self.baseline = Kept("train", BASELINE_ROWS)
        self.golden = Kept("test", GOLDEN_ROWS)
        self.checked = dict(_checked(config))
        self.labels_seen: set[float] = set()
        self._split = StratifiedSplit(config["split"], config["split"]["seed"])
        self._strata = Strata(classification=columns.is_classification)

    def add(self, batch: pa.RecordBatch) -> None:
        """Split one batch, its label numeric, and pass its rows on."""
        values = np.asarray(batch.column(self.columns.label).to_numpy(zero_copy_only=False))
        if len(self.labels_seen) < 2:
            self.labels_seen.update(np.unique(values).tolist())
        assigned = self._split.assign(self._strata.of(values))
        raw = pa.Table.from_batches([batch])
        table = parts.stored(raw, self.columns)
        for part, writer in enumerate(self.writers):
            writer.write(table.filter(pa.array(assigned == part)))
        self.categories.add(raw.filter(pa.array(assigned == PARTS.index("train"))))
        for kept in (self.baseline, self.golden, *self.checked.values()):
            if kept.rows < kept.limit:
                kept.add(raw.filter(pa.array(assigned == PARTS.index(kept.part))))

    def check(self) -> None:
        """Refuse a data set that nothing can be learned from."""
        counts = {part: writer.rows for part, writer in zip(PARTS, self.writers, strict=True)}
        total = sum(counts.values())
        if total < self.columns.minimum_rows:
            raise JobError(
                f"{total} rows are too few: data.minimum_rows in config.yml asks for {self.columns.minimum_rows}"
            )
        if len(self.labels_seen) < 2:
            raise JobError(
                f"all {total} labels in column {self.columns.label!r} are equal: nothing can be learned from them"
            )
        empty = [part for part, rows in counts.items() if not rows]
        if empty:
            raise JobError(
                f"no row is left for {', '.join(empty)}: {total} rows, shares in the split section of config.yml"
            )


def _checked(config: Mapping[str, Any]) -> Iterator[tuple[str, Kept]]:
    """What Clarify reads, by the name of its file: only what the configuration asks for."""
    if "bias" in config:
        yield "train.csv", Kept("train", BIAS_ROWS)
        yield "test.csv", Kept("test", BIAS_ROWS)
    if "explainability" in config:
        yield "explained.csv", Kept("test", config["explainability"]["rows"])


def prepare(input_dir: Path, output_dir: Path, config: Mapping[str, Any], clean: Clean) -> dict[str, int]:
    """Write train/ validation/ test/ encoder/ baseline/ golden/ below `output_dir`; return the rows of each split.

    `config` has the sections data and split; with bias or explainability it also writes checked/.
    """
    columns = Columns.from_config(config["data"])
    sources = csv_source.find(input_dir, columns)
    with ExitStack() as stack:
        work = Preparation(output_dir, columns, config, stack)
        for source in sources:
            row = 1
            for batch in csv_source.batches(source, columns):
                work.add(cleaned(labels.numbered(batch, columns, row), clean))
                row += batch.num_rows
        work.check()
    work.categories.encoder(columns.features).save(output_dir / "encoder")
    (output_dir / "baseline").mkdir(exist_ok=True)
    features = work.baseline.table().select(list(columns.features))
    pacsv.write_csv(features, output_dir / "baseline" / "baseline.csv")
    _write_golden(output_dir / "golden", work.golden.table(), columns)
    if work.checked:
        _write_checked(output_dir / "checked", work.checked, columns)
    return {part: writer.rows for part, writer in zip(PARTS, work.writers, strict=True)}


def _write_golden(folder: Path, rows: pa.Table, columns: Columns) -> None:
    """Requests that a staging test sends: raw rows as CSV line and as JSON instance, with their label."""
    folder.mkdir(exist_ok=True)
    truth = rows.column(columns.label).to_pylist()
    instances = rows.select(list(columns.features)).to_pylist()
    golden = [
        {"csv": ",".join("" if v is None else str(v) for v in instance.values()), "instance": instance, "label": label}
        for instance, label in zip(instances, truth, strict=True)
    ]
    (folder / "golden.json").write_text(json.dumps({"columns": columns.features, "rows": golden}, indent=1))


def _write_checked(folder: Path, checked: Mapping[str, Kept], columns: Columns) -> None:
    """Rows as the endpoint sees them, and their label last: a class as 0 or 1. No header; Clarify is told the names."""
    folder.mkdir(exist_ok=True)
    for name, kept in checked.items():
        rows = kept.table().select(list(columns.used))
        if columns.is_classification:
            labels = rows.column(columns.label).cast(pa.int64())
            rows = rows.set_column(rows.num_columns - 1, columns.label, labels)
        pacsv.write_csv(rows, folder / name, pacsv.WriteOptions(include_header=False))
