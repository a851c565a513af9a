"""How long IAM lets a policy be, and what it says of a longer one. Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: characters, of which white space does not
count; the inline policies of a user, group or role count together.
"""

import json
from collections.abc import Iterable
from typing import Any

MANAGED = 6144
TRUST = 2048
INLINE = {"user": 2048, "group": 5120, "role": 10240}


def size(document: Any) -> int:
    """The characters of a policy that count."""
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    return len("".join(text.split()))


def managed_fault(document: Any) -> str | None:
    """What is wrong with the length of a managed policy."""
    return f"Cannot exceed quota for PolicySize: {MANAGED}" if size(document) > MANAGED else None


def trust_fault(document: Any) -> str | None:
    """What is wrong with the length of a role's trust policy."""
    return f"Cannot exceed quota for ACLSizePerRole: {TRUST}" if size(document) > TRUST else None


def inline_fault(kind: str, name: str, documents: Iterable[Any]) -> str | None:
    """What is wrong with the length of all inline policies of a `user`, `group` or `role`."""
    if sum(map(size, documents)) > INLINE[kind]:
        return f"Maximum policy size of {INLINE[kind]} bytes exceeded for {kind} {name}"
    return None
