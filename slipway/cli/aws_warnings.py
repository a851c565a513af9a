"""What the AWS of this machine has let pass, and what to know of it before AWS; it keeps a file of it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from slipway.cli import screen
from slipway.cli.target import UserError

RECORD = "aws-warnings.json"


@dataclass(frozen=True)
class AwsWarning:
    """One of them, each once; `at` is when its reason was met last."""

    kind: str
    subject: str
    text: str
    todo: str
    at: datetime


def since(state: Path, moment: datetime) -> list[AwsWarning]:
    """What was met since a moment, by kind and subject."""
    return [one for one in read(state) if one.at >= moment]


def read(state: Path) -> list[AwsWarning]:
    """All that a state folder has, by kind and subject. Raises UserError."""
    path = state / RECORD
    try:
        entries = json.loads(path.read_text()) if path.is_file() else []
        found = [AwsWarning(**{**entry, "at": datetime.fromtimestamp(entry["at"], UTC)}) for entry in entries]
    except (ValueError, TypeError, KeyError) as fault:
        raise UserError(f"{path} cannot be read ({fault}); delete it, the next warning begins it anew") from None
    return sorted(found, key=lambda one: (one.kind, one.subject))


def as_json(found: Iterable[AwsWarning]) -> list[dict[str, str]]:
    """For programs."""
    return [{"kind": one.kind, "subject": one.subject, "text": one.text, "todo": one.todo} for one in found]


def table(found: Iterable[AwsWarning]) -> Table:
    """What, why, and what to do; the same advice is given once."""
    rows, said = [], set()
    for one in found:
        rows.append((one.kind, one.subject, one.text, "" if one.todo in said else one.todo))
        said.add(one.todo)
    return screen.table(("what", "name", "AWS", "to do"), rows)
