"""Other ways to run the five steps: Kedro in one process, Metaflow with a process a step."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.environments import NotInstalled, environment, shared_pins
from benchmarks.local_aws import Failed, bare_environment
from benchmarks.rows import median

FLOWS = Path(__file__).with_name("flows")
WORK = ("numpy", "pandas", "scikit-learn", "xgboost-cpu")  # what the steps import, as here
REGISTERED = "registry/v1/evaluation.json"


@dataclass(frozen=True)
class Orchestrator:
    """`command` gives the arguments of its script for a raw file and an empty folder; `environ` tells nobody."""

    name: str
    packages: tuple[str, ...]
    script: str
    command: Callable[[str, str], Sequence[str]]
    environ: Mapping[str, str]

    def run(self, raw: Path, folder: Path) -> float:
        """Seconds from the start of its process to its end. Raises NotInstalled, Failed."""
        python = environment(self.name, self.packages + shared_pins(*WORK)) / "python"
        out = folder / self.name
        out.mkdir(parents=True)
        environ = {**bare_environment(), **self.environ, "HOME": str(out), "USERNAME": "benchmark"}
        try:
            command = [str(python), "-W", "ignore", str(FLOWS / self.script), *self.command(str(raw), str(out))]
            seconds = processes.run(command, environ | {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(out)})
            if not (out / REGISTERED).exists():
                raise Failed(f"{self.name} has registered no version")
        finally:
            shutil.rmtree(out)
        return seconds


ORCHESTRATORS = (
    Orchestrator(
        "kedro",
        ("kedro==1.7.0",),
        "kedro_flow.py",
        lambda raw, out: (raw, out),
        {"KEDRO_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"},
    ),
    Orchestrator(
        "metaflow",
        ("metaflow==2.19.39", "setuptools<81"),
        "metaflow_flow.py",
        lambda raw, out: ("run", "--raw", raw, "--out", out),
        {},
    ),
)


def beside(
    raw: Path, folder: Path, ours: float, rounds: int, progress: Callable[[str], None]
) -> tuple[float | None, list[str]]:
    """Seconds of the fastest of them, and a line for each."""
    found: list[float] = []
    told: list[str] = []
    for each in ORCHESTRATORS:
        try:
            seconds = _measure(each, raw, folder, rounds, progress)
        except NotInstalled as reason:
            told.append(f"{each.name:<10} not installed: {reason}")
            continue
        found.append(seconds)
        told.append(f"{each.name:<10} {seconds:7.2f} s   {seconds / ours:5.1f} x ours")
    return min(found, default=None), told


def _measure(each: Orchestrator, raw: Path, folder: Path, rounds: int, progress: Callable[[str], None]) -> float:
    progress(f"{each.name}, warm-up")
    each.run(raw, folder)  # the first one also compiles what it imports
    return median(lambda: each.run(raw, folder), rounds, lambda text: progress(f"{each.name}, {text}"))
