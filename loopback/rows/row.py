"""What all typed rows share: how one is read from the store, written to it and changed in it.

A kind of record is one class, or two where something becomes of it:

    class StepResult(Result):      # members of `result`, each with a default: they come as the work goes on
        attempts: int = 1
    class StepRow(StepResult):     # members of `doc`, which are there from the start
        type: str

A field's name is the JSON key, unless `key` gives another. `document` marks a field that is the whole of `doc` or
`result`: an AWS document, which stays a dict. A member that is null or missing has the field's default.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from inspect import get_annotations
from typing import Any, ClassVar, Concatenate, NamedTuple, ParamSpec, Self, TypeVar

from loopback.core.kinds import Kind
from loopback.core.queries import Selection
from loopback.core.store import Resource, Store

DOC, RESULT = "doc", "result"
Json = dict[str, Any]
Codec = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record of the store: its place, its status and times (epoch seconds). A subclass has what it holds."""

    KIND: ClassVar[Kind]

    kind: str = ""
    name: str = ""
    parent: str = ""
    status: str = ""
    created: float = 0.0
    changed: float = 0.0
    lease: str | None = None

    @classmethod
    def from_row(cls, row: Resource) -> Self:
        """The record with types. Documents are shared, not copied."""
        shape = _shape(cls)
        values = _readings(shape, row)
        made = object.__new__(cls)  # lists read many: __init__ of a frozen class takes four times as long as this
        for name, put, default, factory in shape.slots:
            value = values.get(name, default)
            if value is MISSING:
                if factory is MISSING:
                    raise TypeError(f"the {cls.__name__} named {row.name} has no {name}")
                value = factory()
            put(made, value)
        return made

    def to_row(self) -> tuple[Json, Json]:
        """`doc` and `result` as the store keeps them.

        What is None is left out; so is a default in a result, or beside a document, which is AWS's.
        """
        shape = _shape(type(self))
        whole = any(member.key is None for member in shape.doc)
        return _document(self, shape.doc, defaults=not whole), _document(self, shape.result, defaults=False)

    @classmethod
    def get(cls, store: Store, name: str) -> Self:
        """Raises ResourceNotFound."""
        return cls.from_row(store.get(cls.KIND, name))

    @classmethod
    def find(cls, store: Store, *, parent: str | None = None, status: str | None = None) -> list[Self]:
        """All of one parent, in one status, or both; oldest first."""
        return [cls.from_row(row) for row in store.find(cls.KIND, parent=parent, status=status)]

    @classmethod
    def scan(cls, store: Store, selection: Selection) -> Iterator[Self]:
        """All rows of a selection, read some at a time."""
        return map(cls.from_row, store.scan(selection))

    @classmethod
    def first(cls, store: Store, selection: Selection) -> Self | None:
        """The first row of a selection, or None."""
        found = store.first(selection)
        return None if found is None else cls.from_row(found)

    def create(self, store: Store, name: str, parent: str = "") -> Self:
        """Write a new record with what this one holds. Raises ResourceInUse."""
        doc, result = self.to_row()
        return self.from_row(store.create(self.KIND, name, doc, parent=parent, result=result))

    @classmethod
    def fire(
        cls, store: Store, name: str, event: str, result: Mapping[str, Any] | None = None, lease: str | None = None
    ) -> Self:
        """Move a record along its lifecycle, with the `changes` of its result. Raises IllegalTransition."""
        return cls.from_row(store.fire(cls.KIND, name, event, result, lease))

    @classmethod
    def amend(
        cls,
        store: Store,
        name: str,
        event: str,
        *,
        doc: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> Self:
        """Note the `changes` of a record's result, replace its `doc`, or both; its status stays."""
        return cls.from_row(store.amend(cls.KIND, name, event, doc=doc, result=result))

    def with_doc(self, store: Store, event: str, result: Mapping[str, Any] | None = None) -> Self:
        """Write this record's `doc`, which was changed with `dataclasses.replace`."""
        return self.amend(store, self.name, event, doc=self.to_row()[0], result=result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Row):
    """The fields that a direct subclass declares are members of `result`: what became of the record."""


P = ParamSpec("P")
R = TypeVar("R", bound=Row)
T = TypeVar("T")


def changes(of: Callable[P, Row], *_: P.args, **values: P.kwargs) -> Json:
    """What `Row.fire` and `Row.amend` merge into a record's result: these fields of its `Result` class.

    None takes a member away.
    """
    members = {member.field: member for member in _shape(of).result}
    return dict(_member(members[name], value) for name, value in values.items())


def view_of(row: type[R], view: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[Resource, P], T]:
    """A view of typed rows as a list's pages, which read records, want it."""

    def view_record(resource: Resource, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return view(row.from_row(resource), *args, **kwargs)

    return view_record


def key(name: str = "", read: Codec | None = None, write: Codec | None = None) -> Mapping[str, Any]:
    """A field's metadata: its JSON key, and how its value is made of JSON and becomes JSON."""
    return {"key": name, "read": read, "write": write}


def document(column: str = DOC) -> Mapping[str, Any]:
    """The metadata of a field that is the whole of a record's `doc` or `result`."""
    return {"document": column}


class _Member(NamedTuple):
    """Where a field's value is: under a key of `doc` or `result`, or, without one, all of it."""

    field: str
    key: str | None
    read: Codec | None
    write: Codec | None
    default: Any


class _Shape(NamedTuple):
    """The fields of a class, by column; what is read as it is (`plain`: key and field) and what is not (`rest`).

    `slots` has for each field its name, what sets it in an object, its default and the factory of its default.
    """

    doc: tuple[_Member, ...]
    result: tuple[_Member, ...]
    plain: tuple[Mapping[str, str], Mapping[str, str]]
    rest: tuple[tuple[_Member, ...], tuple[_Member, ...]]
    slots: tuple[tuple[str, Callable[[Any, Any], None], Any, Any], ...]


_PLACE = tuple(each.name for each in fields(Row))


def _shape(of: Any) -> _Shape:
    found: _Shape = _shape_of(of)
    return found


@cache
def _shape_of(of: Any) -> _Shape:
    doc: list[_Member] = []
    result: list[_Member] = []
    for each in fields(of):
        if each.name in _PLACE:
            continue
        column = each.metadata.get("document") or _column(of, each.name)
        (doc if column == DOC else result).append(_member_of(each))
    columns = (doc, result)
    plain = [{each.key: each.field for each in column if each.key and not each.read} for column in columns]
    rest = [tuple(each for each in column if not each.key or each.read) for column in columns]
    slots = tuple(
        (each.name, getattr(of, each.name).__set__, each.default, each.default_factory) for each in fields(of)
    )
    return _Shape(tuple(doc), tuple(result), (plain[0], plain[1]), (rest[0], rest[1]), slots)


def _readings(shape: _Shape, row: Resource) -> Json:
    """The values of the fields that a record has; of the others the class knows the defaults."""
    values: Json = {
        "kind": row.kind,
        "name": row.name,
        "parent": row.parent,
        "status": row.status,
        "created": row.created,
        "changed": row.changed,
        "lease": row.lease,
    }
    for plain, rest, source in zip(shape.plain, shape.rest, (row.doc, row.result), strict=True):
        for name in plain.keys() & source.keys():
            if (value := source[name]) is not None:
                values[plain[name]] = value
        for member in rest:
            value = source if member.key is None else source.get(member.key)
            if value is not None:
                values[member.field] = member.read(value) if member.read else value
    return values


def _column(of: Any, field: str) -> str:
    declaring = next(base for base in of.__mro__ if field in get_annotations(base))
    return RESULT if Result in declaring.__bases__ else DOC


def _member_of(each: Field[Any]) -> _Member:
    kept = each.metadata
    name = None if "document" in kept else kept.get("key") or each.name
    default = each.default_factory() if each.default_factory is not MISSING else each.default
    return _Member(each.name, name, kept.get("read"), kept.get("write"), default)


def _member(member: _Member, value: Any) -> tuple[str, Any]:
    if member.key is None:
        raise TypeError(f"{member.field} is a whole document, and no member of one")
    return member.key, member.write(value) if member.write and value is not None else value


def _document(row: Row, members: tuple[_Member, ...], *, defaults: bool) -> Json:
    """A whole document first, then the members of our own beside it."""
    found: Json = {}
    for member in members:
        value = getattr(row, member.field)
        if member.key is None:
            found = {**value, **found}
        elif value is not None and (defaults or member.default is MISSING or value != member.default):
            key, json = _member(member, value)
            found[key] = json
    return found
