"""runtime-versions: builds run on this machine's tools, so a buildspec may only ask for what is here."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

from loopback.runtimes.codebuild.environment import SYSTEM_PATH
from loopback.runtimes.codebuild.walker import BuildspecError

_COMMANDS = {  # runtime -> the command that tells its version, and how the version looks
    "nodejs": (["node", "--version"], r"v(\d+(?:\.\d+)*)"),
    "java": (["java", "-version"], r'version "(\d+(?:\.\d+)*)'),
}


def check(wanted: Mapping[str, str], installed: Callable[[str], str | None]) -> list[str]:
    """What the log must say. Raises BuildspecError for what is not here; `installed` tells a runtime's version.

    Builds run with the Python that runs loopback, whichever 3.x they ask for: its packages are what they use.
    """
    notes = []
    for name, version in wanted.items():
        found = installed(name)
        if found is None:
            raise BuildspecError(f"Unknown runtime named {name!r}: this machine, on which builds run, does not have it")
        if matches(version, found):
            continue
        if name != "python" or not version.startswith("3."):
            raise BuildspecError(f"Unknown runtime version named {version!r} of {name}. This machine has {found}")
        notes.append(f"python {version} is asked for; this machine's {found} runs the build")
    return notes


def matches(wanted: str, found: str) -> bool:
    """Whether a version is one that was asked for: `latest`, `3.x`, `3.11`, `corretto17`.

    >>> matches("3.11", "3.11.7"), matches("3.1", "3.11.7"), matches("corretto17", "17.0.2"), matches("3.x", "3.12")
    (True, False, True, True)
    """
    if wanted == "latest":
        return True
    number = re.sub(r"^[a-z]+", "", wanted).removesuffix(".x")
    return found == number or found.startswith(f"{number}.")


def installed_here(name: str) -> str | None:
    """The version of a runtime of this machine, or None."""
    if name == "python":
        return ".".join(map(str, sys.version_info[:3]))
    if name not in _COMMANDS:
        return None
    command, shape = _COMMANDS[name]
    program = shutil.which(command[0], path=SYSTEM_PATH)
    if program is None:
        return None
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False, timeout=30)
    version = re.search(shape, done.stdout + done.stderr)
    return version[1] if version else None
