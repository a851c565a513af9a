"""`slipway local exec`: run a command with the AWS of this machine, and say what came of all that it started."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.live import Live
from rich.table import Table

from slipway.cli import activity, aws_warnings, local, screen
from slipway.cli.activity import Activity
from slipway.cli.aws_warnings import AwsWarning
from slipway.cli.target import Target

NOT_FOUND, NOT_EXECUTABLE, BY_SIGNAL, INTERRUPTED = 127, 126, 128, 130  # exit codes as shells give them
QUIET_SECONDS = 1.5  # after which no event of what has ended begins anything more
PAUSE_SECONDS = 0.3
Show = Callable[[list[Activity]], None]


def execute(
    command: Sequence[str], state: Path, port: int | None, *, follow: bool = True, as_json: bool = False
) -> int:
    """Start the AWS of this machine if need be, run the command, follow what it starts; the command's exit code."""
    if shutil.which(command[0]) is None:
        screen.write(f"slipway: there is no command {command[0]} that may be executed", sys.stderr)
        return NOT_FOUND
    local.start(state, port)
    environment = {**os.environ, **local.session_variables(state)}
    target = Target(environment, local=True, project=environment["SAGEMAKER_PROJECT_NAME"])
    began = datetime.now(UTC)
    code = run(command, environment)
    found = activity.since(target, began)
    try:
        if follow:
            with display(quiet=as_json) as show:
                for found in looks(lambda: activity.since(target, began), time.monotonic, time.sleep):
                    show(found)
    except KeyboardInterrupt:
        screen.write("slipway: no longer followed; what runs goes on", sys.stderr)
        code = code or INTERRUPTED
    warnings = aws_warnings.since(state, began)
    if as_json:
        told = {"exit_code": code, "activities": [asdict(one) for one in found]}
        screen.show_json(told | {"warnings": aws_warnings.as_json(warnings)})
    else:
        tell(found, command[0], code, warnings)
    return code


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command on this terminal; its exit code. An interrupt is the command's to answer."""
    before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which the command would inherit
    try:
        code = subprocess.call(command, env=environment)
    except OSError as fault:  # a script without its first line, say
        screen.write(f"slipway: {command[0]} cannot be executed: {fault.strerror}", sys.stderr)
        return NOT_EXECUTABLE
    finally:
        signal.signal(signal.SIGINT, before)
    return BY_SIGNAL - code if code < 0 else code


def looks(
    look: Callable[[], list[Activity]], clock: Callable[[], float], pause: Callable[[float], None]
) -> Iterator[list[Activity]]:
    """What there is, again and again, until nothing runs or has begun for a moment; never, where there is nothing."""
    seen: list[Activity] = []
    still = clock()
    while True:
        found = look()
        if not found:
            return
        yield found
        if found != seen or any(one.is_running for one in found):
            seen, still = found, clock()
        elif clock() - still >= QUIET_SECONDS:
            return
        pause(PAUSE_SECONDS)


@contextmanager
def display(*, quiet: bool) -> Iterator[Show]:
    """How a look is shown: drawn over the last one, or a line for each change; not at all when quiet."""
    if quiet:
        yield lambda _: None
    elif screen.is_live():
        with Live(console=screen.console, refresh_per_second=10, transient=True) as live:
            yield lambda found: live.update(table(found), refresh=True)
    else:
        yield changes(screen.write)


def changes(say: Callable[[str], None]) -> Show:
    """Says a line for each change of what runs."""
    said: dict[tuple[str, str, datetime], str] = {}

    def show(found: list[Activity]) -> None:
        for one in found:
            key = one.kind, one.name, one.began
            if said.get(key) != one.status and (one.is_running or key in said):
                said[key] = one.status
                say(f"{one.kind} {one.name}: {one.status}")

    return show


def tell(found: list[Activity], command: str, code: int, warnings: Sequence[AwsWarning] = ()) -> None:
    """The end: a table of all that was started, why what failed did, what waits for a person, what to know of AWS."""
    if found:
        screen.say()
        screen.console.print(table(found))
    for one in found:
        if one.has_failed or one.waits:
            screen.say()
            screen.say(f"{one.kind} {one.name} {'waits for a person' if one.waits else 'failed'}", style="bold")
            for line in filter(None, (one.reason, one.look)):
                screen.say(f"  {line}")
    if warnings:
        screen.say()
        screen.say("before this runs on AWS", style="bold")
        screen.console.print(aws_warnings.table(warnings))
    screen.say(f"\n{command} ended with exit code {code}; {figures(found)}")


def figures(found: list[Activity]) -> str:
    """How many things were started, failed, wait and still run."""
    if not found:
        return "it started nothing on the AWS of this machine"
    failed, waiting = sum(one.has_failed for one in found), sum(one.waits for one in found)
    running = sum(one.is_running for one in found)
    parts = [f"{len(found)} started or changed", f"{failed} failed" if failed else "none failed"]
    if waiting:
        parts.append(f"{waiting} {'waits' if waiting == 1 else 'wait'} for a person")
    if running:
        parts.append(f"{running} still {'runs' if running == 1 else 'run'}")
    return ", ".join(parts)


def table(found: list[Activity]) -> Table:
    """What, its name, how it stands, how long it took."""
    rows = [(one.kind, one.name, one.status, screen.duration(one.seconds or None)) for one in found]
    return screen.table(("what", "name", "state", "time"), rows, right=("time",))
