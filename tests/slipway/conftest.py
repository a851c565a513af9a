"""The real files, and what the jobs make of them: prepared and trained once for all tests of this folder."""

import importlib
import json
import shutil
import sys
import tarfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from pipelines.abalone import prepare as own_prepare
from slipway.build import bundles, compiled, config, working_folder
from slipway.build.project import Project
from slipway.tabular.evaluating import Folders
from slipway.tabular.hosts import Hosts
from slipway.tabular.training import Channels
from tests.tables import table

ROOT = Path(__file__).resolve().parents[2]
LABELS = {"churn": "churn", "abalone": "rings"}
OBJECTIVES = {"binary": "binary:logistic", "regression": "reg:squarederror"}  # as slipway.build.steps has them
CLEAN = {"abalone": own_prepare.clean}
PROJECT = Project("demo", "arn:aws:iam::123456789012:role/Pipelines", "demo-bucket", "us-east-1")


@dataclass(frozen=True)
class Made:
    """One pipeline's jobs, run as functions."""

    name: str
    folder: Path
    config: dict[str, Any]

    def script(self, step: str) -> ModuleType:
        return importlib.import_module(f"slipway.tabular.scripts.{step}")

    @property
    def channels(self) -> Channels:
        out = self.folder / "out"
        return Channels(out / "train", out / "validation", out / "encoder")

    @property
    def params(self) -> dict[str, Any]:
        kind = self.config["problem"]
        return {"objective": OBJECTIVES[kind], **self.config["hyperparameters"], "label": LABELS[self.name]}

    @property
    def folders(self) -> Folders:
        out = self.folder / "out"
        return Folders(self.folder / "archive", out / "test", out / "golden", self.folder / "evaluation")


def config_of(name: str) -> dict[str, Any]:
    whole = config.load(ROOT / "pipelines" / name / "config.yml")
    told = {"problem": whole.kind, "champion_metric": whole.gates.champion.metric}
    return whole.model_dump(mode="json", exclude_none=True) | told


def make(name: str, folder: Path) -> Made:
    made = Made(name, folder, config_of(name))
    (folder / "in").mkdir()
    shutil.copy(table(name), folder / "in")
    made.script("prepare").main(
        folder / "in", folder / "out", made.config, clean=CLEAN.get(name, made.script("prepare").every_row)
    )
    bundles.serving_code(ROOT / "pipelines" / name).write(folder / "serving_code")
    one_host = Hosts(("algo-1",), "algo-1")
    made.script("train").main(made.channels, folder / "model", made.params, one_host, folder / "serving_code")
    (folder / "archive").mkdir()
    with tarfile.open(folder / "archive" / "model.tar.gz", "w:gz") as tar:
        tar.add(folder / "model", ".")
    return made


@pytest.fixture(scope="session")
def churn(tmp_path_factory):
    return make("churn", tmp_path_factory.mktemp("churn"))


@pytest.fixture(scope="session")
def abalone(tmp_path_factory):
    return make("abalone", tmp_path_factory.mktemp("abalone"))


@pytest.fixture
def imports_restored():
    """Another project's `pipelines` is imported in the test; afterwards this checkout's is there again."""
    path, loaded = sys.path[:], {n: m for n, m in sys.modules.items() if n.partition(".")[0] in working_folder.CODE}
    yield
    sys.path[:] = path
    for name in [name for name in sys.modules if name.partition(".")[0] in working_folder.CODE]:
        del sys.modules[name]
    sys.modules.update(loaded)


@pytest.fixture
def project():
    return PROJECT


@pytest.fixture(scope="session")
def compiled_churn():
    return compiled.build("pipelines.churn.pipeline", PROJECT.arguments, ROOT)


@pytest.fixture(scope="session")
def compiled_abalone():
    return compiled.build("pipelines.abalone.pipeline", PROJECT.arguments, ROOT)


def build_with(name: str, **sections: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The definition of a pipeline whose config.yml had these sections too; the documents of its steps by address."""
    from slipway.build import check, steps  # the SDK takes seconds to load

    module = importlib.import_module(f"pipelines.{name}.pipeline")
    document = yaml.safe_load((ROOT / "pipelines" / name / "config.yml").read_text()) | sections
    with warnings.catch_warnings(action="ignore"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "load", lambda _: config.Config.model_validate(document))
        pipeline = module.get_pipeline(**PROJECT.arguments)
        text, shop = pipeline.definition(), pipeline.workshop
    assert check.faults(text) == []
    objects = {key: content for bundle in shop.bundles.values() for key, content in bundle.objects(shop.name).items()}
    return json.loads(text), {f"s3://{PROJECT.bucket}/{key}": content for key, content in objects.items()}
