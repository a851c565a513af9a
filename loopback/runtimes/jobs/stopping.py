"""S3 for a job that may be told to stop while its inputs are on their way."""

import threading
from dataclasses import dataclass
from pathlib import Path

from loopback.core.objects import Objects, StoredObject


class Stopped(Exception):
    """The job was told to stop before its container ran."""


@dataclass(frozen=True)
class Stoppable:
    """The same objects, of which none is fetched any more once the job is to stop."""

    objects: Objects
    stop: threading.Event

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """Copy an object to a file. Raises Stopped."""
        if self.stop.is_set():
            raise Stopped
        self.objects.fetch(bucket, key, target)

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        """The objects below a prefix."""
        return self.objects.list(bucket, prefix)

    def read(self, bucket: str, key: str) -> bytes:
        """The bytes of a small object."""
        return self.objects.read(bucket, key)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object."""
        self.objects.delete(bucket, key)

    def store(self, bucket: str, key: str, source: Path) -> None:
        """Put a file, also after the stop: what a stopped job has made is kept."""
        self.objects.store(bucket, key, source)
