"""Writes with `aws:kms` and no key. AWS: the S3 guide, "Specifying server-side encryption with AWS KMS"."""

import importlib
from typing import Any

import pytest

from loopback.ministack import encryption

XML = (
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{}</SSEAlgorithm>"
    "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, hooks in encryption.HOOKS.items():
        module: Any = importlib.import_module(name)
        for hook in hooks:
            monkeypatch.setattr(module, hook, getattr(module, hook))
    encryption.install()
    found: Any = importlib.import_module("ministack.services.s3")
    monkeypatch.setattr(found, "_buckets", {"b": {}})
    monkeypatch.setattr(found, "_bucket_encryption", {})
    return found


def kept(s3: Any, **headers: str) -> dict[str, str]:
    found, refusal = s3._resolve_sse_write_headers({name.replace("_", "-"): v for name, v in headers.items()}, "b")
    assert refusal is None, refusal
    return dict(found)


@pytest.mark.parametrize("algorithm", ["aws:kms", "aws:kms:dsse"])
def test_a_write_without_a_key_takes_the_managed_one(s3: Any, algorithm: str) -> None:
    first = kept(s3, x_amz_server_side_encryption=algorithm)
    assert first[encryption.ALGORITHM] == algorithm
    assert first[encryption.KEY].startswith("arn:aws:kms:us-east-1:000000000000:key/")
    assert kept(s3, x_amz_server_side_encryption=algorithm) == first
    kms: Any = importlib.import_module("ministack.services.kms")
    record = kms._keys[first[encryption.KEY].rpartition("/")[2]]
    assert kms._key_metadata(record)["KeyManager"] == "AWS"


def test_a_key_of_ones_own_and_other_algorithms_stay(s3: Any) -> None:
    named = kept(s3, x_amz_server_side_encryption="aws:kms", x_amz_server_side_encryption_aws_kms_key_id="alias/mine")
    assert named[encryption.KEY] == "alias/mine"
    assert kept(s3, x_amz_server_side_encryption="AES256") == {encryption.ALGORITHM: "AES256"}
    assert s3._resolve_sse_write_headers({encryption.ALGORITHM: "aws:x"}, "b")[1] is not None


@pytest.mark.parametrize(("algorithm", "has_key"), [("aws:kms", True), ("aws:kms:dsse", True), ("AES256", False)])
def test_the_default_encryption_of_a_bucket(s3: Any, algorithm: str, has_key: bool) -> None:
    s3._bucket_encryption["b"] = XML.format(algorithm)
    assert (encryption.KEY in kept(s3)) is has_key
