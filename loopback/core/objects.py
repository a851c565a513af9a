"""S3 as the workers and services of this process see it: listings, files in, files out."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from loopback.core.errors import ServiceError, ValidationException


class NoSuchBucket(ServiceError):
    """There is no bucket of that name."""


class NoSuchKey(ServiceError):
    """There is no object of that key in the bucket."""


@dataclass(frozen=True)
class StoredObject:
    """One S3 object, as a listing shows it. `size` in bytes."""

    key: str
    size: int
    etag: str


class Objects(Protocol):
    """The S3 port. Every method raises NoSuchBucket; `fetch` and `read` raise NoSuchKey."""

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        """The objects whose key starts with `prefix`, in the order of their keys."""

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """Copy an object to a file."""

    def read(self, bucket: str, key: str) -> bytes:
        """The bytes of a small object."""

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object; one that is not there is no error, as on AWS."""

    def store(self, bucket: str, key: str, source: Path) -> None:
        """Put a file, whole or not at all."""


_HOSTED = re.compile(r"https://([a-z0-9][a-z0-9.-]+)\.s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com/(.*)", re.DOTALL)
_BY_PATH = re.compile(r"https://s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com/([a-z0-9][a-z0-9.-]+)/(.*)", re.DOTALL)


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`, or of the same as https, with the bucket in the host's name or in the path.

    Raises ValidationException.

    >>> split_uri("https://b-1.s3.eu-west-1.amazonaws.com/m/model.tar.gz"), split_uri("https://s3.amazonaws.com/b-1/m")
    (('b-1', 'm/model.tar.gz'), ('b-1', 'm'))
    """
    if found := _BY_PATH.fullmatch(uri) or _HOSTED.fullmatch(uri):
        return found[1], unquote(found[2])
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise ValidationException(
            f"{uri!r} is not an S3 URI; expected s3://bucket/key or https://bucket.s3.region.amazonaws.com/key"
        )
    return bucket, key
