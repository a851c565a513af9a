"""The Python that AWS on this machine runs with: this one, or that of an environment which has what this one lacks.

ministack needs one version of botocore, and a team's project has its own. So uv makes an environment at the first
start. It gets the declared dependencies of `slipway[local]` and a copy of the packages loopback and slipway as they
are installed here. It is kept for every later start, which needs no network.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from slipway.cli.target import UserError

NEEDED = ("ministack", "hypercorn", "httptools", "uvloop")  # to start
COPIED = ("loopback", "slipway")
READY = ".ready"
LEFT_OUT = shutil.ignore_patterns("__pycache__")
Execute = Callable[[Sequence[str]], int]


def cache_folder() -> Path:
    """Where such environments are: $XDG_CACHE_HOME/slipway/local."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway" / "local"


def find(has: Callable[[str], object] = importlib.util.find_spec) -> str:
    """The interpreter for `python -m loopback up`; `has` says whether a module is installed here. Raises UserError."""
    if all(has(name) for name in NEEDED):
        return sys.executable
    packages = {name: Path(str(importlib.util.find_spec(name).origin)).parent for name in COPIED}  # type: ignore[union-attr]
    return prepare(cache_folder(), packages, requirements(metadata.requires("slipway") or []), _execute)


def requirements(declared: Sequence[str]) -> list[str]:
    """What `slipway[local]` declares: `name==1; extra == "local"` and what has no condition."""
    split = [line.replace("'", '"').partition(";") for line in declared]
    return [need.strip() for need, _, condition in split if condition.strip() in ("", 'extra == "local"')]


def prepare(folder: Path, packages: dict[str, Path], needs: Sequence[str], execute: Execute) -> str:
    """The Python of the environment for these packages and needs; it is built beside its place. Raises UserError."""
    target = folder / _key(packages, needs)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two that start at once one waits
        if not ((target / READY).exists() and (target / "bin" / "python").exists()):
            print(f"slipway: AWS on this machine gets an environment of its own, once: {target}", file=sys.stderr)
            _make(target, packages, needs, execute)
    return str(target / "bin" / "python")


def _make(target: Path, packages: dict[str, Path], needs: Sequence[str], execute: Execute) -> None:
    beside = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    interpreter = str(beside / "bin" / "python")
    try:
        for command in (
            ["venv", "-q", "--relocatable", "--seed", "--allow-existing", "--python", sys.executable, str(beside)],
            ["pip", "install", "--python", interpreter, *needs],
        ):
            if execute([_uv(), *command]):
                raise UserError(
                    "the environment of AWS on this machine cannot be made: uv says why above. With a network try "
                    "again, or pip install 'slipway[local]' into an environment of your own"
                )
        (place,) = beside.glob("lib/python*/site-packages")
        for name, source in packages.items():
            shutil.copytree(source, place / name, ignore=LEFT_OUT)
        (beside / READY).touch()
        shutil.rmtree(target, ignore_errors=True)  # one whose Python has gone
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _key(packages: dict[str, Path], needs: Sequence[str]) -> str:
    """A name that changes with the Python, the needs and any file of the packages."""
    digest = hashlib.sha256("\n".join([sys.version, sys.base_prefix, *needs]).encode())
    for name, source in packages.items():
        for path in sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            digest.update(f"\0{name}/{path.relative_to(source)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _uv() -> str:
    try:
        from uv import find_uv_bin
    except ImportError:
        if found := shutil.which("uv"):
            return found
        raise UserError("AWS on this machine is installed with uv, which is not here: pip install uv") from None
    return str(find_uv_bin())


def _execute(command: Sequence[str]) -> int:
    """Run uv to its end; it shows its progress itself, and what it prints is none of the caller's output."""
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode
