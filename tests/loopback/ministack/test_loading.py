"""The base gets back what was kept; what can't be read is named and left alone."""

import json
from pathlib import Path

import pytest

from loopback.core.damage import DamagedState
from loopback.ministack.loading import import_files, note_sidecars
from loopback.ministack.row_file import RowFile

SQS = {
    "__ministack_format__": 2,
    "payload": {
        "queues": {
            "__account_region_scoped__": True,
            "data": {"1\x00us-east-1\x00'url'": {"name": "q", "messages": [{"id": "a", "body": "x"}]}},
        }
    },
}


def test_files_of_the_former_format_are_taken_over_once(tmp_path: Path) -> None:
    (tmp_path / "sqs.json").write_text(json.dumps(SQS))
    file = RowFile(tmp_path / "base.db")
    import_files(tmp_path, file, False)
    assert [row.part for row, _ in file.read()] == ["", "a"]
    assert json.loads((tmp_path / "imported" / "sqs.json").read_text()) == SQS
    import_files(tmp_path, file, False)
    assert len(file.read()) == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (json.dumps(SQS)[:-20], "no whole JSON document"),
        ("", "is empty"),
        ("  \n", "is empty"),
        ("[1, 2]", "not the state of a service"),
        ('{"__ministack_format__": 99, "payload": {}}', "format 99"),
        ('{"__ministack_format__": 2, "payload": []}', "not the state of a service"),
        ('{"__account_region_scoped__": true, "data": {"x": 1}}', "no whole JSON document"),
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_taken_over(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "sqs.json").write_text(json.dumps(SQS))
    (tmp_path / "iam.json").write_text(content)
    file = RowFile(tmp_path / "base.db")
    with pytest.raises(DamagedState, match=why):
        import_files(tmp_path, file, False)
    assert file.read() == []
    assert (tmp_path / "iam.json").read_text() == content
    import_files(tmp_path, file, True)
    assert {row.state for row, _ in file.read()} == {"sqs"}
    assert (tmp_path / "iam.json.damaged").read_text() == content


def test_files_beside_objects_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    contents = {"good": "{}", "cut": '{"a', "empty": "", "list": "[1]"}
    for name, content in contents.items():
        (tmp_path / f"{name}.meta.json").write_text(content)
    with note_sidecars(tmp_path) as damage:
        for name in contents:
            with (tmp_path / f"{name}.meta.json").open() as file:
                try:
                    assert json.load(file) == {}
                except ValueError:
                    assert name in ("cut", "empty")
    assert {found.path.name.partition(".")[0] for found in damage} == {"cut", "empty", "list"}
    assert json.load is not None
