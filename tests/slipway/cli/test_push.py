"""The files of this checkout become one commit of the project's repository, and only when they differ."""

import io
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from seed_code import wheel
from slipway.cli import push
from slipway.cli.checkout import Checkout
from slipway.cli.projects import Project
from slipway.cli.target import Target, UserError


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "repository.git")
    return tmp_path / "repository.git"


PYPROJECT = """[project]
name = "slipway"
version = "1.0"
description = "-"
requires-python = ">=3.11"
dependencies = []
scripts = {slipway = "slipway.__main__:main"}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """The template, small, as somebody who has cloned it has it."""
    root = tmp_path / "template"
    files = {
        "pipelines/churn/config.yml": "x: 1\n",
        "pipelines/churn/prepare.py": "pass\n",
        "deploy/build.py": "pass\n",
        "codebuild/build.yml": "version: 0.2\n",
        "slipway/__init__.py": "",
        "pyproject.toml": PYPROJECT,
        "buildspec.yml": "version: 0.2\n",
        "seed_code/seed.py": "",
        "seed_code/files/README.md": "# A project\n",
        "seed_code/files/gitignore": ".slipway/\n",
        ".gitignore": ".slipway/\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "the template")
    return Checkout(root)


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "--all")
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    git(folder, *who, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def project(url: str) -> Project:
    return Project("p", "p-1", {"RepositoryUrl": url})


TARGET = Target({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, local=True, project="p")


def wish(url: object, checkout: Checkout, message: str = "change", **more: Any) -> push.Push:
    return push.Push(TARGET, project(str(url)), checkout, message, **more)


def names(repository: Path) -> set[str]:
    return set(git(repository, "ls-tree", "-r", "--name-only", "main").splitlines())


def content(repository: Path, name: str) -> str:
    return git(repository, "show", f"main:{name}")


def team_pushes(repository: Path, message: str, **files: str | None) -> Path:
    """Somebody's own commit in a clone; a file without a text goes."""
    clone = repository.parent / f"clone-{message.replace(' ', '-')}"
    git(repository.parent, "clone", "--quiet", str(repository), str(clone))
    for name, text in files.items():
        path = clone / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if text is None else path.write_text(text)
    commit(clone, message)
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    return clone


def test_the_first_push_makes_the_branch_and_the_second_has_nothing_to_say(repository, checkout) -> None:
    first = push.push(wish(repository, checkout, "first"))
    assert names(repository) == {
        ".gitignore",
        ".template.json",
        "README.md",
        "buildspec.yml",
        "codebuild/build.yml",
        "deploy/build.py",
        "pipelines/churn/config.yml",
        "pipelines/churn/prepare.py",
        "requirements.txt",
        wheel.build(checkout.root).name,
    }
    assert git(repository, "rev-parse", "main") == first == push.head(TARGET, project(str(repository)))
    assert push.push(wish(repository, checkout, "second")) == ""


def test_the_templates_own_files_change_and_go(repository, checkout) -> None:
    push.push(wish(repository, checkout))
    (checkout.root / "pipelines/churn/prepare.py").unlink()
    (checkout.root / "pipelines/churn/config.yml").write_text("x: 2\n")
    assert push.push(wish(repository, checkout, "second"))
    assert "pipelines/churn/prepare.py" not in names(repository)
    assert content(repository, "pipelines/churn/config.yml") == "x: 2"
    assert git(repository, "log", "--format=%s", "main").splitlines() == ["second", "change"]


def test_commits_of_others_are_named_and_nothing_is_pushed(repository, checkout) -> None:
    push.push(wish(repository, checkout))
    team_pushes(repository, "add CI", _dot_github__ci_dot_yml="on: push\n", tests__test_ok_dot_py="pass\n")
    team_pushes(repository, "our README", README_dot_md="# Ours\n")
    (checkout.root / "pipelines/churn/config.yml").write_text("x: 2\n")
    before = git(repository, "rev-parse", "main")
    with pytest.raises(UserError) as refusal:
        push.push(wish(repository, checkout))
    for said in ("our README (Ann", "add CI (Ann", "git clone", "slipway ship --no-push", "slipway ship --merge"):
        assert said in str(refusal.value)
    assert git(repository, "rev-parse", "main") == before


def test_beside_commits_of_others_only_what_this_checkout_alone_changed(repository, checkout) -> None:
    push.push(wish(repository, checkout))
    team_pushes(
        repository, "ours", README_dot_md="# Ours\n", tests__test_ok_dot_py="pass\n", codebuild__build_dot_yml=None
    )
    (checkout.root / "pipelines/churn/config.yml").write_text("x: 2\n")
    (checkout.root / "deploy/build.py").unlink()
    (checkout.root / "deploy/stage.py").write_text("new\n")
    assert push.push(wish(repository, checkout, "both", merge=True))
    assert content(repository, "README.md") == "# Ours"
    assert content(repository, "pipelines/churn/config.yml") == "x: 2"
    assert {"tests/test_ok.py", "deploy/stage.py"} <= names(repository)
    assert not {"deploy/build.py", "codebuild/build.yml"} & names(repository)
    assert push.push(wish(repository, checkout, "again", merge=True)) == ""
    assert push.push(wish(repository, checkout, "again")) == ""  # the commits of others are below one from here now


def test_what_both_changed_is_refused_by_name(repository, checkout) -> None:
    push.push(wish(repository, checkout))
    team_pushes(repository, "theirs", README_dot_md="# Ours\n", pipelines__churn__config_dot_yml="x: 3\n")
    (checkout.root / "pipelines/churn/config.yml").write_text("x: 2\n")
    before = git(repository, "rev-parse", "main")
    with pytest.raises(UserError, match=r"(?s)both changed:\n  pipelines/churn/config.yml\nNothing was pushed"):
        push.push(wish(repository, checkout, merge=True))
    assert git(repository, "rev-parse", "main") == before


def test_a_repository_that_was_there_before_is_not_taken_over(repository, checkout, tmp_path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    git(own, "init", "--quiet", "--initial-branch=main")
    (own / "README.md").write_text("# Ours\n")
    commit(own, "ours")
    git(own, "push", "--quiet", str(repository), "main")
    with pytest.raises(UserError, match="ours \\(Ann"):
        push.push(wish(repository, checkout))
    with pytest.raises(UserError, match=r"(?s)both changed:\n  README.md"):
        push.push(wish(repository, checkout, merge=True))
    assert names(repository) == {"README.md"}


def other_checkout(checkout: Checkout, name: str) -> Checkout:
    git(checkout.root.parent, "clone", "--quiet", str(checkout.root), name)
    return Checkout(checkout.root.parent / name)


def test_what_another_checkout_shipped_is_not_undone(repository, checkout) -> None:
    """A colleague's clone of the template knows it once it has the commit that it was made from."""
    colleague = other_checkout(checkout, "colleague")
    (checkout.root / "deploy/build.py").write_text("mended\n")
    commit(checkout.root, "mended")
    push.push(wish(repository, checkout, "mended"))
    (colleague.root / "buildspec.yml").write_text("version: 0.3\n")
    with pytest.raises(UserError, match="mended"):
        push.push(wish(repository, colleague))
    commit(colleague.root, "another")
    git(colleague.root, "-c", "user.name=B", "-c", "user.email=b@b", "pull", "--quiet", "--rebase")
    assert push.push(wish(repository, colleague, "another"))
    assert content(repository, "deploy/build.py") == "mended"
    assert push.push(wish(repository, colleague)) == ""


def test_files_that_are_no_commit_are_recognised_by_who_shipped_them(repository, checkout) -> None:
    colleague = other_checkout(checkout, "colleague")
    (checkout.root / "deploy/build.py").write_text("tried\n")
    push.push(wish(repository, checkout, "tried"))
    (checkout.root / "deploy/build.py").write_text("tried again\n")
    assert push.push(wish(repository, checkout, "again"))
    with pytest.raises(UserError, match="again"):
        push.push(wish(repository, colleague))


def seeded(repository: Path, checkout: Checkout) -> None:
    """As a project begins: the build that checks the seed code in makes the first commit."""
    import io
    import zipfile

    from seed_code import seed

    folder = repository.parent / "seed"
    with zipfile.ZipFile(io.BytesIO(seed.project(checkout.root).content)) as archive:
        archive.extractall(folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "Seed code of the project")
    git(folder, "push", "--quiet", str(repository), "main")


def test_a_projects_first_commit_is_the_templates(repository, checkout) -> None:
    seeded(repository, checkout)
    assert push.push(wish(repository, checkout)) == ""
    (checkout.root / "deploy/build.py").write_text("changed\n")
    assert push.push(wish(repository, checkout))


def test_what_is_only_looked_at_pushes_nothing(repository, checkout) -> None:
    assert push.push(wish(repository, checkout, dry=True)) == ""
    assert git(repository, "branch") == ""


# A project's own clone


def clone_of(repository: Path, name: str = "mine") -> Checkout:
    git(repository.parent, "clone", "--quiet", str(repository), name)
    return Checkout(repository.parent / name)


def test_a_clone_pushes_its_commits(repository, checkout) -> None:
    seeded(repository, checkout)
    mine = clone_of(repository)
    assert push.push(wish(repository, mine)) == ""
    (mine.root / "tests.py").write_text("pass\n")
    made = commit(mine.root, "a test")
    assert push.push(wish(repository, mine, dry=True)) == ""
    assert push.push(wish(repository, mine)) == made == git(repository, "rev-parse", "main")


def test_a_clone_makes_the_branch_of_an_empty_repository(repository, tmp_path) -> None:
    mine = clone_of(repository)
    (mine.root / "a").write_text("a")
    made = commit(mine.root, "first")
    git(mine.root, "branch", "-M", "main")
    assert push.push(wish(repository, mine)) == made


def uncommitted(mine: Checkout) -> None:
    (mine.root / "deploy/build.py").write_text("changed\n")


def on_a_branch(mine: Checkout) -> None:
    git(mine.root, "switch", "--quiet", "-c", "idea")


def behind(mine: Checkout) -> None:
    repository = Path(git(mine.root, "remote", "get-url", "origin"))
    team_pushes(repository, "theirs", new="x")
    (mine.root / "own").write_text("x")
    commit(mine.root, "mine")


def no_repository(mine: Checkout) -> None:
    import shutil

    shutil.rmtree(mine.root / ".git")


def of_another(mine: Checkout) -> None:
    no_repository(mine)
    git(mine.root, "init", "--quiet", "--initial-branch=main")
    commit(mine.root, "another history")


REFUSED = {
    uncommitted: "(?s)changes that are no commit.*deploy/build.py.*slipway ship --no-push",
    on_a_branch: "is on idea; the project builds main: git switch main",
    behind: r"(?s)has commits that .* has not:\n  \w+ theirs \(Ann.*git pull --rebase",
    no_repository: "is no git repository",
    of_another: "is a clone of another one",
}


@pytest.mark.parametrize(("state", "message"), REFUSED.items(), ids=[state.__name__ for state in REFUSED])
def test_what_a_clone_can_not_push(state, message, repository, checkout) -> None:
    seeded(repository, checkout)
    mine = clone_of(repository)
    state(mine)
    before = git(repository, "rev-parse", "main") if state is not behind else ""
    with pytest.raises(UserError, match=message):
        push.push(wish(repository, mine))
    assert not before or git(repository, "rev-parse", "main") == before


CONNECTION = "https://codeconnections.eu-west-1.amazonaws.com/git-http/1/eu-west-1/abc/owner/name.git"


@pytest.mark.parametrize(
    ("url", "local", "expected"),
    [
        (CONNECTION, True, "http://127.0.0.1:4566/git-http/1/eu-west-1/abc/owner/name.git"),
        (
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/name",
            True,
            "http://127.0.0.1:4566/v1/repos/name",
        ),
        (
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/name",
            False,
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/name",
        ),
        ("https://github.com/owner/name.git", True, "https://github.com/owner/name.git"),
    ],
)
def test_where_git_pushes_to(url: str, local: bool, expected: str) -> None:
    target = Target(TARGET.environ, local=local, project="p")
    assert push.remote(target, project(url)) == expected


def test_a_connection_of_aws_is_left_to_the_person() -> None:
    with pytest.raises(UserError, match=r"owner/name\.git is behind .* `slipway ship --no-push`"):
        push.remote(Target({}, local=False, project="p"), project(CONNECTION))


def test_git_speaks_for_itself(tmp_path: Path, checkout) -> None:
    with pytest.raises(UserError, match=r"git clone failed: .*nowhere"):
        push.push(wish(tmp_path / "nowhere", checkout))


# A source that is a zip


class Bucket(Target):
    """An S3 with one object, that can be asked for its condition."""

    def client(self, service: str) -> Any:
        return self

    def get_object(self, **_: str) -> dict[str, Any]:
        return OBJECT | {"Body": io.BytesIO(OBJECT["content"])}

    def put_object(self, Body: bytes, IfMatch: str, Metadata: dict[str, str], **_: str) -> None:  # noqa: N803
        assert IfMatch == OBJECT["ETag"]
        version = f"v{int(OBJECT['VersionId'][1:]) + 1}"
        OBJECT.update(content=Body, ETag=f'"{hash(Body)}"', Metadata=Metadata, VersionId=version)


OBJECT: dict[str, Any] = {}


@pytest.fixture
def source(checkout) -> Callable[..., push.Push]:
    from seed_code import seed

    first = seed.project(checkout.root).content
    OBJECT.clear()
    OBJECT.update(content=first, ETag='"1"', Metadata={}, VersionId="v1", LastModified=datetime(2026, 1, 1, tzinfo=UTC))
    target = Bucket({}, local=True, project="p")
    return lambda checkout, **more: push.Push(target, project("s3://bucket/source/project.zip"), checkout, "m", **more)


def in_zip() -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(OBJECT["content"])) as archive:
        return {name: archive.read(name).decode("latin-1") for name in archive.namelist()}


def team_uploads(**files: str) -> None:
    from seed_code import seed

    contents = {name: text.encode("latin-1") for name, text in {**in_zip(), **files}.items()}
    OBJECT.update(content=seed.pack(contents).content, ETag='"theirs"', Metadata={}, VersionId="v9")


def test_a_zip_goes_round_like_a_repository(checkout, source) -> None:
    assert push.push(source(checkout)) == ""
    (checkout.root / "deploy/build.py").write_text("changed\n")
    assert push.push(source(checkout, dry=True)) == ""
    assert push.push(source(checkout)) == "v2"
    assert in_zip()["deploy/build.py"] == "changed\n"
    assert push.push(source(checkout)) == ""


def test_what_a_team_has_put_into_a_zip_stays(checkout, source) -> None:
    team_uploads(ci="on: push\n", **{"README.md": "# Ours\n"})
    (checkout.root / "deploy/build.py").write_text("changed\n")
    with pytest.raises(UserError, match=r"(?s)did not come from .*:\n  README.md\n  ci\nNothing was pushed"):
        push.push(source(checkout))
    assert push.push(source(checkout, merge=True)) == "v10"
    assert {
        "ci": "on: push\n",
        "README.md": "# Ours\n",
        "deploy/build.py": "changed\n",
    }.items() <= in_zip().items()
    (checkout.root / "seed_code/files/README.md").write_text("# Another\n")
    with pytest.raises(UserError, match=r"both changed:\n  README.md"):
        push.push(source(checkout, merge=True))


def test_a_zip_of_another_checkout_is_not_undone(checkout, source) -> None:
    colleague = other_checkout(checkout, "colleague")
    (checkout.root / "deploy/build.py").write_text("changed\n")
    commit(checkout.root, "changed")
    push.push(source(checkout))
    with pytest.raises(UserError, match="what another checkout put there"):
        push.push(source(colleague))
    git(colleague.root, "pull", "--quiet")
    assert push.push(source(colleague)) == ""


def test_a_projects_own_folder_puts_its_commit_into_the_zip(checkout, source, tmp_path) -> None:
    folder = tmp_path / "mine"
    with zipfile.ZipFile(io.BytesIO(OBJECT["content"])) as archive:
        archive.extractall(folder)
    (folder / "tests.py").write_text("pass\n")
    (folder / "deploy/build.py").unlink()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "ours")
    assert push.push(source(Checkout(folder))) == "v2"
    assert "tests.py" in in_zip()
    assert "deploy/build.py" not in in_zip()
    team_uploads(ci="on: push\n")
    (folder / "tests.py").write_text("more\n")
    commit(folder, "more")
    with pytest.raises(UserError, match=r"(?s)did not come from.*  ci\n"):
        push.push(source(Checkout(folder)))
