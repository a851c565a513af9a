"""`python -m benchmarks`: measure ours and the floor side by side, print the table, write results.json.

A whole run writes the file anew; with --only the rows that were measured take the place of the older ones.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import (
    churn,
    commands,
    five_steps,
    fixtures,
    idle,
    invocations,
    lead_time,
    many_rows,
    model_server,
    monitor,
    no_ops,
    processes,
    quality,
    stack,
    table,
)
from benchmarks.bench import Bench, Benchmark
from benchmarks.local_aws import Failed
from benchmarks.rows import Row

BENCHMARKS: dict[str, Benchmark] = {
    "five-steps": five_steps.small,
    "churn": churn.small,
    "no-ops": no_ops.measure,
    "commands": commands.measure,
    "idle": idle.measure,
    "fixtures": fixtures.measure,
    "many-rows": many_rows.measure,
    "monitor": monitor.small,
    "model-server": model_server.measure,
    "invocations": invocations.measure,
    "stack": stack.measure,
    "lead-time": lead_time.measure,
    "quality": quality.measure,
    "five-steps-large": five_steps.large,
    "churn-large": churn.large,
    "monitor-large": monitor.large,
}
SLOW = frozenset({"five-steps-large", "churn-large", "monitor-large"})
QUIET = 0.15  # of the processors
RESULTS = Path(__file__).parent / "results.json"


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 everything was measured, 1 something could not be, 2 wrong usage, 130 interrupted."""
    parsed = _parser().parse_args(arguments)
    names = parsed.only or [name for name in BENCHMARKS if not (parsed.quick and name in SLOW)]
    out = parsed.out or (None if parsed.quick else RESULTS)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    warnings.filterwarnings("ignore", module="sagemaker")  # the SDK tells at every build that nothing is sent
    if (share := processes.busy_share()) > QUIET:
        print(
            f"benchmarks: other work keeps {share:.0%} of this machine busy; the figures will be off", file=sys.stderr
        )
    print(table.header(), flush=True)
    rows: list[Row] = []
    try:
        faults = [fault for name in names if (fault := _measure(name, rows, parsed))]
    except KeyboardInterrupt:
        _progress("benchmarks: interrupted; nothing was written", last=True)
        return 130
    print(f"\n{table.summary(rows)}")
    if out:
        table.write(out, rows, time.strftime("%Y-%m-%d", time.gmtime()), older=table.read(out) if parsed.only else [])
        print(f"written to {out}")
    for fault in faults:
        print(f"benchmarks: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no 1,000,000 rows")
    parser.add_argument("--long", action="store_true", help="ten minutes of requests rather than two")
    parser.add_argument(
        "--out", type=Path, help="where the results go; without it and --quick: benchmarks/results.json"
    )
    return parser


def _measure(name: str, rows: list[Row], parsed: argparse.Namespace) -> str | None:
    """Run one benchmark, printing its rows; what went wrong, or None."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    try:
        for row in BENCHMARKS[name](Bench(folder, parsed.quick, _prefixed_printer(name), parsed.long)):
            rows.append(row)
            _progress("")
            print(table.line(row), flush=True)
    except Failed as fault:
        return f"{name}: {fault}"
    finally:
        _progress("")
        shutil.rmtree(folder)
    return None


def _prefixed_printer(name: str) -> Callable[[str], None]:
    return lambda text: _progress(f"{name}: {text}")


def _progress(text: str, *, last: bool = False) -> None:
    """What happens now: on a terminal one line that replaces itself."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="\n" if last else "", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def _interrupt(_number: int, _frame: Any) -> None:
    """The first one ends the run; cleaning up takes a second, and no further one may disturb it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
