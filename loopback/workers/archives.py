"""tar.gz archives: packed the same way from the same files, unpacked without leaving their folder."""

import gzip
import posixpath
import tarfile
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from loopback.core.objects import Objects, split_uri
from loopback.workers.ports import JobFault
from loopback.workers.transfer import blame, files_below

FILTERED = hasattr(tarfile, "data_filter")  # Python 3.11 has it from 3.11.4 on


def merged(folders: Iterable[Path]) -> list[tuple[str, Path]]:
    """The files of several hosts' folders by archive name; of equal names the first host's counts."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path, name in files_below(folder):
            found.setdefault(name, path)
    return sorted(found.items())


def pack(files: Iterable[tuple[str, Path]], target: Path) -> None:
    """Write a tar.gz whose bytes depend on the files' names, modes and contents only. Raises JobFault."""
    with (
        blame(f"Packing {target.name} failed"),
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in files:
            entry = archive.gettarinfo(path, name)
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
            entry.type, entry.linkname = tarfile.REGTYPE, ""  # hard links between outputs are files to the reader
            entry.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(entry, content)


def fetch(objects: Objects, uri: str, folder: Path, failure: str) -> None:
    """Unpack an archive of S3 below `folder`. Raises JobFault, which begins with `failure` when it cannot be had."""
    bucket, key = split_uri(uri)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        archive = Path(beside, "archive.tar.gz")
        with blame(f"{failure}: {uri}"):
            objects.fetch(bucket, key, archive)
        unpack(archive, folder, uri)


def unpack(archive: Path, folder: Path, origin: str) -> None:
    """Unpack below `folder`, refusing entries and links that lead out of it. Raises JobFault, naming `origin`."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with blame(f"Unpacking {origin} failed"), tarfile.open(archive, "r:*") as packed:
            extract(packed, folder)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise JobFault(f"ClientError: {origin} is not a tar.gz archive that can be unpacked: {error}") from None


def extract(packed: tarfile.TarFile, folder: Path, *, filtered: bool = FILTERED) -> None:
    """Everything in an archive, below `folder`; entries that lead out of it, and devices, raise TarError."""
    if filtered:
        packed.extractall(folder, filter="data")
        return
    entries = packed.getmembers()
    for entry in entries:
        beside = PurePosixPath(entry.name).parent if entry.issym() else PurePosixPath()
        places = [entry.name, *([str(beside / entry.linkname)] if entry.issym() or entry.islnk() else [])]
        for place in map(posixpath.normpath, places):
            if place.startswith(("/", "../")) or place == "..":
                raise tarfile.TarError(f"{entry.name!r} leads out of the folder")
        if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
            raise tarfile.TarError(f"{entry.name!r} is neither a file, a folder nor a link")
    packed.extractall(folder, entries)  # noqa: S202 - every entry has just been looked at
