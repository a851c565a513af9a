"""The base's state as rows of text, one a record, so that what has changed is all that is written."""

import ast
import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.core.persistence": ("_json_default", "_json_object_hook"),
    "ministack.core.responses": ("AccountScopedDict", "AccountRegionScopedDict"),
}
PARTS = {  # what grows inside a record has a row for each member; the name of the member that has many
    ("sqs", "queues"): "messages",
    ("cloudwatch_logs", "log_groups"): "streams",
    ("dynamodb", "tables"): "items",
}
PAIRS, SET = "__pairs__", "__set__"
WHOLE = ""  # the key of a member of the state that is no store, and the part of a record that is not divided


class UnreadableRow(Exception):
    """A row is not what this module writes."""


class Unwritable(Exception):
    """The base keeps something that has no text."""


class RecordPlace(
    NamedTuple
):  # no dataclass: a queue of 10,000 messages has as many, which are compared at each request
    """Where a value is: the base's name of the state, the store in it, the record's key, and a part of the record."""

    state: str
    store: str
    key: str
    part: str = WHOLE


def split_state(state: str, stores: Mapping[str, Any]) -> Iterator[tuple[RecordPlace, Any]]:
    """The values of a state, as its module's `get_state` returns it, each with its place."""
    for store, value in stores.items():
        if not is_store(value):
            yield RecordPlace(state, store, WHOLE), value
            continue
        many = PARTS.get((state, store))
        for key, record in value._data.items():
            row_key = key_text(key)
            if many is None or not isinstance(record, dict) or not record.get(many):
                yield RecordPlace(state, store, row_key), record
                continue
            yield (
                RecordPlace(state, store, row_key),
                {name: type(v)() if name == many else v for name, v in record.items()},
            )
            for part, member in _members(record[many]):
                yield RecordPlace(state, store, row_key, part), member


def join_states(rows: Iterable[tuple[RecordPlace, Any]]) -> dict[str, dict[str, Any]]:
    """The states of these rows, as `load_persisted_state` of the base takes them."""
    states: dict[str, dict[str, Any]] = {}
    for row, value in sorted(rows, key=lambda found: found[0].part != WHOLE):  # a record before its parts
        stores = states.setdefault(row.state, {})
        if row.key == WHOLE:
            stores[row.store] = value
            continue
        key = _key(row.key)
        store = stores.setdefault(row.store, _store(len(key)))
        if row.part == WHOLE:
            store._data[key] = value
            continue
        many = store._data[key][PARTS[row.state, row.store]]
        if isinstance(many, list):
            many.append(value)
        else:
            many[json.loads(row.part)] = value
    return states


def is_store(value: Any) -> bool:
    """Whether it is one of the base's scoped dictionaries."""
    from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

    return isinstance(value, (AccountRegionScopedDict, AccountScopedDict))


def encode(row: RecordPlace, value: Any) -> str:
    """Raises Unwritable."""
    from ministack.core.persistence import _json_default

    try:
        return json.dumps(value, default=_json_default)
    except TypeError:
        pass
    try:
        return json.dumps(_plain(value), default=_json_default)
    except (TypeError, ValueError) as fault:
        raise Unwritable(f"{row.store} of {row.state} cannot be written: {fault}") from None


def decode(text: str) -> Any:
    """Raises ValueError."""
    return json.loads(text, object_hook=_hook)


def key_text(key: tuple[Any, ...]) -> str:
    """A key of a store: its account, its region if it has one, and Python's text of the base's key."""
    return json.dumps([*key[:-1], repr(key[-1])])


def _key(text: str) -> tuple[Any, ...]:
    *scope, last = json.loads(text)
    try:
        return (*scope, ast.literal_eval(last))
    except (ValueError, SyntaxError):
        return (*scope, last)


def _store(length: int) -> Any:
    from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

    return AccountScopedDict() if length == 2 else AccountRegionScopedDict()


def _members(many: Any) -> Iterator[tuple[str, Any]]:
    """Messages by their id, in their order; anything else by its key."""
    if isinstance(many, list):
        return ((str(member["id"]), member) for member in many)
    return ((json.dumps(key), member) for key, member in many.items())


def _hook(found: dict[str, Any]) -> Any:
    from ministack.core.persistence import _json_object_hook

    if PAIRS in found:
        return {_hashable(key): value for key, value in found[PAIRS]}
    if SET in found:
        return {_hashable(member) for member in found[SET]}
    return _json_object_hook(found)


def _hashable(value: Any) -> Any:
    return tuple(_hashable(member) for member in value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """The value with what JSON lacks written in words: keys that are no text, and sets."""
    if is_store(value):
        return value
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: _plain(member) for key, member in value.items()}
        return {PAIRS: [[key, _plain(member)] for key, member in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_plain(member) for member in value]
    if isinstance(value, (set, frozenset)):
        return {SET: sorted((_plain(member) for member in value), key=repr)}
    if isinstance(value, (bytes, bytearray)):
        return {"__bytes__": base64.b64encode(bytes(value)).decode()}
    return value
