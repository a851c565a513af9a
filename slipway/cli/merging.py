"""What a push changes in a project's repository: only files that the template owns, and only those nobody else changed.

A file is known by the id that git gives its content. `base` is what the template last put there, which the repository
says itself (the manifest of the seed code); `theirs` is what it has now, `ours` what this checkout has.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

Ids = Mapping[str, str]


@dataclass(frozen=True)
class Changes:
    """Files to write, to delete, and those that both sides have changed."""

    written: tuple[str, ...]
    deleted: tuple[str, ...]
    conflicts: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.written or self.deleted or self.conflicts)


def changes(base: Ids, theirs: Ids, ours: Ids) -> Changes:
    """A three-way comparison of the files that the template owns or owned; all others are left alone."""
    written, deleted, conflicts = [], [], []
    for name in sorted({*base, *ours}):
        mine, there = ours.get(name), theirs.get(name)
        if mine == there or mine == base.get(name):
            continue  # the same already, or changed by the team alone
        if there != base.get(name) or (mine and _is_in_the_way(name, theirs)):
            conflicts.append(name)
        elif mine is None:
            deleted.append(name)
        else:
            written.append(name)
    return Changes(tuple(written), tuple(deleted), tuple(conflicts))


def _is_in_the_way(name: str, theirs: Ids) -> bool:
    """Whether a folder has the name, or a file or a link has the name of one of its folders."""
    above = [str(folder) for folder in PurePosixPath(name).parents]
    return any(there in above or there.startswith(f"{name}/") for there in theirs)


def ids_in(manifest: bytes) -> dict[str, str]:
    """The files of a manifest; none where it can't be read: then nothing of the repository is the template's."""
    try:
        return {str(name): str(content) for name, content in json.loads(manifest)["files"].items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}
