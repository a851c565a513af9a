"""The Pythons that AWS on this machine runs with: this one, or those of environments that have what this one lacks.

Its control plane needs one version of botocore, and a team's project has its own. What its jobs import are the
packages of AWS's images. So uv makes an environment for the control plane and one for the jobs at the first start,
from what `slipway[local-control]` and `slipway[local-jobs]` declare. They are kept for every later start, which needs
no network. Both import loopback and slipway from a copy of them as they are installed here, with nothing beside it.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from slipway.cli.target import UserError

COPIED = ("loopback", "slipway")
JOB_PYTHON = "LOOPBACK_JOB_PYTHON"  # names to loopback the Python of its jobs
READY = ".ready"
LEFT_OUT = shutil.ignore_patterns("__pycache__")
Execute = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class Purpose:
    """What an environment is for: its name, the extra that declares it, and what tells whether a Python will do."""

    name: str
    title: str
    extra: str
    modules: tuple[str, ...]
    for_programs: bool = False  # has pip, and what `slipway` itself depends on, too


CONTROL = Purpose(
    "control",
    "the control plane",
    "local-control",
    ("ministack", "hypercorn", "httptools", "uvloop", "cfnlint", "cryptography"),
)
JOBS = Purpose(
    "jobs",
    "jobs, builds and model servers",
    "local-jobs",
    ("xgboost", "sklearn", "pandas", "httptools", "uvloop"),
    for_programs=True,  # builds compile pipelines, a job may be a @step function or bring a requirements.txt
)


@dataclass(frozen=True)
class Pythons:
    """The Python of `python -m loopback up`, and the variables that it needs."""

    control: str
    variables: Mapping[str, str] = field(default_factory=dict)


def cache_folder() -> Path:
    """Where such environments are: $XDG_CACHE_HOME/slipway/local."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway" / "local"


def find(has: Callable[[str], object] = importlib.util.find_spec) -> Pythons:
    """What to start AWS on this machine with; `has` says whether a module is installed here. Raises UserError."""
    chosen = os.environ.get(JOB_PYTHON)
    purposes = (CONTROL,) if chosen else (CONTROL, JOBS)
    missing = [purpose for purpose in purposes if not all(has(name) for name in purpose.modules)]
    if not missing:
        return Pythons(sys.executable)
    folder, declared = cache_folder(), metadata.requires("slipway") or []
    made = {p.name: prepare(folder, p, requirements(declared, p), _execute) for p in missing}
    packages = {name: Path(str(importlib.util.find_spec(name).origin)).parent for name in COPIED}  # type: ignore[union-attr]
    paths = [str(copy_code(folder, packages)), *filter(None, [os.environ.get("PYTHONPATH")])]
    return Pythons(
        made.get("control", sys.executable),
        {"PYTHONPATH": os.pathsep.join(paths), JOB_PYTHON: chosen or made.get("jobs", sys.executable)},
    )


def requirements(declared: Sequence[str], purpose: Purpose) -> list[str]:
    """What the purpose's extra declares: `name==1; extra == "local-jobs"`, and what has no condition."""
    split = [line.replace("'", '"').partition(";") for line in declared]
    wanted = {f'extra == "{purpose.extra}"', *([""] if purpose.for_programs else [])}
    return [need.strip() for need, _, condition in split if condition.strip() in wanted]


def prepare(folder: Path, purpose: Purpose, needs: Sequence[str], execute: Execute) -> str:
    """The Python of the environment with these needs; it is built beside its place. Raises UserError."""
    target = folder / f"{purpose.name}-{_digest(sys.version, sys.base_prefix, *needs)}"

    def build(beside: Path) -> None:
        """Make the environment, and install what it needs."""
        print(f"slipway: making the Python of {purpose.title}, once: {target}", file=sys.stderr)
        seed = ["--seed"] if purpose.for_programs else []
        for command in (
            ["venv", "-q", "--relocatable", *seed, "--allow-existing", "--python", sys.executable, str(beside)],
            ["pip", "install", "--python", str(beside / "bin" / "python"), *needs],
        ):
            if execute([_uv(), *command]):
                raise UserError(
                    f"the Python of {purpose.title} cannot be made: uv says why above. With a network try "
                    "again, or pip install 'slipway[local]' into an environment of your own"
                )

    _make_once(target, Path("bin/python"), build)
    return str(target / "bin" / "python")


def copy_code(folder: Path, packages: Mapping[str, Path]) -> Path:
    """A folder that has these packages and nothing else; the same one while no file of theirs changes."""
    parts = []
    for name, source in packages.items():
        for path in sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            parts.append(f"{name}/{path.relative_to(source)} {content}")
    target = folder / f"code-{_digest(*parts)}"

    def build(beside: Path) -> None:
        for name, source in packages.items():
            shutil.copytree(source, beside / name, ignore=LEFT_OUT)

    _make_once(target, Path(), build)
    return target


def _make_once(target: Path, proof: Path, build: Callable[[Path], None]) -> None:
    """Have a whole folder: it is built beside its place, and again where its `proof` has gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two that start at once one waits
        if (target / READY).exists() and (target / proof).exists():
            return
        beside = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
        try:
            build(beside)
            (beside / READY).touch()
            shutil.rmtree(target, ignore_errors=True)  # one whose Python has gone
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


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
