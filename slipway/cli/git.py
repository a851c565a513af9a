"""Git as the verbs use it: repositories of projects, and who made the commits there."""

import contextlib
import contextvars
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from slipway.cli import screen
from slipway.cli.target import UserError

AUTHOR = {"GIT_AUTHOR_NAME": "slipway", "GIT_AUTHOR_EMAIL": "slipway@localhost"}
TRAILER = "Slipway-Checkout"  # in a commit that ship makes: the commit of the checkout that its files came from


_shown: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("shown", default=MappingProxyType({}))


@contextlib.contextmanager
def sign_requests(variables: Mapping[str, str]) -> Iterator[None]:
    """Let git show who asks, by these variables, for as long as this lasts: see `git_access`."""
    token = _shown.set(variables)
    try:
        yield
    finally:
        _shown.reset(token)


@dataclass(frozen=True)
class Commit:
    """A commit of a project's repository; `came_from` is the checkout's commit, where ship made it."""

    id: str
    parents: str
    came_from: str
    author: str
    age: str
    subject: str

    def __str__(self) -> str:
        return f"{self.id[:9]} {self.subject} ({self.author}, {self.age})"


def run(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """What git prints. It never asks for a password: there is nobody to answer. Raises UserError when it fails."""
    made = _run_git(folder, arguments, environ)
    if made.returncode:
        said = (made.stderr.strip() or made.stdout.strip()).decode(errors="replace").splitlines()
        raise UserError(f"git {arguments[0]} failed: {said[-1] if said else f'exit status {made.returncode}'}")
    return made.stdout.decode(errors="replace").strip()


def answers(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it says no."""
    made = _run_git(folder, arguments, None)
    return None if made.returncode else made.stdout.decode(errors="replace").strip()


def _run_git(
    folder: Path, arguments: tuple[str, ...], environ: Mapping[str, str] | None
) -> "subprocess.CompletedProcess[bytes]":
    author = dict(environ or {})
    committer = {key.replace("AUTHOR", "COMMITTER"): value for key, value in author.items()}
    variables = {**os.environ, **_shown.get(), **author, **committer, "GIT_TERMINAL_PROMPT": "0"}
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        variables.pop(name, None)
    try:
        return subprocess.run(["git", *arguments], cwd=folder, env=variables, capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("git is not installed; it is what carries code to the project's repository") from None


def author(folder: Path) -> dict[str, str]:
    """The person's own name where git knows it."""
    name, mail = (answers(folder, "config", key) for key in ("user.name", "user.email"))
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail} if name and mail else AUTHOR


def files(folder: Path) -> dict[str, str]:
    """The files of HEAD by the ids of their contents."""
    listed = run(folder, "ls-tree", "-r", "-z", "HEAD")
    entries = (entry.partition("\t") for entry in listed.split("\0") if entry)
    return {name: about.split()[2] for about, _, name in entries}


def state(root: Path) -> str:
    """The commit of a checkout, `-dirty` when its files differ from it; `unknown` where it is none."""
    if not _is_top(root):
        return "unknown"
    commit = answers(root, "rev-parse", "HEAD")
    return f"{commit}-dirty" if commit and run(root, "status", "--porcelain") else commit or "unknown"


def has(root: Path, commit: str) -> bool:
    """Whether a commit is in the history of a checkout."""
    return bool(commit) and _is_top(root) and answers(root, "merge-base", "--is-ancestor", commit, "HEAD") is not None


def _is_top(root: Path) -> bool:
    """Whether a checkout is a repository of its own, rather than a folder of another one."""
    top = answers(root, "rev-parse", "--show-toplevel")
    return top is not None and Path(top).resolve() == root.resolve()


def foreign(folder: Path, checkout: Path, recorded: str) -> list[Commit]:
    """The commits of a project's repository since the last one that came from a checkout, the newest first."""
    separator = "%x1f"
    form = separator.join(("%H", "%P", f"%(trailers:key={TRAILER},valueonly,separator=%x2C)", "%an", "%ar", "%s"))
    listed = run(folder, "log", f"--format={form}%x1e")
    commits = [Commit(*entry.strip().split("\x1f")) for entry in listed.split("\x1e") if entry.strip()]
    ours = next((commit for commit in commits if _was_made_from(commit, folder, checkout, recorded)), None)
    if ours is None:
        return commits
    later = set(run(folder, "rev-list", f"{ours.id}..HEAD").split())
    return [commit for commit in commits if commit.id in later]


def _was_made_from(commit: Commit, folder: Path, checkout: Path, recorded: str) -> bool:
    from slipway.cli.archive import MANIFEST

    if commit.id == recorded or has(checkout, commit.came_from):
        return True
    is_seed = not commit.parents and answers(folder, "cat-file", "-e", f"{commit.id}:{MANIFEST}") is not None
    return is_seed and not commit.came_from


def check_committed(root: Path, branch: str) -> None:
    """Raises UserError unless all of a clone's changes are commits of the branch that is built."""
    if not _is_top(root):
        raise UserError(f"{root} is no git repository; clone the project's, and work there")
    here = answers(root, "symbolic-ref", "--short", "HEAD") or "no branch"
    if here != branch:
        raise UserError(f"{root} is on {here}; the project builds {branch}: git switch {branch}, and merge there")
    if changed := run(root, "status", "--porcelain").splitlines():
        lines = [
            f"{root} has changes that are no commit, so they would not be shipped:",
            *screen.first_lines(changed),
            "Commit them or put them away (git stash -u), or follow what is pushed: slipway ship --no-push",
        ]
        raise UserError("\n".join(lines))


def archive(root: Path, branch: str) -> bytes:
    """The committed files of a clone, as a zip."""
    check_committed(root, branch)
    made = _run_git(root, ("archive", "--format=zip", "HEAD"), None)
    if made.returncode:
        raise UserError(f"git archive failed: {made.stderr.decode(errors='replace').strip()}")
    return made.stdout
