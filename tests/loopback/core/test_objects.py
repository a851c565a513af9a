"""Names of objects in S3, in the forms that the API's pattern `(https|s3)://` takes."""

import pytest

from loopback.core.errors import ValidationException
from loopback.core.objects import split_uri


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://b/k/x.tar.gz", "b", "k/x.tar.gz"),
        ("s3://b", "b", ""),
        ("https://b-1.s3.amazonaws.com/k/x", "b-1", "k/x"),
        ("https://b.1.s3.eu-west-1.amazonaws.com/k", "b.1", "k"),
        ("https://bucket.s3-us-east-1.amazonaws.com/k", "bucket", "k"),
        ("https://s3.us-east-1.amazonaws.com/bucket/k/x", "bucket", "k/x"),
        ("https://s3-us-west-2.amazonaws.com/bucket/k", "bucket", "k"),
        ("https://bucket.s3.us-east-1.amazonaws.com/a%20b", "bucket", "a b"),
    ],
)
def test_split_uri(uri: str, bucket: str, key: str) -> None:
    assert split_uri(uri) == (bucket, key)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "b/k",
        "s3://",
        "s3:///k",
        "http://bucket.s3.amazonaws.com/k",
        "https://example.com/b/k",
        "https://s3.amazonaws.com/k",
    ],
)
def test_anything_else_is_refused(uri: str) -> None:
    with pytest.raises(ValidationException, match="is not an S3 URI; expected s3://bucket/key or https://"):
        split_uri(uri)
