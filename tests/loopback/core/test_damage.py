"""A damaged file is kept, under a name that takes nothing else's place."""

from pathlib import Path

from loopback.core.damage import Damage


def test_a_copy_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("one")
    assert Damage(path, "").copy_aside() == tmp_path / "a.db.damaged"
    assert Damage(path, "").copy_aside() == tmp_path / "a.db.damaged"
    assert path.read_text() == "one"


def test_what_was_kept_before_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    for content in ("one", "two", "three"):
        path.write_text(content)
        Damage(path, "").move_aside()
        assert not path.exists()
    assert [(tmp_path / f"a.db.damaged{end}").read_text() for end in ("", ".2", ".3")] == ["one", "two", "three"]


def test_a_missing_file_leaves_nothing(tmp_path: Path) -> None:
    damage = Damage(tmp_path / "a.db", "is missing")
    assert (damage.copy_aside(), damage.move_aside(), list(tmp_path.iterdir())) == (None, None, [])


def test_a_file_among_objects_is_kept_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "s3" / "b" / "k.meta.json"
    path.parent.mkdir(parents=True)
    path.write_text("x")
    assert Damage(path, "", tmp_path / "s3.damaged" / "b").move_aside() == tmp_path / "s3.damaged/b/k.meta.json.damaged"
