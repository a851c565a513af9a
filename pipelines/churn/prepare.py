"""Prepare: raw customer files in; typed splits, encoder, monitoring baseline and golden requests out."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from slipway.tabular import feature_code, job
from slipway.tabular.preparing import prepare


def clean(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows that may be learned from: leave others out here.

    Requests to the endpoint do not pass through it, so a column or value that it adds or changes is refused:
    features.py is for those.
    """
    return batch


def main(input_dir: Path, output_dir: Path, config: dict[str, Any]) -> dict[str, int]:
    """Prepare everything in `input_dir`; returns the rows of each split."""
    rows = prepare(input_dir, output_dir, config, clean, feature_code.beside(__file__))
    print("prepared " + ", ".join(f"{count} {part} rows" for part, count in rows.items()))
    return rows


if __name__ == "__main__":
    folder = job.ml_path("processing")
    job.run(lambda: main(folder / "input" / "data", folder / "output", job.config_beside(__file__)))
