"""`slipway shell STEP`: a step's job opened again on this machine, for a person to change its code and run it."""

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.cli import executions, local, names, resume, screen
from slipway.cli.target import Target, UserError, WrongUsage, state_folder

FOLDER = Path(".slipway/shells")
KINDS = ("ProcessingJob", "TrainingJob")
JOBS = ("processing-job", "training-job")  # of ARNs
ML = Path("algo-1/ml")  # what the job has as /opt/ml, below its folder


@dataclass(frozen=True)
class Wish:
    """What the command line says. Without a command there is a shell; `resumes` when it ends well."""

    step: str
    execution: str = ""
    pipeline: str = ""
    command: tuple[str, ...] = ()
    fresh: bool = False
    debugger: bool = False
    resumes: bool = False


def open_step(target: Target, wish: Wish) -> int:
    """Open the job of a step; the exit code of what ran in it, or of the execution that goes on after it."""
    if wish.debugger and wish.command:
        raise WrongUsage("--pdb runs the step's own command; leave out the one that is given, or --pdb")
    arn, step, job = find_job(target, wish)
    folder = FOLDER / job.rpartition("/")[2]
    local.keep_out_of_git(state_folder())
    command = ("run-job", "--pdb") if wish.debugger else wish.command
    os.environ.update(target.environ)
    arguments = ["shell", "--state", str(state_folder()), "--folder", str(folder), *["--fresh"] * wish.fresh]
    told = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the shell's, or its command's
    try:
        code = local.pass_on([*arguments, job, *(["--", *command] if command else [])])
    finally:
        signal.signal(signal.SIGINT, told)
    record = folder / "job.json"
    changed = changed_inputs(json.loads(record.read_text()), folder, step) if record.is_file() else []
    for entry in changed:
        screen.say(f"changed in {entry.name}: {', '.join(entry.files)}  ({entry.folder})")
    if not wish.resumes or not arn:
        return code
    if code:
        screen.say(f"exit code {code}: the execution is not resumed")
        return code
    return resume.resume(target, arn, changed)


def find_job(target: Target, wish: Wish) -> tuple[str, str, str]:
    """The execution's ARN, the step's name and its job's ARN; only the last of a job by its ARN. Raises UserError."""
    if wish.step.startswith("arn:"):
        if not any(f":{kind}/" in wish.step for kind in JOBS):
            raise WrongUsage(f"{wish.step} is no processing or training job; these have a shell")
        return "", "", wish.step
    arn = executions.execution_arn(target, wish.pipeline, wish.execution)
    step = executions.find_step(target, arn, wish.step)
    job = next((step["Metadata"][kind]["Arn"] for kind in KINDS if kind in step.get("Metadata", {})), None)
    if job is None:
        kinds = "processing and training jobs"
        raise UserError(f"{step['StepName']} of {names.of_execution(arn)} has no job to open: {kinds} have a shell")
    return arn, step["StepName"], str(job)


def changed_inputs(record: dict[str, Any], folder: Path, step: str) -> list[resume.ChangedInput]:
    """The inputs whose files are not as they were downloaded, by what `job.json` says."""
    found = []
    for entry in record["downloads"]:
        place = folder / ML / Path(entry["path"]).relative_to("/opt/ml")
        now = {str(path.relative_to(place)): path for path in resume.files_below(place)}
        before: dict[str, list[int]] = entry["files"]
        different = {name for name, path in now.items() if before.get(name) != _mark(path)}
        if files := sorted(different | (before.keys() - now.keys())):
            found.append(resume.ChangedInput(step, entry["kind"], entry["name"], place, tuple(files)))
    return found


def _mark(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]
