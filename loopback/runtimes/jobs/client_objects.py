"""S3 as a program outside of the control plane sees it: with boto3, and only to read."""

from pathlib import Path
from typing import Any, NoReturn

from loopback.core.errors import AccessDeniedException
from loopback.core.objects import NoSuchBucket, NoSuchKey, StoredObject

READ_ONLY = "what is opened to be looked at sends nothing to S3"


class ClientObjects:
    """The Objects of a boto3 S3 client. What would change S3 raises TypeError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        """The objects whose key starts with `prefix`."""
        try:
            pages = list(self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
        except self._client.exceptions.ClientError as fault:
            _refuse(fault, bucket, prefix)
        found = [entry for page in pages for entry in page.get("Contents", [])]
        return [StoredObject(entry["Key"], entry["Size"], entry["ETag"].strip('"')) for entry in found]

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """Copy an object to a file."""
        body = self._body(bucket, key)
        with target.open("wb") as file:
            for chunk in body.iter_chunks(1 << 20):
                file.write(chunk)

    def read(self, bucket: str, key: str) -> bytes:
        """The bytes of a small object."""
        content: bytes = self._body(bucket, key).read()
        return content

    def _body(self, bucket: str, key: str) -> Any:
        try:
            return self._client.get_object(Bucket=bucket, Key=key)["Body"]
        except self._client.exceptions.ClientError as fault:
            _refuse(fault, bucket, key)

    def delete(self, _bucket: str, _key: str) -> None:
        """Refuse."""
        raise TypeError(READ_ONLY)

    def store(self, _bucket: str, _key: str, _source: Path) -> None:
        """Refuse."""
        raise TypeError(READ_ONLY)


def _refuse(fault: Any, bucket: str, key: str) -> NoReturn:
    """Raise what the Objects port raises for an error of AWS."""
    error = fault.response["Error"]
    if error["Code"] == "NoSuchBucket":
        raise NoSuchBucket(bucket) from None
    if error["Code"] in ("NoSuchKey", "404"):
        raise NoSuchKey(key) from None
    raise AccessDeniedException(f"{error['Code']}: {error['Message']}") from None
