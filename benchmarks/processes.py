"""What processes use, read from /proc: trees, memory (PSS: pages that processes share are counted once), CPU time."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.local_aws import Failed

SAMPLE_SECONDS = 0.1  # reading the PSS of a process takes the time of walking its pages: 2 ms per GB
ZYGOTE = "loopback.runtimes.jobs.zygote"
HOW_MEMORY = "highest sum of PSS, sampled every 0.1 s: the warm process and all jobs; floor: its one process"


def run(command: Sequence[str], environ: Mapping[str, str] | None = None) -> float:
    """Seconds from the start of a process to its end. Raises Failed with the end of what it said."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = _until_end(process)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise Failed(f"{' '.join(command[:4])} ended with {process.returncode}: {said[-500:].decode(errors='replace')}")
    return seconds


def _until_end(process: "subprocess.Popen[bytes]") -> bytes:
    try:
        return process.communicate()[0]
    except BaseException:
        process.kill()
        process.wait()
        raise


def python(*arguments: str) -> float:
    """Seconds that this interpreter needs for a command line."""
    return run([sys.executable, *arguments])


def parents() -> dict[int, int]:
    """The parent of every process."""
    return {pid: int(fields[1]) for pid, fields in _stats()}


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Process id and /proc/<pid>/stat from its third field on."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            yield int(entry), Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue


def tree(root: int, parent_of: Mapping[int, int]) -> list[int]:
    """A process and all its descendants."""
    found = [root]
    for pid in found:  # grows while it is walked
        found += [child for child, parent in parent_of.items() if parent == pid]
    return found


def pss_mb(pids: Sequence[int]) -> float:
    """Memory of these processes in MB (2**20 bytes); those that have ended count nothing."""
    return sum(map(_pss_kb, pids)) / 1024


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def alone_mb(pids: Sequence[int]) -> float:
    """The PSS that these processes would have if no others ran here, in MB.

    Libraries that other processes have mapped too count for a part only in PSS, which would flatter on a busy
    machine: here every resident part of a file counts once.
    """
    anonymous, files = 0, dict[tuple[str, str], int]()
    for pid in pids:
        for key, resident, private in _mappings(pid):
            anonymous += private
            if key:
                files[key] = max(files.get(key, 0), resident)
    return (anonymous + sum(files.values())) / 1024


def _mappings(pid: int) -> Iterator[tuple[tuple[str, str] | None, int, int]]:
    """Of each mapping: file and offset (None without a file), resident kB, its share of anonymous kB."""
    try:
        text = Path(f"/proc/{pid}/smaps").read_text()
    except OSError:
        return
    key, resident, pss = None, 0, 0
    for words in map(str.split, text.splitlines()):
        if not words[0].endswith(":"):
            key = (words[5], words[2]) if len(words) > 5 and words[5].startswith("/") else None
        elif words[0] == "Rss:":
            resident = int(words[1])
        elif words[0] == "Pss:":
            pss = int(words[1])
        elif words[0] == "Anonymous:":
            changed = int(words[1])  # pages of a file that were written to are no longer the file's
            yield key, resident - changed, pss if key is None else changed * pss // max(resident, 1)


def cpu_seconds(pids: Sequence[int]) -> float:
    """Time on a processor that the threads of these processes have had so far, as the scheduler counts it."""
    threads = [path for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    return sum(map(_nanoseconds, threads)) / 1e9


def _nanoseconds(schedstat: Path) -> int:
    try:
        return int(schedstat.read_text().split()[0])
    except OSError:  # the thread has ended
        return 0


def busy_share(seconds: float = 1.0) -> float:
    """How much of the machine is in use, 0 to 1, measured for a while."""
    (busy, whole), _, (busy_then, whole_then) = _machine(), time.sleep(seconds), _machine()
    return (busy_then - busy) / (whole_then - whole)


def _machine() -> tuple[int, int]:
    """Ticks that all processors have spent working, and altogether."""
    with open("/proc/stat") as file:
        ticks = [int(field) for field in file.readline().split()[1:]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # idle, waiting for a disk


def zygote_of(supervisor: int) -> int:
    """The process that a loopback forks its jobs from. Raises Failed when it is not running."""
    for pid in tree(supervisor, parents()):
        if ZYGOTE.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise Failed("loopback has no warm process to fork jobs from")


def command_line(pid: int) -> bytes:
    """What a process was started with; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@dataclass
class Peak:
    """The most memory that was seen so far, in MB."""

    mb: float = 0.0


@contextmanager
def peak_memory(roots: Callable[[], list[int]]) -> Iterator[Peak]:
    """Sample the PSS of the trees below `roots` every SAMPLE_SECONDS while the block runs."""
    peak, end = Peak(), threading.Event()

    def watch() -> None:
        while not end.wait(SAMPLE_SECONDS):
            parent_of = parents()
            peak.mb = max(peak.mb, pss_mb([pid for root in roots() for pid in tree(root, parent_of)]))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        end.set()
        thread.join()


def peaks(
    supervisor: int, ours: Callable[[], object], floor: Callable[[], object], progress: Callable[[str], None]
) -> tuple[float, float]:
    """The most memory that the jobs of a loopback take while `ours` runs, and our own children while `floor` does."""
    progress("memory, ours")
    zygote = zygote_of(supervisor)
    with peak_memory(lambda: [zygote]) as ours_peak:
        ours()
    progress("memory, floor")
    with peak_memory(own_children) as floor_peak:
        floor()
    return ours_peak.mb, floor_peak.mb


def own_children() -> list[int]:
    """The processes that this one has started and that still run."""
    return [pid for pid, parent in parents().items() if parent == os.getpid()]
