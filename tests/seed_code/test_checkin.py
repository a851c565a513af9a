"""The push that fills an empty repository, against real ones."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "seed_code/checkin/checkin.sh"


def git(*arguments: str, cwd: Path) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    found = subprocess.run(["git", *identity, *arguments], cwd=cwd, capture_output=True, text=True, check=True)
    return found.stdout.strip()


@pytest.fixture
def places(tmp_path) -> tuple[Path, Path, Path]:
    """The script's folder, a seed, an empty repository."""
    script, seed, repository = tmp_path / "script", tmp_path / "seed", tmp_path / "repository.git"
    script.mkdir()
    (script / "checkin.sh").write_bytes(SCRIPT.read_bytes())
    (seed / "pipelines").mkdir(parents=True)
    (seed / "pipelines/a.py").write_text("a = 1\n")
    (seed / ".gitignore").write_text(".venv/\n")
    git("init", "--quiet", "--bare", str(repository), cwd=tmp_path)
    return script, seed, repository


def run(places, branch="main") -> subprocess.CompletedProcess[str]:
    script, seed, repository = places
    command = ["bash", str(script / "checkin.sh"), str(seed), str(repository), branch]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_empty_repository_gets_the_seed(places) -> None:
    script, _, repository = places
    done = run(places, "release/1.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert (script / "result").read_text() == "pushed\n"
    assert git("ls-tree", "-r", "--name-only", "release/1.0", cwd=repository).split() == [
        ".gitignore",
        "pipelines/a.py",
    ]


def test_a_repository_with_content_stays_as_it_is(places) -> None:
    script, seed, repository = places
    assert run(places).returncode == 0
    before = git("rev-parse", "main", cwd=repository)
    (seed / "pipelines/a.py").write_text("a = 2\n")
    assert run(places).returncode == 0
    assert (script / "result").read_text() == "left as it was\n"
    assert git("rev-parse", "main", cwd=repository) == before


def test_a_repository_without_the_branch_is_told(places) -> None:
    assert run(places, "main").returncode == 0
    done = run(places, "mai.")
    assert done.returncode == 1
    assert "none named mai." in done.stderr


def test_a_repository_that_is_not_there(places) -> None:
    script, seed, repository = places
    done = run((script, seed, repository.with_name("none.git")))
    assert done.returncode != 0
    assert not (script / "result").exists()
