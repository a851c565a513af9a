"""A model.py all the way: scikit-learn in place of XGBoost for each kind of problem; and what it must not do."""

import datetime as dt
import json
import re
import sys

import numpy as np
import pytest

from slipway.build import bundles, config
from slipway.build.project import UsageError
from slipway.cli.new import written
from slipway.tabular import own_model, scoring, training
from slipway.tabular.encoder import Encoder
from slipway.tabular.hosts import Hosts
from slipway.tabular.job import JobError
from slipway.tabular.own_model import ModelError
from slipway.tabular.scripts import inference
from slipway.tabular.serving import Model
from slipway.tabular.target import Target

from .made import MODEL, WINES, pipeline, wine_settings, wines


def settings(**sections):
    found = wine_settings() | {"model": {"settings": {"C": 0.5, "min_frequency": 1}}} | sections
    return {name: value for name, value in found.items() if name != "hyperparameters" and value is not None}


def two(table):
    """The same table with a yes or no."""
    return [table[0], *([*row[:-1], "yes" if row[-1] == WINES[1] else "no"] for row in table[1:])]


def number(table):
    """The same table with a number to predict, and a text column with gaps."""
    header, *rows = table
    changed = [[*row[1:-1], "" if n % 9 == 0 else f"w{n % 3}", row[0]] for n, row in enumerate(rows)]
    return [[*header[1:-1], "region", "alcohol"], *changed]


YES_OR_NO, NUMBER = (written.model("wine", problem) for problem in ("binary", "regression"))
KINDS = {
    "multiclass": (settings(), wines(), MODEL),
    "binary": (
        settings(
            data=wine_settings()["data"] | {"label": {"positive": ["yes"], "negative": ["no"]}},
            gates={"thresholds": {"auc": 0.5}, "champion": {"metric": "auc", "margin": 0.1}},
        ),
        two(wines()),
        YES_OR_NO,
    ),
    "regression": (
        settings(
            data={
                "url": "data/wine/",
                "header": True,
                "columns": dict.fromkeys(wines()[0][1:-1], "number") | {"region": "category", "alcohol": "label"},
            },
            model={"settings": {"alpha": 1.0, "min_frequency": 1}},
            gates={"thresholds": {"r2": 0.1}, "champion": {"metric": "r2", "margin": 0.1}},
        ),
        number(wines()),
        NUMBER,
    ),
}


@pytest.fixture(scope="module", params=KINDS)
def made(request, tmp_path_factory):
    found, table, code = KINDS[request.param]
    own = pipeline(tmp_path_factory.mktemp(request.param), "wine", found, table, {"model.py": code})
    own.prepare()
    own.train()
    return own


def test_it_is_evaluated_and_answers_alike_everywhere(made, capsys):
    report = made.evaluate()
    capsys.readouterr()
    section = next(value for name, value in report.items() if name.endswith("_metrics"))
    assert max(section.get(name, {"value": 0})["value"] for name in ("accuracy", "r2")) > 0.1
    assert sum(report["feature_importance"].values()) == pytest.approx(1)
    model = inference.model_fn(str(made.model))
    golden = json.loads((made.work / "evaluation/golden.json").read_text())["rows"]
    lines, instances = "\n".join(row["csv"] for row in golden), json.dumps([row["instance"] for row in golden])
    as_csv = inference.transform_fn(model, lines, "text/csv", "application/json")[0]
    assert as_csv == inference.transform_fn(model, instances, "application/json", "application/json")[0]
    answers = json.loads(as_csv)["predictions"]
    found = [answer["probabilities"] if isinstance(answer, dict) else answer for answer in answers]
    assert found == [row["prediction"] for row in golden]
    label = made.config.data.label_column
    stored = scoring.score(model, made.out / "test", label).scores[: len(golden)]
    assert np.asarray(found) == pytest.approx(stored, abs=1e-7)
    one = inference.transform_fn(model, golden[3]["csv"], "text/csv", "application/json")[0]
    assert json.loads(one)["predictions"] == answers[3:4]


SIMPLE = """def fit(train, validation, settings):
    return settings


def predict(model, rows):
    return [[1, 0, 0]] * len(rows)


def save(model, folder):
    (folder / "m").write_text("x")


def load(folder):
    return {}
"""


def test_rows_come_as_documented(tmp_path):
    """Numbers as float64, booleans too, text as text or None; of labels the places of the classes."""
    features = """def features(rows):
    made = rows[["hue", "ash"]].copy()
    made["dark"] = (rows["hue"] > 1).where(rows["hue"].notna())
    made["old"] = rows["ash"] > 2
    made["shade"] = rows["hue"].map(lambda hue: "red" if hue > 1 else None)
    return made
"""
    measured = settings(slices=wines()[0][:-1])  # so that features() need not look at all of them
    own = pipeline(tmp_path, "wine", measured, wines(), {"model.py": SIMPLE, "features.py": features})
    own.prepare()
    code = tmp_path / "code"
    bundles.serving_code(own.folder).write(code)
    functions = own_model.ModelCode.load(code)
    encoder, target = Encoder.load(own.out / "encoder", code), Target.load(own.out / "encoder")
    train = own_model.part(own.out / "train", encoder, target, "grower")
    assert own_model.fit(functions, train, train, {"C": 0.5}).fitted == {"C": 0.5}
    assert {name: str(dtype) for name, dtype in train.rows.dtypes.items()} == {
        "hue": "float64",
        "ash": "float64",
        "dark": "float64",
        "old": "float64",
        "shade": "object",
    }
    assert set(train.rows["shade"]) == {"red", None}
    assert (str(train.labels.dtype), train.labels.name, set(train.labels)) == ("int64", "grower", {0, 1, 2})


def broken(old, new):
    assert old in MODEL
    return MODEL.replace(old, new, 1)


PREDICT = "return model.predict_proba(rows)"
LOAD = 'return joblib.load(folder / "model.joblib")'
FRAME = "import pandas\n\n    return pandas.DataFrame(model.predict_proba(rows), columns=['3', 'b', 'a'])"
TURNED = 'made = joblib.load(folder / "model.joblib")\n    made[-1].coef_ = -made[-1].coef_\n    return made'
FAILS_IN_TRAIN = {  # what is changed in model.py, into what, and the message
    "fit fails": (
        "rows, labels = train",
        "rows, labels = train, 1 / 0",
        r"model\.py:\d+: fit\(\) failed: ZeroDivision",
    ),
    "fit returns nothing": ("    return made.fit", "    made.fit", r"model\.py:\d+: fit\(\) returns None"),
    "a row too few": (PREDICT, f"{PREDICT}[1:]", r"predict\(\) returns an array of the shape \(\d+, 3\) for \d+ rows"),
    "labels": ("predict_proba", "predict", r"of the shape \(\d+,\) for \d+ rows; expected a row of probabilities"),
    "no numbers": (PREDICT, 'return ["x"] * len(rows)', "that holds other than numbers"),
    "not a number": (PREDICT, f"{PREDICT} * float('nan')", r"\[nan, nan, nan\] in row 1 \(alcohol .*finite"),
    "more than 1": (PREDICT, f"{PREDICT} * 2", r"in row 1 .*from 0 to 1, which sum up to 1"),
    "another order": (PREDICT, FRAME, "returns the columns 3, b, a; expected"),
    "nothing is saved": ('joblib.dump(model, folder / "model.joblib")', "pass", r"save\(\) has written nothing"),
    "it can't be loaded": (LOAD, 'return joblib.load(folder / "x")', r"load\(\) failed: FileNotFoundError"),
    "another is loaded": (LOAD, TURNED, r"has read answers otherwise in row 1"),
    "other rows count": (
        PREDICT,
        "return model.predict_proba(rows - rows.mean() * (len(rows) > 1))",
        r"predict\(\) depends on the other rows",
    ),
    "it can't be saved": (
        "    return made.fit(rows, labels)",
        "    made.fit(rows, labels)\n    made.made = lambda: 1\n    return made",
        r"save\(\) failed: \w*PicklingError",
    ),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    own = pipeline(tmp_path_factory.mktemp("prepared"), "wine", settings(), wines(), {"model.py": MODEL})
    own.prepare()
    return own


@pytest.mark.parametrize("case", FAILS_IN_TRAIN)
def test_what_is_wrong_fails_in_train(prepared, tmp_path, case):
    old, new, message = FAILS_IN_TRAIN[case]
    own = type(prepared)(prepared.folder, tmp_path)
    (prepared.folder / "model.py").write_text(broken(old, new))
    (tmp_path / "out").symlink_to(prepared.out)
    with pytest.raises(ModelError, match=message):
        own.train()


def test_several_hosts_are_refused(prepared, tmp_path):
    (prepared.folder / "model.py").write_text(MODEL)
    bundles.serving_code(prepared.folder).write(tmp_path)
    channels = training.Channels(*(prepared.out / name for name in ("train", "validation", "encoder")))
    with pytest.raises(JobError, match="fitted on one host, and this job has 2"):
        training.train(channels, prepared.config.training, Hosts(("a", "b"), "a"), tmp_path)


def test_a_class_of_the_pipeline_s_own_is_saved_and_loaded(prepared, tmp_path):
    helper = "class Model:\n    def __init__(self, share):\n        self.share = share\n"
    code = """import pickle

from pipelines.wine.shared import Model


def fit(train, validation, settings):
    return Model([train.labels.eq(place).mean() for place in range(3)])


def predict(model, rows):
    assert isinstance(model, Model)
    return [model.share] * len(rows)


def save(model, folder):
    (folder / "m.pkl").write_bytes(pickle.dumps(model))


def load(folder):
    return pickle.loads((folder / "m.pkl").read_bytes())
"""
    own = type(prepared)(prepared.folder, tmp_path)
    (prepared.folder / "model.py").write_text(code)
    (prepared.folder / "shared.py").write_text(helper)
    (tmp_path / "out").symlink_to(prepared.out)
    before = set(sys.modules)
    own.train()
    assert (own.model / "code/pipelines/wine/shared.py").is_file()
    assert Model.load(own.model).own.fitted.share[0] == pytest.approx(0.33, abs=0.1)
    assert not {name for name in set(sys.modules) - before if name.startswith("pipelines.wine")}


def test_a_row_for_which_predict_fails_is_named(prepared, tmp_path):
    code = broken(PREDICT, f"assert rows['hue'].max() < 50, 'too much hue'\n    {PREDICT}")
    own = type(prepared)(prepared.folder, tmp_path)
    (prepared.folder / "model.py").write_text(code)
    (tmp_path / "out").symlink_to(prepared.out)
    own.train()
    model = inference.model_fn(str(own.model))
    rows = [row["instance"] for row in json.loads((own.out / "golden/golden.json").read_text())["rows"][:3]]
    rows[1] = {**rows[1], "hue": 99}
    failed = inference.transform_fn(model, json.dumps(rows), "application/json", "text/csv")
    said = r"model\.py:\d+: predict\(\) failed: AssertionError: too much hue, in row 2 \(alcohol"
    assert failed.status_code == 500
    assert re.search(said, failed.get_data(as_text=True))


WRITTEN = {
    "no fit": ("def fit(", "def fitted(", r"model\.py:1: there is no function fit\(train, validation, settings\)"),
    "an argument less": (
        "def fit(train: Any, validation: Any, settings: dict[str, Any])",
        "def fit(train, settings)",
        r"model\.py:\d+: fit\(train, settings\) can't be called as fit\(train, validation, settings\)",
    ),
    "a keyword of its own": (
        "def load(folder: Path)",
        "def load(folder, *, strict)",
        r"model\.py:\d+: load\(folder, \*, strict\) can't be called as load\(folder\)",
    ),
    "async": ("def predict(", "async def predict(", r"model\.py:\d+: predict is async"),
    "not Python": ("def save(", "def save", r"model\.py:\d+: not Python: "),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_what_is_wrong_with_its_functions_is_refused_before_anything_runs(tmp_path, case):
    old, new, message = WRITTEN[case]
    own = pipeline(tmp_path, "wine", settings(), wines(), {"model.py": broken(old, new)})
    with pytest.raises(UsageError, match=message):
        config.load(own.folder / "config.yml")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\n", r"features\.py:1: there is no function features\(rows\)"),
        (
            "def features(rows, extra): ...\n",
            r"features\.py:1: features\(rows, extra\) can't be called as features\(rows\)",
        ),
        ("def features(rows\n", r"features\.py:1: not Python: "),
    ],
)
def test_so_is_what_is_wrong_with_features(tmp_path, code, message):
    own = pipeline(tmp_path, "wine", settings(), wines(), {"model.py": MODEL})
    (own.folder / "features.py").write_text(code)
    with pytest.raises(UsageError, match=message):
        config.load(own.folder / "config.yml")


MINE = """def fit(*parts): ...
def predict(model, rows, chunk=10): ...
def save(model, /, folder): ...
def load(folder): ...
"""


@pytest.mark.parametrize(
    "code",
    ["from pipelines.wine.shared import fit, load, predict, save\n", "fit = predict = save = load = print\n", MINE],
)
def test_functions_may_come_from_elsewhere(tmp_path, code):
    own = pipeline(tmp_path, "wine", settings(), wines(), {"model.py": code})
    assert own.config.training["settings"] == '{"C": 0.5, "min_frequency": 1}'


TWO_HOSTS, SINCE = {"training": {"count": 2}}, {"settings": {"since": dt.date(2026, 1, 2)}}
BESIDE = {
    "hyperparameters, too": (wine_settings(), MODEL, r"yml:\d+: hyperparameters: XGBoost's, whose place model.py"),
    "neither": (settings(model=None), None, r"yml:1: the file: key 'hyperparameters' is missing"),
    "settings for nothing": (wine_settings(model={"settings": {}}), None, r"yml:\d+: model: there is no model\.py"),
    "two hosts": (settings(instances=TWO_HOSTS), MODEL, r"instances\.training\.count: found 2; model\.py"),
    "a date": (settings(model=SINCE), MODEL, r"model\.settings\.since"),
}


@pytest.mark.parametrize("case", BESIDE)
def test_what_does_not_go_with_it_is_refused(tmp_path, case):
    found, code, message = BESIDE[case]
    own = pipeline(tmp_path, "wine", found, wines(), {"model.py": code} if code else {})
    with pytest.raises(UsageError) as raised:
        config.load(own.folder / "config.yml")
    assert re.search(message, str(raised.value)), raised.value
