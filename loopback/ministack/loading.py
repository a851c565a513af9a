"""How the base gets its state back when it starts, and what of it is damaged."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from loopback.core.damage import Damage, DamagedState
from loopback.ministack import rows
from loopback.ministack.row_file import RowFile
from loopback.ministack.rows import RecordPlace
from loopback.ministack.state import SavedState

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.app": ("_load_persisted_state", "_state_map", "_get_module"),
    "ministack.core.persistence": ("_state_format_version",),
    "ministack.services.lambda_svc": ("_prune_orphan_code_blobs", "CODE_BLOB_DIR"),
}
IMPORTED = "imported"  # where files of the base's own format go once they are rows
BLOB = re.compile(r'"code_blob_ref": "(\w+)"')


class Loading:
    """Puts the rows of a file into the base when it starts. Raises DamagedState for what can't be read.

    With `accept_loss`, what can't be read is left out.
    """

    def __init__(
        self, modules: Mapping[str, Any], file: RowFile, path: Path, state: SavedState, accept_loss: bool
    ) -> None:
        self._app, self._file, self._path, self._state = modules["ministack.app"], file, path, state
        self._accept_loss = accept_loss
        texts = file.read()
        self._rows, damage = _decode_rows(texts, path)
        functions = modules["ministack.services.lambda_svc"]
        damage += _missing_code(texts, Path(functions.CODE_BLOB_DIR), functions._prune_orphan_code_blobs)
        functions._prune_orphan_code_blobs = lambda _referenced: None  # it would only see what is to be saved
        if damage and not accept_loss:
            raise DamagedState(damage)
        self._app._load_persisted_state = lambda: None  # a fault in it would be passed over

    def load(self) -> None:
        """Give the base its state, on its loop, before it serves. Raises DamagedState."""
        states = rows.join_states(self._rows)
        damage: list[Damage] = []
        for name, module in self._app._state_map.items():
            try:
                if name in states:
                    self._app._get_module(module).load_persisted_state(states[name])
            except Exception as fault:  # noqa: BLE001  # each module has its own way to fail on what it does not expect
                damage.append(Damage(self._path, f"holds a state of {name} that cannot be loaded ({fault!r})"))
                self._leave_out(name)
        if damage and not self._accept_loss:
            raise DamagedState(damage)
        self._state.mark_loaded(row for row, _ in self._rows)
        self._rows = []

    def _leave_out(self, state: str) -> None:
        """Where its loss is accepted: a copy of the file is kept, and the rows are deleted."""
        if self._accept_loss:
            Damage(self._path, "").copy_aside()
            self._file.write({}, [row for row, _ in self._rows if row.state == state], lambda: None)
            self._rows = [(row, value) for row, value in self._rows if row.state != state]


def import_files(base: Path, file: RowFile, accept_loss: bool) -> None:
    """Take over what an earlier version of loopback has left as files in the base's own format.

    All or none. Raises DamagedState; what may be lost is moved aside.
    """
    texts: dict[RecordPlace, str] = {}
    damage: list[Damage] = []
    paths = sorted(base.glob("*.json"))
    for path in list(paths):
        try:
            stores = _payload(path)
        except ValueError as fault:
            damage.append(Damage(path, str(fault)))
            paths.remove(path)
            continue
        texts |= {row: rows.encode(row, value) for row, value in rows.split_state(path.stem, stores)}
    if damage and not accept_loss:
        raise DamagedState(damage)
    for found in damage:
        found.move_aside()
    if texts:
        done: Future[None] = file.write(texts, [], lambda: None)
        done.result()
    for path in paths:
        (base / IMPORTED).mkdir(exist_ok=True)
        path.replace(base / IMPORTED / path.name)


def _payload(path: Path) -> dict[str, Any]:
    """The state in a file of the base's own format. Raises ValueError, which says what is wrong."""
    from ministack.core.persistence import _state_format_version

    text = path.read_text(errors="replace")
    if not text.strip():
        raise ValueError("is empty")
    try:
        found = rows.decode(text)
    except (ValueError, AttributeError, KeyError, TypeError) as fault:
        raise ValueError(f"is no whole JSON document ({fault})") from None
    if isinstance(found, dict) and "__ministack_format__" in found:
        if found["__ministack_format__"] > _state_format_version(path.stem):
            raise ValueError(f"has format {found['__ministack_format__']}, which this version cannot read")
        found = found.get("payload")
    if isinstance(found, dict):
        return found
    raise ValueError("is not the state of a service")


def _decode_rows(
    texts: list[tuple[RecordPlace, str]], path: Path
) -> tuple[list[tuple[RecordPlace, Any]], list[Damage]]:
    found: list[tuple[RecordPlace, Any]] = []
    damage: list[Damage] = []
    for row, text in texts:
        try:
            found.append((row, rows.decode(text)))
        except (ValueError, TypeError, KeyError) as fault:
            damage.append(Damage(path, f"has a row of {row.state} {row.store} that cannot be read ({fault})"))
    return found, damage


def _missing_code(texts: list[tuple[RecordPlace, str]], blobs: Path, prune: Callable[[set[str]], None]) -> list[Damage]:
    """Functions whose code is gone; code that no function has is deleted."""
    referenced = {blob for row, text in texts if row.state == "lambda" for blob in BLOB.findall(text)}
    prune(referenced)
    missing = [blobs / f"{blob}.zip" for blob in sorted(referenced) if not (blobs / f"{blob}.zip").is_file()]
    return [Damage(path, "is missing, which is the code of a Lambda function") for path in missing]


@contextlib.contextmanager
def note_sidecars(folder: Path) -> Iterator[list[Damage]]:
    """While the base reads the files beside S3 objects, list those that it would silently do without.

    Every file in `folder` is an object: what is kept of it is beside that folder.
    """
    damage: list[Damage] = []
    load = json.load

    def aside(path: Path) -> Path:
        kept: Path = folder.with_name(f"{folder.name}.damaged") / path.parent.relative_to(folder)
        return kept

    def note_and_load(file: Any, *_: Any, **options: Any) -> Any:
        """Read a JSON file; of those beside S3 objects, note the damaged."""
        path = Path(str(getattr(file, "name", "")))
        if not path.name.endswith(".meta.json"):
            return load(file, **options)
        try:
            found = load(file, **options)
        except ValueError as fault:
            damage.append(Damage(path, f"is no whole JSON document ({fault})", aside(path)))
            raise
        if not isinstance(found, dict):
            damage.append(Damage(path, "does not describe an object", aside(path)))
            return {}
        data = path.with_name(path.name.removesuffix(".meta.json"))
        if data.is_file() and found.get("size") not in (None, data.stat().st_size):
            found = {name: value for name, value in found.items() if name not in ("size", "etag")}  # cut off between
        return found

    json.load = note_and_load  # type: ignore[assignment]
    try:
        yield damage
    finally:
        json.load = load
