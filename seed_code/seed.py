"""The zips that a new project starts from, built from this checkout: identical files give identical bytes."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from seed_code import wheel
from slipway.cli.archive import MANIFEST, Archive, manifest, pack

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("pipelines", "deploy", "codebuild")
FILES = ("buildspec.yml",)
OWN = Path("seed_code/files")  # what a project has of its own: README, requirements.lock, .gitignore
CHECKIN = Path("seed_code/checkin")
REQUIREMENTS = "requirements.txt"
LARGEST = 1_000_000  # bytes; a larger file is data, and data belongs into the bucket
NAMES_OF_SECRETS = re.compile(r"(^\.env|\.pem$|\.p12$|^id_(rsa|ed25519)|^credentials$)")
SECRETS = re.compile(rb"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----")


class SeedError(Exception):
    """The checkout has a file that must not be handed on, or lacks one that must; the message names it."""


def project(root: Path = ROOT) -> Archive:
    """The files of a new project."""
    contents = files(root)
    return pack({**contents, MANIFEST: manifest(contents)})


def files(root: Path) -> dict[str, bytes]:
    """What a checkout of the template puts into a project, by name."""
    paths = {name: path for folder in FOLDERS for name, path in _below(root / folder, root)}
    for name in FILES:
        paths[name] = root / name
    own = dict(_below(root / OWN, root / OWN))
    paths |= {".gitignore" if name == "gitignore" else name: path for name, path in own.items()}
    return {**_contents(paths), **_library(root)}


def checkin(root: Path = ROOT) -> Archive:
    """The build that pushes them."""
    return pack(_contents(dict(_below(root / CHECKIN, root / CHECKIN))))


def _library(root: Path) -> dict[str, bytes]:
    """The library's wheel, and the requirement that names it."""
    try:
        made = wheel.build(root)
    except OSError as error:
        raise SeedError(f"{error.filename} can't be read: {error.strerror}; publish from a whole checkout") from None
    told = "# The library that this project is built on; `slipway upgrade` changes the file and this line.\n"
    return {made.name: made.content, REQUIREMENTS: f"{told}{made.requirement}\n".encode()}


def _below(folder: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """(name in the zip, file) of all files; caches and hidden files stay behind."""
    if not folder.is_dir():
        raise SeedError(f"there is no folder {folder}: publish from a whole checkout of the template")
    for path in folder.rglob("*"):
        parts = path.relative_to(root).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield "/".join(parts), path


def _contents(paths: Mapping[str, Path]) -> dict[str, bytes]:
    return {name: _read(name, path) for name, path in paths.items()}


def _read(name: str, path: Path) -> bytes:
    if path.is_symlink():
        raise SeedError(f"{path} is a link; a project gets files of its own")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SeedError(f"{path} can't be read: {error.strerror}; publish from a whole checkout") from None
    if len(content) > LARGEST:
        raise SeedError(
            f"{path} has {len(content)} bytes, allowed are {LARGEST}; data belongs into the project's bucket"
        )
    if NAMES_OF_SECRETS.search(name.rpartition("/")[2]) or SECRETS.search(content):
        raise SeedError(f"{path} looks like a secret; it would be copied into every project")
    return content
