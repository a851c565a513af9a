"""Prepare: raw files in; typed splits, encoder, monitoring baseline and golden requests out."""

from pathlib import Path
from typing import Any

from slipway.tabular import feature_code, job
from slipway.tabular.cleaning import Clean
from slipway.tabular.feature_code import FeatureFunction
from slipway.tabular.preparing import prepare


def every_row(batch: Any) -> Any:
    """Learn from all rows."""
    return batch


def main(
    input_dir: Path,
    output_dir: Path,
    config: dict[str, Any],
    features: FeatureFunction | None = None,
    clean: Clean = every_row,
) -> dict[str, int]:
    """Prepare every file in `input_dir`; returns the rows of each split."""
    rows = prepare(input_dir, output_dir, config, clean, features)
    print("prepared " + ", ".join(f"{count} {part} rows" for part, count in rows.items()))
    return rows


def run(script: str, clean: Clean = every_row) -> None:
    """Run the job of a script: a pipeline's own prepare.py calls it with `__file__` and its own `clean`.

    `clean` leaves rows out that nothing should be learned from. Requests to the endpoint do not pass through it, so a
    column or value that it adds or changes is refused: features.py is for those.
    """
    folder = job.ml_path("processing")
    data, output = folder / "input" / "data", folder / "output"
    job.run(lambda: main(data, output, job.config_beside(script), feature_code.beside(script), clean))


if __name__ == "__main__":
    run(__file__)
