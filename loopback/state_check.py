"""Whether what a state folder holds can be started from, looked at before anything is opened."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from loopback.core.damage import Damage, DamagedState
from loopback.core.settings import Settings

LOG_FILES = ("-wal", "-shm")  # of SQLite, beside the file; the first holds the newest commits


@dataclass(frozen=True)
class FileCheck:
    """One SQLite file: what is wrong with it, if anything, and whether it holds rows."""

    path: Path
    size: int
    fault: str = ""
    has_rows: bool = False

    @property
    def damage(self) -> Damage:
        """What is wrong."""
        return Damage(self.path, self.fault)


def require_sound(settings: Settings) -> None:
    """Raises DamagedState when a file is damaged, or missing beside others of the same state.

    What is damaged is copied aside; where its loss is accepted, it is moved.
    """
    damage = examine(settings)
    if damage and not settings.accept_loss:
        raise DamagedState(damage)
    for found in damage:
        set_aside(found)


def examine(settings: Settings) -> list[Damage]:
    """What of the two SQLite files cannot be used."""
    ours, base = _inspect(settings.database, "resource"), _inspect(settings.base_database, "rows")
    files = any(settings.base_folder.glob("*.json"))  # of a version that had no base.db
    damage = [found.damage for found in (ours, base) if found.fault and found.size]
    if ours.fault and not ours.size and (base.has_rows or damage or files or _has_objects(settings)):
        damage.append(ours.damage)
    if base.fault and not base.size and (ours.has_rows or damage) and not files:
        damage.append(base.damage)
    return damage


def set_aside(damage: Damage) -> None:
    """Move a damaged file, with what SQLite keeps beside it, to a name that is free."""
    if (kept := damage.move_aside()) is None:
        return
    for ending in LOG_FILES:
        if (beside := damage.path.with_name(damage.path.name + ending)).is_file():
            beside.replace(kept.with_name(kept.name + ending))


def advice(damaged: DamagedState) -> str:
    """What a person is told: what is wrong, where a copy is, and what to do."""
    lines = []
    for found in damaged.found:
        kept = found.copy_aside()
        lines.append(f"{found.path} {found.why}" + (f"; a copy is kept as {kept}" if kept else ""))
    return (
        f"{'. '.join(lines)}. Nothing was started or changed. Put a good copy in its place, or go on without what it "
        "held: `slipway local up --accept-loss`"
    )


def _inspect(path: Path, table: str) -> FileCheck:
    size = path.stat().st_size if path.is_file() else 0
    if not size:
        return FileCheck(path, 0, "is empty" if path.exists() else "is missing")
    try:
        db = sqlite3.connect(path, timeout=30)
        try:
            wrong = db.execute("pragma quick_check(1)").fetchone()[0]
            known = db.execute("select 1 from sqlite_master where name = ?", (table,)).fetchone()
            rows = bool(known) and db.execute(f"select 1 from {table} limit 1").fetchone() is not None  # noqa: S608
        finally:
            db.close()
    except sqlite3.DatabaseError as fault:
        if isinstance(fault, sqlite3.OperationalError):
            raise  # it cannot be opened, which says nothing of what is in it
        return FileCheck(path, size, f"is damaged ({fault})")
    return FileCheck(path, size, "" if wrong == "ok" else f"is damaged ({wrong})", rows)


def _has_objects(settings: Settings) -> bool:
    folder = settings.objects_folder
    return folder.is_dir() and any(entry.is_dir() for entry in folder.iterdir())
