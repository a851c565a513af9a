"""Requests that fit the shapes of AWS's service models, mostly; the rest is what somebody might send by mistake."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel, Shape

NAMES = (
    "a",
    "b-1",
    "base",
    "nope",
    "faults-1",
    "x" * 300,
    "../../etc/passwd",
    "a b",
    "ä",
    "",
    "%2e%2e",
    "a\x00b",
    "${x}",
)
TEXTS = (
    "",
    "a",
    "{}",
    "[]",
    "null",
    '{"a": 1}',
    "[" * 200,
    "é" * 100,
    "\ud83d\ude00",
    "0",
    "-1",
    "1e999",
    "a=b&c",
    "a: *a",
)
ACCOUNT = "000000000000"
ARNS = (
    f"arn:aws:iam::{ACCOUNT}:role/a",
    f"arn:aws:sqs:us-east-1:{ACCOUNT}:base",
    f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:pipeline/a/execution/abcdefghijkl",
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:a",
    f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/a/b",
    "arn:aws:s3:::base/a",
    "arn::::",
)
STRANGE: tuple[Any, ...] = (None, 0, -1, 2**63, 1e308, True, "x", [], {}, [[]], {"a": {"a": {}}}, b"\xff")
STRANGE_SHARE = 0.02  # of the members
DEEPEST = 5


@dataclass(frozen=True)
class Requests:
    """Makes requests by chance."""

    chance: random.Random

    def of(self, operation: OperationModel) -> dict[str, Any]:
        """A request of an operation, which fits its shape mostly."""
        shape = operation.input_shape
        found = self._value(shape, "", 0) if shape is not None else {}
        return found if isinstance(found, dict) else {}

    def _value(self, shape: Shape, name: str, depth: int) -> Any:
        if depth and self.chance.random() < STRANGE_SHARE:
            return self.chance.choice(STRANGE)
        match shape.type_name:
            case "structure":
                return self._structure(shape, depth)
            case "list":
                return [self._value(shape.member, name, depth + 1) for _ in range(self.chance.randrange(3))]
            case "map":
                keys = [self._text(shape.key, name) for _ in range(self.chance.randrange(3))]
                return {key: self._value(shape.value, name, depth + 1) for key in keys}
            case "boolean":
                return self.chance.random() < 0.5
            case "blob":
                return self.chance.choice((b"", b"a", b"\xff\x00", b"PK\x03\x04", b"{}"))
            case "timestamp":
                return self.chance.choice((0, 1.5, 1_764_000_000, 2**40, "2026-12-01T00:00:00Z"))
            case "float" | "double":
                return self.chance.choice((0.0, 1.5, -1.0, 1e300))
            case "integer" | "long":
                return self._number(shape.metadata)
        return self._text(shape, name)

    def _structure(self, shape: Shape, depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            return {}
        share = 0.5 / (depth + 1)
        members = [name for name in shape.members if name != "ContentLength"]  # a body that never comes is waited for
        names = [n for n in members if n in shape.required_members or self.chance.random() < share]
        return {name: self._value(shape.members[name], name, depth + 1) for name in names}

    def _number(self, metadata: Mapping[str, Any]) -> int:
        least = int(metadata.get("min", 0))
        most = int(metadata.get("max", least + 100))
        return self.chance.choice((least, most, self.chance.randint(least, min(most, least + 100)), -1, 2**31))

    def _text(self, shape: Shape, name: str) -> str:
        if shape.enum and self.chance.random() < 0.9:
            return str(self.chance.choice(shape.enum))
        if "arn" in name.lower() and self.chance.random() < 0.8:
            return self.chance.choice(ARNS)
        if name.lower().endswith(("name", "id", "key", "bucket")):
            return self.chance.choice(NAMES[:4] if self.chance.random() < 0.7 else NAMES)
        return self.chance.choice(TEXTS if self.chance.random() < 0.5 else NAMES)
