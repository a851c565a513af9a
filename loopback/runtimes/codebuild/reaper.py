"""Between the control plane and a build's shell: starts shells, and ends all that a build has started.

Run as a program: `reaper.py <orders> <requests> <answers> <shell> [argument ...]`, the first three being descriptors.
A byte on `orders` starts a shell; the end of `orders`, of whatever kind, ends every process below this one: those in
sessions of their own too, because they become children of this process when their parents die. Every build waits for it
to start, so it needs little of the standard library.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
ANSWERS, REQUESTS = 8, 9  # as the driver knows them
_GONE = (ProcessLookupError, PermissionError)


def adopt() -> None:
    """Become the parent of descendants that lose theirs. Linux only; elsewhere the shell's own group is ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(command: list[str], requests: int, answers: int) -> int:
    """A shell in a session of its own; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        kept = [fcntl.fcntl(fd, fcntl.F_DUPFD, 32) for fd in (answers, requests)]
        os.dup2(kept[0], ANSWERS)
        os.dup2(kept[1], REQUESTS)
        os.closerange(3, ANSWERS)
        os.closerange(REQUESTS + 1, 256)
        os.execv(command[0], command)
    finally:
        os._exit(127)


def children() -> list[int]:
    """The processes whose parent this one is; Linux only."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listing:
            return [int(pid) for pid in listing.read().split()]
    except OSError:
        return []


def end_all(shell: int) -> None:
    """Kill the shell's group, then child after child until there is none."""
    if shell:
        with contextlib.suppress(*_GONE):
            os.killpg(shell, signal.SIGKILL)
    while True:
        for pid in children():
            with contextlib.suppress(*_GONE):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def reap(shell: int, answers: int) -> int:
    """Collect what has ended, and tell of the shell's end. The shell that is left, or 0."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        if pid == 0:
            return shell
        if pid == shell:
            code = os.waitstatus_to_exitcode(status)
            os.write(answers, f"exit 0 {code if code >= 0 else 128 - code}\n".encode())
            shell = 0


def main(orders: int, requests: int, answers: int, command: list[str]) -> None:
    """Until `orders` ends, or SIGTERM."""
    adopt()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)  # a byte on `wake` is all that is needed
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shell = 0
    waiting = select.poll()  # select() itself knows no descriptor above 1023
    for descriptor in (orders, woken):
        waiting.register(descriptor, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in waiting.poll()}
        if woken in ready:
            if signal.SIGTERM in os.read(woken, 4096):
                break
            shell = reap(shell, answers)
        if orders in ready:
            if not os.read(orders, 1):
                break
            if not shell:
                shell = start(command, requests, answers)
                known = 0 if os.getpid() == 1 else shell  # a number of our own processes means nothing outside
                os.write(answers, f"shell 0 {known}\n".encode())
    end_all(shell)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
