import json
from pathlib import Path

from loopback.ministack.iam_usage import MOST_RESOURCES, IamUsageLog

ROLE = "arn:aws:sts::000000000000:assumed-role/build/session"


def lines(path: Path) -> list[tuple[str, str, str]]:
    return [tuple(json.loads(line).values()) for line in path.read_text().splitlines()]


def test_what_a_role_is_asked_for_is_written_once_even_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    for _ in range(2):
        asked = IamUsageLog(path)
        asked.note(ROLE, "s3:GetObject", "arn:aws:s3:::b/k")
        asked.note(ROLE, "s3:GetObject", "arn:aws:s3:::b/k")
        asked.note("arn:aws:iam::000000000000:user/ann", "s3:GetObject", "arn:aws:s3:::b/k")
    asked.note(ROLE, "s3:PutObject", "arn:aws:s3:::b/k")
    assert lines(path) == [
        ("build", "s3:GetObject", "arn:aws:s3:::b/k"),
        ("build", "s3:PutObject", "arn:aws:s3:::b/k"),
    ]


def test_the_file_does_not_grow_with_every_object(tmp_path: Path) -> None:
    asked = IamUsageLog(tmp_path / "asked.jsonl")
    for i in range(MOST_RESOURCES + 5):
        asked.note(ROLE, "s3:GetObject", f"arn:aws:s3:::b/{i}")
    assert len(lines(tmp_path / "asked.jsonl")) == MOST_RESOURCES
