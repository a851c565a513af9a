"""The file of the base's state: what was asked for is there, in order, or the asker is told why not."""

import sqlite3
from pathlib import Path

import pytest

from loopback.ministack.row_file import FORMAT, NewerFormat, NotWritten, RowFile
from loopback.ministack.rows import RecordPlace

QUEUE, ROLE = RecordPlace("sqs", "queues", "a"), RecordPlace("iam", "roles", "r")


def nothing() -> None:
    """Undo nothing."""


def test_what_was_written_is_read_by_the_next_process(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "base.db")
    file.write({QUEUE: "1", ROLE: "2"}, [], nothing).result()
    file.write({QUEUE: "3"}, [ROLE], nothing).result()
    assert RowFile(tmp_path / "base.db").read() == [(QUEUE, "3")]  # not closed, as after a kill


def test_a_row_that_is_written_again_keeps_its_place(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "base.db")
    messages = [RecordPlace("sqs", "queues", "a", part) for part in "cab"]
    file.write(dict.fromkeys(messages, "old"), [], nothing).result()
    file.write({messages[0]: "new"}, [], nothing).result()
    assert [row.part for row, _ in file.read()] == ["c", "a", "b"]


def test_what_cannot_be_written_is_an_error_and_undone_before_it_is_told(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "base.db")
    file.write({}, [], nothing).result()
    lock = sqlite3.connect(tmp_path / "base.db", isolation_level=None)
    lock.execute("drop table rows")
    undone = []
    begun = file.write({QUEUE: "1"}, [], lambda: undone.append(1))
    with pytest.raises(NotWritten, match=r"base\.db: no such table: rows"):
        begun.result()
    assert undone
    assert "no such table" in file.fault
    lock.execute("create table rows (state, store, key, part, value, primary key (state, store, key, part))")
    file.write({QUEUE: "1"}, [], nothing).result()
    assert file.fault == ""


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "base.db")
    file._db.execute("pragma max_page_count=10")
    with pytest.raises(NotWritten, match="disk is full"):
        file.write({QUEUE: "x" * (1 << 20)}, [], nothing).result()
    file.write({ROLE: "small"}, [], nothing).result()
    assert file.read() == [(ROLE, "small")]


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    RowFile(tmp_path / "base.db").close()
    later = sqlite3.connect(tmp_path / "base.db")
    later.execute(f"pragma user_version={FORMAT + 1}")
    with pytest.raises(NewerFormat, match="format 2"):
        RowFile(tmp_path / "base.db")


def test_the_file_is_the_users_alone(tmp_path: Path) -> None:
    (tmp_path / "base.db").touch(mode=0o644)
    file = RowFile(tmp_path / "base.db")
    file.write({QUEUE: "a secret"}, [], nothing).result()
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == dict.fromkeys(
        ("base.db", "base.db-wal", "base.db-shm"), 0o600
    )
