"""Template URLs: which object they name, and which are refused."""

import pytest

from loopback.core.arn import Place
from loopback.core.errors import ValidationException
from loopback.engines.cloudformation.template_urls import path_style, template_location


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://b-1.s3.us-east-1.amazonaws.com/a/t.yaml", ("b-1", "a/t.yaml")),
        ("https://b.1.s3.us-east-1.amazonaws.com/t.yaml", ("b.1", "t.yaml")),
        ("https://b-1.s3.amazonaws.com/t.yaml", ("b-1", "t.yaml")),
        ("https://s3.us-east-1.amazonaws.com/b-1/a/t.yaml", ("b-1", "a/t.yaml")),
        ("https://s3.amazonaws.com/b-1/t.yaml", ("b-1", "t.yaml")),
        ("https://s3-us-east-1.amazonaws.com/b-1/t.yaml", ("b-1", "t.yaml")),
        ("http://127.0.0.1:4566/b-1/a/t.yaml", ("b-1", "a/t.yaml")),
        ("https://b-1.s3.us-east-1.amazonaws.com/with%20space.yaml", ("b-1", "with space.yaml")),
    ],
)
def test_the_object_of_a_url(url: str, expected: tuple[str, str]) -> None:
    assert template_location(url, Place()) == expected
    assert template_location(path_style(*expected, Place()), Place()) == expected


SIGNED = (
    "https://b-1.s3.amazonaws.com/a/t.yaml?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x%2F20270115%2Fs3"
    "&X-Amz-Date=20270115T080000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
)
OLD = "https://b-1.s3.us-east-1.amazonaws.com/a/t.yaml?AWSAccessKeyId=A&Signature=x%2B%3D&Expires=1800003600"


@pytest.mark.parametrize("url", [SIGNED, OLD])  # 2027-01-15 08:00 is 1,800,000,000
def test_a_presigned_url_counts_until_it_ends(url: str) -> None:
    assert template_location(url, Place(), now=1_800_003_600) == ("b-1", "a/t.yaml")
    with pytest.raises(ValidationException, match="Request has expired"):
        template_location(url, Place(), now=1_800_003_601)
    assert template_location(url, Place()) == ("b-1", "a/t.yaml")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://example.com/t.yaml", "not the address of an S3 object"),
        ("https://s3.us-east-1.amazonaws.com.example.com/b/t", "not the address"),
        ("https://b-1.s3.eu-west-1.amazonaws.com/t.yaml", "is in eu-west-1; this loopback serves us-east-1"),
        ("https://s3.us-east-1.amazonaws.com/bucket", "does not name an object"),
        ("https://b-1.s3.us-east-1.amazonaws.com/", "does not name an object"),
        ("https://b-1.s3.us-east-1.amazonaws.com/t?versionId=1", "versionId=1"),
        ("https://b-1.s3.us-east-1.amazonaws.com/t%3Fx", "does not name an object"),
        ("t.yaml", "not the address"),
    ],
)
def test_what_is_refused(url: str, told: str) -> None:
    with pytest.raises(ValidationException, match=told.replace("?", r"\?")):
        template_location(url, Place())
