"""Properties of search records by their names: `TrainingJobName`, `HyperParameters.eta`, `Tags.team`. Pure.

The names are those of botocore's SearchRecord; AWS's API_Filter adds `Metrics.<name>` of training jobs.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from loopback.core.errors import ValidationException

NUMBERS = ("integer", "long", "float", "double")
_ALIASES = {("TrainingJob", "Metrics"): "FinalMetricDataList"}
_NAMED = {"TagList": ("Key", "Value"), "FinalMetricDataList": ("MetricName", "Value")}  # lists that are asked by name


def kind_of(shape: StructureShape, name: str) -> str:
    """`text`, `number`, `timestamp`, `boolean` or `object`. Raises ValidationException for an unknown property."""
    found = _shape_at(shape, _parts(shape, name))
    if found is None:
        known = ", ".join(shape.members)
        raise ValidationException(f"Unknown property name: {name}. {shape.name} has {known}")
    if found.type_name in NUMBERS:
        return "number"
    return {"string": "text", "timestamp": "timestamp", "boolean": "boolean"}.get(found.type_name, "object")


def values_of(record: Mapping[str, Any], shape: StructureShape, name: str) -> list[Any]:
    """What a record has there; of a list, what any of its elements has."""
    return list(_values(record, shape, _parts(shape, name)))


def names_of(shape: Shape, prefix: str = "", depth: int = 4) -> Iterator[str]:
    """The names of all properties with a plain value, to some depth."""
    if isinstance(shape, StructureShape) and depth:
        for name, member in shape.members.items():
            yield from names_of(member, f"{prefix}.{name}" if prefix else name, depth - 1)
    elif isinstance(shape, ListShape) and shape.name not in _NAMED:
        yield from names_of(shape.member, prefix, depth)
    elif not isinstance(shape, StructureShape):
        yield prefix


def _parts(shape: Shape, name: str) -> list[str]:
    first, *rest = name.split(".")
    return [_ALIASES.get((shape.name, first), first), *rest]


def _shape_at(shape: Shape, parts: Sequence[str]) -> Shape | None:
    if not parts:
        return shape
    if isinstance(shape, StructureShape):
        member = shape.members.get(parts[0])
        return _shape_at(member, parts[1:]) if member is not None else None
    if isinstance(shape, ListShape) and shape.name in _NAMED:
        member = shape.member
        return member.members[_NAMED[shape.name][1]] if isinstance(member, StructureShape) else None
    if isinstance(shape, ListShape):
        return _shape_at(shape.member, parts)
    if isinstance(shape, MapShape):
        last = shape.value.members.get(parts[-1]) if isinstance(shape.value, StructureShape) else None
        return last or shape.value
    return None


def _values(value: Any, shape: Shape, parts: Sequence[str]) -> Iterator[Any]:
    if value is None:
        return
    if isinstance(shape, ListShape):
        if parts and shape.name in _NAMED:
            key, member = _NAMED[shape.name]
            yield from (each[member] for each in value if each.get(key) == ".".join(parts))
        else:
            for each in value:
                yield from _values(each, shape.member, parts)
    elif not parts:
        yield value
    elif isinstance(shape, StructureShape) and parts[0] in shape.members:
        yield from _values(value.get(parts[0]), shape.members[parts[0]], parts[1:])
    elif isinstance(shape, MapShape):  # a key may have dots
        for end in range(len(parts), 0, -1):
            if (key := ".".join(parts[:end])) in value:
                yield from _values(value[key], shape.value, parts[end:])
                return
