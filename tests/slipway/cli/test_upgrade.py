"""A clone of an older project follows the template where the team has changed nothing, and nowhere else."""

import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import pytest

from slipway.cli import upgrade
from slipway.cli.archive import MANIFEST, Archive, content_id, manifest, pack
from slipway.cli.checkout import Checkout
from slipway.cli.target import UserError, WrongUsage

ROOT = Path(__file__).resolve().parents[3]
OLD = {  # a project from before the library: it carries it as files
    "pipelines/__init__.py": "",
    "pipelines/churn/config.yml": "num_round: 400\n",
    "pipelines/churn/pipeline.py": "from pipelines.steps import Workshop\n",
    "pipelines/churn/train.py": "from pipelines.tabular import training\n",
    "pipelines/tabular/training.py": "ROUNDS = 1\n",
    "pipelines/tabular/serving.py": "def answer(): ...\n",
    "pipelines/steps.py": "class Workshop: ...\n",
    "deploy/build.py": "print('build')\n",
    "deploy/stages/prod.yml": "instances: {count: 1}\n",
    "buildspec.yml": "run: python -m pipelines.run_pipeline\n",
}
NEW = {
    "pipelines/__init__.py": "",
    "pipelines/churn/config.yml": "num_round: 800\n",
    "pipelines/churn/pipeline.py": "from slipway.build.steps import Workshop\n",
    "deploy/stages/prod.yml": "instances: {count: 2}\n",
    "buildspec.yml": "run: python -m slipway.build.run_pipeline\n",
    "vendor/slipway-2.0-py3-none-any.whl": "wheel 2",
    "requirements.txt": "# the library\n./vendor/slipway-2.0-py3-none-any.whl --hash=sha256:2\n",
}
OWN = {
    "README.md": "# Ours\n",
    "pipelines/fraud/train.py": "import os\n\nfrom pipelines.tabular import training\nfrom pipelines.churn import x",
}


def encoded(files: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in files.items()}


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def written(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def project(root: Path, seed: dict[str, str], **changed: str) -> Path:
    """The clone of a project that was made from `seed`, in which the team has changed files and added its own."""
    written(root, seed)
    (root / MANIFEST).write_bytes(manifest(encoded(seed)))
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "seed")
    written(root, {**OWN, **changed})
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "ours")
    return root


@pytest.fixture
def template(monkeypatch) -> None:
    class Installed:
        def project(self) -> Archive:
            return pack({**encoded(NEW), MANIFEST: manifest(encoded(NEW))})

    monkeypatch.setattr(upgrade, "find_installed", Installed)


def content(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.parts and path.name != MANIFEST
    }


def test_an_old_project_gets_the_library_and_keeps_what_is_its_own(tmp_path, template, capsys) -> None:
    changed = {
        "pipelines/churn/config.yml": "num_round: 7\n",
        "pipelines/tabular/serving.py": "def answer(): return 1\n",
    }
    root = project(tmp_path, OLD, **changed)
    assert upgrade.upgrade(Checkout(root), None, dry=False, as_json=False) == 1
    assert content(root) == {**NEW, **OWN, **changed}
    assert json.loads((root / MANIFEST).read_text())["files"] == {n: content_id(c) for n, c in encoded(NEW).items()}
    said = capsys.readouterr().out
    assert f"project {root}" in said
    assert "library as files of the project -> 2.0" in said
    assert "yours, left as it is: pipelines/churn/config.yml" in said
    assert "-num_round: 400\n  +num_round: 800" in said  # the template's change, from the seed's commit
    assert "yours, left as it is: pipelines/tabular/serving.py\nthe template no longer has it" in said
    assert "  pipelines/fraud/train.py:3: from pipelines.tabular import training" in said
    assert "train.py:4" not in said


def test_the_next_version_moves_the_wheel_and_its_line_only(tmp_path, template, capsys) -> None:
    first = {name: text for name, text in NEW.items() if not name.startswith("vendor/")} | {
        "vendor/slipway-1.0-py3-none-any.whl": "wheel 1",
        "requirements.txt": "# the library\n./vendor/slipway-1.0-py3-none-any.whl --hash=sha256:1\n",
    }
    ours = {"requirements.txt": "./vendor/slipway-1.0-py3-none-any.whl --hash=sha256:1\nours==1.0\n"}
    root = project(tmp_path, first, **ours)
    assert upgrade.upgrade(Checkout(root), None, dry=False, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["library"] == {"before": "1.0", "after": "2.0"}
    assert told["written"] == ["requirements.txt", "vendor/slipway-2.0-py3-none-any.whl"]
    assert told["deleted"] == ["vendor/slipway-1.0-py3-none-any.whl"]
    expected = "./vendor/slipway-2.0-py3-none-any.whl --hash=sha256:2\nours==1.0\n"
    assert (root / "requirements.txt").read_text() == expected
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "upgraded")
    assert upgrade.upgrade(Checkout(root), None, dry=False, as_json=False) == 0
    assert "nothing to change" in capsys.readouterr().out


def test_a_dry_run_changes_nothing(tmp_path, template, capsys) -> None:
    root = project(tmp_path, OLD)
    before = content(root)
    upgrade.upgrade(Checkout(root), None, dry=True, as_json=False)
    assert content(root) == before
    assert "would be deleted: 5" in capsys.readouterr().out


def test_what_it_does_not_begin_with(tmp_path, template) -> None:
    root = project(tmp_path / "p", OLD)
    written(root, {"buildspec.yml": "edited\n"})
    with pytest.raises(UserError, match=r"(?s)no commit.*buildspec.yml"):
        upgrade.upgrade(Checkout(root), None, dry=False, as_json=False)
    (root / MANIFEST).unlink()
    with pytest.raises(UserError, match="ship --merge"):
        upgrade.plan_upgrade(root, encoded(NEW))
    with pytest.raises(WrongUsage, match="is the template"):
        upgrade.upgrade(Checkout(ROOT), None, dry=False, as_json=False)


def test_only_a_checkout_of_the_template_has_the_files(tmp_path) -> None:
    root = project(tmp_path / "p", OLD)
    with pytest.raises(WrongUsage, match="no checkout of the template; name one"):
        upgrade.upgrade(Checkout(root), tmp_path, dry=False, as_json=False)


def test_the_real_template_is_what_an_up_to_date_project_has(tmp_path) -> None:
    from seed_code import seed

    files = seed.files(ROOT)
    for name, made in {**files, MANIFEST: manifest(files)}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(made)
    found = upgrade.plan_upgrade(tmp_path, files)
    assert (list(found.files), found.deleted, found.kept, found.stale) == ([MANIFEST], (), {}, ())
    assert found.before == found.after != ""


def wheel(folder: Path, version: str, **parts: str) -> Path:
    """A wheel of the library."""
    path = folder / f"slipway-{version}-py3-none-any.whl"
    described = {f"slipway-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: slipway\nVersion: {version}\n"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**described, **parts}.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize("own", ["", "lightgbm==4.6.0\n"])
def test_another_version_of_the_library_alone(tmp_path, own):
    root = project(tmp_path / "clone", NEW, **({"requirements.txt": own + NEW["requirements.txt"]} if own else {}))
    path = wheel(tmp_path, "3.0+abc")
    assert upgrade.upgrade(Checkout(root), None, path, dry=False, as_json=True) == 0
    assert sorted(file.name for file in (root / "vendor").iterdir()) == [path.name]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    line = f"./vendor/{path.name} --hash=sha256:{digest}\n"
    assert (root / "requirements.txt").read_text() == f"{own}# the library\n{line}"
    ids = json.loads((root / MANIFEST).read_text())["files"]
    owned = content_id((root / "requirements.txt").read_bytes()) == ids["requirements.txt"]
    assert owned is not bool(own)  # what the team has changed stays theirs
    assert ids[f"vendor/{path.name}"] == content_id(path.read_bytes())
    assert "vendor/slipway-2.0-py3-none-any.whl" not in ids
    assert (root / "buildspec.yml").read_text() == NEW["buildspec.yml"]
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "library")
    assert upgrade.plan_library(root, path.name, path.read_bytes()).files == {}  # a second time there is nothing to do


def test_what_is_no_wheel_of_the_library(tmp_path):
    root = project(tmp_path / "clone", NEW)
    other = tmp_path / "other-1-py3-none-any.whl"
    wheel(tmp_path, "9").rename(other)
    renamed = wheel(tmp_path, "8").rename(tmp_path / "slipway-7-py3-none-any.whl")
    for path in (other, renamed, tmp_path / "slipway-1-py3-none-any.whl", root / "buildspec.yml"):
        with pytest.raises(WrongUsage, match="is no wheel of the library"):
            upgrade.upgrade(Checkout(root), None, path, dry=False, as_json=True)
    with pytest.raises(WrongUsage, match="give one of them"):
        upgrade.upgrade(Checkout(root), tmp_path, wheel(tmp_path, "5"), dry=False, as_json=True)


def test_a_project_that_has_the_library_as_files_needs_the_template_once(tmp_path):
    root = project(tmp_path / "clone", OLD)
    path = wheel(tmp_path, "3.0")
    with pytest.raises(UserError, match="with the template first, slipway upgrade"):
        upgrade.upgrade(Checkout(root), None, path, dry=False, as_json=True)
