"""What features.py may be: pure, each row's result of that row alone, columns that a model can use."""

import random
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from slipway.tabular import derived, feature_code, preparing
from slipway.tabular.encoder import Encoder
from slipway.tabular.job import JobError

DATA = {
    "header": True,
    "columns": {"id": "identifier", "size": "number", "weight": "number", "sex": "category", "sold": "label"},
    "label": {"positive": ["1"], "negative": ["0"]},
    "minimum_rows": 10,
}
CONFIG = {"data": DATA, "split": {"train": 0.6, "validation": 0.2, "test": 0.2, "seed": 3}}
HEAD = "import numpy as np\nimport pandas as pd\n\n\ndef features(rows):\n"  # the function's own lines begin at 6


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """200 rows; row 7 has a size that no other has."""
    chance, folder = random.Random(4), tmp_path_factory.mktemp("rows")
    lines = ["id,size,weight,sex,sold"]
    for row in range(200):
        size = 99.5 if row == 7 else round(chance.uniform(1, 9), 3)
        weight = "" if row % 10 == 0 else round(chance.uniform(1, 9), 3)
        lines.append(f"k{row},{size},{weight},{chance.choice('MFI')},{row % 2}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    return folder


def prepared(rows, folder, body, **sections):
    """What Prepare makes of it; metrics may be measured by all columns, so none has to be used."""
    (folder / "code").mkdir()
    (folder / "code/features.py").write_text(HEAD + "".join(f"    {line}\n" for line in body.split("\n")))
    function = feature_code.load(folder / "code")
    config = {**CONFIG, "slices": ["size", "weight", "sex"], **sections}
    preparing.prepare(rows, folder / "out", config, lambda batch: batch, function)
    return Encoder.load(folder / "out/encoder", folder / "code")


GOOD = {
    "what came": ("return rows", {"size": "number", "weight": "number", "sex": "category"}),
    "a ratio": ("return pd.DataFrame({'r': rows['size'] / rows['weight']})", {"r": "number"}),
    "a bucket": (
        "return pd.DataFrame({'b': pd.cut(rows['size'], [0, 3, 6, 999], labels=['s', 'm', 'l'])})",
        {"b": "category"},
    ),
    "a missing flag": ("return pd.DataFrame({'m': rows['weight'].isna()})", {"m": "boolean"}),
    "whole numbers": ("return pd.DataFrame({'n': rows['size'].round().astype('Int64')})", {"n": "number"}),
    "booleans with gaps": (
        "return pd.DataFrame({'x': (rows['weight'] > 3).astype('boolean').mask(rows['weight'].isna())})",
        {"x": "boolean"},
    ),
    "objects that are booleans or missing": (
        "return pd.DataFrame({'x': rows['sex'].map({'M': True, 'F': False})})",
        {"x": "boolean"},
    ),
    "text of pandas": ("return pd.DataFrame({'t': rows['sex'].astype('string').str.lower()})", {"t": "category"}),
    "numbers that are categories": (
        "return pd.DataFrame({'c': rows['sex'].map({'M': 1, 'F': 2}).astype('Int64').astype('category')})",
        {"c": "category"},
    ),
    "words that stand for a missing value in files": (
        "return pd.DataFrame({'t': np.where(rows['size'] > 5, 'none', '1.0')})",
        {"t": "category"},
    ),
    "the frame itself, changed": (
        "rows['size'] = rows['size'] * 10\nrows.loc[rows['weight'] > 5, 'weight'] = 5\nreturn rows",
        None,
    ),
}


@pytest.mark.parametrize(("body", "kinds"), GOOD.values(), ids=GOOD)
def test_columns_declare_themselves(rows, tmp_path, body, kinds):
    encoder = prepared(rows, tmp_path, body)
    if kinds is not None:
        assert encoder.derivation.kinds == kinds
        assert encoder.features == tuple(kinds)
        assert set(encoder.categories) == {name for name, kind in kinds.items() if kind == "category"}
    assert encoder.raw.features == ("size", "weight", "sex")
    golden = (tmp_path / "out/golden/golden.json").read_text()
    assert '"columns": [\n  "size",\n  "weight",\n  "sex"\n ]' in golden
    baseline = pd.read_csv(tmp_path / "out/baseline/baseline.csv")
    assert list(baseline) == ["size", "weight", "sex"]
    assert baseline["size"].max() < 100


UNUSED = {
    "a ratio": ("return pd.DataFrame({'r': rows['size'] / rows['weight']})", {"slices": []}, "'sex'"),
    "two of three": (
        "rows['size'] = 1 / (rows['size'] - 99.5)\nreturn rows[['size']].clip(-9, 9)",
        {"slices": []},
        "'sex', 'weight'",
    ),
    "a slice": ("return rows[['size', 'weight']]", {"slices": ["sex"]}, ""),
    "a group of bias": ("return rows[['size', 'weight']]", {"slices": [], "bias": {"facets": {"sex": ["M"]}}}, ""),
    "missing or not": (
        "return pd.DataFrame({'m': rows['weight'].isna(), 's': rows['sex'] == 'M'})",
        {"slices": []},
        "'size'",
    ),
    "all": ("return rows", {"slices": []}, ""),
}


@pytest.mark.parametrize(("body", "sections", "unused"), UNUSED.values(), ids=UNUSED)
def test_a_column_that_nothing_uses_is_refused(rows, tmp_path, body, sections, unused):
    if not unused:
        prepared(rows, tmp_path, body, **sections)
        return
    with pytest.raises(
        JobError, match=r"features.py:5: nothing that features\(\) returns changes with " + unused + ", and"
    ):
        prepared(rows, tmp_path, body, **sections)


def test_a_value_that_one_row_has_is_a_use(rows, tmp_path):
    prepared(rows, tmp_path, "rows['giant'] = rows.pop('size') == 99.5\nreturn rows", slices=[])


FAULTS = {
    "dates": (
        "rows['d'] = pd.Timestamp('2026-01-01')\nreturn rows",
        r"features.py:5: column 'd' is datetime64.*numbers, booleans and text",
    ),
    "lists": ("rows['d'] = [[1]] * len(rows)\nreturn rows", r"column 'd' is objects"),
    "numbers and text": (
        "rows['d'] = np.where(rows['size'] > 5, 'x', rows['size'].astype(object))\nreturn rows",
        "column 'd' is",
    ),
    "intervals": (
        "rows['d'] = pd.cut(rows['size'], [0, 5, 999])\nreturn rows",
        r"column 'd' is a Categorical of interval \(give pd.cut its labels\)",
    ),
    "infinite": (
        "rows['d'] = 1 / (rows['size'] - 99.5)\nreturn rows",
        r"features.py:5: column 'd' is infinite.* in the row size 99.5",
    ),
    "too large": ("rows['d'] = rows['size'] * 1e38\nreturn rows", r"column 'd' is infinite, or larger than float32"),
    "no value": ("rows['d'] = None\nreturn rows", "column 'd' has no value in any row"),
    "fails without a value": (
        "rows['d'] = rows['size'].astype(int)\nreturn rows",
        r"features.py:6: IntCastingNaNError.*size nan.*without a value in 'size': requests may be so",
    ),
    "fails for a new category": (
        "rows['d'] = [{'M': 1, 'F': 2, 'I': 3, None: 0}[sex] for sex in rows['sex']]\nreturn rows",
        r"features.py:6: KeyError.*with a new category in 'sex'",
    ),
    "fails for one row": (
        "if (rows['size'] == 99.5).any():\n    raise ValueError('size')\nreturn rows",
        r"features.py:7: ValueError: size, in the row size 99.5",
    ),
    "drops rows": (
        "return rows.dropna()",
        r"features.py:5: features\(\) returns \d+ rows for \d+.*clean in prepare.py",
    ),
    "adds rows": ("return pd.concat([rows, rows])", r"returns \d+ rows for \d+"),
    "sorts rows": ("return rows.sort_values('size')", "another order or with another index"),
    "changes the order silently": ("return rows.sort_values('size').reset_index(drop=True)", "depends on other rows"),
    "the mean": (
        "rows['size'] = rows['size'] - rows['size'].mean()\nreturn rows",
        "column 'size' is .* depends on other rows",
    ),
    "the mean of a group": (
        "rows['d'] = rows.groupby('sex')['size'].transform('mean')\nreturn rows",
        "column 'd' is .*depends on other rows",
    ),
    "the mean for what is missing": (
        "rows['weight'] = rows['weight'].fillna(rows['weight'].mean())\nreturn rows",
        "'weight' is .*depends on other rows",
    ),
    "the row before": ("rows['d'] = rows['size'].shift(1)\nreturn rows", "column 'd' is .*depends on other rows"),
    "dummies": ("return pd.get_dummies(rows)", r"returns other columns \('sex_F'.*depends on other rows"),
    "chance": ("rows['d'] = np.random.rand(len(rows))\nreturn rows", "column 'd' is .*when it is called again"),
    "reads the label": (
        "rows['d'] = rows['sold']\nreturn rows",
        r"features.py:6: KeyError: 'sold': it reads the label 'sold', which a request does not have",
    ),
    "reads the label as an attribute": ("rows['d'] = rows.sold\nreturn rows", "it reads the label 'sold'"),
    "reads an identifier": ("rows['d'] = rows['id']\nreturn rows", "it reads the identifier 'id'"),
    "writes the label": ("rows['sold'] = 1\nreturn rows", "returns the label 'sold'"),
    "writes an identifier": ("rows['ID'] = 1\nreturn rows", "returns the identifier 'id'"),
    "reads what is not there": ("return rows[['height']]", r"features.py:6: KeyError"),
    "no column": ("return rows[[]]", "returns no column"),
    "two of one name": ("return pd.concat([rows, rows['sex']], axis=1)", "returns two columns 'sex'"),
    "a name that is a number": ("rows[3] = 1\nreturn rows", "column name 3 is not a text"),
    "an array": ("return rows.to_numpy()", "returns ndarray, expected a pandas.DataFrame"),
    "nothing": ("rows['d'] = 1", "returns NoneType"),
    "another kind for some rows": (
        "return pd.DataFrame({'d': [s > 5 if s < 99 else 3 for s in rows['size']]})",
        "column 'd' is",
    ),
    "another kind for a row alone": (
        "return pd.DataFrame({'d': rows['size'] if len(rows) > 1 else rows['size'] > 5})",
        "column 'd' is number for rows together and boolean for the row alone",
    ),
}


@pytest.mark.parametrize(("body", "message"), FAULTS.values(), ids=FAULTS)
def test_anything_else_is_refused_by_file_line_and_column(rows, tmp_path, body, message):
    with pytest.raises(JobError, match=message) as raised:
        prepared(rows, tmp_path, body)
    assert str(raised.value).startswith("features.py:")
    assert not (tmp_path / "out/encoder").exists()


def test_a_category_is_the_very_text_that_was_returned(rows, tmp_path):
    encoder = prepared(rows, tmp_path, "return pd.DataFrame({'t': np.where(rows['size'] > 5, 'none', '1.0')})")
    assert encoder.categories == {"t": ("1.0", "none")}
    columns = {"size": np.array([9.0, 1.0]), "weight": np.array([1.0, 1.0]), "sex": np.array(["M", "F"], object)}
    assert encoder.derivation.matrix(columns).tolist() == [[1.0], [0.0]]


def test_a_category_that_no_training_row_has_is_missing(rows, tmp_path):
    whole, one = (
        prepared(rows, folder, f"return pd.DataFrame({{'n': rows['weight'], 't': np.where({test}, 'x', None)}})")
        for folder, test in ((made(tmp_path / "a"), "rows['size'] > 0"), (made(tmp_path / "b"), "rows['size'] == 99.5"))
    )
    assert (whole.categories, one.categories["t"] in {(), ("x",)}) == ({"t": ("x",)}, True)


def made(folder):
    folder.mkdir()
    return folder


TYPES = {
    "float": lambda rows: rows["a"],
    "float32": lambda rows: rows["a"].astype("float32"),
    "integer": lambda rows: rows["a"].fillna(0).astype("int64"),
    "pandas' integer": lambda rows: rows["a"].round().astype("Int64"),
    "boolean": lambda rows: rows["a"] > 0,
    "pandas' boolean": lambda rows: (rows["a"] > 0).astype("boolean").where(rows["a"].notna()),
    "boolean with gaps": lambda rows: (rows["a"] > 0).astype(object).where(rows["a"].notna(), None),
    "text": lambda rows: rows["b"],
    "text with NaN": lambda rows: rows["b"].where(rows["b"].notna(), np.nan),
    "pandas' text": lambda rows: rows["b"].astype("string"),
    "categorical": lambda rows: rows["b"].astype("category"),
    "cut": lambda rows: pd.cut(rows["a"], [-9, 0, 1, 9], labels=["x", "y", "z"]),
}


@pytest.mark.parametrize("name", TYPES)
def test_few_rows_are_read_as_many_are(name, monkeypatch):
    chance = np.random.default_rng(4)
    a = np.where(chance.random(40) < 0.2, np.nan, chance.normal(size=40))
    b = np.array([[None, "x", "y", "new"][n] for n in chance.integers(0, 4, 40)], object)
    function = SimpleNamespace(place="features.py:1")
    whole = TYPES[name](pd.DataFrame({"a": a, "b": b}))
    kind = derived.kind_of(whole)
    categories = {"made": ("x", "y", "z")} if kind == "category" else {}
    read = derived.Derivation(None, {"a": "number", "made": kind}, categories, function)
    monkeypatch.setattr(
        derived, "derive_frame", lambda _, rows: pd.DataFrame(rows)[["a"]].assign(made=TYPES[name](pd.DataFrame(rows)))
    )
    few = [read.matrix({"a": a[n : n + 1], "b": b[n : n + 1]}) for n in range(40)]
    together = read.matrix({"a": a, "b": b})
    monkeypatch.setattr(derived, "FEW", 0)
    many = read.matrix({"a": a, "b": b})
    assert np.array_equal(np.concatenate(few), many, equal_nan=True)
    assert np.array_equal(together, many, equal_nan=True)
