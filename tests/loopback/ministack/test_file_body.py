"""A body that stays in its file has the bytes, hashes and checksums of one in memory."""

import base64
import copy
import gc
import hashlib
import os
import pickle
import zlib
from pathlib import Path

import pytest
from ministack.services import s3

from loopback.ministack import file_body
from loopback.ministack.file_body import BLOCK, FileBody, Staging, checksum

DATA = os.urandom(BLOCK + 12345)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.write_bytes(DATA)
    return made


def content(body: FileBody) -> bytes:
    return b"".join(body.blocks())


@pytest.mark.parametrize("part", [slice(None), slice(0, 10), slice(5, BLOCK + 7), slice(BLOCK, None), slice(9, 9)])
def test_a_part_is_the_part_of_its_bytes(path: Path, part: slice) -> None:
    body = FileBody.of(path)[part]
    assert (content(body), len(body)) == (DATA[part], len(DATA[part]))
    assert content(body[3:40]) == DATA[part][3:40]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("part", [slice(None), slice(0, 0), slice(1, 1000)])
def test_checksums_are_those_of_the_bytes(path: Path, algorithm: str, part: slice) -> None:
    """The base's own functions, a byte at a time, are the oracle."""
    assert checksum(algorithm, FileBody.of(path)[part]) == s3.__dict__["_compute_s3_checksum"](algorithm, DATA[part])


@pytest.mark.parametrize(("algorithm", "check"), [("CRC32C", 0xE3069283), ("CRC64NVME", 0xAE8B14860A799888)])
def test_published_check_values(tmp_path: Path, algorithm: str, check: int) -> None:
    """Of the catalogue of CRCs: what `123456789` gives."""
    (tmp_path / "digits").write_bytes(b"123456789")
    found = base64.b64decode(checksum(algorithm, FileBody.of(tmp_path / "digits")))
    assert int.from_bytes(found, "big") == check


def test_md5_and_crc32_are_the_standard_librarys(path: Path) -> None:
    body = FileBody.of(path)
    assert body.digest("MD5") == hashlib.md5(DATA).digest()
    assert body.digest("CRC32") == zlib.crc32(DATA).to_bytes(4, "big")


def test_a_whole_body_is_written_as_another_name_and_a_part_as_a_copy(path: Path, tmp_path: Path) -> None:
    body = FileBody.of(path)
    body.write_to(tmp_path / "whole")
    assert (tmp_path / "whole").stat().st_ino == path.stat().st_ino
    body[5:50].write_to(tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == DATA[5:50]


def test_a_staged_file_goes_with_its_last_user(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "staged")
    body = staging.keep([b"ab", b"c"])
    path = body.path
    part, twin = body[1:2], copy.deepcopy(body)
    del body
    gc.collect()
    assert (content(part), content(twin)) == (b"b", b"abc")
    del part, twin
    gc.collect()
    assert not path.exists()


def test_a_request_that_is_over_leaves_no_file_but_a_part(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "staged")
    bodies = [staging.keep([b"a"]), staging.keep([b"b"])]
    bodies[1].is_kept = True
    for body in bodies:
        body.release()
    assert [body.path.exists() for body in bodies] == [False, True]


def test_bodies_are_joined_in_order(tmp_path: Path, path: Path) -> None:
    staging = Staging(tmp_path / "staged")
    assert content(staging.join([b"1", FileBody.of(path)[:3], b"", b"2"])) == b"1" + DATA[:3] + b"2"


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staging = Staging(tmp_path / "staged")

    def full(_descriptor: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file_body, "write_all", full)
    for act in (lambda: staging.keep([b"a"]), lambda: staging.join([b"a"])):
        with pytest.raises(OSError, match="No space left"):
            act()
    assert list(staging.folder.iterdir()) == []


def test_left_overs_go_but_for_parts(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "staged")
    kept, left = staging.keep([b"a"]), staging.keep([b"b"])
    staging.clear([kept.path])
    assert (kept.path.exists(), left.path.exists()) == (True, False)


def test_a_body_can_be_compared_as_a_record(path: Path) -> None:
    assert pickle.dumps(FileBody.of(path)) == pickle.dumps(FileBody.of(path))
    assert pickle.dumps(FileBody.of(path)) != pickle.dumps(FileBody.of(path)[:1])
