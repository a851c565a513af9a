"""What the adapter adds to S3: versions that are on disk only, large files, and both after a crash."""

import hashlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.journey

MB = 1 << 20


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def test_versions_do_not_stay_in_memory_and_survive_a_crash(loopback: Any) -> None:
    s3 = loopback.client("s3")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="versions", Key="k", Body=os.urandom(MB))
    before = resident_mb(loopback.found["pid"])
    bodies = [os.urandom(8 * MB) for _ in range(8)]
    ids = [s3.put_object(Bucket="versions", Key="k", Body=body)["VersionId"] for body in bodies]
    assert resident_mb(loopback.found["pid"]) - before < 48
    for pid in loopback.processes():
        os.kill(pid, signal.SIGKILL)
    assert loopback.up().returncode == 0
    for version, body in zip(ids, bodies, strict=True):
        found = s3.get_object(Bucket="versions", Key="k", VersionId=version)["Body"].read()
        assert hashlib.md5(found).digest() == hashlib.md5(body).digest()


def test_a_large_output_is_stored_whole(loopback: Any, step: Any) -> None:
    loopback.client("s3").create_bucket(Bucket="bucket")
    output = {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    code = "open('/opt/ml/processing/out/big', 'wb').write(bytes(range(256)) * 4096 * 64)"
    before = resident_mb(loopback.found["pid"])
    execution = loopback.run(
        {"Steps": [step("Big", code, ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": output}]})]}
    )
    assert execution.status == "Succeeded"
    assert resident_mb(loopback.found["pid"]) - before < 48
    found = loopback.client("s3").get_object(Bucket="bucket", Key="out/big")
    expected = hashlib.md5(bytes(range(256)) * 4096 * 64).hexdigest()
    assert found["ETag"] == f'"{expected}"'
    assert hashlib.md5(found["Body"].read()).hexdigest() == expected
