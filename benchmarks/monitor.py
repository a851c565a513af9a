"""Model Monitor's analyzer: a baseline of a CSV file, a check of captured records, and what ten times the rows cost.

Each measurement is a process of its own that has imported what a job's process has; the clock runs around the work.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import churn_data, profilers
from benchmarks.bench import Bench
from benchmarks.local_aws import Failed
from benchmarks.rows import Goal, Row, measure_in_turns

ROWS, QUICK_ROWS, TIMES, ROUNDS = 1_000_000, 100_000, 10, 3
HEADER, CAPTURE = '{"csv": {"header": true}}', '{"sagemakerCaptureJson": {}}'
ANALYZE = """
import json, os, resource, time
import pyarrow.csv, pyarrow.json
from loopback.images.model_monitor import analyzer
from slipway.analysis import capture_blocks, profile, violations
began = time.perf_counter()
code = analyzer.main(os.environ)
seconds = time.perf_counter() - began
usage = resource.getrusage(resource.RUSAGE_SELF)
with open("/proc/self/status") as status:  # ru_maxrss begins with what the parent had
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
told = {"seconds": seconds, "peak": peak, "cpu": usage.ru_utime + usage.ru_stime, "code": code}
print(json.dumps(told))
"""
READ = """
import json, os, sys, time
import pyarrow.csv, pyarrow.json
began = time.perf_counter()
read = pyarrow.csv.open_csv if sys.argv[1].endswith(".csv") else pyarrow.json.open_json
for batch in read(sys.argv[1]):
    pass
print(json.dumps({"seconds": time.perf_counter() - began}))
"""


@dataclass
class Work:
    """The files of the benchmark, and what the last analysis used."""

    folder: Path
    rows: int
    last: Mapping[str, float]

    def analyze(self, source: str, kind: str, *, against: str = "") -> float:
        """Seconds of one analysis."""
        given = {"dataset_source": str(self.folder / source), "dataset_format": kind}
        given |= {"output_path": str(self.folder / f"{source}-out"), "SAGEMAKER_BASE_DIR": str(self.folder / "ml")}
        if against:
            names = {"baseline_statistics": "statistics.json", "baseline_constraints": "constraints.json"}
            given |= {key: str(self.folder / f"{against}-out" / name) for key, name in names.items()}
        self.last = _run(ANALYZE, environ=given)
        if self.last["code"]:
            raise Failed(f"the analysis of {source} failed")
        return self.last["seconds"]

    def read(self, path: str) -> float:
        """Seconds of reading a file with pyarrow."""
        return _run(READ, str(self.folder / path))["seconds"]


def _run(code: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Mapping[str, float]:
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise Failed(f"measuring the monitor: {process.stderr[-500:]}")
    found: Mapping[str, float] = json.loads(process.stdout.splitlines()[-1])
    return found


def small(bench: Bench) -> Iterator[Row]:
    """One baseline, one check."""
    work = _prepare(bench, QUICK_ROWS if bench.quick else ROWS)
    share = work.rows / ROWS
    yield _beside(work, bench, f"monitor: baseline of {work.rows:,} rows", 1.3 * share, BASELINE)
    yield _beside(work, bench, f"monitor: {work.rows:,} captured records", 3.0 * share, CHECK)
    peak = work.last["peak"]
    yield Row(f"monitor: {work.rows:,} captured records, peak", "MB", peak, Goal("ours", 400.0))


@dataclass(frozen=True)
class Task:
    """An analysis: its folder and file below the work's folder, and the folder of the baseline it is held against."""

    folder: str
    file: str
    kind: str
    against: str = ""


BASELINE = Task("baseline", "a.csv", HEADER)
CHECK = Task("captured", "a.jsonl", CAPTURE, against="requests")


def _beside(work: Work, bench: Bench, name: str, limit: float, task: Task) -> Row:
    """Ours and the floor in turns; then the others, on the same files."""
    source = work.folder / task.folder / task.file
    ours, floor = measure_in_turns(
        lambda: work.analyze(task.folder, task.kind, against=task.against),
        lambda: work.read(f"{task.folder}/{task.file}"),
        ROUNDS,
        bench.progress,
    )
    note = f"{work.last['cpu']:.2f} s of CPU time with imports; floor: reading with pyarrow"
    baseline = work.folder / task.against / "a.csv" if task.against else source
    peer, details = profilers.beside(source, baseline, profilers.Profile(ours, work.last["peak"]), bench.progress)
    return Row(name, "s", ours, Goal("ours", limit), floor, peer, note, details)


def large(bench: Bench) -> Iterator[Row]:
    """Ten times the rows against once; the floor is once."""
    work = _prepare(bench, ROWS)
    many = work.folder / "many"
    many.mkdir()
    for number in range(TIMES):
        os.link(work.folder / "baseline" / "a.csv", many / f"{number}.csv")
    peaks: dict[str, float] = {}

    def measure_source(source: str) -> Callable[[], float]:
        def measure() -> float:
            seconds = work.analyze(source, HEADER)
            peaks[source] = work.last["peak"]
            return seconds

        return measure

    ours, once = measure_in_turns(measure_source("many"), measure_source("baseline"), ROUNDS, bench.progress)
    name = f"monitor: baseline of {TIMES * ROWS:,} rows"
    yield Row(name, "s", ours, Goal("ratio", 10.5), once, note="floor: a tenth of the rows")
    yield Row(f"{name}, peak", "MB", peaks["many"], Goal("ratio", 1.5), peaks["baseline"], note="floor: the same")


def _prepare(bench: Bench, rows: int) -> Work:
    """`baseline` has features and label; `requests` is the baseline of what is captured; `captured` has both sides."""
    bench.progress("writing the files")
    frame = churn_data.make(rows)
    for name in ("baseline", "requests", "captured"):
        (bench.folder / name).mkdir()
    frame.to_csv(bench.folder / "baseline" / "a.csv", index=False)
    label = frame.pop("churn")
    frame.insert(0, "prediction", (label * 0.8 + 0.1).round(4))
    frame.to_csv(bench.folder / "requests" / "a.csv", index=False)
    text = (bench.folder / "requests" / "a.csv").read_text().splitlines()[1:]
    with (bench.folder / "captured" / "a.jsonl").open("w") as file:
        for number, line in enumerate(text):
            response, _, request = line.partition(",")
            file.write(_record(number, request, response))
    work = Work(bench.folder, rows, {})
    work.analyze("requests", HEADER)
    return work


def _record(number: int, request: str, response: str) -> str:
    """A captured record, as endpoints write it."""
    sides = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": request, "encoding": "CSV"},
        "endpointOutput": {
            "observedContentType": "text/csv; charset=utf-8",
            "mode": "OUTPUT",
            "data": f"{response}\n",
            "encoding": "CSV",
        },
    }
    about = {"eventId": f"{number:08x}-59a6-446f-b30f-46c6ed1aac64", "inferenceTime": "2024-05-01T07:20:48Z"}
    return json.dumps({"captureData": sides, "eventMetadata": about, "eventVersion": "0"}) + "\n"
