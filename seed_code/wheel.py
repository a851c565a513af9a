"""The library as the wheel that a project carries: identical files give identical bytes, under a name that says which.

A wheel is a zip with the package's files and a folder that describes them (PEP 427). The version of a checkout is that
of pyproject.toml and, after a plus sign, a hash of the files, so that another content has another name.
"""

import base64
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.cli.archive import pack

PACKAGE = "slipway"
FOLDER = "vendor"
ABOUT = "Wheel-Version: 1.0\nGenerator: slipway\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True)
class Wheel:
    """A wheel, and the version in its name."""

    version: str
    content: bytes

    @property
    def name(self) -> str:
        """Its place in a project."""
        return f"{FOLDER}/{PACKAGE}-{self.version}-py3-none-any.whl"

    @property
    def requirement(self) -> str:
        """The line of requirements.txt that installs it, and nothing else under its name."""
        return f"./{self.name} --hash=sha256:{hashlib.sha256(self.content).hexdigest()}"


def build(root: Path) -> Wheel:
    """The wheel of a checkout's library."""
    about = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted((root / PACKAGE).rglob("*"))
        if path.is_file() and not _is_left_out(path.relative_to(root))
    }
    described = {name: text.encode() for name, text in _metadata_files(about).items()}
    digest = hashlib.sha256()
    for name, content in sorted({**files, **described}.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    version = f"{about['version']}+{digest.hexdigest()[:12]}"
    info = f"{PACKAGE}-{version}.dist-info"
    whole = {**files, **{f"{info}/{name}": content for name, content in described.items()}}
    whole[f"{info}/METADATA"] = whole[f"{info}/METADATA"].replace(b"@", version.encode(), 1)
    whole[f"{info}/RECORD"] = _record(whole, info)
    return Wheel(version, pack(whole).content)


def _is_left_out(path: Path) -> bool:
    """Caches and hidden files stay behind."""
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _metadata_files(about: Mapping[str, Any]) -> dict[str, str]:
    """The files about the package, the version still to be written where the `@` is."""
    metadata = ["Metadata-Version: 2.1", f"Name: {about['name']}", "Version: @", f"Summary: {about['description']}"]
    metadata += [f"Requires-Python: {about['requires-python']}"]
    metadata += [f"Requires-Dist: {need}" for need in about["dependencies"]]
    commands = "".join(f"{name} = {function}\n" for name, function in sorted(about["scripts"].items()))
    return {
        "METADATA": "\n".join(metadata) + "\n",
        "WHEEL": ABOUT,
        "entry_points.txt": f"[console_scripts]\n{commands}",
    }


def _record(files: Mapping[str, bytes], info: str) -> bytes:
    """The list of all files with their hashes."""
    lines = [f"{name},sha256={_hash(content)},{len(content)}" for name, content in sorted(files.items())]
    return "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()


def _hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
