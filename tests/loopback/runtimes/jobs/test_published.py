"""Environments of AWS's images: which, and how one is made once. Nothing is installed: uv is a double that writes."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from loopback import loopback_file
from loopback.runtimes.jobs import image_environments, published
from loopback.runtimes.jobs.images import Images, UnknownImage
from loopback.runtimes.jobs.ports import JobFault
from loopback.runtimes.jobs.published import Recipe, recipe

ECR = "763104351884.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("tag", "name", "python", "some"),
    [
        ("sagemaker-scikit-learn:1.2-1-cpu-py3", "sagemaker-scikit-learn-1.2-1", "3.9", "scikit-learn==1.2.1"),
        ("sagemaker-scikit-learn:1.0-1-cpu-py3", "sagemaker-scikit-learn-1.0-1", "3.8", "pandas==1.1.3"),
        ("sagemaker-xgboost:1.7-1", "sagemaker-xgboost-1.7-1", "3.9", "xgboost==1.7.4"),
        ("sagemaker-xgboost:3.0-5", "sagemaker-xgboost-3.0-5", "3.10", "numpy==2.1.0"),
        ("sagemaker-base-python-310:1.0", "sagemaker-base-python-310", "3.10", "boto3"),
        ("sagemaker-base-python-38:1.0", "sagemaker-base-python-38", "3.8", "awscli"),
        ("pytorch-training:2.5.1-cpu-py311", "pytorch-2.5.1-py311", "3.11", "torch==2.5.1"),
        ("pytorch-training:2.0.0-gpu-py310-cu118-ubuntu20.04-sagemaker", "pytorch-2.0.0-py310", "3.10", "torch==2.0.0"),
        ("tensorflow-training:2.19.0-cpu-py312", "tensorflow-2.19.0-py312", "3.12", "tensorflow-cpu==2.19.0"),
        (
            "huggingface-pytorch-training:2.5.1-transformers4.49.0-gpu-py311-cu124-ubuntu22.04",
            "huggingface-pytorch-2.5.1-transformers-4.49.0-py311",
            "3.11",
            "transformers==4.49.0",
        ),
    ],
)
def test_a_recipe_of_an_image(tag: str, name: str, python: str, some: str) -> None:
    found = recipe(f"{ECR}/{tag}")
    assert found is not None
    assert (found.name, found.python) == (name, python)
    assert some in found.packages
    assert found.torch == ("torch" in tag)
    assert bool(found.note) == ("-gpu-" in tag)


@pytest.mark.parametrize(
    "tag", ["mine:1", "pytorch-training:1.5.0-gpu-py3", "sagemaker-xgboost:9.9-9", "linear-learner:1"]
)
def test_no_recipe_is_known(tag: str) -> None:
    assert recipe(f"{ECR}/{tag}") is None


@pytest.mark.parametrize(
    ("config", "repository", "known"),
    [("sklearn", "sagemaker-scikit-learn", published.SKLEARN), ("xgboost", "sagemaker-xgboost", published.XGBOOST)],
)
def test_the_tags_are_those_of_the_sdk(config: str, repository: str, known: dict[str, Any]) -> None:
    """The SDK's image_uri_config is the judge of which tags there are."""
    text = (files("sagemaker.core") / "image_uri_config" / f"{config}.json").read_text()
    training = json.loads(text)["training"]
    assert training["versions"][next(iter(known))]["repository"] == repository
    assert set(known) <= set(training["versions"])


ONE = Recipe("one", "3.9", ("six==1.16.0",))


class Uv:
    """Writes what uv would, and remembers what it was asked."""

    def __init__(self, fails: str = "") -> None:
        self.asked: list[list[str]] = []
        self.fails = fails

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.asked.append(list(command))
        if "venv" in command:
            (Path(command[-1]) / "bin").mkdir()
            (Path(command[-1]) / "bin" / "python").write_text("")
        failed = bool(self.fails) and "install" in command
        return subprocess.CompletedProcess(command, int(failed), self.fails if failed else "")


def make(
    folder: Path, uv: Uv, told: list[str] | None = None, of: Recipe = ONE, python: str | None = "/usr/python3.9"
) -> str:
    tell = [].append if told is None else told.append
    return image_environments.python_of(of, f"{ECR}/one:1", folder, tell, uv, lambda _version: python)


def test_is_made_once_and_then_asks_nothing(tmp_path: Path) -> None:
    uv, told = Uv(), list[str]()
    python = make(tmp_path, uv, told)
    assert python == str(tmp_path / ONE.folder / "bin" / "python")
    assert Path(python).exists()
    venv, install = uv.asked
    assert venv[venv.index("--python") + 1] == "/usr/python3.9"
    assert install[-1] == "six==1.16.0"
    assert install[install.index("--only-binary") :][:2] == ["--only-binary", ":all:"]  # nothing is built
    assert "six==1.16.0" in told[0]
    assert make(tmp_path, Uv("no network"), told, python=None) == python  # offline, and without the base
    assert len(told) == 2


def test_is_made_again_where_its_python_has_gone(tmp_path: Path) -> None:
    python = Path(make(tmp_path, Uv()))
    python.unlink()
    python.symlink_to("/gone/python3.9")
    make(tmp_path, uv := Uv())
    assert len(uv.asked) == 2
    assert python.exists()


def test_torch_is_the_build_for_processors(tmp_path: Path) -> None:
    uv = Uv()
    make(tmp_path, uv, of=Recipe("t", "3.11", ("torch==2.5.1",), torch=True))
    assert uv.asked[1][uv.asked[1].index("--torch-backend") + 1] == "cpu"


def test_a_failure_leaves_nothing_half_made(tmp_path: Path) -> None:
    words = "  \u00d7 No solution found when resolving dependencies:\n  ╰─▶ Because six==1.16.0 has no wheels"
    with pytest.raises(JobFault, match=r"No solution found .* has no wheels.*With a network try again") as fault:
        make(tmp_path, Uv(words))
    assert 'images:\n  "*/one:1": /path/to/python' in fault.value.reason
    assert [path.name for path in tmp_path.iterdir()] == [f"{ONE.folder}.lock"]
    assert Path(make(tmp_path, Uv())).exists()


def test_no_python_of_the_version_is_told_and_none_is_downloaded(tmp_path: Path) -> None:
    uv = Uv()
    with pytest.raises(JobFault, match=r"has Python 3\.9, and there is none on this machine .*uv python install 3\.9"):
        make(tmp_path, uv, python=None)
    assert uv.asked == []


def test_uv_is_the_one_of_the_python_of_jobs_or_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert image_environments.uv_of(sys.executable)(["--version"]).stdout.startswith("uv ")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no uv beside" in image_environments.uv_of(str(tmp_path / "python"))(["--version"]).stdout


def test_of_two_that_want_it_one_makes_it(tmp_path: Path) -> None:
    uv = Uv()
    threads = [threading.Thread(target=make, args=(tmp_path, uv)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(uv.asked) == 2


def test_what_an_image_runs_with(tmp_path: Path) -> None:
    """A user's mapping first, then the table, then what AWS publishes; an endpoint has no environments."""
    torch, sklearn = f"{ECR}/pytorch-training:2.5.1-cpu-py311", f"{ECR}/sagemaker-scikit-learn:1.2-1-cpu-py3"
    assert Images().of_job(torch).recipe is not None
    assert Images().of_job(sklearn).recipe is None  # the warm Python
    with pytest.raises(UnknownImage, match="no runtime is mapped"):
        Images().runtime(torch)
    (tmp_path / "loopback.yml").write_text(
        'images:\n  "*/pytorch-training:*": host\n  "*/sagemaker-scikit-learn:*": published\n  "*/mine:*": published\n'
    )
    images = loopback_file.read([tmp_path]).images
    assert images.of_job(torch).name == "host"
    found = images.of_job(sklearn).recipe
    assert found is not None
    assert found.name == "sagemaker-scikit-learn-1.2-1"
    assert images.runtime(sklearn).name == "scikit-learn"
    with pytest.raises(UnknownImage, match="its packages are not known here"):
        images.of_job("registry/mine:1")


def test_a_virtual_environment_stands_for_the_python_that_it_was_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's environment comes first on PATH: an image's own must outlive it, and jobs do not see it."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "theirs"], check=True)
    inner = tmp_path / "theirs" / "bin" / "python"
    subprocess.run([inner, "-m", "venv", "--without-pip", tmp_path / "inner"], check=True)
    monkeypatch.setattr(image_environments.sys, "executable", str(tmp_path / "inner" / "bin" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "inner" / "bin"))
    assert image_environments.machines_python(version) == os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
