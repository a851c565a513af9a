"""zip files: packed with modes and links, unpacked without leaving their folder."""

import os
import shutil
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from loopback.core import unpacking


class BadZip(Exception):
    """The file is no zip file, or has an entry that leads out of its folder."""


def unpack(archive: Path, folder: Path, origin: str) -> None:
    """Unpack below `folder`, modes and links included. Raises BadZip, naming `origin`."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            unpacking.check_zip(packed, archive.stat().st_size)
            entries = packed.infolist()
            for entry in entries:
                _check(packed, entry, origin)
            for entry in sorted(entries, key=_is_link):  # nothing is written through a link
                _extract(packed, entry, folder)
    except unpacking.TooLarge as fault:
        raise BadZip(f"{origin} cannot be unpacked: {fault}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as fault:
        raise BadZip(f"{origin} is not a zip file that can be unpacked: {fault}") from None


def _check(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, origin: str) -> None:
    name = PurePosixPath(entry.filename)
    if name.is_absolute() or ".." in name.parts or "\0" in entry.filename:
        raise BadZip(f"{origin}: the entry {entry.filename!r} leads out of the folder")
    if _is_link(entry):
        target = packed.read(entry).decode(errors="replace")
        reached = os.path.normpath(os.path.join(os.path.dirname(entry.filename), target))
        if target.startswith("/") or reached == ".." or reached.startswith("../"):
            raise BadZip(f"{origin}: the link {entry.filename!r} leads out of the folder")


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _extract(packed: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / entry.filename
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if _is_link(entry):
        target.unlink(missing_ok=True)
        target.symlink_to(packed.read(entry).decode())
        return
    with packed.open(entry) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    mode = (entry.external_attr >> 16) & 0o777
    if mode:
        target.chmod(mode | 0o600)


def pack(files: Iterable[tuple[str, Path]], target: Path, *, links: bool = False) -> None:
    """Write files under the given names; links as links, or as the files that they lead to."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6, strict_timestamps=False) as packed:
        for name, path in files:
            if links and path.is_symlink():
                entry = zipfile.ZipInfo(name)
                entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
                packed.writestr(entry, os.readlink(path))
            else:
                packed.write(path, name)
