"""The file of warnings: each once, with its newest words and time."""

import json
import logging

import pytest

from loopback.core import aws_warnings
from loopback.core.aws_warnings import AwsWarning, WarningFile


def warning(subject, text="2 at once"):
    return AwsWarning("quota", subject, text, "ask for more")


def test_a_warning_is_kept_once_with_what_was_said_last(tmp_path):
    path, times = tmp_path / "w.json", iter((1.0, 2.0, 3.0))
    file = WarningFile(path, lambda: next(times))
    for one in (warning("a"), warning("b"), warning("a", "3 at once")):
        file.note(one)
    found = [(entry["subject"], entry["text"], entry["at"]) for entry in json.loads(path.read_text())]
    assert found == [("b", "2 at once", 2.0), ("a", "3 at once", 3.0)]


def test_a_later_control_plane_goes_on_with_it(tmp_path):
    path = tmp_path / "w.json"
    WarningFile(path).note(warning("a"))
    WarningFile(path).note(warning("b"))
    assert [entry["subject"] for entry in json.loads(path.read_text())] == ["a", "b"]


def test_it_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(aws_warnings, "MOST", 3)
    path = tmp_path / "w.json"
    file = WarningFile(path)
    for number in range(5):
        file.note(warning(str(number)))
    assert [entry["subject"] for entry in json.loads(path.read_text())] == ["2", "3", "4"]


def test_the_log_has_each_once(tmp_path, caplog):
    file = WarningFile(tmp_path / "w.json")
    with caplog.at_level(logging.WARNING, "loopback"):
        for one in (warning("a"), warning("a"), warning("b")):
            file.note(one)
    assert caplog.messages == ["quota a: 2 at once; ask for more", "quota b: 2 at once; ask for more"]


def test_the_same_words_are_not_written_with_each_request(tmp_path):
    path, now = tmp_path / "w.json", [100.0]
    file = WarningFile(path, lambda: now[0])

    def at(seconds, text="2 at once"):
        now[0] = seconds
        file.note(warning("a", text))
        return json.loads(path.read_text())[0]["at"]

    assert [at(100.0), at(100.1), at(100.1, "3 at once"), at(100.5, "3 at once")] == [100.0, 100.0, 100.1, 100.5]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', '[{"kind": "quota"}]'])
def test_what_cannot_be_read_is_begun_anew(tmp_path, text):
    path = tmp_path / "w.json"
    path.write_text(text)
    WarningFile(path).note(warning("a"))
    assert [entry["subject"] for entry in json.loads(path.read_text())] == ["a"]


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "loopback"):
        WarningFile(tmp_path / "gone" / "w.json").note(warning("a"))
    assert "cannot be written" in caplog.text
