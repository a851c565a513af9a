"""How work is done with the role of those for whom it is done: its credentials, and S3 as far as IAM lets it go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loopback.core.objects import Objects, StoredObject
from loopback.core.permissions import PermissionCheck, Permit


@dataclass(frozen=True)
class Acting:
    """`credentials(role, session)` are the environment variables of a session of that role."""

    objects: Objects
    permit: Permit
    credentials: Callable[[str, str], Mapping[str, str]]

    def objects_of(self, role: str) -> Objects:
        """S3 as this role may use it."""
        return RoleObjects(self.objects, self.permit, role)


class RoleObjects:
    """Objects behind the permissions of a role. Every method also raises AccessDeniedException."""

    def __init__(self, objects: Objects, permit: Permit, role: str) -> None:
        self._objects, self._permit, self._role = objects, permit, role

    def list(self, bucket: str, prefix: str) -> list[StoredObject]:
        """See Objects."""
        self._ask("s3:ListBucket", bucket, **{"s3:prefix": prefix})
        return self._objects.list(bucket, prefix)

    def fetch(self, bucket: str, key: str, target: Path) -> None:
        """See Objects."""
        self._ask("s3:GetObject", f"{bucket}/{key}")
        self._objects.fetch(bucket, key, target)

    def read(self, bucket: str, key: str) -> bytes:
        """See Objects."""
        self._ask("s3:GetObject", f"{bucket}/{key}")
        return self._objects.read(bucket, key)

    def delete(self, bucket: str, key: str) -> None:
        """See Objects."""
        self._ask("s3:DeleteObject", f"{bucket}/{key}")
        self._objects.delete(bucket, key)

    def store(self, bucket: str, key: str, source: Path) -> None:
        """See Objects."""
        self._ask("s3:PutObject", f"{bucket}/{key}")
        self._objects.store(bucket, key, source)

    def _ask(self, action: str, path: str, **context: str) -> None:
        self._permit(self._role, [PermissionCheck(action, f"arn:aws:s3:::{path}", context)])
