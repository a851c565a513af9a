"""Other ways to look through the same data: whylogs and Evidently, each as its own documentation shows, in pandas.

Like ours, each is a process that has imported what it needs before the clock runs.
"""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import NotInstalled, environment, shared_pins
from benchmarks.local_aws import Failed, bare_environment

DATA = ("numpy", "pandas", "pyarrow")
TELL_NOBODY = {"DO_NOT_TRACK": "1", "WHYLOGS_NO_ANALYTICS": "True"}
SECONDS = 1800.0
CAPTURED = """
def read_captured(path, columns):
    rows = []
    with open(path) as lines:
        for line in lines:
            sides = json.loads(line)["captureData"]
            rows.append(sides["endpointOutput"]["data"].strip() + "," + sides["endpointInput"]["data"])
    return pd.read_csv(io.StringIO("\\n".join(rows)), header=None, names=columns)
"""
ENDING = """
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
print(json.dumps({"seconds": time.perf_counter() - began, "peak": peak}))
"""
WHYLOGS = f"""
import io, json, sys, time
import pandas as pd
import whylogs
{CAPTURED}
source, baseline = sys.argv[1:]
began = time.perf_counter()
columns = list(pd.read_csv(baseline, nrows=0))
frame = pd.read_csv(source) if source == baseline else read_captured(source, columns)
whylogs.log(frame).view().to_pandas()
{ENDING}
"""
EVIDENTLY = f"""
import io, json, sys, time
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset, DataSummaryPreset
{CAPTURED}
source, baseline = sys.argv[1:]
began = time.perf_counter()
before = pd.read_csv(baseline)
numbers = [name for name in before if pd.api.types.is_numeric_dtype(before[name])]
kinds = DataDefinition(numerical_columns=numbers, categorical_columns=[name for name in before if name not in numbers])
known = Dataset.from_pandas(before, data_definition=kinds)
if source == baseline:
    found = Report([DataSummaryPreset()]).run(known, None)
else:
    now = Dataset.from_pandas(read_captured(source, list(before)), data_definition=kinds)
    found = Report([DataDriftPreset()]).run(now, known)
found.json()
{ENDING}
"""


@dataclass(frozen=True)
class Profile:
    """One run: seconds of the work, MB of memory at most."""

    seconds: float
    peak: float


@dataclass(frozen=True)
class Profiler:
    """`work` says what it did with a baseline and with captured records."""

    name: str
    packages: tuple[str, ...]
    script: str
    work: tuple[str, str]

    def run(self, source: Path, baseline: Path) -> Profile:
        """Look through a CSV file (`source` is the baseline) or captured records. Raises NotInstalled, Failed."""
        python = environment(self.name, self.packages + shared_pins(*DATA)) / "python"
        done = subprocess.run(
            [str(python), "-W", "ignore", "-c", self.script, str(source), str(baseline)],
            env=bare_environment() | TELL_NOBODY,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        if done.returncode:
            raise Failed(f"{self.name} on {source.name}: {done.stderr.strip()[-300:]}")
        return Profile(**json.loads(done.stdout.splitlines()[-1]))


PROFILERS = (
    Profiler("whylogs", ("whylogs==1.6.4",), WHYLOGS, ("profile", "profile")),
    Profiler("evidently", ("evidently==0.7.23",), EVIDENTLY, ("summary", "drift against the baseline")),
)


def beside(
    source: Path, baseline: Path, ours: Profile, progress: Callable[[str], None]
) -> tuple[float | None, list[str]]:
    """Seconds of the fastest of them, and a line for each: one run, since they take minutes."""
    found: dict[str, float] = {}
    told = [_line("ours", ours, ours)]
    for each in PROFILERS:
        progress(f"{each.name} on {source.name}")
        try:
            made = each.run(source, baseline)
        except NotInstalled as reason:
            told.append(f"{each.name:<10} not installed: {reason}")
            continue
        found[each.name] = made.seconds
        told.append(f"{_line(each.name, made, ours)}   {each.work[source != baseline]}")
    return min(found.values(), default=None), told


def _line(name: str, made: Profile, ours: Profile) -> str:
    return f"{name:<10} {made.seconds:7.2f} s  {made.peak:6.0f} MB   {made.seconds / ours.seconds:6.1f} x ours"
