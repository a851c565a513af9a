"""How good the models of the two pipelines are, as they come: beside what anybody would try first, on the same rows.

Each is trained on the rows that Prepare has dealt to training and judged on the test rows: ours, a linear model with
squares and products of the numbers, and CatBoost with its defaults. What is told is by how much ours is worse at the
least: the lower end of the 95 % interval of the difference, of resampled pairs.
"""

import contextlib
import importlib
import io
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.bench import Bench
from benchmarks.environments import NotInstalled, environment
from benchmarks.local_aws import ROOT
from benchmarks.rows import Goal, Row
from slipway.build import bundles, config, sample_data
from slipway.tabular import classification, own_model, regression, scoring, training
from slipway.tabular.columns import Columns
from slipway.tabular.hosts import Hosts
from slipway.tabular.kinds import BINARY, LOWER_IS_BETTER
from slipway.tabular.resampling import Judge, paired_difference, spread
from slipway.tabular.training import Channels

REAL = ROOT.parent / "shared" / "data"  # the tables that the samples are made after; a clone alone has none
SAMPLE_ROWS = {"churn": 5000, "abalone": 4177}
CATBOOST = "catboost==1.2.8"
BOOST = """
import sys
import numpy as np, pandas as pd
from catboost import CatBoostClassifier, CatBoostRegressor
kind, folder = sys.argv[1:]
train, test = (pd.read_pickle(f"{folder}/{part}.pkl") for part in ("train", "test"))
label = train.pop("label")
texts = [name for name in train if train[name].dtype == object]
make = CatBoostClassifier if kind == "binary" else CatBoostRegressor
model = make(verbose=0, random_seed=20, allow_writing_files=False)
model.fit(train.fillna(dict.fromkeys(texts, "")), label, cat_features=texts)
rows = test.fillna(dict.fromkeys(texts, ""))
np.save(f"{folder}/answers.npy", model.predict_proba(rows)[:, 1] if kind == "binary" else model.predict(rows))
"""

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Table:
    """A pipeline's rows as its jobs have dealt them, and what its model answers to the test rows."""

    name: str
    problem: str
    train: own_model.Part
    test: own_model.Part
    answers: Numbers

    @property
    def metric(self) -> str:
        """AUC of a yes or no, RMSE of a number."""
        return "auc" if self.problem == BINARY else "rmse"

    def judge(self, answers: Numbers) -> Judge:
        """The metric of answers to the test rows."""
        judge = classification.judge if self.problem == BINARY else regression.judge
        return judge(self.metric, self.test.labels.to_numpy(), answers)

    def compare(self, other: str, answers: Numbers) -> Row:
        """By how much ours is worse than another model, at the least."""
        sign = -1 if self.metric in LOWER_IS_BETTER else 1
        ours, theirs = self.judge(self.answers), self.judge(answers)
        count = len(self.answers)
        worse = sign * (theirs(np.ones(count)) - ours(np.ones(count)))
        found = spread(sign * paired_difference(theirs, ours, count))
        unit = self.metric.upper()
        note = f"{unit} {ours(np.ones(count)):.4f}, theirs {theirs(np.ones(count)):.4f} on {count} test rows: worse by "
        note += f"{worse:.4f} ({found['low']:.4f} to {found['high']:.4f})"
        return Row(f"{self.name}: worse than {other}, at least by", unit, found["low"], Goal("ours", 0.0), note=note)


def measure(bench: Bench) -> Iterator[Row]:
    """Two rows of each table; one where CatBoost is not to be had."""
    for name in SAMPLE_ROWS:
        bench.progress(f"{name}, ours")
        with contextlib.redirect_stdout(io.StringIO()):  # a line for each round of training
            table = _table(name, bench.folder / name)
        bench.progress(f"{name}, linear")
        yield table.compare("a linear model with products", _linear(table))
        bench.progress(f"{name}, CatBoost")
        try:
            yield table.compare("CatBoost", _catboost(table, bench.folder / name))
        except NotInstalled as fault:
            bench.progress(f"CatBoost can't be measured here: {fault}")


def _source(name: str, folder: Path) -> Path:
    if (real := REAL / f"{name}.csv").is_file():
        return real
    made = folder / f"{name}.csv"
    sample_data.write(name, SAMPLE_ROWS[name], 20, 0.0, made)
    return made


def _table(name: str, folder: Path) -> Table:
    """Prepare and Train as the pipeline's jobs run them."""
    own, whole = ROOT / "pipelines" / name, config.load(ROOT / "pipelines" / name / "config.yml")
    (folder / "in").mkdir(parents=True)
    (folder / "in" / f"{name}.csv").write_bytes(_source(name, folder).read_bytes())
    script = "pipelines.abalone.prepare" if name == "abalone" else "slipway.tabular.scripts.prepare"
    clean = getattr(importlib.import_module(script), "clean", lambda batch: batch)
    prepare = importlib.import_module("slipway.tabular.preparing").prepare
    prepare(folder / "in", folder / "out", whole.part("data", "split"), clean)
    bundles.serving_code(own).write(folder / "code")
    channels = Channels(*(folder / "out" / part for part in ("train", "validation", "encoder")))
    model = training.train(channels, whole.training, Hosts(("algo-1",), "algo-1"), folder / "code")
    if model is None:
        raise RuntimeError("the first host has no model")
    label = Columns.from_config(whole.part("data")["data"]).label
    answers = scoring.score(model, folder / "out" / "test", label).scores
    train, test = (
        own_model.part(folder / "out" / part, model.encoder, model.target, label) for part in ("train", "test")
    )
    return Table(name, model.target.problem, train, test, answers)


def _linear(table: Table) -> Numbers:
    """Scaled numbers with their squares and products, categories one by one; as strong as five folds say."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

    numbers = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include=object)),
    )
    rows, labels = table.train
    if table.problem == BINARY:
        search = GridSearchCV(LogisticRegression(max_iter=3000), {"C": [0.01, 0.03, 0.1, 0.3]}, scoring="roc_auc")
        return np.asarray(make_pipeline(columns, search).fit(rows, labels).predict_proba(table.test.rows)[:, 1])
    return np.asarray(make_pipeline(columns, RidgeCV([0.1, 1, 10, 100])).fit(rows, labels).predict(table.test.rows))


def _catboost(table: Table, folder: Path) -> Numbers:
    """CatBoost with its defaults, in an environment of its own. Raises NotInstalled."""
    python = environment("catboost", (CATBOOST, "pandas")) / "python"
    frames: Mapping[str, pd.DataFrame] = {
        "train": table.train.rows.assign(label=table.train.labels.to_numpy()),
        "test": table.test.rows,
    }
    for part, frame in frames.items():
        frame.to_pickle(folder / f"{part}.pkl")
    done = subprocess.run(
        [str(python), "-c", BOOST, table.problem, str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotInstalled(done.stderr.strip().splitlines()[-1][:200])
    return np.asarray(np.load(folder / "answers.npy"))
