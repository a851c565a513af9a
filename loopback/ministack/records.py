"""The records that the base keeps in memory: which of them a request has used, and which have changed.

The base's stores are its two scoped dictionaries; each keeps `(account[, region], key) -> record` in a dict of its own.
Here that dict is `Records`. It notes the keys that a request takes out of it, since a record is changed in place,
and while the base copies its state it shows only the records that are to be saved.
"""

import contextlib
import copy
import importlib
import itertools
import marshal
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.core.responses": ("AccountScopedDict", "AccountRegionScopedDict"),
}
Key = tuple[Any, ...]  # the account, the region where the store has one, and the base's key
SERVICES = "ministack.services."
FLAT = frozenset({"sqs", "ssm", "cloudwatch", "cloudwatch_logs"})  # their get_state changes nothing in its copy
LONG = 50
UNKNOWN = -1  # no fingerprint: hash() is never -1
_never = itertools.count(1)


class Uses:
    """The records that a request has used so far; a request that has been answered uses none any more."""

    def __init__(self) -> None:
        self._keys: dict[Records, set[Key]] = {}
        self._whole: dict[Records, None] = {}
        self._open = True

    def add(self, records: "Records", key: Key) -> None:
        """Note a key."""
        if self._open:
            self._keys.setdefault(records, set()).add(key)

    def add_all(self, records: "Records") -> None:
        """Note that all records were walked through."""
        if self._open:
            self._whole[records] = None

    def close(self) -> Iterable[tuple["Records", Iterable[Key]]]:
        """End noting; what was used, by store."""
        self._open = False
        used: list[tuple[Records, Iterable[Key]]] = [(records, records.known_keys()) for records in self._whole]
        used += [(records, keys) for records, keys in self._keys.items() if records not in self._whole]
        return used


_using: ContextVar[Uses | None] = ContextVar("using", default=None)
_only: ContextVar[frozenset[Key] | None] = ContextVar("only", default=None)
_copying: ContextVar[bool] = ContextVar("copying", default=False)


class Records(dict[Key, Any]):
    """The records of one store of the base. `owner` is the module of the base that it belongs to."""

    __slots__ = ("owner", "prints", "weighed")

    def __init__(self, owner: str) -> None:
        super().__init__()
        self.owner = owner
        self.prints: dict[Key, int] = {}  # of what has been given to the disk
        self.weighed: Callable[[Any], Any] = WEIGHED.get(owner, _as_it_is)

    __hash__ = object.__hash__  # type: ignore[assignment]  # a store is itself, whatever is in it

    def known_keys(self) -> list[Key]:
        """All keys, and those that were saved and are gone."""
        return list({**dict.fromkeys(_keys(self)), **dict.fromkeys(list(self.prints))})

    def changed_keys(self, keys: Iterable[Key]) -> list[Key]:
        """Those of these keys whose record is not what was last saved."""
        return [key for key in keys if self._is_long(key) or self.prints.get(key) != self._print(key)]

    def mark_saved(self, keys: Iterable[Key]) -> None:
        """Remember these records as they are now."""
        for key in keys:
            if (seen := UNKNOWN if self._is_long(key) else self._print(key)) is None:
                self.prints.pop(key, None)
            else:
                self.prints[key] = seen

    def _is_long(self, key: Key) -> bool:
        """Whether it is a queue with so many messages that they are better compared one by one."""
        record = dict.get(self, key) if self.owner == "sqs" else None
        return isinstance(record, dict) and len(record.get("messages", ())) > LONG

    def _print(self, key: Key) -> int | None:
        record = dict.get(self, key, _GONE)
        return None if record is _GONE else fingerprint(self.weighed(record))

    def _use(self, key: Key) -> None:
        if (uses := _using.get()) is not None:
            uses.add(self, key)

    def _visible_keys(self) -> list[Key]:
        only = _only.get()
        if only is not None:
            return [key for key in only if dict.__contains__(self, key)]
        if (uses := _using.get()) is not None:
            uses.add_all(self)
        return _keys(self)

    def __getitem__(self, key: Key) -> Any:
        self._use(key)
        return dict.__getitem__(self, key)

    def __setitem__(self, key: Key, value: Any) -> None:
        self._use(key)
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: Key) -> None:
        self._use(key)
        dict.__delitem__(self, key)

    def get(self, key: Key, default: Any = None) -> Any:
        """As dict."""
        self._use(key)
        return dict.get(self, key, default)

    def pop(self, key: Key, *default: Any) -> Any:
        """As dict."""
        self._use(key)
        return dict.pop(self, key, *default)

    def setdefault(self, key: Key, default: Any = None) -> Any:
        """As dict."""
        self._use(key)
        return dict.setdefault(self, key, default)

    def update(self, *given: Any, **named: Any) -> None:
        """As dict."""
        for key, value in dict(*given, **named).items():
            self[key] = value

    def clear(self) -> None:
        """As dict."""
        if (uses := _using.get()) is not None:
            uses.add_all(self)
        dict.clear(self)

    def items(self) -> Any:
        """As dict; while the state is copied, only what is to be saved."""
        return [(key, dict.__getitem__(self, key)) for key in self._visible_keys()]

    def values(self) -> Any:
        """As `items`."""
        return [dict.__getitem__(self, key) for key in self._visible_keys()]

    def keys(self) -> Any:
        """As `items`. A key alone lets nobody change its record."""
        return self._visible_keys() if _only.get() is not None else _keys(self)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys())


def _as_it_is(record: Any) -> Any:
    return record


def _without_objects(bucket: Any) -> Any:
    """Objects are files of their own."""
    return {name: v for name, v in bucket.items() if name != "objects"} if isinstance(bucket, dict) else bucket


def _without_code(function: Any) -> Any:
    """Code is never changed in place, and bytes remember their hash."""
    if isinstance(function, dict):
        return {name: _without_code(value) for name, value in function.items()}
    return hash(function) if isinstance(function, bytes) else function


WEIGHED = {"s3": _without_objects, "lambda_svc": _without_code}  # what of a record tells that it has changed
_GONE = object()
_all: list[Records] = []


def install() -> None:
    """Keep the records of every store that a module of the base makes from now on in `Records`."""
    base = importlib.import_module("ministack.core.responses")
    for kind in (base.AccountScopedDict, base.AccountRegionScopedDict):
        kind.__init__ = _make_records
        kind.__deepcopy__ = _deep_copy


def store_of(owner: str) -> Any:
    """A store of the base's kind, account by account, for what a module of it keeps in a dict of its own."""
    made = importlib.import_module("ministack.core.responses").AccountScopedDict()
    made._data = Records(owner)
    _all.append(made._data)
    return made


def every() -> list[Records]:
    """The records of every store that exists."""
    return list(_all)


def fingerprint(value: Any) -> int:
    """A number that is another one when the value is another one."""
    try:
        return hash(marshal.dumps(value, 2))  # from 3 on, the same value can be written in two ways
    except ValueError:
        pass
    try:
        return hash(pickle.dumps(value, 5))
    except Exception:  # noqa: BLE001  # what cannot be compared counts as changed
        return next(_never)


@contextlib.contextmanager
def note_uses(uses: Uses | None) -> Iterator[None]:
    """Note in `uses` what is used in here and in the tasks and threads that are begun here."""
    token = _using.set(uses)
    try:
        yield
    finally:
        _using.reset(token)


def noting() -> Uses | None:
    """The uses of the request that is being answered."""
    return _using.get()


@contextlib.contextmanager
def show_only(only: frozenset[Key] | None) -> Iterator[None]:
    """While the base copies its state in here, show these records only; all with None."""
    shown, copying = _only.set(only), _copying.set(True)
    try:
        with note_uses(None):
            yield
    finally:
        _only.reset(shown)
        _copying.reset(copying)


def _make_records(store: Any) -> None:
    caller = sys._getframe(1)
    name = str(caller.f_globals.get("__name__", ""))
    if not name.startswith(SERVICES) or caller.f_code.co_name != "<module>":
        store._data = {}
        return
    store._data = Records(name.removeprefix(SERVICES).partition(".")[0])
    _all.append(store._data)


def _deep_copy(store: Any, memo: dict[int, Any]) -> Any:
    made = object.__new__(type(store))
    data = store._data
    flat = _copying.get() and isinstance(data, Records) and data.owner in FLAT
    made._data = {key: copy.copy(value) if flat else copy.deepcopy(value, memo) for key, value in list(data.items())}
    return made


def _keys(records: Records) -> list[Key]:
    return list(dict.keys(records))
