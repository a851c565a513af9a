"""S3 behind the permissions of a role."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from loopback.core.acting import Acting
from loopback.core.errors import AccessDeniedException
from loopback.core.permissions import PermissionCheck

ROLE = "arn:aws:iam::000000000000:role/job"


class Objects:
    """Remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_arguments: self.asked.append(name)


@pytest.mark.parametrize(
    ("method", "arguments", "action", "resource"),
    [
        ("list", ("b", "p/"), "s3:ListBucket", "b"),
        ("read", ("b", "k"), "s3:GetObject", "b/k"),
        ("fetch", ("b", "k", Path("/t")), "s3:GetObject", "b/k"),
        ("store", ("b", "k", Path("/t")), "s3:PutObject", "b/k"),
        ("delete", ("b", "k"), "s3:DeleteObject", "b/k"),
    ],
)
def test_each_method_needs_its_action(method: str, arguments: tuple[Any, ...], action: str, resource: str) -> None:
    objects = Objects()
    asked: list[tuple[str, PermissionCheck]] = []

    def note(role: str, checks: Sequence[PermissionCheck]) -> None:
        asked.extend((role, check) for check in checks)

    def refuse(_role: str, _checks: Sequence[PermissionCheck]) -> None:
        raise AccessDeniedException("no")

    getattr(Acting(objects, note, lambda _role, _session: {}).objects_of(ROLE), method)(*arguments)
    assert [(role, check.action, check.resource) for role, check in asked] == [
        (ROLE, action, f"arn:aws:s3:::{resource}")
    ]
    assert objects.asked == [method]
    with pytest.raises(AccessDeniedException):
        getattr(Acting(objects, refuse, lambda _role, _session: {}).objects_of(ROLE), method)(*arguments)
    assert objects.asked == [method]
