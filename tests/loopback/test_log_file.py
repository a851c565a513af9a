"""loopback.log stays short while it is written."""

from pathlib import Path

from loopback import log_file


def test_a_long_log_begins_again_and_what_was_before_is_kept(tmp_path: Path) -> None:
    path = log_file.path(tmp_path)
    with path.open("ab", buffering=0) as writer:
        writer.write(b"a" * 100)
        assert log_file.shorten(path, most_bytes=99)
        writer.write(b"b")
    assert path.read_bytes() == b"b"
    assert path.with_name("loopback.log.1").read_bytes() == b"a" * 100


def test_a_terminal_is_given_nothing_to_obey() -> None:
    assert log_file.harmless("a\x1b[2Jb\x9b1m\r\tc\n\u00e9") == "a\\x1b[2Jb\\x9b1m\\x0d\tc\n\u00e9"


def test_a_short_log_is_left_alone(tmp_path: Path) -> None:
    path = log_file.path(tmp_path)
    path.write_bytes(b"a")
    assert not log_file.shorten(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["loopback.log"]
