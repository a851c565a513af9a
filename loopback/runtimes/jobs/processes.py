"""Other processes of this machine: signals to them, and what /proc tells. A process that is gone is no error."""

import os
import signal
from pathlib import Path

PATIENT = {"GOMP_SPINCOUNT": "3000"}
"""OpenMP threads that wait for each other give their processor away after a moment. By default they hold on to it for
a hundred times as long: nothing is gained where processors are free, and where jobs share them training takes several
times as long. libgomp reads it when it is loaded."""


def signal_group(pid: int, number: int) -> None:
    """Signal every process of a group that still has one."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def kill(pid: int) -> None:
    """End a process, if there is one."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def children() -> list[int]:
    """The children of this process."""
    try:
        return [int(pid) for pid in Path("/proc/thread-self/children").read_text().split()]
    except FileNotFoundError:
        return []


def group_of(pid: int) -> int:
    """The process group of a process, 0 if it is gone."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def peak_kb(pid: int) -> int:
    """The most memory that a process has used."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def mounts_of(pid: int) -> str:
    """The mount namespace of a process, empty if it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except OSError:
        return ""
