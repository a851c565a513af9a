"""Environments of AWS's images: made by uv at their first use, kept for every later one, also without a network."""

import fcntl
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from loopback.runtimes.jobs.ports import JobFault
from loopback.runtimes.jobs.published import Recipe

READY = ".ready"
ADVICE = 'map the image in loopback.yml:\nimages:\n  "{}": /path/to/python   # or host'
RunUv = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]  # with these arguments


def cache_folder() -> Path:
    """Where environments of images are: $XDG_CACHE_HOME/slipway/images. `slipway local reset` leaves them alone."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway" / "images"


def uv_of(python: str) -> RunUv:
    """Run the uv that is installed with a Python, or the one on PATH, to its end, its words together."""

    def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        program = shutil.which("uv", path=os.path.dirname(python)) or shutil.which("uv")
        if program is None:
            return subprocess.CompletedProcess(arguments, 1, f"there is no uv beside {python}, and none on PATH")
        command = [program, *_certificates(), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    return run


def python_of(
    recipe: Recipe,
    image: str,
    folder: Path,
    tell: Callable[[str], None],
    run_uv: RunUv,
    found: Callable[[str], str | None] | None = None,
) -> str:
    """The Python of a recipe's environment, made if it is not there. `tell` hears what is going on.

    It is built beside its place and then renamed: what is there is whole, and of two that want it one waits. Raises
    JobFault with what to do.
    """
    target = folder / recipe.folder
    python = target / "bin" / "python"
    if _is_whole(target):
        return str(python)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{recipe.folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_whole(target):
            base = (found or machines_python)(recipe.python)
            if base is None:
                raise JobFault(_no_python(recipe, image))
            tell(f"making the environment {recipe.name} for {image}: {', '.join(recipe.packages)}")
            _build(recipe, image, target, base, run_uv)
            tell(f"the environment {recipe.name} is in {target}; later jobs use it as it is")
    return str(python)


def _is_whole(target: Path) -> bool:
    """Whether an environment was made to its end, and the Python that it stands on is still there."""
    return (target / READY).exists() and (target / "bin" / "python").exists()


def _build(recipe: Recipe, image: str, target: Path, base: str, run_uv: RunUv) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{recipe.name}-", dir=target.parent))
    try:
        made = run_uv(["venv", "-q", "--relocatable", "--seed", "--allow-existing", "--python", base, str(beside)])
        if made.returncode:
            raise JobFault(_failure_message(recipe, image, made.stdout))
        backend = ["--torch-backend", "cpu"] if recipe.torch else []
        into = ["--python", str(beside / "bin" / "python"), "--only-binary", ":all:", *backend]
        done = run_uv(["pip", "install", "-q", *into, *recipe.packages])
        if done.returncode:
            raise JobFault(_failure_message(recipe, image, done.stdout))
        (beside / READY).touch()
        shutil.rmtree(target, ignore_errors=True)  # one whose Python has gone
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _certificates() -> list[str]:
    """Those of the machine, where it has some: a company's proxy is signed by one of them."""
    paths = ssl.get_default_verify_paths()
    files = [path for path in (paths.cafile, paths.openssl_cafile) if path and os.path.isfile(path)]
    folders = [path for path in (paths.capath, paths.openssl_capath) if path and os.path.isdir(path)]
    return ["--system-certs"] if files or any(map(os.listdir, folders)) else []


def machines_python(version: str) -> str | None:
    """A Python of this version (`3.9`) on this machine: this one, on PATH, of pyenv, or of uv. None is downloaded.

    Of a virtual environment it is the Python that it was made from: the environment is somebody's, and may go.
    """
    home = Path.home()
    versions = [*home.glob(f".pyenv/versions/{version}*/bin/python"), *home.glob(
        f".local/share/uv/python/cpython-{version}*/bin/python{version}"
    )]  # fmt: skip
    candidates = [sys.executable, shutil.which(f"python{version}"), *map(str, sorted(versions, reverse=True))]
    found = (_base(path) for path in candidates if path)
    return next((path for own, path in found if own == version), None)


def _base(python: str) -> tuple[str, str]:
    """The version, `3.9`, and the path of the Python that one is or was made from.

    Nothing for what is no Python that starts (a shim of pyenv, for example).
    """
    tell = "import os, sys; base = getattr(sys, '_base_executable', sys.executable); "
    tell += "print('%d.%d' % sys.version_info[:2], os.path.realpath(base))"
    try:
        done = subprocess.run([python, "-c", tell], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "", ""
    version, _, path = done.stdout.strip().partition(" ")
    return (version, path) if done.returncode == 0 else ("", "")


def _pattern(image: str) -> str:
    return f"*/{image.rpartition('/')[2]}"


def _no_python(recipe: Recipe, image: str) -> str:
    return (
        f"ClientError: the image {image} has Python {recipe.python}, and there is none on this machine "
        f"(looked at PATH, ~/.pyenv and uv's). Install one, for example `uv python install {recipe.python}`, or "
        + ADVICE.format(_pattern(image))
    )


def _failure_message(recipe: Recipe, image: str, words: str) -> str:
    lines = [re.sub(r"[^\x20-\x7e]+|\s+", " ", line).strip() for line in words.splitlines() if line.strip()]
    return (
        f"ClientError: the environment of the image {image} ({recipe.name}) cannot be made: {' '.join(lines)[:500]}. "
        "With a network try again, or " + ADVICE.format(_pattern(image))
    )
