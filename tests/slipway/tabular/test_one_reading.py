"""Random tables, each cell in one of its spellings: evaluation, CSV, JSON and the monitor read one value alike."""

import csv
import io
import json
import random
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopback.images.model_monitor import analyzer
from slipway.deploy import monitor_preprocessor
from slipway.tabular import feature_code, hashing, parts, scoring, training
from slipway.tabular.hosts import Hosts
from slipway.tabular.preparing import prepare
from slipway.tabular.scripts import inference
from slipway.tabular.split import PARTS, Dealt

ROWS = 240
# what a cell means: how CSV may spell it, how JSON may
MISSING = (["", "?", "NA", " n/a", "None", "NULL"], [None, "", "nan", "?"])
FLAGS = (
    (["true", "True", " TRUE", "1"], [True, "true", 1]),
    (["false", "False", "FALSE", "0.0"], [False, "False", 0]),
    MISSING,
)
CODES = (
    (["408", "408.0", " 408"], [408, 408.0, "408", "408.0"]),
    (["415", "415.00"], [415, 415.0]),
    (["0510"], ["0510"]),
    MISSING,
)
JOBS = tuple(
    ([job, f" {job}" if '"' not in job else job], [job, f"{job} "])
    for job in ("Manager, Sales", 'Clerk "B"', "Night\nshift", "São", "x")
)
NAMES = {"1stFlrSF": "number", "Größe [m²]": "number", "年齢": "category", "%": "category", "job": "category"}
KINDS = {"年齢": CODES, "%": FLAGS, "job": JOBS}
DATA = {
    "header": True,
    "columns": {"id": "identifier", **NAMES, "left": "label"},
    "minimum_rows": 10,
}
CONFIG = {"data": DATA, "split": {"train": 0.6, "validation": 0.2, "test": 0.2, "seed": 3}}
FEATURES = """import numpy as np
import pandas as pd


def features(rows: pd.DataFrame) -> pd.DataFrame:
    made = rows[["job"]].copy()
    made["ratio"] = rows["1stFlrSF"] / rows["Größe [m²]"].where(rows["Größe [m²]"] != 0)
    made["third"] = rows["1stFlrSF"] / 3 - 0.1 > rows["Größe [m²]"] / 3
    made["size"] = pd.cut(rows["1stFlrSF"], [-np.inf, 0, 10, np.inf], labels=["none", "some", "much"])
    made["flag"] = rows["%"].map({"true": True, "false": False})
    made["code"] = rows["年齢"].map({"408": "west", "415": "east"})
    made["unknown"] = rows["1stFlrSF"].isna()
    return made
"""
MODEL = """import json

import numpy as np


def fit(train, validation, settings):
    return {name: place for place, name in enumerate(sorted(train.rows["job"].dropna().unique()))}


def predict(model, rows):
    leans = np.array([model.get(job, -1) for job in rows["job"]], float)
    for name in rows:
        if rows[name].dtype != object:
            leans = leans + np.sin(rows[name].fillna(7.0).to_numpy())
        else:
            leans = leans + np.array([0.1 * (text is None) + 0.01 * len(text or "") for text in rows[name]])
    yes = 1 / (1 + np.exp(-leans))
    return ANSWER


def save(model, folder):
    (folder / "model.json").write_text(json.dumps(model))


def load(folder):
    return json.loads((folder / "model.json").read_text())
"""
YES_OR_NO = (({"positive": ["1", "True"], "negative": ["0", "False"]}), (("1", "1.0", "True"), ("0", "0.0", "FALSE")))
CLASSES = ({"classes": ["b, c", "1", "São"]}, (("b, c", " b, c"), ("1", "1.0"), ("São",)))
SOFT = {"objective": "multi:softprob", "num_round": 4, "label": "left", "max_cat_to_onehot": 1}
PARAMS = {"objective": "binary:logistic", "num_round": 4, "label": "left", "max_cat_to_onehot": 1}


def number(chance):
    value = round(chance.uniform(-50, 50), 2)
    return ([str(value), f" {value}", f"{value:.2f}", f"{value:e}"], [value, str(value)])


def meanings(chance):
    """A row: of each column the spellings of its value."""
    cell = {name: chance.choice(KINDS[name]) if name in KINDS else number(chance) for name in NAMES}
    for name in NAMES:
        if name not in KINDS and chance.random() < 0.1:
            cell[name] = MISSING
    return cell


def line(values):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


class Table:
    """A table prepared and trained on, with the meaning of each of its rows."""

    def __init__(self, folder, seed, features="", model="", target=YES_OR_NO):
        self.chance, self.folder = random.Random(seed), folder
        self.rows = [meanings(self.chance) for _ in range(ROWS)]
        ids = [f"c{number}" for number in range(ROWS)]
        label, spelled = target
        labels = [self.chance.choice(spelled) for _ in ids]
        config = CONFIG | {"data": DATA | {"label": label}, "exact": bool(model)}
        lines = [
            line([name, *self.csv(row), self.chance.choice(label)])
            for name, row, label in zip(ids, self.rows, labels, strict=True)
        ]
        (folder / "in").mkdir()
        (folder / "in/a.csv").write_text(line(["id", *NAMES, "left"]) + "".join(lines), encoding="utf-8")
        code = folder / "code"
        code.mkdir()
        if features:
            (code / "features.py").write_text(features, encoding="utf-8")
        if model:
            (code / "model.py").write_text(model, encoding="utf-8")
        prepare(folder / "in", folder / "out", config, lambda batch: batch, feature_code.load(code))
        out = folder / "out"
        channels = training.Channels(out / "train", out / "validation", out / "encoder")
        params = SOFT if "classes" in label else PARAMS
        self.model = training.train(channels, params, Hosts(("a",), "a"), code)
        assigned = Dealt.load(out / "encoder").split.parts(hashing.of_values(pa.array(ids)))
        self.of_part = {
            part: [row for row, place in zip(self.rows, assigned, strict=True) if PARTS[place] == part]
            for part in PARTS
        }

    def csv(self, row):
        return [self.chance.choice(spelled) for spelled, _ in row.values()]

    def json(self, row):
        return {name: self.chance.choice(values) for name, (_, values) in row.items()}

    def answers(self, body, kind):
        return self.model.predict(self.model.parse(body, kind))


@pytest.fixture(scope="module")
def silent():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_callbacks", lambda *_, **__: [])
        yield


OWN = MODEL.replace("ANSWER", "yes")
OWN_CLASSES = MODEL.replace("ANSWER", "np.stack([yes / 2, (1 - yes) / 2, np.full(len(yes), 0.5)], axis=1)")
KINDS_OF_MODELS = {
    "plain": ("", "", YES_OR_NO),
    "features.py": (FEATURES, "", YES_OR_NO),
    "classes": ("", "", CLASSES),
    "classes, features.py": (FEATURES, "", CLASSES),
    "model.py": ("", OWN, YES_OR_NO),
    "model.py, features.py": (FEATURES, OWN, YES_OR_NO),
    "model.py, classes": ("", OWN_CLASSES, CLASSES),
}


@pytest.mark.parametrize("kind", KINDS_OF_MODELS)
@given(st.integers(0, 10_000))
@settings(max_examples=4, deadline=None)
@pytest.mark.usefixtures("silent")
def test_a_value_is_read_alike_everywhere(kind, seed):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = Table(folder, seed, *KINDS_OF_MODELS[kind])
        rows = table.of_part["test"]
        expected = scoring.score(table.model, folder / "out/test", "left").scores
        assert len(expected) == len(rows)
        header = line(NAMES)
        for body in (
            "".join(line(table.csv(row)) for row in rows),
            header + "".join(line(table.csv(row)) for row in rows),
        ):
            assert np.array_equal(table.answers(body, "text/csv"), expected)
        objects = [table.json(row) for row in rows]
        for body in ({"instances": objects}, [list(row.values()) for row in objects]):
            assert np.array_equal(table.answers(json.dumps(body), "application/json"), expected)
        for row in rows[:5]:
            assert np.array_equal(
                table.answers(line(table.csv(row)), "text/csv"),
                table.answers(json.dumps(table.json(row)), "application/json"),
            )
        assert said_alike(table.model, "".join(line(table.csv(row)) for row in rows), expected)
        assert violations(table) == []


def said_alike(model, body, expected):
    """Whether a batch, the rows of a file in one request, is answered as the evaluation says, as CSV and as JSON."""
    text = inference.transform_fn(model, body, "text/csv", "text/csv")[0]
    document = json.loads(inference.transform_fn(model, body, "text/csv", "application/json")[0])["predictions"]
    as_csv = [[float(cell) for cell in row[-expected[0].size :]] for row in csv.reader(io.StringIO(text))]
    as_json = [row["probabilities"] if isinstance(row, dict) else [row] for row in document]
    return as_csv == as_json and np.allclose(np.array(as_csv), expected.reshape(len(expected), -1), rtol=0, atol=1e-7)


def violations(table):
    """What the monitor finds in the training rows, sent in other spellings."""
    baseline = analyzed(table.folder / "out/baseline", table.folder / "baseline")
    sent = [("CSV", line(table.csv(row))) for row in table.of_part["train"]]
    sent = [
        ("JSON", json.dumps(table.json(row))) if n % 2 else one
        for n, (one, row) in enumerate(zip(sent, table.of_part["train"], strict=True))
    ]
    read = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("baseline_constraints", str(baseline / "constraints.json"))
        for cached in ("_features", "_names", "_columns", "_missing", "_by_spelling"):
            getattr(monitor_preprocessor, cached).cache_clear()
        for encoding, data in sent:
            part = SimpleNamespace(encoding=encoding, observedContentType="", data=data)
            read += monitor_preprocessor.preprocess_handler(SimpleNamespace(endpoint_input=part))
    (table.folder / "hour").mkdir()
    (table.folder / "hour/a.csv").write_text(line(NAMES) + "".join(line([row[n] for n in NAMES]) for row in read))
    against = {f"baseline_{name}": str(baseline / f"{name}.json") for name in ("statistics", "constraints")}
    found = analyzed(table.folder / "hour", table.folder / "found", **against) / "constraint_violations.json"
    return json.loads(found.read_text())["violations"] if found.exists() else []


def analyzed(source, output, **more):
    given = {"dataset_source": str(source), "output_path": str(output), "SAGEMAKER_BASE_DIR": str(output)}
    assert analyzer.main({**given, "dataset_format": '{"csv": {"header": true}}', **more}) == 0
    return output


def test_parts_hold_each_category_in_its_one_spelling(tmp_path):
    table = Table(tmp_path, 1)
    assert table.model.encoder.categories == {
        "年齢": ("0510", "408", "415"),
        "%": ("false", "true"),
        "job": ('Clerk "B"', "Manager, Sales", "Night\nshift", "São", "x"),
    }
    assert parts.pq.read_schema(tmp_path / "out/test/part-0000.parquet").names == [*NAMES, "left"]
