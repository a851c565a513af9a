"""Unpacking: what is inside comes out, what leads outside does not, with Python's own filter and without it."""

import io
import tarfile
from pathlib import Path

import pytest

from loopback.workers.archives import FILTERED, extract

HOW = [False, *([True] if FILTERED else [])]


def archive(*entries: tarfile.TarInfo) -> tarfile.TarFile:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for entry in entries:
            entry.size = 1 if entry.isreg() else 0
            tar.addfile(entry, io.BytesIO(b"x") if entry.isreg() else None)
    made.seek(0)
    return tarfile.open(fileobj=made)


def entry(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, to
    return made


@pytest.mark.parametrize("filtered", HOW)
def test_files_folders_and_inner_links_come_out(tmp_path: Path, filtered: bool) -> None:
    with archive(
        entry("a"),
        entry("code", tarfile.DIRTYPE),
        entry("code/b"),
        entry("code/link", tarfile.SYMTYPE, "../a"),
        entry("hard", tarfile.LNKTYPE, "a"),
    ) as packed:
        for made in packed.getmembers():
            made.mode = 0o755
        extract(packed, tmp_path / "out", filtered=filtered)
    assert (tmp_path / "out" / "code" / "link").read_bytes() == b"x"
    assert (tmp_path / "out" / "hard").read_bytes() == b"x"


@pytest.mark.parametrize("filtered", HOW)
@pytest.mark.parametrize(
    "evil",
    [
        entry("../evil"),
        entry("a/../../evil"),
        entry("link", tarfile.SYMTYPE, "../outside"),
        entry("hard", tarfile.LNKTYPE, "../outside"),
        entry("device", tarfile.CHRTYPE),
        entry("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda made: made.name,
)
def test_what_leads_outside_is_refused(tmp_path: Path, evil: tarfile.TarInfo, filtered: bool) -> None:
    (tmp_path / "out").mkdir()
    with archive(evil) as packed, pytest.raises(tarfile.TarError):
        extract(packed, tmp_path / "out", filtered=filtered)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
