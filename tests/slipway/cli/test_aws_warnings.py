"""What is told of what AWS may refuse."""

import json
from datetime import UTC, datetime

import pytest

from slipway.cli import aws_warnings, doctor, local_exec, screen
from slipway.cli.target import UserError

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ASK, ENDPOINT = "ask for more", "ml.m5.large for endpoint usage"


def entry(kind, subject, seconds=0.0, todo=ASK):
    return {"kind": kind, "subject": subject, "text": "2 at once", "todo": todo, "at": NOW.timestamp() + seconds}


def state(folder, *entries):
    (folder / aws_warnings.RECORD).write_text(json.dumps(entries))
    return folder


def test_only_what_was_met_since_then_is_told(tmp_path):
    here = state(tmp_path, entry("quota", "b", -1), entry("quota", "c"), entry("image", "a", 5))
    assert [one.subject for one in aws_warnings.since(here, NOW)] == ["a", "c"]
    assert [one.subject for one in aws_warnings.read(here)] == ["a", "b", "c"]


def test_where_nothing_was_met_nothing_is_told(tmp_path):
    assert aws_warnings.since(tmp_path, NOW) == []


@pytest.mark.parametrize("text", ["{", "[1]", '[{"kind": "quota"}]'])
def test_a_file_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / aws_warnings.RECORD).write_text(text)
    with pytest.raises(UserError, match=r"aws-warnings\.json cannot be read .* delete it"):
        aws_warnings.read(tmp_path)


def test_the_end_of_a_command_has_each_once_and_its_advice_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(screen.console, "width", 200)
    here = state(tmp_path, entry("quota", ENDPOINT), entry("quota", "x", todo="other"), entry("quota", "z"))
    local_exec.tell([], "python", 0, aws_warnings.since(here, NOW))
    told = capsys.readouterr().out
    assert [told.count(text) for text in (ENDPOINT, ASK, "other")] == [1, 1, 1]
    assert told.endswith("python ended with exit code 0; it started nothing on the AWS of this machine\n")


def test_the_doctor_names_them(tmp_path):
    assert doctor._warnings(tmp_path).state == doctor.OK
    row = doctor._warnings(state(tmp_path, entry("quota", "b"), entry("image", "a")))
    assert (row.state, row.found) == (doctor.UNKNOWN, "before it runs on AWS: image a, quota b")
    assert row.fix.endswith(aws_warnings.RECORD)
