"""The base's S3 with bodies in files: the same answers, and a write that fails is as if it had not been tried."""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ministack.core import responses
from ministack.services import s3

from loopback.ministack.file_body import LARGE, FileBody, Staging
from loopback.ministack.object_files import HOOKS, ObjectFiles

BIG = os.urandom(LARGE + 1000)
ETAG = f'"{hashlib.md5(BIG).hexdigest()}"'


class Bucket:
    """A bucket of the base, asked as its HTTP front asks."""

    def __init__(self, folder: Path) -> None:
        self.staging = Staging(folder / "staged")
        self.files = ObjectFiles(s3, responses, self.staging)
        self.ask("PUT", "")

    def ask(
        self, method: str, key: str, body: Any = b"", headers: dict[str, str] | None = None, **query: str
    ) -> tuple[int, dict[str, str], Any]:
        parameters = {name: [value] for name, value in query.items()}
        return s3._dispatch(method, "bucket", key, headers or {}, body, parameters)

    def put(self, key: str, body: bytes, **headers: str) -> tuple[int, dict[str, str], Any]:
        given = self.staging.keep([body]) if len(body) >= LARGE else body
        return self.ask("PUT", key, given, {name.replace("_", "-"): value for name, value in headers.items()})

    def get(self, key: str, headers: dict[str, str] | None = None, **query: str) -> bytes:
        status, _, body = self.ask("GET", key, headers=headers, **query)
        assert status in (200, 206), body
        return body if isinstance(body, bytes) else asyncio.run(sent(body))

    def begin(self, key: str) -> str:
        _, _, body = self.ask("POST", key, uploads="")
        return re.findall(rb"<UploadId>(.*)</UploadId>", body)[0].decode()

    def end(self, key: str, upload: str, etags: list[str]) -> tuple[int, dict[str, str], Any]:
        parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>" for n, e in enumerate(etags, 1))
        document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        return self.ask("POST", key, document, uploadId=upload)


async def sent(streaming: Any) -> bytes:
    found: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        found.append(message)

    await streaming.runner(send, None)
    assert [message["more_body"] for message in found] == [True] * (len(found) - 1) + [False]
    return b"".join(message["body"] for message in found)


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name in (*HOOKS["ministack.services.s3"], "hashlib"):
        monkeypatch.setattr(s3, name, getattr(s3, name))  # put back afterwards
    monkeypatch.setattr(s3, "_PERSISTED_BUCKET_DICTS", dict(s3._PERSISTED_BUCKET_DICTS))
    monkeypatch.setattr(s3, "DATA_DIR", str(tmp_path / "s3"))
    monkeypatch.setattr(s3, "S3_PERSIST", True)
    yield Bucket(tmp_path)
    for store in (s3._buckets, s3._object_versions, s3._multipart_uploads, s3._completed_multipart_uploads):
        store._data.clear()
    s3._bucket_versioning._data.clear()


def test_a_large_object_is_a_file_from_end_to_end(bucket: Bucket) -> None:
    status, headers, _ = bucket.put("a", BIG)
    assert (status, headers["ETag"]) == (200, ETAG)
    assert s3._buckets["bucket"]["objects"]["a"]["body"] is None
    assert not isinstance(bucket.ask("GET", "a")[2], bytes)
    assert bucket.get("a") == BIG
    for first, last in ((0, 0), (5, LARGE + 7), (LARGE, LARGE + 999)):
        assert bucket.get("a", {"range": f"bytes={first}-{last}"}) == BIG[first : last + 1]
    assert s3._get_object_data("bucket", "a") == BIG  # what other services of the base ask for


def test_a_small_object_is_as_before(bucket: Bucket) -> None:
    bucket.put("a", b"small")
    assert bucket.ask("GET", "a")[2] == b"small"


def test_an_answer_that_has_begun_is_not_changed_by_a_new_object(bucket: Bucket) -> None:
    bucket.put("a", BIG)
    begun = bucket.ask("GET", "a")[2]
    bucket.put("a", b"new")
    assert asyncio.run(sent(begun)) == BIG


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", b"BadDigest"),
        ("content-md5", "short", b"InvalidDigest"),
        ("x-amz-checksum-crc32", "AAAAAA==", b"BadDigest"),
        ("x-amz-checksum-sha256", "AAAA", b"BadDigest"),
    ],
)
def test_a_wrong_checksum_is_refused(bucket: Bucket, header: str, value: str, code: bytes) -> None:
    status, _, body = bucket.put("a", BIG, **{header: value})
    assert (status, code in body) == (400, True)
    assert bucket.ask("GET", "a")[0] == 404


def test_a_right_checksum_is_kept(bucket: Bucket) -> None:
    for name in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256"):
        value = str(s3._compute_s3_checksum(name, BIG))
        assert bucket.put(name, BIG, **{f"x-amz-checksum-{name}": value})[0] == 200
        _, headers, _ = bucket.ask("HEAD", name, headers={"x-amz-checksum-mode": "ENABLED"})
        assert headers[f"x-amz-checksum-{name}"] == value


def test_a_copy_and_an_old_version_have_the_bytes(bucket: Bucket) -> None:
    bucket.put("a", BIG)
    bucket.ask("PUT", "", b"<V><Status>Enabled</Status></V>", versioning="")
    assert bucket.ask("PUT", "b", headers={"x-amz-copy-source": "bucket/a"})[0] == 200
    _, headers, _ = bucket.put("a", b"new")
    bucket.put("a", b"newer")
    assert bucket.get("b") == BIG
    assert bucket.get("a", versionId="null") == BIG
    assert bucket.get("a", versionId=headers["x-amz-version-id"]) == b"new"


def test_parts_are_files_and_are_joined(bucket: Bucket) -> None:
    bucket.put("source", BIG)
    upload = bucket.begin("m")
    _, first, _ = bucket.ask("PUT", "m", b"first", uploadId=upload, partNumber="1")
    _, _, copied = bucket.ask(
        "PUT",
        "m",
        headers={"x-amz-copy-source": "bucket/source", "x-amz-copy-source-range": "bytes=3-999999"},
        uploadId=upload,
        partNumber="2",
    )
    etags = [first["ETag"], re.findall(rb"<ETag>(.*)</ETag>", copied)[0].decode().replace("&quot;", '"')]
    assert all(isinstance(part["body"], FileBody) for part in s3._multipart_uploads[upload]["parts"].values())
    bucket.put("source", b"changed since")
    status, _, body = bucket.end("m", upload, etags)
    assert status == 200, body
    whole = b"first" + BIG[3:1000000]
    assert bucket.get("m") == whole
    digests = hashlib.md5(b"first").digest() + hashlib.md5(BIG[3:1000000]).digest()
    expected = f'"{hashlib.md5(digests).hexdigest()}-2"'
    _, headers, _ = bucket.ask("HEAD", "m")
    assert (headers["ETag"], headers["Content-Length"]) == (expected, str(len(whole)))
    assert bucket.get("m", partNumber="2") == BIG[3:1000000]


def test_an_upload_survives_a_restart(bucket: Bucket) -> None:
    upload = bucket.begin("m")
    _, first, _ = bucket.ask("PUT", "m", b"first", uploadId=upload, partNumber="1")
    kept = json.loads(json.dumps(dict(s3.get_state()["multipart_uploads"].items())))
    s3._multipart_uploads._data[("000000000000", upload)]["parts"][1]["body"].is_kept = True
    names = [part["staged"] for part in kept[upload]["parts"].values()]
    os.link(bucket.staging.folder / names[0], bucket.staging.folder / "copy")  # the file of a process that was killed
    s3._multipart_uploads._data.clear()
    os.rename(bucket.staging.folder / "copy", bucket.staging.folder / names[0])
    uploads = responses.AccountScopedDict()
    uploads._data[("000000000000", upload)] = kept[upload]
    s3.load_persisted_state({"multipart_uploads": uploads})
    bucket.files.clear()
    assert bucket.end("m", upload, [first["ETag"]])[0] == 200
    assert bucket.get("m") == b"first"


def test_the_files_of_parts_go_with_their_upload(bucket: Bucket) -> None:
    uploads = [bucket.begin("m") for _ in range(2)]
    for upload in uploads:
        for body in (b"first", b"again"):
            _, part, _ = bucket.ask("PUT", "m", body, uploadId=upload, partNumber="1")
    assert len(list(bucket.staging.folder.iterdir())) == 2
    assert bucket.ask("DELETE", "m", uploadId=uploads[0])[0] == 204
    assert bucket.end("m", uploads[1], [part["ETag"]])[0] == 200
    assert list(bucket.staging.folder.iterdir()) == []
    assert bucket.get("m") == b"again"


class Full:
    """No room for files whose path ends so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, files: ObjectFiles) -> None:
        self.ending, prepare = "", files._prepare

        def prepared(path: str, *rest: Any) -> None:
            if self.ending and path.endswith(self.ending):
                raise OSError(28, "No space left on device")
            prepare(path, *rest)

        monkeypatch.setattr(files, "_prepare", prepared)


@pytest.mark.parametrize("ending", ["key", "key.meta.json"])
@pytest.mark.parametrize("before", [None, b"before"])
@pytest.mark.parametrize("act", ["put", "put large", "copy", "complete"])
def test_a_write_that_fails_is_refused_and_undone(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, ending: str, before: bytes | None, act: str
) -> None:
    full = Full(monkeypatch, bucket.files)
    bucket.put("source", BIG)
    upload = bucket.begin("key")
    _, part, _ = bucket.ask("PUT", "key", b"part", uploadId=upload, partNumber="1")
    if before is not None:
        bucket.put("key", before)

    def attempt() -> tuple[int, dict[str, str], Any]:
        if act == "copy":
            return bucket.ask("PUT", "key", headers={"x-amz-copy-source": "bucket/source"})
        if act == "complete":
            return bucket.end("key", upload, [part["ETag"]])
        return bucket.put("key", BIG if act == "put large" else b"new")

    full.ending = ending
    status, _, body = attempt()
    assert (status, b"InternalError" in body, b"No space left on device" in body) == (500, True, True)
    full.ending = ""
    if before is None:
        assert bucket.ask("GET", "key")[0] == 404
        assert not os.path.exists(s3._object_disk_path("bucket", "key") or "")
    else:
        assert bucket.get("key") == before
        assert Path(s3._object_disk_path("bucket", "key") or "").read_bytes() == before
    assert attempt()[0] == 200


def test_a_version_that_cannot_be_kept_stops_its_successor(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.ask("PUT", "", b"<V><Status>Enabled</Status></V>", versioning="")
    _, first, _ = bucket.put("key", b"first")
    full = Full(monkeypatch, bucket.files)
    full.ending = f"{first['x-amz-version-id']}/key"
    assert bucket.put("key", b"second")[0] == 500
    full.ending = ""
    assert bucket.get("key") == b"first"
    assert bucket.get("key", versionId=first["x-amz-version-id"]) == b"first"
    _, _, listed = bucket.ask("GET", "", versions="")
    assert listed.count(b"<Version>") == 1
