"""The body of a request or an object that stays in its file, for what is too large for memory."""

import base64
import hashlib
import os
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

LARGE = 1 << 20  # from here on a body is a file
BLOCK = 1 << 20


class FileBody:
    """A file's bytes, or a part of them. Its file is never changed in place."""

    def __init__(self, path: Path, start: int, size: int, whole: "FileBody | None" = None) -> None:
        self.path, self.start, self.size = path, start, size
        self._whole = whole  # keeps the file of a staged body
        self._digests: dict[str, bytes] = {}
        self._finalizer: weakref.finalize[Any, FileBody] | None = None
        self.is_kept = False  # as a part of an upload that has not ended

    @classmethod
    def of(cls, path: Path) -> "FileBody":
        """All of a file that belongs to somebody else."""
        return cls(path, 0, path.stat().st_size)

    @classmethod
    def stage(cls, path: Path) -> "FileBody":
        """All of a file that goes with the last user of this body."""
        body = cls.of(path)
        body._finalizer = weakref.finalize(body, path.unlink, missing_ok=True)
        body._finalizer.atexit = False  # a part is there at the next start
        return body

    def release(self) -> None:
        """The request that brought it is over: the file goes now, unless it is kept."""
        if self._finalizer is not None and not self.is_kept:
            self._finalizer()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice) -> "FileBody":
        start, stop, _ = part.indices(self.size)
        return FileBody(self.path, self.start + start, max(stop - start, 0), self._whole or self)

    def __deepcopy__(self, _memo: Any) -> "FileBody":
        return self[:]

    def __reduce__(self) -> tuple[Any, ...]:
        return FileBody, (self.path, self.start, self.size)

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its file."""
        return self.start == 0 and self.size == self.path.stat().st_size

    def blocks(self) -> Iterator[bytes]:
        """The bytes, a block at a time."""
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.start)
            left = self.size
            while left and (block := file.read(min(BLOCK, left))):
                left -= len(block)
                yield block

    def digest(self, name: str) -> bytes:
        """Its MD5, SHA1, SHA256, CRC32, CRC32C or CRC64NVME; computed once."""
        if name not in self._digests:
            self._digests[name] = _digest(name, self.blocks())
        return self._digests[name]

    def write_to(self, target: Path) -> None:
        """Make a file with these bytes: another name of the same file where that is possible."""
        target.unlink(missing_ok=True)
        if self.is_whole:
            try:
                os.link(self.path, target)
                return
            except OSError:  # a file system without links
                pass
        with target.open("xb") as file:
            target.chmod(0o600)
            append(file.fileno(), self)


def append(descriptor: int, body: FileBody) -> None:
    """Write a body at the end of an open file, in the kernel where that is possible."""
    with body.path.open("rb") as source:
        offset, left = body.start, body.size
        while left:
            sent = _copy_range(source.fileno(), descriptor, offset, left)
            if not sent:
                raise OSError(f"{body.path} has become shorter")
            offset, left = offset + sent, left - sent


def _copy_range(source: int, target: int, offset: int, size: int) -> int:
    if hasattr(os, "sendfile") and hasattr(os, "copy_file_range"):  # Linux: between files, too
        return os.sendfile(target, source, offset, min(size, 1 << 30))
    return os.write(target, os.pread(source, min(size, BLOCK), offset))


class Staging:
    """The folder of uploads and parts, on the disk of the objects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self) -> tuple[int, Path]:
        """An open file of a new name."""
        self.folder.mkdir(exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=self.folder)
        return descriptor, Path(name)

    def keep(self, blocks: Iterable[bytes]) -> FileBody:
        """A file of these bytes. Raises OSError, and leaves nothing then."""

        def write(descriptor: int) -> None:
            for block in blocks:
                write_all(descriptor, block)

        return self._make_body(write)

    def join(self, bodies: Iterable["FileBody | bytes"]) -> FileBody:
        """One file of several bodies."""

        def write(descriptor: int) -> None:
            for body in bodies:
                if isinstance(body, FileBody):
                    append(descriptor, body)
                else:
                    write_all(descriptor, body)

        return self._make_body(write)

    def take(self, source: Path) -> FileBody:
        """A copy of a file of somebody else, who may change it in place."""
        descriptor, path = self.new()
        os.close(descriptor)
        try:
            shutil.copyfile(source, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return FileBody.stage(path)

    def clear(self, kept: Iterable[Path]) -> None:
        """Delete what an earlier process has left, but for these."""
        names = {path.name for path in kept}
        for path in self.folder.glob("*"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _make_body(self, write: Callable[[int], Any]) -> FileBody:
        descriptor, path = self.new()
        try:
            write(descriptor)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return FileBody.stage(path)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it: on a disk that is nearly full the system writes a part, and refuses the next."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def checksum(algorithm: str, body: FileBody) -> str:
    """A value of x-amz-checksum-*."""
    return base64.b64encode(body.digest(algorithm)).decode()


def _digest(name: str, blocks: Iterable[bytes]) -> bytes:
    if name == "CRC32":
        crc = 0
        for block in blocks:
            crc = zlib.crc32(block, crc)
        return crc.to_bytes(4, "big")
    if name in ("CRC32C", "CRC64NVME"):
        from loopback.ministack.crc import crc as of_blocks  # numpy

        return of_blocks(name, blocks)
    made = hashlib.new(name.lower(), usedforsecurity=False)
    for block in blocks:
        made.update(block)
    return made.digest()
