"""IAM's quotas of policies: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

import json
from typing import Any

import pytest

from loopback.core.policy_quotas import inline_fault, managed_fault, size, trust_fault


def document(length: int, **more: Any) -> str:
    """A policy of so many characters that count."""
    bare = json.dumps({"Statement": "", **more}, separators=(",", ":"))
    return bare.replace('""', f'"{"x" * (length - len(bare))}"', 1)


def test_white_space_does_not_count() -> None:
    assert size({"a": ["b", "c"]}) == size('{ "a" :\n\t["b",  "c"] }') == len('{"a":["b","c"]}')


@pytest.mark.parametrize(
    ("fault", "most", "words"),
    [
        (managed_fault, 6144, "Cannot exceed quota for PolicySize: 6144"),
        (trust_fault, 2048, "Cannot exceed quota for ACLSizePerRole: 2048"),
    ],
)
def test_a_longer_policy_is_refused(fault: Any, most: int, words: str) -> None:
    assert fault(document(most)) is None
    assert fault(document(most) + " " * 1000) is None
    assert fault(document(most + 1)) == words


@pytest.mark.parametrize(("kind", "most"), [("role", 10240), ("user", 2048), ("group", 5120)])
def test_inline_policies_count_together(kind: str, most: int) -> None:
    half = document(most // 2)
    assert inline_fault(kind, "name", [half, half]) is None
    assert (
        inline_fault(kind, "name", [half, half, "{}"])
        == f"Maximum policy size of {most} bytes exceeded for {kind} name"
    )
