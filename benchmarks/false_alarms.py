"""How often a data quality monitor finds violations: hours of made-up customers, with and without drift.

`python -m benchmarks.false_alarms` prints a table. The baseline is that of the training split of the first 5,000 rows;
every window is an hour of fresh rows, judged by the analyzer with the limits of a baseline, as Evaluate widens them.
Of the columns some have gaps, and one is a category with a long tail.
"""

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from loopback.images.model_monitor import analyzer
from slipway.build import sample_data
from slipway.build.config import load
from slipway.tabular import allowances

CONFIG = Path(__file__).resolve().parents[1] / "pipelines/churn/config.yml"
BASELINE_ROWS = 3500
SIZES, DRIFTS = (50, 100, 300, 1000, 5000), (0.0, 0.25, 0.5, 1.0)
GAPS = {"day_mins": 0.05, "eve_calls": 0.01, "intl_plan": 0.02, "night_mins": 0.001}
TOWNS = 100  # of which the 23 most frequent have nine tenths of the customers
DOCUMENTS = ("statistics", "constraints")
HEADER = '{"csv": {"header": true}}'


class Monitor:
    """The baseline, and what it says of a window."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._columns = load(CONFIG).data.columns
        self._rows = pa.table({})
        self._made: tuple[int, float] | None = None
        self._analyze("baseline", self._window(0, BASELINE_ROWS, 0, 0.0), against=False)
        made = folder / "baseline-out"
        statistics, constraints = (json.loads((made / f"{name}.json").read_text()) for name in DOCUMENTS)
        widened, _ = allowances.widen(statistics, constraints, load(CONFIG).monitoring.hour_rows)
        (made / "constraints.json").write_text(json.dumps(widened))

    def violations(self, rows: int, number: int, drift: float) -> list[str]:
        """`column check` of each violation in the window of this number."""
        windows = sample_data.ROWS_AT_A_TIME // rows
        seed, place = 1 + number // windows, number % windows
        self._analyze("window", self._window(seed, rows, place * rows, drift), against=True)
        path = self.folder / "window-out" / "constraint_violations.json"
        if not path.exists():
            return []
        found = json.loads(path.read_text())["violations"]
        path.unlink()
        return [f"{entry['feature_name']} {entry['constraint_check_type']}" for entry in found]

    def _window(self, seed: int, rows: int, start: int, drift: float) -> pa.Table:
        if self._made != (seed, drift):  # making a hundred thousand rows costs more than analyzing them
            batch = next(sample_data.tables("churn", sample_data.ROWS_AT_A_TIME, seed, drift))
            asked = [column for column, kind in self._columns.items() if kind in ("number", "category")]
            table = pa.Table.from_batches([batch.rename_columns(list(self._columns))]).select(asked)
            self._rows = _with_gaps(table, np.random.default_rng([seed, 1]))
            self._made = seed, drift
        return self._rows.slice(start, rows)

    def _analyze(self, name: str, rows: pa.Table, *, against: bool) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        pacsv.write_csv(rows, self.folder / name / "rows.csv")
        given = {"dataset_source": str(self.folder / name), "dataset_format": HEADER}
        given |= {"output_path": str(self.folder / f"{name}-out"), "SAGEMAKER_BASE_DIR": str(self.folder / "ml")}
        if against:
            given |= {f"baseline_{name}": str(self.folder / "baseline-out" / f"{name}.json") for name in DOCUMENTS}
        with contextlib.redirect_stdout(io.StringIO()):
            if analyzer.main(given):
                raise SystemExit(f"the analysis of {name} failed")


def _with_gaps(rows: pa.Table, chance: np.random.Generator) -> pa.Table:
    for name, share in GAPS.items():
        gaps = pa.array(chance.random(rows.num_rows) < share)
        rows = rows.set_column(rows.schema.get_field_index(name), name, pc.if_else(gaps, None, rows.column(name)))
    places = np.minimum(chance.exponential(TOWNS / 10, rows.num_rows).astype(int), TOWNS - 1)
    return rows.append_column("town", pa.array([f"town {place}" for place in places]))


def measure(windows: int, sizes: tuple[int, ...], drifts: tuple[float, ...]) -> dict[tuple[int, float], Counter[str]]:
    """By rows and drift: how many windows had violations (key ""), and how many each violation."""
    found: dict[tuple[int, float], Counter[str]] = {}
    with tempfile.TemporaryDirectory(prefix="false-alarms-") as folder:
        monitor = Monitor(Path(folder))
        for size in sizes:
            for drift in drifts:
                counts = found[size, drift] = Counter()
                for number in range(windows):
                    violations = monitor.violations(size, number, drift)
                    counts.update([*violations, *([""] if violations else [])])
    return found


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser("python -m benchmarks.false_alarms", description=__doc__)
    parser.add_argument("--windows", type=int, default=200)
    given = parser.parse_args(arguments)
    found = measure(given.windows, SIZES, DRIFTS)
    print(f"windows with violations, of {given.windows}\n")
    print("| rows in the window |" + "".join(f" drift {drift:g} |" for drift in DRIFTS))
    print("|---|" + "---|" * len(DRIFTS))
    for size in SIZES:
        print(f"| {size:,} |" + "".join(f" {found[size, drift][''] / given.windows:.1%} |" for drift in DRIFTS))
    for size in SIZES:
        false = [f"{name}: {count}" for name, count in found[size, 0.0].most_common() if name]
        if false:
            print(f"\nwithout drift, {size:,} rows: {', '.join(false)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
