"""Unpacking: what is inside comes out, what leads outside does not, with Python's own filter and without it."""

import io
import tarfile
from pathlib import Path

import pytest

from loopback.core.unpacking import Bounds
from loopback.runtimes.jobs import archives
from loopback.runtimes.jobs.archives import FILTERED, DiskFull, extract, unpack
from loopback.runtimes.jobs.ports import JobFault

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


def packed(folder: Path, kind: str, sizes: dict[str, int], **headers: str) -> Path:
    made = folder / f"archive.{kind}"
    with tarfile.open(made, f"w:{kind}", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
        for name, size in sizes.items():
            found = tarfile.TarInfo(name)
            found.size = size
            tar.addfile(found, io.BytesIO(bytes(size)))
    return made


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", ""])
def test_it_stops_when_the_volume_is_full(tmp_path: Path, kind: str) -> None:
    made = packed(tmp_path, kind, {"a": 600_000, "b": 300_000, "c": 200_000, "d": 10})
    with pytest.raises(DiskFull, match="Insufficient disk space: it unpacks to more than 1000000 bytes"):
        unpack(made, tmp_path / "out", "s3://b/m", volume=1_000_000)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a", "b"]
    unpack(made, tmp_path / "whole", "s3://b/m", volume=2_000_000)
    assert (tmp_path / "whole" / "c").stat().st_size == 200_000


def test_what_was_made_to_fill_a_disk_is_refused_whatever_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = packed(tmp_path, "gz", {"a": 5_000_000})
    assert made.stat().st_size * 200 < 5_000_000
    monkeypatch.setattr("loopback.core.unpacking.SMALL", 1_000_000)
    with pytest.raises(DiskFull):
        unpack(made, tmp_path / "out", "s3://b/m")
    assert not list((tmp_path / "out").iterdir())


def test_entries_and_headers_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = packed(tmp_path, "gz", {f"f{number}": 0 for number in range(12)})
    monkeypatch.setattr(archives, "bounds", lambda _packed, volume: Bounds(volume, members=10))
    with pytest.raises(DiskFull, match="it has more than 10 entries"):
        unpack(many, tmp_path / "many", "s3://b/m")
    long = packed(tmp_path, "gz", {"a": 1}, comment="x" * 2_000_000)
    with pytest.raises(DiskFull, match="one of its headers has 2000"):
        unpack(long, tmp_path / "long", "s3://b/m")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8bbroken", b"BZhbroken", b"\xfd7zXZ\x00broken"])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(JobFault, match="s3://b/m"):
        unpack(tmp_path / "m", tmp_path / "out", "s3://b/m")
