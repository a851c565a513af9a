"""tar.gz archives: packed the same way from the same files, unpacked without leaving their folder."""

import bz2
import gzip
import lzma
import posixpath
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, cast

from loopback.core.objects import Objects, split_uri
from loopback.core.unpacking import VOLUME, Bounds, TooLarge, bounds
from loopback.runtimes.jobs.ports import JobFault
from loopback.runtimes.jobs.transfer import blame, files_below

LONGEST_READ = 1 << 20  # of one header; files are read in smaller parts
_COMPRESSIONS: Mapping[bytes, Callable[[Path, Literal["rb"]], IO[bytes]]] = {
    b"\x1f\x8b": cast(Any, gzip.open),
    b"BZh": cast(Any, bz2.open),
    b"\xfd7zXZ\x00": cast(Any, lzma.open),
}
FILTERED = hasattr(tarfile, "data_filter")  # Python 3.11 has it from 3.11.4 on


def merge_folders(folders: Iterable[Path]) -> list[tuple[str, Path]]:
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


class DiskFull(JobFault):
    """An archive unpacks to more than its volume holds."""


def fetch(objects: Objects, uri: str, folder: Path, failure: str, volume: int = VOLUME) -> None:
    """Unpack an archive of S3 below `folder`. Raises JobFault, which begins with `failure` when it cannot be had.

    `volume` is what the folder may come to hold, in bytes.
    """
    bucket, key = split_uri(uri)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        archive = Path(beside, "archive.tar.gz")
        with blame(f"{failure}: {uri}"):
            objects.fetch(bucket, key, archive)
        unpack(archive, folder, uri, volume)


def unpack(archive: Path, folder: Path, origin: str, volume: int = VOLUME) -> None:
    """Unpack below `folder`, refusing entries and links that lead out of it. Raises JobFault, naming `origin`.

    It stops with the first entry that is too much for the volume.
    """
    folder.mkdir(parents=True, exist_ok=True)
    most = bounds(archive.stat().st_size, volume)
    try:
        with (
            blame(f"Unpacking {origin} failed"),
            _open_decompressed(archive) as stream,
            _Tar(_Stream(stream, most), most) as packed,
        ):
            extract(packed, folder)
    except TooLarge as error:
        raise DiskFull(f"ClientError: Unpacking {origin} failed: Insufficient disk space: {error}") from None
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise JobFault(f"ClientError: {origin} is not a tar.gz archive that can be unpacked: {error}") from None


def _open_decompressed(archive: Path) -> IO[bytes]:
    with archive.open("rb") as file:
        head = file.read(6)
    opened = next((opened for magic, opened in _COMPRESSIONS.items() if head.startswith(magic)), open)
    return opened(archive, "rb")


class _Tar(tarfile.TarFile):
    """A tar file whose entries are counted as they come."""

    firstmember: tarfile.TarInfo | None = None

    def __init__(self, stream: "_Stream", most: Bounds) -> None:
        self._most, self._size, self._count = most, 0, 0
        super().__init__(mode="r", fileobj=stream)  # type: ignore[arg-type]

    def next(self) -> tarfile.TarInfo | None:
        """As TarFile's. Raises TooLarge."""
        again = self.firstmember is not None  # which it has read to begin with
        entry = super().next()
        if entry is not None and not again:
            self._size, self._count = self._size + entry.size, self._count + 1
            self._most.check(self._size, self._count)
        return entry


class _Stream:
    """What is decompressed, for a tar file: headers that fill the memory and gaps that never end are no archive."""

    def __init__(self, stream: IO[bytes], most: Bounds) -> None:
        self._stream, self._most = stream, most
        self._last = most.size + most.members * 4 * tarfile.BLOCKSIZE
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        """Raises TooLarge."""
        if size > LONGEST_READ:
            raise TooLarge(f"one of its headers has {size} bytes")
        return self._stream.read(size)

    def seek(self, position: int) -> int:
        """Raises TooLarge."""
        self._most.check(position - self._last + self._most.size, 0)
        return self._stream.seek(position)


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
