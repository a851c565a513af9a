"""`python -m loopback shell ARN`: a job's container once more, for a person to look into and to run again.

Its folder is filled as it was for the job: inputs, configuration, code. Nothing that happens in it is sent to S3. The
folder stays when the shell is left, and is opened again as it was left. The job may be one of AWS: what is read is
what DescribeProcessingJob and DescribeTrainingJob show, and S3, with the caller's credentials.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loopback.runtimes.jobs import child, interpreter, isolation
from loopback.runtimes.jobs.client_objects import ClientObjects
from loopback.runtimes.jobs.hosts import Zygote
from loopback.runtimes.jobs.images import Images
from loopback.runtimes.jobs.messages import HostSpec, load_spec
from loopback.runtimes.jobs.ports import Job, JobFault, Kind, Ports
from loopback.runtimes.jobs.run import prepare_hosts
from loopback.runtimes.jobs.script_mode import CODE, decode
from loopback.sandbox import confine
from loopback.sandbox.environment import interpreter_folders, own_environment
from loopback.sandbox.plan import Show, show_paths

RECORD = "job.json"
RUN = "run-job"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
CLIENT = (*CREDENTIALS, "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_EC2_METADATA_DISABLED")  # what a job is given of it
OUTPUTS = ("/opt/ml/model", "/opt/ml/output")
KINDS: Mapping[str, Kind] = {"processing-job": "processing", "training-job": "training"}
DEBUGGER = '''"""Opens the debugger where a program of the job fails."""

import pdb
import sys
import traceback


def debug(kind, error, trace):
    """Show the error as Python does, then stop where it was raised."""
    traceback.print_exception(kind, error, trace)
    if not issubclass(kind, KeyboardInterrupt) and trace is not None:
        pdb.post_mortem(trace)


sys.excepthook = debug
'''
SCRIPT = """#!/bin/sh
# The job's command, where its image starts it. What an earlier run has put out is removed first.
case "${{1-}}" in
    "") ;;
    --pdb) PYTHONPATH={debugger}"${{PYTHONPATH:+:$PYTHONPATH}}"; export PYTHONPATH ;;
    *) echo "run-job: unknown argument $1; run-job, or run-job --pdb" >&2; exit 2 ;;
esac
for folder in {outputs}; do
    if [ -d "$folder" ]; then find "$folder" -mindepth 1 -delete; fi
done
cd {folder} || exit 1
{command}
code=$?
echo "run-job: exit code $code" >&2
exit $code
"""


class CannotOpen(Exception):
    """The job cannot be opened; the message says why."""


@dataclass(frozen=True)
class Download:
    """What S3 gave a job: a ProcessingInput or Channel by its name, or the SubmitDirectory of script mode.

    `files` has the size and time of each below `path` as it was downloaded.
    """

    kind: str
    name: str
    path: str
    files: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Wish:
    """The job by its ARN, its folder on this machine, and what to run in it; a shell where there is no command."""

    arn: str
    folder: Path
    state: Path
    command: tuple[str, ...] = ()
    fresh: bool = False
    images: Images = field(default_factory=Images)


def open_shell(wish: Wish, python: str) -> int:
    """Open a job's container and run a command in it; the command's exit code. Raises CannotOpen."""
    import boto3
    from botocore.exceptions import BotoCoreError

    region, slug, name = _parse_arn(wish.arn)
    session = boto3.Session(region_name=region)
    environ = _client_environment(session)
    kept = (wish.folder / RECORD).is_file() and not wish.fresh
    if not kept:
        try:
            _download(wish, _describe(wish.arn, slug, name, session), session, python)
        except BotoCoreError as fault:
            raise CannotOpen(f"AWS cannot be asked for the job: {fault}") from None
    record = json.loads((wish.folder / RECORD).read_text())
    spec = load_spec(record["spec"])
    spec = replace(spec, environ={**environ, **spec.environ})
    if why := confine.refusal():
        spec = child.rewrite_paths(spec)
        _say(f"/opt/ml is {spec.folder} here: this system refuses the namespaces that show it at its place ({why})")
    write_programs(spec, python, [*OUTPUTS, *record["outputs"]])
    _introduce(wish, record, spec, kept=kept)
    return _run(spec, wish, python)


def _client_environment(session: Any) -> dict[str, str]:
    """What points the job's own AWS clients to where the caller's go, with the caller's credentials."""
    found = {name: value for name, value in os.environ.items() if name in CLIENT and value}
    if credentials := session.get_credentials():
        frozen = credentials.get_frozen_credentials()
        found |= dict(zip(CREDENTIALS, (frozen.access_key, frozen.secret_key, frozen.token), strict=False))
    return {name: value for name, value in found.items() if value}


def _parse_arn(arn: str) -> tuple[str, str, str]:
    """Region, kind and name of a job. Raises CannotOpen for what has no shell."""
    _, _, service, region, _, resource = [*arn.split(":", 5), *[""] * 6][:6]
    slug, _, name = resource.partition("/")
    if service != "sagemaker" or slug not in KINDS or not region or not name:
        raise CannotOpen(f"{arn} is no job that has a shell; processing and training jobs have one")
    return region, slug, name


def _download(wish: Wish, described: tuple[Job, str], session: Any, python: str) -> None:
    """Fill the folder, beside its place first: what is there is whole, and stays until the new one is."""
    job, state = described
    wish.folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{wish.folder.name}-", dir=wish.folder.parent))
    try:
        specs = prepare_hosts(job, _ports(beside, wish, session, python), lambda _status, text: _say(text))
        ml = Path(specs[0].folder)
        made = ml.parents[1]  # below it are the hosts
        spec = _rename_folder(specs[0], made, wish.folder)
        record = {
            "job": wish.arn,
            "state": state,
            "outputs": [output["LocalPath"] for output in _processing_outputs(job.request)],
            "downloads": [_dump(download, ml) for download in downloads(job)],
            "spec": spec.dump(),
        }
        (made / RECORD).write_text(json.dumps(record, indent=1))
        shutil.rmtree(wish.folder, ignore_errors=True)
        made.rename(wish.folder)
    except JobFault as fault:
        raise CannotOpen(fault.reason) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _rename_folder(spec: HostSpec, start: Path, end: Path) -> HostSpec:
    """The spec of a host whose folder was renamed."""
    moved: dict[str, Any] = json.loads(json.dumps(spec.dump()).replace(str(start), str(end)))
    return load_spec(moved)


def _describe(arn: str, slug: str, name: str, session: Any) -> tuple[Job, str]:
    """The job as it was requested, and in a few words how it stands. Raises CannotOpen."""
    _, _, _, region, account, _ = arn.split(":", 5)
    sagemaker, noun = session.client("sagemaker"), f"{KINDS[slug].capitalize()}Job"
    describe = getattr(sagemaker, f"describe_{KINDS[slug]}_job")
    try:
        found = describe(**{f"{noun}Name": name})
    except sagemaker.exceptions.ClientError as fault:
        raise CannotOpen(f"{name}: {fault.response['Error']['Message']}") from None
    state = found[f"{noun}Status"]
    if reason := found.get("FailureReason"):
        state = f"{state}: {reason}"
    return Job(KINDS[slug], name, arn, found, region=region, account=account), state


def _ports(folder: Path, wish: Wish, session: Any, python: str) -> Ports:
    return Ports(
        objects=ClientObjects(session.client("s3")),
        logs=_Printed(),
        zygote=Zygote(),  # never started: it is a person who runs the job
        folder=folder,
        images=wish.images,
        python=python,
    )


class _Printed:
    """Lines that would go to the job's log, such as an environment that is made for its image."""

    def append(self, _group: str, _stream: str, events: list[tuple[int, str]]) -> None:
        """Print the lines."""
        for _, line in events:
            _say(line)


def downloads(job: Job) -> Iterator[Download]:
    """What S3 gave a job, without the files."""
    for entry in job.request.get("ProcessingInputs") or []:
        if source := entry.get("S3Input"):
            yield Download("ProcessingInput", entry["InputName"], source["LocalPath"], {})
    for channel in job.request.get("InputDataConfig") or []:
        yield Download("Channel", channel["ChannelName"], f"/opt/ml/input/data/{channel['ChannelName']}", {})
    submitted = decode(job.request.get("HyperParameters") or {}).get("sagemaker_submit_directory")
    submitted = (job.request.get("Environment") or {}).get("SAGEMAKER_SUBMIT_DIRECTORY", submitted)
    if str(submitted or "").startswith("s3://"):
        yield Download("SubmitDirectory", "sagemaker_submit_directory", CODE, {})


def _dump(download: Download, ml: Path) -> dict[str, Any]:
    folder = ml / Path(download.path).relative_to(isolation.OPT_ML)
    return {"kind": download.kind, "name": download.name, "path": download.path, "files": files_of(folder)}


def files_of(folder: Path) -> dict[str, list[int]]:
    """The size in bytes and the time in nanoseconds of each file of a folder; what Python compiles is left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts:
            stat = path.stat()
            found[str(path.relative_to(folder))] = [stat.st_size, stat.st_mtime_ns]
    return found


def _processing_outputs(request: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
    return [output["S3Output"] for output in outputs if "S3Output" in output]


def write_programs(spec: HostSpec, python: str, outputs: Sequence[str]) -> None:
    """Write `run-job` to the host's folder, and what it has the debugger opened by."""
    root = Path(spec.folder).parent
    for name in ("bin", "debugger"):
        (root / name).mkdir(exist_ok=True)
    (root / "debugger" / "sitecustomize.py").write_text(DEBUGGER)
    moved = [path.replace(isolation.OPT_ML, spec.folder) if confine.refusal() else path for path in outputs]
    text = SCRIPT.format(
        debugger=shlex.quote(str(root / "debugger")),
        outputs=shlex.join(dict.fromkeys(moved)),
        folder=shlex.quote(spec.cwd),
        command=shlex.join(command_of(spec, python)),
    )
    (root / "bin" / RUN).write_text(text)
    (root / "bin" / RUN).chmod(0o755)


def command_of(spec: HostSpec, python: str) -> tuple[str, ...]:
    """The command line of a host, as a process of its own runs it."""
    argv = child.call_elsewhere(spec) if spec.builtin else spec.argv
    return (spec.interpreter or python, *argv[1:]) if interpreter.is_python(argv[0]) else argv


def _introduce(wish: Wish, record: Mapping[str, Any], spec: HostSpec, *, kept: bool) -> None:
    name = wish.arn.rpartition("/")[2]
    _say(f"{name} ({record['state']})")
    as_it_is = "as you left it; --fresh downloads it again" if kept else "as it was downloaded for the job"
    folder = Path(spec.folder)
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    _say(f"  /opt/ml        here {shown}, {as_it_is}")
    _say(f"  {RUN}        {_shorten(spec.argv[0] if spec.builtin else shlex.join(spec.argv))}")
    _say(f"  {RUN} --pdb  the same; the debugger opens where it fails")
    if spec.isolated:
        _say("  The job has no network (EnableNetworkIsolation); this shell has one.")
    _say("  The job's outputs are not sent to S3, and the folder stays. Its calls to AWS have your credentials.")


def _shorten(text: str, most: int = 90) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _run(spec: HostSpec, wish: Wish, python: str) -> int:
    """Run the command, or a shell, as the job's process would be; its exit code."""
    root = Path(spec.folder).parent
    shell = shutil.which("bash") or "/bin/sh"
    argv = wish.command or ((shell, "--norc") if shell.endswith("bash") else (shell,))
    spec = child.with_target(spec)
    environ = {
        **spec.environ,
        "PATH": f"{root / 'bin'}:{spec.environ['PATH']}",
        "PS1": f"({spec.hostname}) \\w \\$ ",
        "TERM": os.environ.get("TERM", "dumb"),
    }
    folder = spec.cwd if spec.cwd != "/" else isolation.OPT_ML
    # The room's first process hears no Ctrl-C: it is a shell that waits, and not the command.
    entered = ["/bin/sh", "-c", f'cd {shlex.quote(folder)} && "$@"; exit $?', "sh", *argv]
    covers = () if Path(isolation.OPT_ML).is_dir() or not Path("/opt").is_dir() else ("/opt",)
    command = confine.command(entered, wish.state, _shows(spec, python, covers), covers, str(root / isolation.ROOT))
    with _terminal():
        code = subprocess.call(command, env=environ, cwd="/")
    return code if code >= 0 else 128 - code


def _shows(spec: HostSpec, python: str, covers: Sequence[str]) -> list[Show]:
    """What the shell sees of what is hidden: the job's folder, its Python, and what lies in covered folders."""
    own = isolation.own_places(str(Path(spec.folder).parent), spec.hosts_file)
    pythons = [python, *([spec.interpreter] if spec.interpreter else [])]
    programs = [path for found in pythons for path in (*own_environment(found), *interpreter_folders(found))]
    beside = [str(path) for cover in covers for path in Path(cover).iterdir()]
    return [*own, *show_paths([*programs, *beside, *spec.readable]), *show_paths(spec.writable, writable=True)]


class _terminal:  # noqa: N801 - used as a function
    """Takes the terminal back from a shell, which makes itself the one that Ctrl-C goes to."""

    def __enter__(self) -> None:
        # Not SIG_IGN, which what is started would inherit.
        self._interrupt = signal.signal(signal.SIGINT, lambda *_: None)

    def __exit__(self, *_error: object) -> None:
        signal.signal(signal.SIGINT, self._interrupt)
        if not sys.stdin.isatty():
            return
        told = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        with suppress(OSError, termios.error):
            os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
        signal.signal(signal.SIGTTOU, told)


def _say(text: str) -> None:
    print(f"slipway: {text}", file=sys.stderr, flush=True)
