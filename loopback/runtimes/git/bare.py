"""Bare repositories in the state folder, read and written by the `git` program."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from loopback.core.errors import ServiceError
from loopback.core.repositories import (
    Change,
    Commit,
    CommitDoesNotExistException,
    Note,
    RepositoryDoesNotExistException,
    Signature,
    check_name,
)

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ENVIRON = {  # nothing of this machine's or its user's configuration
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": os.devnull,
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


class BareRepositories:
    """The repositories below a state folder: `git/<owner>/<name>.git` and `codecommit/<name>.git`."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._lock = threading.RLock()

    def path(self, name: str) -> Path:
        """Where a repository is, or would be. Raises ValidationException for a name that is none."""
        check_name(name)
        return self._state / ("git" if "/" in name else "codecommit") / f"{name}.git"

    def ensure(self, name: str) -> None:
        """Make an empty repository, whole or not at all, unless it is there."""
        path = self.path(name)
        with self._lock:
            if path.exists():
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.empty() as made:
                made.rename(path)

    @contextlib.contextmanager
    def empty(self) -> Iterator[Path]:
        """An empty repository that is none of ours, gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self._state, prefix=".new-") as folder:
            made = Path(folder) / "bare.git"
            self._run("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(made))
            self._run("--git-dir", str(made), "config", "http.receivepack", "true")
            yield made

    def exists(self, name: str) -> bool:
        """Whether it is there."""
        return self.path(name).is_dir()

    def names(self) -> list[str]:
        """Every repository that is there."""
        owned = [path.relative_to(self._state / "git") for path in (self._state / "git").glob("[!.]*/[!.]*.git")]
        plain = [
            path.relative_to(self._state / "codecommit") for path in (self._state / "codecommit").glob("[!.]*.git")
        ]
        return sorted(str(path).removesuffix(".git") for path in (*owned, *plain))

    def remove(self, name: str) -> None:
        """Delete a repository and all that is in it."""
        shutil.rmtree(self.path(name), ignore_errors=True)

    def refs(self, name: str) -> dict[str, str]:
        """Commit by branch and tag; an annotated tag stands for the commit that it names."""
        shape = "%(refname) %(objectname) %(*objectname)"
        lines = self._git(name, "for-each-ref", f"--format={shape}", "refs/heads", "refs/tags").decode().splitlines()
        return {parts[0]: parts[-1] for parts in (line.split() for line in lines)}

    def commit(self, name: str, revision: str) -> Commit:
        """What a branch or commit id names."""
        shape = "%H%x00%T%x00%P%x00%an%x00%ae%x00%ad%x00%cn%x00%ce%x00%cd%x00%B"
        if revision.startswith("-") or not revision:
            raise CommitDoesNotExistException(f"{name} has no commit {revision!r}")
        command = ("log", "-1", f"--format={shape}", "--date=raw", "--end-of-options", revision, "--")
        try:
            fields = self._git(name, *command).decode(errors="replace").split("\0")
        except Fault:
            fields = []
        if len(fields) < 10:  # not there, or a file or folder
            raise CommitDoesNotExistException(f"{name} has no branch or commit {revision}")
        author, committer = (_signature(*fields[at : at + 3]) for at in (3, 6))
        return Commit(fields[0], fields[1], tuple(fields[2].split()), author, committer, fields[9].rstrip("\n"))

    def archive(self, name: str, commit: str, target: Path) -> None:
        """Write the files of a commit as a zip file; its times are the commit's, its order git's."""
        found = self.commit(name, commit)
        command = ("archive", "--format=zip", "-1", f"--output={target}", found.id)
        self._git(name, *command)
        with zipfile.ZipFile(target):
            pass

    def changed_files(self, name: str, old: str, new: str) -> list[str]:
        """The paths that differ; all of `new` where `old` is "" or no longer there."""
        return [change.path for change in self.changes(name, old, new)]

    def changes(self, name: str, old: str, new: str) -> list[Change]:
        """The same, with the blobs on both sides."""
        command = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--end-of-options")
        try:
            found = self._git(name, *command, old or EMPTY_TREE, new)
        except Fault:
            if not old:
                raise
            found = self._git(name, *command, EMPTY_TREE, new)
        fields = found.decode(errors="surrogateescape").split("\0")[:-1]
        return [_change(head, path) for head, path in zip(fields[::2], fields[1::2], strict=True)]

    def write(self, name: str, branch: str, files: Mapping[str, bytes | None], note: Note) -> str:
        """Commit these files onto a branch; fails when the branch is not at `note.parent` any more."""
        who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _who(note).items()}
        with tempfile.TemporaryDirectory(dir=self._state) as folder:
            environ = {**who, "GIT_INDEX_FILE": str(Path(folder) / "index")}
            if note.parent:
                self._git(name, "read-tree", note.parent, environ=environ)
            staged = b"".join(self._entry(name, path, body) for path, body in files.items())
            self._git(name, "update-index", "-z", "--index-info", environ=environ, given=staged)
            tree = self._git(name, "write-tree", environ=environ).decode().strip()
        parents = ("-p", note.parent) if note.parent else ()
        made = self._git(name, "commit-tree", tree, *parents, environ=who, given=note.message.encode())
        commit = made.decode().strip()
        self._git(name, "update-ref", f"refs/heads/{branch}", commit, note.parent or "0" * 40)
        return commit

    def _entry(self, name: str, path: str, body: bytes | None) -> bytes:
        """A line of the index; mode 0 takes a file out."""
        if body is None:
            return f"0 {'0' * 40}\t{path}\0".encode()
        blob = self._git(name, "hash-object", "-w", "--stdin", given=body).decode().strip()
        return f"100644 {blob}\t{path}\0".encode()

    def _git(self, name: str, *command: str, environ: Mapping[str, str] | None = None, given: bytes = b"") -> bytes:
        path = self.path(name)
        if not path.is_dir():
            raise RepositoryDoesNotExistException(f"{name} does not exist")
        return self._run("--git-dir", str(path), *command, environ=environ, given=given)

    @staticmethod
    def _run(*command: str, environ: Mapping[str, str] | None = None, given: bytes = b"") -> bytes:
        if any("\0" in part for part in command):
            raise Fault(f"git {command[0]}: a name has no NUL character")
        try:
            done = subprocess.run(
                ["git", *command], env={**ENVIRON, **(environ or {})}, input=given, capture_output=True, check=False
            )
        except FileNotFoundError:
            raise ServiceError("git is not installed; it is what loopback's repositories are kept with") from None
        if done.returncode:
            raise Fault(f"git {command[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout


class Fault(ServiceError):
    """Git did not do what it was asked for."""


def _signature(name: str, email: str, moment: str) -> Signature:
    seconds, _, offset = moment.partition(" ")
    return Signature(name, email, int(seconds), offset)


def _change(head: str, path: str) -> Change:
    """`:100644 100755 <blob> <blob> M`, as git tells one; zeros stand for what is not there."""
    modes, blobs, kind = head[1:].split()[:2], head.split()[2:4], head[-1]
    sides = [(blob, mode) if blob.strip("0") else None for blob, mode in zip(blobs, modes, strict=True)]
    return Change(path, kind, *sides)


def _who(note: Note) -> dict[str, str]:
    return {"NAME": note.name, "EMAIL": note.email}
