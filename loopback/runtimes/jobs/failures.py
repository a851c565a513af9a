"""From how the hosts ended to the FailureReason that AWS would give. Pure."""

from collections.abc import Callable
from pathlib import Path

from loopback.runtimes.jobs.ports import INTERNAL, JobFault
from loopback.runtimes.jobs.supervise import HostsEnded

Explain = Callable[[int, str], tuple[str, int]]

LONGEST = 1024
SIGKILL = 9


def fault_of(ended: HostsEnded, explain: Explain, *, out_of_memory: bool) -> JobFault | None:
    """Why the job failed, or None if every host exited with 0.

    `explain` makes of an exit code and the last words of the output what the container would say of it;
    `out_of_memory` tells that the system ended processes for memory.
    """
    failed = [index for index, end in enumerate(ended.exits) if end.code or end.lost]
    if not failed:
        return None
    index = ended.first if ended.first is not None else failed[0]
    end, host = ended.exits[index], f"algo-{index + 1}"
    if end.lost:
        return JobFault(
            "InternalServerError: We encountered an internal error. Please try again. "
            f"(the process that ran {host} was lost with its work)",
            INTERNAL,
        )
    if end.fault:
        return JobFault(f"InternalServerError: {host} could not be set up: {end.fault}", INTERNAL)
    message = _from_output(ended.last_lines[index]) or "See job logs for more information"
    if end.signal == SIGKILL:
        message = _describe_kill(out_of_memory=out_of_memory)
    elif end.signal:
        message = f"{message} (ended by signal {end.signal})"
    reason, code = explain(end.code, message)
    if reason.startswith("ClientError: "):
        return JobFault(reason[:LONGEST])
    where = f" (host {host})" if len(ended.exits) > 1 else ""
    tail = f"{where}, exit code: {code}"
    return JobFault(f"AlgorithmError: {reason}"[: LONGEST - len(tail)] + tail)


def _describe_kill(*, out_of_memory: bool) -> str:
    if out_of_memory:
        return "OutOfMemory: the system ended the process because memory ran out"
    return "the process was ended by signal 9 (SIGKILL); memory had not run out"


def _from_output(lines: tuple[str, ...]) -> str | None:
    """The exception of the last traceback, or the last line."""
    starts = [index for index, line in enumerate(lines) if line.startswith("Traceback (most recent call last)")]
    if starts:
        for line in lines[starts[-1] + 1 :]:
            if line and not line.startswith((" ", "\t")):
                return line
    return lines[-1] if lines else None


def oom_kills() -> int:
    """How many processes this machine has ended for memory since it started."""
    try:
        counters = Path("/proc/vmstat").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in counters.splitlines() if line.startswith("oom_kill "))
