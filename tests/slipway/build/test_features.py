"""The features.py of docs/pipelines.md all the way: Prepare, Train, Evaluate as jobs, then served; then edited."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from slipway.build import bundles, config
from slipway.tabular import parts, scoring
from slipway.tabular.feature_code import FeatureError
from slipway.tabular.serving import BadRequest, Model
from tests.tables import table

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = re.search(r"```python\n(.*?def features.*?)```", (ROOT / "docs/pipelines.md").read_text(), re.DOTALL)[1]
OWN = ("day_price", "trouble", "no_messages")
CONFIG = config.load(ROOT / "pipelines/churn/config.yml")
HYPERPARAMETERS = {"objective": "binary:logistic", "num_round": 20, "early_stopping_rounds": 5, "label": "churn"}


@dataclass(frozen=True)
class Checkout:
    """A project whose churn pipeline has the example, and what its jobs have made."""

    root: Path
    jobs: Path
    out: Path
    model: Path

    @property
    def features(self):
        return self.folder / "features.py"

    @property
    def folder(self):
        return self.root / "pipelines/churn"

    def digests(self):
        prepare = bundles.processing(self.folder, "prepare", CONFIG.part("data", "split"))
        return prepare.digest, bundles.training(self.folder).digest


def run(bundle, script, folder, environment):
    bundle.write(folder / "code")
    base = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "SAGEMAKER_BASE_DIR": str(folder)}
    command = [sys.executable, str(folder / "code" / f"{script}.py")]
    done = subprocess.run(command, env=base | environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def train(root, jobs, out):
    folder = jobs / "train"
    channels = {f"SM_CHANNEL_{name.upper()}": str(out / name) for name in ("train", "validation", "encoder")}
    more = {"SM_MODEL_DIR": str(folder / "model"), "SM_HPS": json.dumps(HYPERPARAMETERS)}
    run(bundles.training(root / "pipelines/churn"), "train", folder, channels | more)
    return folder / "model"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    root, jobs = folder / "checkout", folder / "jobs"
    shutil.copytree(ROOT / "pipelines", root / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "pipelines/churn/features.py").write_text(EXAMPLE)
    data = jobs / "prepare/processing/input/data"
    data.mkdir(parents=True)
    shutil.copy(table("churn"), data)
    prepare = bundles.processing(root / "pipelines/churn", "prepare", CONFIG.part("data", "split"))
    printed = run(prepare, "prepare", jobs / "prepare", {})
    assert "no_messages" in printed
    out = jobs / "prepare/processing/output"
    return Checkout(root, jobs, out, train(root, jobs, out))


@pytest.fixture(scope="module")
def model(made):
    return Model.load(made.model)


def stored(made):
    rows = pa.concat_tables(parts.pieces(made.out / "test", []))
    return rows.select(CONFIG.data.used).to_pylist()


def answers(model, rows, kind):
    if kind == "application/json":
        return model.predict(model.parse(json.dumps({"instances": rows}), kind))
    text = io.StringIO()
    csv.writer(text).writerows(row.values() for row in rows)
    return model.predict(model.parse(text.getvalue(), kind))


def test_the_model_learns_from_what_the_function_makes(made, model):
    assert model.encoder.features == (*CONFIG.data.used, *OWN)
    assert model.encoder.categories["trouble"] == ("much", "none", "some")
    assert set(scoring.importance(model, made.out / "test", "churn")) & set(OWN)


def test_evaluation_and_endpoint_answer_alike(made, model):
    rows, expected = stored(made), scoring.score(model, made.out / "test", "churn").scores
    for kind in ("text/csv", "application/json"):
        assert np.array_equal(answers(model, rows, kind), expected)
        for place in range(0, len(rows), 97):
            assert answers(model, [rows[place]], kind)[0] == expected[place]


def test_evaluate_answers_raw_golden_requests(made, model):
    folder = made.jobs / "evaluate"
    inputs = folder / "processing/input"
    for name in ("test", "golden"):
        shutil.copytree(made.out / name, inputs / name)
    for name in ("statistics", "constraints"):
        (inputs / name).mkdir()
        (inputs / name / f"{name}.json").write_text('{"features": []}')
    (inputs / "model").mkdir()
    with tarfile.open(inputs / "model/model.tar.gz", "w:gz") as tar:
        tar.add(made.model, ".")
    asked = CONFIG.part("data", "slices", "monitoring", "decision") | {"problem": "binary", "champion_metric": "auc"}
    run(bundles.processing(made.folder, "evaluate", asked), "evaluate", folder, {})
    evaluation = folder / "processing/output/evaluation"
    golden = json.loads((evaluation / "golden.json").read_text())
    assert golden["columns"] == CONFIG.data.used
    assert set(golden["rows"][0]["instance"]) == set(CONFIG.data.used)
    lines = "\n".join(row["csv"] for row in golden["rows"])
    told = [round(value, 7) for value in model.predict(model.parse(lines, "text/csv")).tolist()]
    assert told == [row["prediction"] for row in golden["rows"]]
    assert "day_price" in json.loads((evaluation / "evaluation.json").read_text())["feature_importance"]


def test_a_model_answers_with_the_features_that_it_was_trained_with(made, model):
    rows, folder = stored(made)[:50], made.out / "test"
    expected, before = answers(model, rows, "text/csv"), made.digests()
    made.features.write_text(EXAMPLE.replace("made = rows.copy()", "made = rows.copy()\n    made['day_mins'] *= -10"))
    try:
        assert np.array_equal(answers(Model.load(made.model), rows, "text/csv"), expected)
        assert not set(before) & set(made.digests())  # so that Prepare and Train run again
        edited = Model.load(train(made.root, made.jobs / "edited", made.out))
        champion = Model.load(made.model)
        assert not np.array_equal(answers(edited, rows, "text/csv"), expected)
        assert np.array_equal(scoring.score(champion, folder, "churn").scores[:50], expected)
        assert np.array_equal(scoring.score(edited, folder, "churn").scores[:50], answers(edited, rows, "text/csv"))
    finally:
        made.features.write_text(EXAMPLE)


def changed(made, folder, text):
    """The model as it would be with another features.py in it."""
    shutil.copytree(made.model, folder)
    (folder / "code/pipelines/churn/features.py").write_text(text)
    return Model.load(folder)


REFUSED = {
    "another kind": (
        '["vmail_message"].isna()',
        '["vmail_message"].isna().astype(int)',
        "'no_messages' is number, in training it was boolean",
    ),
    "a column less": (
        'made["no_messages"]',
        'rows["no_messages"]',
        "other columns than in training: without 'no_messages'",
    ),
    "another column": ('made["no_messages"]', 'made["x"]', "without 'no_messages'; with 'x'"),
    "an infinite number": ('["day_mins"].replace(0, np.nan)', '["day_mins"].mul(0)', "column 'day_price' is infinite"),
    "a failure": ("made = rows.copy()", "raise ValueError(3)", "features.py:6: ValueError: 3"),
    "a row less": ("return made", "return made.iloc[1:]", "returns 0 rows for 1"),
}


@pytest.mark.parametrize(("old", "new", "message"), REFUSED.values(), ids=REFUSED)
def test_what_training_has_not_seen_is_the_models_error(made, tmp_path, old, new, message):
    with pytest.raises(FeatureError, match=message) as raised:
        answers(changed(made, tmp_path / "model", EXAMPLE.replace(old, new)), stored(made)[:1], "text/csv")
    assert str(raised.value).startswith("pipelines/churn/features.py:")


def test_columns_in_another_order_are_the_same(made, model, tmp_path):
    other = changed(made, tmp_path / "model", EXAMPLE.replace("return made", "return made[sorted(made)]"))
    rows = stored(made)[:20]
    assert np.array_equal(answers(other, rows, "text/csv"), answers(model, rows, "text/csv"))


@pytest.mark.parametrize(("column", "value"), [("day_mins", "much"), ("day_mins", 1e39), ("state", [1])])
def test_a_bad_raw_value_is_the_clients_error(made, model, column, value):
    row = {**stored(made)[0], column: value}
    with pytest.raises(BadRequest, match=f"row 1, column '{column}': .* is not a"):
        model.parse(json.dumps(row), "application/json")


def test_code_and_encoder_belong_together(made, tmp_path):
    shutil.copytree(made.model, tmp_path / "model")
    (tmp_path / "model/code/features.py").unlink()
    with pytest.raises(Exception, match="there is none with this code"):
        Model.load(tmp_path / "model")
    plain = {"format": 2, "features": ["day_mins"], "categories": {}}
    (tmp_path / "model/encoder.json").write_text(json.dumps(plain))
    (tmp_path / "model/code/features.py").write_text(EXAMPLE)
    with pytest.raises(Exception, match="run the Prepare step again"):
        Model.load(tmp_path / "model")
