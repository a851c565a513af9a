"""A project as a zip, identical bytes for identical files, and the manifest of what the template put there."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

MANIFEST = ".template.json"  # which of a project's files are the template's, and what it last put there
MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
FILE, SCRIPT = 0o100644, 0o100755


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


def pack(contents: Mapping[str, bytes]) -> Archive:
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


def unpack(content: bytes) -> dict[str, bytes]:
    """The files of a zip, by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}


def manifest(contents: Mapping[str, bytes]) -> bytes:
    """The files by the ids that git gives their contents, as a file of the project."""
    return manifest_of({name: content_id(content) for name, content in contents.items()})


def manifest_of(ids: Mapping[str, str]) -> bytes:
    """The same of files whose ids are known."""
    return (json.dumps({"files": dict(sorted(ids.items()))}, indent=1) + "\n").encode()


def content_id(content: bytes) -> str:
    """The id that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()  # noqa: S324 - git's own
