"""Git triggers: does a push or a pull request start a pipeline? Pure.

Fields of one filter are AND-ed, filters OR-ed, an exclude wins over an include.

Source: AWS, concepts-how-it-works.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

Filter = Mapping[str, Any]


@dataclass(frozen=True)
class Push:
    """A ref that moved: one of `branch` and `tag` is set. `files` are the paths that differ from before."""

    branch: str = ""
    tag: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class PullRequest:
    """`event` is OPEN, UPDATED or CLOSED; `branch` the one that it asks to be merged into."""

    event: str
    branch: str
    files: tuple[str, ...] = ()


def matches_push(git: Mapping[str, Any], push: Push) -> bool:
    """Whether the `gitConfiguration` of a trigger starts its pipeline at this push."""
    if "push" not in git and "pullRequest" not in git:
        return bool(push.branch)
    return any(_push_passes(each, push) for each in git.get("push") or ())


def matches_pull_request(git: Mapping[str, Any], request: PullRequest) -> bool:
    """Whether the `gitConfiguration` of a trigger starts its pipeline at this pull request."""
    return any(
        request.event in each.get("events", ("OPEN", "UPDATED", "CLOSED"))
        and _passes(each.get("branches"), (request.branch,))
        and _passes(each.get("filePaths"), request.files)
        for each in git.get("pullRequest") or ()
    )


def _push_passes(each: Filter, push: Push) -> bool:
    if push.tag:
        return "tags" in each and _passes(each["tags"], (push.tag,))
    if "tags" in each and "branches" not in each:
        return False
    return _passes(each.get("branches"), (push.branch,)) and _passes(each.get("filePaths"), push.files)


def _passes(criteria: Filter | None, values: Sequence[str]) -> bool:
    """Some value is included and not excluded; no criteria let everything through."""
    if criteria is None:
        return True
    includes, excludes = criteria.get("includes"), criteria.get("excludes") or ()
    return any((includes is None or _any(includes, value)) and not _any(excludes, value) for value in values)


def _any(globs: Iterable[str], value: str) -> bool:
    return any(pattern(glob).fullmatch(value) for glob in globs)


@cache
def pattern(glob: str) -> re.Pattern[str]:
    """`*` within a path segment, `**` over any number of them, `?` one character, `{a,b}` alternatives."""
    return re.compile(_translate(glob), re.DOTALL)


def _translate(glob: str) -> str:
    written, at, depth = "", 0, 0
    while at < len(glob):
        rest = glob[at:]
        if rest.startswith("**/"):
            written, at = written + "(?:.*/)?", at + 3
        elif rest.startswith("**"):
            written, at = written + ".*", at + 2
        elif rest[0] == "{" and "}" in rest:
            written, at, depth = written + "(?:", at + 1, depth + 1
        elif rest[0] == "}" and depth:
            written, at, depth = written + ")", at + 1, depth - 1
        elif rest[0] == "," and depth:
            written, at = written + "|", at + 1
        else:
            written, at = written + {"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0])), at + 1
    return written + ")" * depth
