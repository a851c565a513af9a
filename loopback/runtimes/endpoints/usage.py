"""What instances use of what they have, as CloudWatch shows it: processors, memory and disk.

An instance has the memory and the processors of its type, or those of this machine where it has less.
"""

import contextlib
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopback.runtimes.endpoints.fleet import Variant
from loopback.runtimes.endpoints.instances import Instance
from loopback.runtimes.endpoints.metrics import Who, dimensions

CPU, NORMALIZED, MEMORY, DISK = "CPUUtilization", "CPUUtilizationNormalized", "MemoryUtilization", "DiskUtilization"
NAMES = (CPU, NORMALIZED, MEMORY, DISK)


class Usage:
    """Measures between one `take` and the next. CPUUtilization counts each core as 100, the normalized one all of them.

    Where the system has no /proc there is nothing to tell.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._before: dict[str, tuple[float, float]] = {}
        self._tick = os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")

    def take(self, running: Mapping[Who, Sequence[Instance]], at: float) -> list[dict[str, Any]]:
        """MetricData of PutMetricData: one value for each instance of each variant. An instance's first has no CPU."""
        now = time.monotonic()
        table = self._table()
        before, self._before = self._before, {}
        data = []
        for who, instances in running.items():
            values: dict[str, list[float]] = {name: [] for name in NAMES}
            for instance in instances:
                self._measure(instance, table, before, values, now)
            data += [
                {
                    "MetricName": name,
                    "Dimensions": dimensions(who),
                    "Timestamp": at,
                    "Unit": "Percent",
                    "Values": found,
                    "Counts": [1.0] * len(found),
                }
                for name, found in values.items()
                if found
            ]
        return data

    def _measure(
        self,
        instance: Instance,
        table: Mapping[int, list[tuple[int, float, int]]],
        before: Mapping[str, tuple[float, float]],
        values: Mapping[str, list[float]],
        now: float,
    ) -> None:
        seconds, size, ahead = 0.0, 0, [instance.pid]
        own = {pid: (used, held) for entries in table.values() for pid, used, held in entries}
        if instance.pid not in own:
            return
        while ahead:
            pid = ahead.pop()
            used, held = own[pid]
            seconds, size = seconds + used, size + held
            ahead += [child for child, _, _ in table.get(pid, ())]
        self._before[instance.id] = (now, seconds)
        if instance.id in before:
            then, spent = before[instance.id]
            percent = 100 * max(0.0, seconds - spent) / max(now - then, 1e-3)
            values[CPU].append(round(percent, 3))
            values[NORMALIZED].append(round(percent / cpus(instance.variant), 3))
        values[MEMORY].append(round(100 * size / memory(instance.variant), 3))
        values[DISK].append(round(100 * _size(instance.root) / shutil.disk_usage("/").total, 6))

    def _table(self) -> Mapping[int, list[tuple[int, float, int]]]:
        """Processes by their parent: id, seconds of CPU, bytes in memory."""
        found: defaultdict[int, list[tuple[int, float, int]]] = defaultdict(list)
        for path in self._proc.glob("[0-9]*"):
            try:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            used = (int(fields[11]) + int(fields[12])) / self._tick
            found[int(fields[1])].append((int(path.name), used, int(fields[21]) * self._page))
        return found


def memory_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """Bytes in memory of a process and its descendants; 0 where that cannot be read. Quick: it is asked often."""
    pages, ahead = 0, [pid]
    while ahead:
        at = proc / str(ahead.pop())
        with contextlib.suppress(OSError):  # it may end meanwhile
            pages += int((at / "statm").read_text().split()[1])
            ahead += map(int, (at / "task" / at.name / "children").read_text().split())
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory(variant: Variant) -> int:
    """Bytes that an instance has."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(variant.memory or machine, machine)


def cpus(variant: Variant) -> int:
    """Processors that an instance has."""
    machine = os.cpu_count() or 1
    return min(variant.cpus or machine, machine)


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total
