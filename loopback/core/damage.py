"""What of a state folder is damaged or missing, and how it is kept aside."""

import filecmp
import itertools
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Damage:
    """One file that can't be used, and why; `folder` is where it is kept if not beside itself."""

    path: Path
    why: str
    folder: Path | None = None

    @property
    def aside(self) -> Path:
        """The name under which it is kept: the first that is free or has the same bytes."""
        first = (self.folder or self.path.parent) / f"{self.path.name}.damaged"
        for number in itertools.count(2):
            if not first.exists() or (self.path.is_file() and filecmp.cmp(self.path, first, shallow=False)):
                break
            first = first.with_name(f"{self.path.name}.damaged.{number}")
        return first

    def copy_aside(self) -> Path | None:
        """Keep a copy of the file, which stays where it is; None when there is no file."""
        if not self.path.is_file():
            return None
        kept = self.aside
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.path, kept)
        return kept

    def move_aside(self) -> Path | None:
        """Take the file out of the way; None when there is no file."""
        if not self.path.is_file():
            return None
        kept = self.aside
        kept.parent.mkdir(parents=True, exist_ok=True)
        return self.path.replace(kept)


class DamagedState(Exception):
    """Something of the state is damaged or missing, and nobody has said that it may be lost."""

    def __init__(self, found: list[Damage]) -> None:
        super().__init__("; ".join(f"{damage.path} {damage.why}" for damage in found))
        self.found = found
