"""A Python of the build's own, made in milliseconds: it sees the packages that are installed here, and adds to its own.

pip installs into the build's folder only, and finds what is there already. A pth file names our folder of packages; pth
files in that folder are not read, so that packages which are installed here as links to a checkout stay invisible.
"""

import importlib.metadata
import json
import os
import site
import sys
import threading
from pathlib import Path

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
# The Python beside it: a first line that names a path would end at a space in it.
_PIP = """#!/bin/sh
'''exec' "${{0%/*}}/python" "$0" "$@"
' '''
import sys
sys.path.insert(0, {folder!r})
from pip_front import main
del sys.path[0]
sys.exit(main())
"""
_PIP_FOLDER = str(Path(__file__).parent)
# A script is run by the Python of the build in whose `tools` it was called.
_SCRIPT = """#!/bin/sh
'''exec' "${0%/tools/*}/python/bin/python" "$0" "$@"
' '''
"""
_HASH_FILES = """
import glob, hashlib, os, sys
digest, found = hashlib.sha256(), False
for pattern in sys.argv[1:]:
    for path in sorted(glob.glob(pattern, recursive=True)):
        if os.path.isfile(path):
            found = True
            digest.update(hashlib.sha256(open(path, "rb").read()).digest())
if not found:
    sys.exit("codebuild-hash-files: no file matches " + " ".join(sys.argv[1:]))
print(digest.hexdigest())
"""


def make(folder: Path, python: str) -> Path:
    """A virtual environment in `folder` that sees the packages of `python`; its bin folder."""
    commands, packages = folder / "bin", folder / "lib" / f"python{VERSION}" / "site-packages"
    commands.mkdir(parents=True)
    packages.mkdir(parents=True)
    real = os.path.realpath(python)
    for name in ("python", "python3", f"python{VERSION}"):
        (commands / name).symlink_to(real)
    version = ".".join(map(str, sys.version_info[:3]))
    (folder / "pyvenv.cfg").write_text(
        f"home = {os.path.dirname(real)}\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    (packages / "_machine.pth").write_text("".join(f"{place}\n" for place in packages_of(python)))
    for name in ("pip", "pip3", f"pip{VERSION}"):
        path = commands / name
        path.write_text(_PIP.format(folder=_PIP_FOLDER))
        path.chmod(0o755)
    return commands


def packages_of(python: str) -> list[str]:
    """The folders of packages of a Python of this version."""
    if python == sys.executable:
        return [place for place in site.getsitepackages() if os.path.isdir(place)]
    return [str(path) for path in Path(python).parents[1].glob(f"lib/python{VERSION}/site-packages")]


class Tools:
    """The console scripts of a Python, for builds: copied once, run by each build's own Python."""

    def __init__(self, folder: Path, python: str) -> None:
        self._folder, self._python = folder, python
        self._lock = threading.Lock()
        self._made = False

    def folder(self) -> Path:
        """The folder of the scripts."""
        with self._lock:
            if not self._made:
                self._make()
                self._made = True
        return self._folder

    def _make(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        linked = _linked_scripts(self._python)
        wanted = {"codebuild-hash-files": _HASH_FILES}
        for path in Path(self._python).parent.iterdir():
            if path.name not in linked and not path.name.startswith(("python", "pip")):
                text = _python_script(path)
                if text is not None:
                    wanted[path.name] = text
        for old in self._folder.iterdir():
            if old.name not in wanted:
                old.unlink()
        for name, text in wanted.items():
            target = self._folder / name
            whole = _SCRIPT + text
            if not target.exists() or target.read_text() != whole:
                beside = target.with_name(f".{name}")
                beside.write_text(whole)
                beside.chmod(0o755)
                beside.replace(target)


def _python_script(path: Path) -> str | None:
    """The text of a script for the Python beside it, without its first line; None for anything else."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"#!":
                return None
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        return None
    first, _, rest = text.partition("\n")
    if first.startswith("#!/bin/sh") and rest.startswith("'''exec'"):
        return rest.split("\n' '''\n", 1)[-1]
    return rest if first.split()[0].startswith(f"#!{path.parent}/python") else None


def _linked_scripts(python: str) -> set[str]:
    """Scripts of packages that are installed as links to a checkout."""
    found: set[str] = set()
    for place in packages_of(python):
        for path in Path(place).glob("*.dist-info/direct_url.json"):
            if json.loads(path.read_text()).get("dir_info", {}).get("editable"):
                entries = importlib.metadata.PathDistribution(path.parent).entry_points
                found |= {entry.name for entry in entries if entry.group == "console_scripts"}
    return found
