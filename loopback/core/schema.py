"""The store's schema and its version: PRAGMA user_version of the SQLite file.

An older file is brought up to date step by step, each step in one transaction, after a copy of it was made beside it.
A newer one is refused: what a later version of loopback has written is not to be guessed at.
"""

import re
import sqlite3
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

VERSION = 2
FIRST = 1  # was not written down: such a file says 0


def _sections(file: str) -> dict[str, str]:
    text = resources.files(__package__).joinpath(file).read_text()
    return dict(re.findall(r"^-- (\w+)\n(.*?)(?=^-- \w+\n|\Z)", text, re.MULTILINE | re.DOTALL))


SQL: Mapping[str, str] = _sections("store.sql")
INDEXES = {text.split()[0]: text for text in re.findall(r"^create index (.*?);$", SQL["indexes"], re.MULTILINE)}
MIGRATIONS: Mapping[int, str] = {int(version): text for version, text in _sections("migrations.sql").items()}


class UnknownSchema(Exception):
    """The store was written by a later version of loopback; the message says what to do."""


def require_known(path: Path) -> None:
    """Raises UnknownSchema where a store's file is of a later version than this loopback; no file is no fault."""
    if path.exists():
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
        try:
            _refuse_later(_version(db), path)
        finally:
            db.close()


def _version(db: sqlite3.Connection) -> int | None:
    """The schema version of a store; None where it has no table."""
    version = int(db.execute("pragma user_version").fetchone()[0])
    if version == 0:
        found = db.execute("select 1 from sqlite_master where type = 'table' and name = 'resource'").fetchone()
        return FIRST if found else None
    return version


def _refuse_later(found: int | None, path: Path) -> None:
    if found is not None and found > VERSION:
        raise UnknownSchema(
            f"{path} has schema version {found}, and this version of Slipway knows versions up to {VERSION}: it was "
            "written by a later one. Install that version again, or choose another state folder with --state; "
            "`slipway local reset` deletes this one"
        )


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, bring those of an older one up to date, and see that every index is there.

    Raises UnknownSchema.
    """
    found = _version(db)
    _refuse_later(found, path)
    if found is None:
        _in_one(db, SQL["schema"], VERSION)
    elif found < VERSION:
        _back_up(db, path, found)
        for version in range(found + 1, VERSION + 1):
            _in_one(db, MIGRATIONS[version], version)
    _index(db)


def _index(db: sqlite3.Connection) -> None:
    """Make the indexes of store.sql, and drop those that it has no more or has otherwise."""
    there = dict(db.execute("select name, sql from sqlite_master where type = 'index' and sql is not null"))
    for name in there.keys() - INDEXES.keys():
        db.execute(f"drop index {name}")
    for name, text in INDEXES.items():
        if there.get(name) != f"CREATE INDEX {text}":  # as SQLite writes it down
            db.execute(f"drop index if exists {name}")
            db.execute(f"create index {text}")


def _in_one(db: sqlite3.Connection, text: str, version: int) -> None:
    """Carry statements and the new version out in one transaction."""
    try:
        db.executescript(f"begin immediate;\n{text}\npragma user_version = {version};\ncommit;")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise


def _back_up(db: sqlite3.Connection, path: Path, version: int) -> None:
    """Copy the store as it is to `<name>.schema-<version>`; a copy that is there already is left alone."""
    names = (f"{path.name}.schema-{version}{f'.{number}' if number > 1 else ''}" for number in range(1, 1000))
    target = next(copy for name in names if not (copy := path.with_name(name)).exists())
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    copied = sqlite3.connect(part)
    try:
        db.backup(copied)
    finally:
        copied.close()
    part.replace(target)
