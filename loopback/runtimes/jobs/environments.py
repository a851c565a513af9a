"""Python environments for a user's requirements.txt: one for each content, on top of the job's Python."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from loopback.runtimes.jobs.ports import JobFault
from loopback.sandbox import confine
from loopback.sandbox.environment import interpreter_folders
from loopback.sandbox.plan import show_paths

READY = ".ready"
PIP_CONFIGURATION = ("~/.config/pip", "~/.pip")
TELL = "import sys, sysconfig; print(sys.version_info[:2], sys.executable, sysconfig.get_path('purelib'), sep='\\n')"


def python_with(requirements: Path, python: str, folder: Path) -> str:
    """The path of a Python that has what `requirements` asks for besides everything that `python` has.

    The environments live in `folder`. Raises JobFault with the installer's words.
    """
    version, _, packages = subprocess.run(
        [python, "-c", TELL], capture_output=True, text=True, check=True
    ).stdout.split("\n")[:3]
    key = hashlib.sha256(requirements.read_bytes() + f"{python} {version}".encode()).hexdigest()[:24]
    target = folder / key
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / READY).exists():
            shutil.rmtree(target, ignore_errors=True)
            _make(target, python, packages)
            _install(requirements, target, python)
            (target / READY).touch()
    return str(target / "bin" / "python")


def _make(target: Path, python: str, packages: str) -> None:
    subprocess.run([python, "-m", "venv", "--without-pip", target], check=True, capture_output=True)
    own = next(target.glob("lib/python*/site-packages"))
    (own / "_image.pth").write_text(packages + "\n")  # after its own: what the image has, the user may replace


def _install(requirements: Path, target: Path, python: str) -> None:
    """Run pip in the environment, from the folder of the requirements as the containers do.

    What it installs may run programs, so it sees no more of this machine than a job does, and pip's configuration.
    """
    pip = [python, "-m", "pip", "--python", str(target / "bin" / "python"), "install"]
    command = [*pip, "--disable-pip-version-check", "--no-input", "-q", "-r", requirements.name]
    cache = target.parent / ".pip"
    cache.mkdir(exist_ok=True)
    readable = show_paths([*interpreter_folders(python), *map(os.path.expanduser, PIP_CONFIGURATION)])
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        own = (*show_paths([str(requirements.parent), str(target), str(cache), scratch], writable=True), *readable)
        done = subprocess.run(
            confine.command(command, target.parents[1], own),
            cwd=requirements.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env=os.environ | {"PIP_ROOT_USER_ACTION": "ignore", "PIP_CACHE_DIR": str(cache), "TMPDIR": scratch},
        )
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
        words = "; ".join(errors) or (lines[-1] if lines else "pip said nothing")
        raise JobFault(
            f"AlgorithmError: InstallRequirementsError:\nExitCode {done.returncode}\n"
            f'ErrorMessage "{words[:700]}"\nCommand "python3 -m pip install -r requirements.txt", exit code: 1'
        )
