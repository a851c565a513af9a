"""`python -m loopback up | down | status | logs | reset | env`: start and stop AWS on this machine."""

import argparse
import json
import os
import shlex
import sqlite3
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from loopback import log_file, supervisor
from loopback.core import locks, schema
from loopback.core.settings import ACCOUNT, ACCOUNTS, DEFAULT_PORT, Settings, WrongSetting
from loopback.sandbox import confine

EXAMPLES = """examples:
  python -m loopback up --detach              start in the background on port 4566
  eval "$(python -m loopback env)"            point the AWS CLI and boto3 of this shell at it
  aws sagemaker list-pipelines
  python -m loopback logs -f                  what the control plane says
  python -m loopback down                     stop; the state stays
  python -m loopback reset                    delete the state
"""

CONFINED = "jobs, builds, functions and model servers see neither your home folder nor the state folder"
NOT_CONFINED = (
    "jobs, builds, functions and model servers can read and change all that you can: "
    "this system refuses the namespaces that hide it ({})"
)


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 (`status`) nothing is running."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(COMMANDS[parsed.command](parsed) or 0)
    except supervisor.CannotStart as fault:
        print(f"loopback: {fault}", file=sys.stderr)
        if isinstance(fault, supervisor.AlreadyRunning) and supervisor.REPORT in os.environ:
            return supervisor.TAKEN
        supervisor.report(str(fault))
        return 1
    except WrongSetting as fault:
        print(f"loopback: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read it has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "loopback",
        description="AWS on 127.0.0.1.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in HELP.items():
        command = commands.add_parser(name, help=text) if text else commands.add_parser(name)
        command.add_argument(
            "--state", type=Path, default=Path(os.environ.get("LOOPBACK_STATE", ".slipway/local")), help="state folder"
        )
        if name in ("up", "serve"):
            command.add_argument(
                "--port", type=_port, default=DEFAULT_PORT, help=f"on 127.0.0.1 (default {DEFAULT_PORT})"
            )
            command.add_argument(
                "--accept-loss",
                action="store_true",
                help="go on without what is damaged or missing in the state folder",
            )
        if name == "up":
            command.add_argument(
                "--testing",
                action="store_true",
                help="for tests, which may delete everything in one request; without --detach it ends with its parent",
            )
            command.add_argument("--detach", action="store_true", help="return when the port answers")
            command.add_argument(
                "--account",
                choices=ACCOUNTS,
                default=os.environ.get(ACCOUNT) or ACCOUNTS[0],
                help="new: to what AWS has closed to new customers, such as Model Monitor (default: $LOOPBACK_ACCOUNT)",
            )
        if name == "shell":
            command.add_argument("arn", help="of a processing or training job, here or on AWS")
            command.add_argument("--folder", type=Path, required=True, help="where its files are, or will be")
            command.add_argument("--fresh", action="store_true", help="download it again; what was changed in it goes")
            command.add_argument("command_line", nargs="*", metavar="COMMAND", help="a shell without it; after --")
        if name == "status":
            command.add_argument("--json", action="store_true", help="for programs")
        if name == "logs":
            command.add_argument("-f", "--follow", action="store_true", help="go on printing what is new")
    return parser


HELP = {
    "up": "start; a second one on the same folder says so",
    "down": "stop; the state stays",
    "status": "whether it runs, where, and since when",
    "logs": "what the control plane has printed",
    "reset": "delete the state folder of a stopped loopback",
    "env": "shell lines that point AWS clients at it",
    "shell": "open a job's /opt/ml, environment and command again",
    "serve": "",  # what `up` keeps running
}


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port; 1 to 65535")
    return port


def _warn_meanwhile() -> threading.Thread | None:
    """Say where nothing is confined. Finding out takes a tenth of a second; whoever started this one has said it."""
    if supervisor.REPORT in os.environ:
        return None

    def warn() -> None:
        if why := confine.refusal():
            print(f"loopback: {NOT_CONFINED.format(why)}", file=sys.stderr)

    warning = threading.Thread(target=warn, daemon=True)
    warning.start()
    return warning


def up(parsed: argparse.Namespace) -> int:
    """Start, in the foreground or detached."""
    if parsed.account not in ACCOUNTS:  # argparse does not look at a default
        print(f"loopback: {ACCOUNT} is {parsed.account!r}; allowed: {', '.join(ACCOUNTS)}", file=sys.stderr)
        return 2
    os.environ[ACCOUNT] = parsed.account
    settings = _settings(parsed)
    if (wrong := _wrong_file(settings)) is not None:
        print(f"loopback: {wrong}", file=sys.stderr)
        return 2
    found = supervisor.running(settings.state)
    if found is not None:
        return _already(found, settings)
    try:
        schema.require_known(settings.database)
    except schema.UnknownSchema as fault:
        raise supervisor.CannotStart(str(fault)) from None
    except sqlite3.DatabaseError:
        pass  # the control plane says what is wrong with it, and what to do
    warning = _warn_meanwhile()
    if not parsed.detach:
        if parsed.testing:
            supervisor.end_with_parent()
        return supervisor.supervise(settings, _announce)
    began = time.time()
    found, ours = supervisor.start_detached(settings)
    if warning:
        warning.join()
    if not ours:
        return _already(found, settings)
    print(f"loopback is up at {found['url']} after {time.time() - began:.1f} s; state in {_relative(settings.state)}")
    return 0


def _settings(parsed: argparse.Namespace) -> Settings:
    found = Settings.from_environment(parsed.state, parsed.port)
    testing = found.testing or getattr(parsed, "testing", False)  # the control plane finds it in its environment
    return replace(found, accept_loss=parsed.accept_loss, testing=testing)


def _already(found: dict[str, Any], settings: Settings) -> int:
    print(f"loopback is already running at {found['url']} on {settings.state} (pid {found['supervisor']})")
    return 0


def _announce(line: str) -> None:
    print(f"loopback: {line}", file=sys.stderr)
    supervisor.report(line)


def _wrong_file(settings: Settings) -> str | None:
    """What is wrong with loopback.yml, said before anything is started."""
    from loopback import loopback_file

    try:
        loopback_file.read((Path.cwd(), settings.state))
    except loopback_file.WrongFile as fault:
        return str(fault)
    return None


def _relative(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def serve(parsed: argparse.Namespace) -> int:
    """Be the control plane."""
    from loopback import control_plane

    return control_plane.serve(_settings(parsed))


def down(parsed: argparse.Namespace) -> int:
    """Stop."""
    stopped = supervisor.stop(parsed.state.absolute())
    print("loopback is down" if stopped else f"no loopback is running on {parsed.state.absolute()}")
    return 0


def status(parsed: argparse.Namespace) -> int:
    """Say whether it runs."""
    found = supervisor.running(parsed.state.absolute())
    fault = locks.complaint(supervisor.control_lock(parsed.state.absolute())) if found else ""
    if parsed.json:
        print(json.dumps({"running": found is not None, **(found or {}), **({"fault": fault} if fault else {})}))
    elif found is None:
        print(f"no loopback is running on {parsed.state.absolute()}; start it with `up`")
    else:
        minutes = (time.time() - found["started"]) / 60
        print(f"loopback is running at {found['url']} (pid {found['supervisor']}) for {minutes:.0f} min")
        print(f"state in {parsed.state.absolute()}")
        print(NOT_CONFINED.format(why) if (why := confine.refusal()) else CONFINED)
        if fault:
            print(f"what is changed cannot be written, and is refused: {fault}")
    return 0 if found else 3


def logs(parsed: argparse.Namespace) -> int:
    """Print the log, and go on with --follow."""
    path = log_file.path(parsed.state.absolute())
    if not path.exists():
        print(f"there is no log at {path}; it is written by `up --detach`", file=sys.stderr)
        return 1
    shown = log_file.harmless if sys.stdout.isatty() else str  # a program gets what was written
    with path.open(errors="replace") as file:
        while True:
            sys.stdout.write(shown(file.read()))
            sys.stdout.flush()
            if not parsed.follow:
                return 0
            time.sleep(0.2)
            if file.tell() > path.stat().st_size:  # it was shortened
                file.seek(0)


def reset(parsed: argparse.Namespace) -> int:
    """Delete the state."""
    supervisor.reset(parsed.state.absolute())
    print(f"{parsed.state.absolute()} is gone")
    return 0


def env(parsed: argparse.Namespace) -> int:
    """Print `export` lines."""
    found = supervisor.running(parsed.state.absolute())
    if found is None:
        print(f"no loopback is running on {parsed.state.absolute()}; start it with `up`", file=sys.stderr)
        return 1
    settings = Settings.from_environment(parsed.state, found["port"], {"AWS_DEFAULT_REGION": found["region"]})
    paths = [str(settings.python_path), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    path = os.pathsep.join(dict.fromkeys(paths))
    for name, value in (settings.client_environment() | {"PYTHONPATH": path}).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def shell(parsed: argparse.Namespace) -> int:
    """Open a job's container again."""
    from loopback import loopback_file
    from loopback.runtimes.jobs import job_shell

    settings = Settings.from_environment(parsed.state, DEFAULT_PORT)
    folder, command = parsed.folder.absolute(), tuple(parsed.command_line)
    try:
        images = loopback_file.read((Path.cwd(), settings.state)).images
        wish = job_shell.Wish(parsed.arn, folder, settings.state, command, fresh=parsed.fresh, images=images)
        return job_shell.open_shell(wish, settings.job_python)
    except (loopback_file.WrongFile, job_shell.CannotOpen) as fault:
        print(f"loopback: {fault}", file=sys.stderr)
        return 1


COMMANDS = {
    "up": up,
    "serve": serve,
    "down": down,
    "status": status,
    "logs": logs,
    "reset": reset,
    "env": env,
    "shell": shell,
}

if __name__ == "__main__":
    sys.exit(main())
