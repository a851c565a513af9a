"""Virtual environments for what is measured beside ours: made once, kept below .slipway, never mixed with ours."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.local_aws import ROOT

ENVIRONMENTS = ROOT / ".slipway" / "bench"
INSTALL_SECONDS = 600.0


class NotInstalled(Exception):
    """A peer that cannot be measured here; the message says why."""


def environment(name: str, packages: tuple[str, ...]) -> Path:
    """A virtual environment with these packages, made once; its bin folder. Raises NotInstalled."""
    folder = ENVIRONMENTS / name
    wanted = "\n".join(packages)
    mark = folder / "installed.txt"
    if mark.exists() and mark.read_text() == wanted:
        return folder / "bin"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*command, *packages], check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        raise NotInstalled(said[-1][:200]) from None
    mark.write_text(wanted)
    return folder / "bin"


def shared_pins(*packages: str) -> tuple[str, ...]:
    """These packages at the versions that ours runs with."""
    return tuple(f"{name}=={version(name)}" for name in packages)
