"""Bare repositories, with the real git program."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from loopback.core.errors import ServiceError
from loopback.core.repositories import CommitDoesNotExistException, Note, RepositoryDoesNotExistException
from loopback.runtimes.git.bare import BareRepositories

NOTE = Note("first", "Ann", "ann@example.com")


@pytest.fixture
def bare(tmp_path: Path) -> BareRepositories:
    made = BareRepositories(tmp_path)
    made.ensure("team/app")
    return made


@pytest.mark.parametrize(
    "name", ["../x", "a/../b", "a/b/c", "", "/", "a/", "-x", "a b", "a/b.git", "a/b.lock", "a\0b", ".x/y", "a/..b", "ä"]
)
def test_a_name_that_is_none_never_becomes_a_path(bare: BareRepositories, name: str) -> None:
    with pytest.raises(ServiceError, match="not a repository name"):
        bare.ensure(name)


def test_commits_branches_and_files(bare: BareRepositories, tmp_path: Path) -> None:
    first = bare.write("team/app", "main", {"a.txt": b"1", "docs/b.md": b"b"}, NOTE)
    second = bare.write("team/app", "main", {"a.txt": b"2", "docs/b.md": None}, Note("second", "B", "b@c", first))
    assert bare.refs("team/app") == {"refs/heads/main": second}
    found = bare.commit("team/app", "main")
    assert (found.id, found.parents, found.message, found.author.name) == (second, (first,), "second", "B")
    assert bare.changed_files("team/app", "", first) == ["a.txt", "docs/b.md"]
    assert bare.changed_files("team/app", first, second) == ["a.txt", "docs/b.md"]
    assert bare.changed_files("team/app", "f" * 40, second) == ["a.txt"], "what is gone counts as nothing"
    bare.archive("team/app", first, tmp_path / "one.zip")
    bare.archive("team/app", first, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as zipped:
        assert {name: zipped.read(name) for name in zipped.namelist() if not name.endswith("/")} == {
            "a.txt": b"1",
            "docs/b.md": b"b",
        }


def test_a_branch_that_moved_meanwhile_is_not_overwritten(bare: BareRepositories) -> None:
    first = bare.write("team/app", "main", {"a": b"1"}, NOTE)
    bare.write("team/app", "main", {"a": b"2"}, Note("two", "A", "a@b", first))
    with pytest.raises(ServiceError, match="cannot lock ref"):
        bare.write("team/app", "main", {"a": b"3"}, Note("three", "A", "a@b", first))


@pytest.mark.parametrize("revision", ["nope", "", "--all", "main:a", "f" * 40])
def test_what_is_not_there_is_named(bare: BareRepositories, revision: str) -> None:
    bare.write("team/app", "main", {"a": b"1"}, NOTE)
    with pytest.raises(CommitDoesNotExistException):
        bare.commit("team/app", revision)
    with pytest.raises(RepositoryDoesNotExistException):
        bare.commit("team/other", "main")


def test_an_annotated_tag_stands_for_its_commit(bare: BareRepositories) -> None:
    commit = bare.write("team/app", "main", {"a": b"1"}, NOTE)
    who = ["-c", "user.name=A", "-c", "user.email=a@b"]
    folder = str(bare.path("team/app"))
    subprocess.run(["git", "--git-dir", folder, *who, "tag", "-a", "-m", "x", "v1", commit], check=True)
    assert bare.refs("team/app")["refs/tags/v1"] == commit


def test_names_are_those_of_whole_repositories(bare: BareRepositories, tmp_path: Path) -> None:
    bare.ensure("plain")
    bare.ensure("plain")
    (tmp_path / "git" / "team" / ".new-x").mkdir()
    assert bare.names() == ["plain", "team/app"]
    bare.remove("plain")
    bare.remove("plain")
    assert bare.names() == ["team/app"]
