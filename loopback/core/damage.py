"""What of a state folder is damaged or missing, and how it is kept aside."""

import filecmp
import itertools
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Damage:
    """One file that can't be used, and why."""

    path: Path
    why: str


class DamagedState(Exception):
    """Something of the state is damaged or missing, and nobody has said that it may be lost."""

    def __init__(self, found: list[Damage]) -> None:
        super().__init__("; ".join(f"{damage.path} {damage.why}" for damage in found))
        self.found = found


def aside(path: Path) -> Path:
    """The name under which a damaged file is kept: the first that is free or has the same bytes."""
    for number in itertools.count(1):
        kept = path.with_name(f"{path.name}.damaged" if number == 1 else f"{path.name}.damaged.{number}")
        if not kept.exists() or (path.is_file() and filecmp.cmp(path, kept, shallow=False)):
            return kept
    raise AssertionError  # count does not end


def copy_aside(path: Path) -> Path | None:
    """Keep a copy of a damaged file, which stays where it is; None when there is no file."""
    if not path.is_file():
        return None
    kept = aside(path)
    if not kept.exists():
        shutil.copy2(path, kept)
    return kept


def move_aside(path: Path) -> Path | None:
    """Take a damaged file out of the way; None when there is no file."""
    if not path.is_file():
        return None
    return path.replace(aside(path))
