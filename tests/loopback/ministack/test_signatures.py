"""Presigned URLs, with botocore as the client: good for one key, one method and as long as they say."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config

from loopback.core.arn import Place
from loopback.ministack.signatures import Signatures, lifetime_fault

PLACE, SECRET = Place(), "secret"


@pytest.fixture(scope="module")
def signatures() -> Iterator[Signatures]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", PLACE.account)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        yield Signatures(PLACE, enforced=False)


def client(version: str, key: str = PLACE.account, secret: str = SECRET) -> Any:
    return boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:4566",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(signature_version=version),
    )


def fault(signatures: Signatures, url: str, method: str = "GET") -> Any:
    parts = urlsplit(url)
    scope = {"method": method, "raw_path": parts.path.encode(), "path": parts.path}
    return signatures.query_fault(scope, parse_qs(parts.query, keep_blank_values=True), {"host": parts.netloc})


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize(
    ("keys", "change", "method", "code"),
    [
        ((PLACE.account, SECRET), ("", ""), "GET", None),
        (("test", "test"), ("", ""), "GET", None),
        ((PLACE.account, "other"), ("", ""), "GET", "SignatureDoesNotMatch"),
        ((PLACE.account, SECRET), ("/bucket/key", "/bucket/other"), "GET", "SignatureDoesNotMatch"),
        ((PLACE.account, SECRET), ("/bucket/", "/bucket2/"), "GET", "SignatureDoesNotMatch"),
        ((PLACE.account, SECRET), ("", ""), "PUT", "SignatureDoesNotMatch"),
        ((PLACE.account, SECRET), ("", ""), "DELETE", "SignatureDoesNotMatch"),
    ],
)
def test_a_url_is_good_for_what_it_was_signed_for(
    signatures: Signatures, version: str, keys: tuple[str, str], change: tuple[str, str], method: str, code: str | None
) -> None:
    given = {"Bucket": "bucket", "Key": "key"}
    url = client(version, *keys).generate_presigned_url("get_object", Params=given, ExpiresIn=60)
    found = fault(signatures, url.replace(*change) if change[0] else url, method)
    assert (found and found[0]) == code


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_url_ends_when_it_says(signatures: Signatures, version: str) -> None:
    given = {"Bucket": "bucket", "Key": "key"}
    url = client(version).generate_presigned_url("get_object", Params=given, ExpiresIn=-60)
    assert fault(signatures, url)[0] in ("AccessDenied", "AuthorizationQueryParametersError")


def test_a_key_that_nobody_has_signs_nothing(signatures: Signatures) -> None:
    given = {"Bucket": "bucket", "Key": "key"}
    url = client("s3v4", "AKIAIOSFODNN7EXAMPLE").generate_presigned_url("get_object", Params=given)
    assert fault(signatures, url)[0] == "InvalidAccessKeyId"


def test_only_s3_takes_a_presigned_request_that_is_no_get(signatures: Signatures) -> None:
    sts = boto3.client("sts", region_name="us-east-1", aws_access_key_id=PLACE.account, aws_secret_access_key=SECRET)
    url = sts.generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert fault(signatures, url) is None
    assert fault(signatures, url, "POST")[0] == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("seconds", "good"), [("1", True), ("604800", True), ("604801", False), ("", False), ("-1", False)]
)
def test_a_url_lives_a_week_at_most(seconds: str, good: bool) -> None:
    assert (lifetime_fault(seconds) is None) is good
