"""The query protocol of AWS: a form's parameters to a request, as the service model shapes it."""

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.model import Shape
from botocore.utils import parse_timestamp

from loopback.core.errors import ValidationException

Parameters = Mapping[str, str | Sequence[str]]
MOST_MEMBERS = 10_000  # of one list


def parse(parameters: Parameters, shape: Shape | None) -> dict[str, Any]:
    """The request that a form holds; what the shape does not have is left out. Raises ValidationException."""
    if shape is None:
        return {}
    flat = {name: value if isinstance(value, str) else value[0] for name, value in parameters.items() if value != []}
    found = _read(flat, shape, "")
    return found if isinstance(found, dict) else {}


def _read(flat: Mapping[str, str], shape: Shape, path: str) -> Any:
    """The value at a path, or None where the form has nothing there."""
    if shape.type_name == "structure":
        found = {name: _read(flat, part, f"{path}.{name}".lstrip(".")) for name, part in shape.members.items()}
        return {name: value for name, value in found.items() if value is not None} or None
    if shape.type_name == "list":
        return _read_list(flat, shape, path)
    text = flat.get(path)
    return None if text is None else _scalar(text, shape, path)


def _read_list(flat: Mapping[str, str], shape: Shape, path: str) -> list[Any] | None:
    found: list[Any] = []
    while len(found) < MOST_MEMBERS:
        member = f"{path}.{shape.member.serialization.get('name', 'member')}.{len(found) + 1}"
        if not any(name == member or name.startswith(f"{member}.") for name in flat):
            break
        found.append(_read(flat, shape.member, member))
    return found or None


def _scalar(text: str, shape: Shape, path: str) -> Any:
    try:
        match shape.type_name:
            case "boolean":
                return text.lower() == "true"
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "timestamp":
                return parse_timestamp(text)
    except (ValueError, OverflowError):
        raise ValidationException(f"{text[:80]!r} at {path!r} is no {shape.type_name}") from None
    return text
