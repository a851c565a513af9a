"""A pipeline of a team's own, in a folder of its own: its table, its files, and its jobs run as functions."""

import csv
import importlib
import tarfile
from dataclasses import dataclass
from pathlib import Path

import yaml
from sklearn import datasets

from slipway.build import bundles, config
from slipway.cli.new import written
from slipway.tabular import feature_code
from slipway.tabular.evaluating import Folders
from slipway.tabular.hosts import Hosts
from slipway.tabular.training import Channels

WINES = ("Barolo, red", "grignolino", "3")  # a comma, and a number among texts
MODEL = written.model("wine", "multiclass")  # with settings C and min_frequency
SPLIT = {"train": 0.6, "validation": 0.2, "test": 0.2, "seed": 3}


@dataclass(frozen=True)
class Pipeline:
    """`folder` is the pipeline's, `work` where its jobs read and write."""

    folder: Path
    work: Path

    @property
    def config(self):
        return config.load(self.folder / "config.yml")

    @property
    def document(self):
        whole = self.config
        told = {"problem": whole.kind, "champion_metric": whole.gates.champion.metric}
        return whole.model_dump(mode="json", exclude_none=True) | told

    @property
    def out(self):
        return self.work / "out"

    @property
    def model(self):
        return self.work / "model"

    def script(self, name):
        return importlib.import_module(f"slipway.tabular.scripts.{name}")

    def prepare(self):
        document = self.document | ({"exact": True} if (self.folder / "model.py").is_file() else {})
        return self.script("prepare").main(self.work / "in", self.out, document, feature_code.load(self.folder))

    def train(self, **params):
        code = self.work / "serving_code"
        bundles.serving_code(self.folder).write(code)
        channels = Channels(self.out / "train", self.out / "validation", self.out / "encoder")
        self.script("train").main(
            channels, self.model, self.config.training | params, Hosts(("algo-1",), "algo-1"), code
        )

    def evaluate(self):
        archive = self.work / "archive" / "model.tar.gz"
        archive.parent.mkdir(exist_ok=True)
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(self.model, ".")
        folders = Folders(archive.parent, self.out / "test", self.out / "golden", self.work / "evaluation")
        return self.script("evaluate").main(folders, self.document)


def pipeline(root, name, settings, table, files=None):
    """Write a pipeline and its table, a header and rows."""
    folder = root / "project" / "pipelines" / name
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / "config.yml").write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    for file, text in (files or {}).items():
        (folder / file).write_text(text)
    (root / "in").mkdir()
    with (root / "in" / f"{name}.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(table)
    return Pipeline(folder, root)


def wines(names=WINES):
    """scikit-learn's wines as a table: 178 rows, 13 numbers, one of three growers."""
    found = datasets.load_wine()
    header = [*(name.replace("/", "_") for name in found.feature_names), "grower"]
    rows = [[*map(float, row), names[label]] for row, label in zip(found.data, found.target, strict=True)]
    return [header, *rows]


def wine_settings(**sections):
    """config.yml of the wines."""
    header = wines()[0]
    columns = dict.fromkeys(header[:-1], "number") | {"grower": "label"}
    return {
        "data": {"url": "data/wine/", "header": True, "columns": columns, "label": {"classes": [*WINES]}},
        "split": SPLIT,
        "hyperparameters": {"num_round": 30, "early_stopping_rounds": 10, "max_depth": 3, "eta": 0.3},
        "gates": {"thresholds": {"macro_f1": 0.8}, "champion": {"metric": "macro_f1", "margin": 0.02}},
    } | sections
