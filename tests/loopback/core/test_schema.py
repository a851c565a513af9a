import sqlite3
from pathlib import Path

import pytest

from loopback.core import schema
from loopback.core.kinds import (
    ALERT_CHANGE,
    BY_SLUG,
    DELIVERY_STAGE,
    MONITORING_SCHEDULE,
    STEP,
    TRIAL_ASSOCIATION,
)
from loopback.core.schema import FIRST, VERSION, UnknownSchema
from loopback.core.store import Store

OLD = Path(__file__).with_name("schema_1.sql").read_text()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The store of a state folder of schema 1."""
    path = tmp_path / "loopback.db"
    db = sqlite3.connect(path)
    db.executescript(OLD)
    db.close()
    return path


def version(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("pragma user_version").fetchone()[0])
    finally:
        db.close()


def rows(path: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    db = sqlite3.connect(path)
    try:
        found = db.execute("select kind, name, parent, status, created, changed, lease from resource").fetchall()
    finally:
        db.close()
    return {(row[0], row[1]): row[2:] for row in found}


def tables(path: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(path)
    try:
        return db.execute("select name, sql from sqlite_master where type = 'table' order by name").fetchall()
    finally:
        db.close()


def columns(path: Path, table: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    try:
        return db.execute(f"pragma table_info({table})").fetchall()
    finally:
        db.close()


def test_a_new_store_has_the_newest_schema(tmp_path: Path) -> None:
    Store(tmp_path / "loopback.db").close()
    assert version(tmp_path / "loopback.db") == VERSION
    assert [path.name for path in tmp_path.iterdir()] == ["loopback.db"]


def test_there_is_a_migration_to_each_version() -> None:
    assert sorted(schema.MIGRATIONS) == list(range(FIRST + 1, VERSION + 1))


def test_an_old_store_keeps_every_row_and_its_events(old: Path) -> None:
    before = rows(old)
    store = Store(old)
    after = {key: row for key, row in rows(old).items() if key[0] not in (TRIAL_ASSOCIATION.slug, ALERT_CHANGE.slug)}
    assert after == before
    for kind, name in before:
        assert store.get(BY_SLUG[kind], name).name == name
    assert [event.seq for event in store.events(0)] == list(range(1, 46))
    assert store.next_number("delivery actions") == 6
    store.close()
    assert version(old) == VERSION


def test_a_migrated_store_is_made_like_a_new_one(old: Path, tmp_path: Path) -> None:
    Store(old).close()
    Store(tmp_path / "new.db").close()
    names = [name for name, _ in tables(old)]
    assert names == [name for name, _ in tables(tmp_path / "new.db")]
    for table in names:
        assert columns(old, table) == columns(tmp_path / "new.db", table)


def test_what_rows_have_to_say_now_they_say_after_the_migration(old: Path) -> None:
    store = Store(old)
    assert {stage.doc["pipeline"] for stage in store.find(DELIVERY_STAGE)} == {"p"}
    execution = store.find(STEP)[0].parent
    shown = store.find(TRIAL_ASSOCIATION, parent=execution)
    assert len(shown) == 3
    assert [row.name for row in shown] == [f"{execution}/{row.doc['component']}" for row in shown]
    (schedule,) = store.find(MONITORING_SCHEDULE)
    assert schedule.result["endpoint"] == "Ep"
    assert "history" not in schedule.result["alert"]
    assert [change.status for change in store.find(ALERT_CHANGE, parent="s")] == ["InAlert", "OK"]
    store.close()


def test_a_copy_of_the_old_store_stays_beside_it(old: Path) -> None:
    before = rows(old)
    Store(old).close()
    copy = old.with_name("loopback.db.schema-1")
    assert (rows(copy), version(copy)) == (before, 0)
    Store(old).close()  # there is nothing to migrate any more
    assert sorted(path.name for path in old.parent.iterdir()) == ["loopback.db", "loopback.db.schema-1"]


def test_a_copy_that_is_there_is_left_alone(old: Path) -> None:
    old.with_name("loopback.db.schema-1").write_text("somebody's")
    Store(old).close()
    assert old.with_name("loopback.db.schema-1").read_text() == "somebody's"
    assert version(old.with_name("loopback.db.schema-1.2")) == 0


def test_a_migration_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows(old)
    monkeypatch.setattr(schema, "MIGRATIONS", {2: f"{schema.MIGRATIONS[2]}\nselect no_such_function();"})
    with pytest.raises(sqlite3.OperationalError, match="no_such_function"):
        Store(old)
    assert (rows(old), version(old)) == (before, 0)
    monkeypatch.undo()
    Store(old).close()
    assert version(old) == VERSION


def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "loopback.db"
    db = sqlite3.connect(path)
    db.executescript(f"create table resource (a); pragma user_version = {VERSION + 5};")
    db.close()
    said = f"schema version {VERSION + 5}, and this version of Slipway knows versions up to {VERSION}.*--state"
    with pytest.raises(UnknownSchema, match=said):
        Store(path)
    with pytest.raises(UnknownSchema, match=said):
        schema.require_known(path)
    assert (tables(path), version(path)) == ([("resource", "CREATE TABLE resource (a)")], VERSION + 5)


def test_a_folder_without_a_store_is_no_fault(tmp_path: Path) -> None:
    schema.require_known(tmp_path / "loopback.db")
    assert list(tmp_path.iterdir()) == []
