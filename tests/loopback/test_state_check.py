"""A state folder with something damaged or missing is not started from, and nothing of it is lost."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loopback import state_check
from loopback.core.damage import DamagedState
from loopback.core.settings import Settings


def database(path: Path, table: str, rows: int = 2000) -> None:
    db = sqlite3.connect(path)
    db.execute(f"create table {table} (value text)")
    db.executemany(f"insert into {table} values (?)", [("x" * 100,)] * rows)
    db.commit()
    db.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(tmp_path)
    database(made.database, "resource")
    database(made.base_database, "rows")
    return made


def scribble(path: Path) -> None:
    with path.open("rb+") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)


DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (Path.unlink, "is missing"),
    (lambda path: path.write_bytes(b""), "is empty"),
    (lambda path: path.write_bytes(b"no database at all" * 100), "file is not a database"),
    (scribble, "is damaged"),
]


@pytest.mark.parametrize("name", ["loopback.db", "base.db"])
@pytest.mark.parametrize(("act", "why"), DAMAGES)
def test_damage_is_named_kept_and_left_where_it_is(
    settings: Settings, name: str, act: Callable[[Path], object], why: str
) -> None:
    path = settings.state / name
    act(path)
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(DamagedState) as raised:
        state_check.require_sound(settings)
    said = state_check.advice(raised.value)
    assert f"{path} is" in said
    assert why in said
    assert "--accept-loss" in said
    if before is not None:
        assert path.read_bytes() == before
        assert path.with_name(f"{name}.damaged").read_bytes() == before


@pytest.mark.parametrize(("act", "why"), DAMAGES)
def test_an_accepted_loss_is_out_of_the_way(settings: Settings, act: Callable[[Path], object], why: str) -> None:
    act(settings.database)
    state_check.require_sound(replace(settings, accept_loss=True))
    assert not settings.database.exists()
    assert settings.database.with_name("loopback.db.damaged").exists() is (why != "is missing")


def test_a_sound_state_and_a_new_one_are_started_from(settings: Settings, tmp_path: Path) -> None:
    state_check.require_sound(settings)
    (tmp_path / "new").mkdir()
    state_check.require_sound(Settings(tmp_path / "new"))


def test_a_first_start_that_was_cut_off_is_no_damage(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    settings.base_database.write_bytes(b"")
    state_check.require_sound(settings)
    database(settings.database, "resource", rows=0)
    state_check.require_sound(settings)


def test_objects_without_a_record_of_anything_else_are_a_loss(tmp_path: Path) -> None:
    (tmp_path / "s3" / "000000000000").mkdir(parents=True)
    with pytest.raises(DamagedState, match=r"loopback\.db is missing"):
        state_check.require_sound(Settings(tmp_path))


def test_a_state_of_a_version_without_a_base_db_is_whole(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    database(settings.database, "resource")
    settings.base_folder.mkdir()
    (settings.base_folder / "sqs.json").write_text("{}")
    state_check.require_sound(settings)
