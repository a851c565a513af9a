"""The zips that a new project starts from, built from this checkout: identical files give identical bytes."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("pipelines", "deploy", "codebuild", "slipway/build", "slipway/tabular", "slipway/deploy")
FILES = ("buildspec.yml", "slipway/__init__.py")
OWN = Path("seed_code/files")  # what a project has of its own: README, setup.py, requirements.lock, .gitignore
CHECKIN = Path("seed_code/checkin")
MANIFEST = ".template.json"  # which of a project's files are the template's, and what it last put there
LARGEST = 1_000_000  # bytes; a larger file is data, and data belongs into the bucket
NAMES_OF_SECRETS = re.compile(r"(^\.env|\.pem$|\.p12$|^id_(rsa|ed25519)|^credentials$)")
SECRETS = re.compile(rb"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----")
MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
FILE, SCRIPT = 0o100644, 0o100755


class SeedError(Exception):
    """The checkout has a file that must not be handed on, or lacks one that must; the message names it."""


@dataclass(frozen=True)
class Archive:
    """A zip, and what is in it."""

    content: bytes
    names: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Hash of the bytes: the part of its S3 key that changes with it."""
        return hashlib.sha256(self.content).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{len(self.names)} files, {len(self.content) / 1000:.1f} kB"


def project(root: Path = ROOT) -> Archive:
    """The files of a new project."""
    files = {name: path for folder in FOLDERS for name, path in _below(root / folder, root)}
    for name in FILES:
        files[name] = root / name
    own = dict(_below(root / OWN, root / OWN))
    files |= {".gitignore" if name == "gitignore" else name: path for name, path in own.items()}
    contents = _contents(files)
    return packed({**contents, MANIFEST: manifest(contents)})


def checkin(root: Path = ROOT) -> Archive:
    """The build that pushes them."""
    return packed(_contents(dict(_below(root / CHECKIN, root / CHECKIN))))


def manifest(contents: Mapping[str, bytes]) -> bytes:
    """The files by the ids that git gives their contents, as a file of the project."""
    ids = {name: content_id(content) for name, content in sorted(contents.items())}
    return (json.dumps({"files": ids}, indent=1) + "\n").encode()


def content_id(content: bytes) -> str:
    """The id that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()  # noqa: S324 - git's own


def _below(folder: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """(name in the zip, file) of all files; caches and hidden files stay behind."""
    if not folder.is_dir():
        raise SeedError(f"there is no folder {folder}: publish from a whole checkout of the template")
    for path in folder.rglob("*"):
        parts = path.relative_to(root).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield "/".join(parts), path


def _contents(files: Mapping[str, Path]) -> dict[str, bytes]:
    return {name: _read(name, path) for name, path in files.items()}


def packed(contents: Mapping[str, bytes]) -> Archive:
    """A zip of files, by name: the same bytes for the same files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, from whichever system it is packed
            entry.external_attr = (SCRIPT if name.endswith(".sh") else FILE) << 16
            archive.writestr(entry, content)
    return Archive(made.getvalue(), tuple(sorted(contents)))


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
