"""features.py is found and imported apart from all else; what goes wrong in it has its file and line."""

import sys

import pandas as pd
import pytest

from slipway.tabular import feature_code
from slipway.tabular.feature_code import FeatureError


def written(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def package(answer):
    """A project whose features.py gets its answer from a module beside it."""
    return {
        "pipelines/__init__.py": "",
        "pipelines/wine/__init__.py": "",
        "pipelines/wine/words.py": f"ANSWER = {answer!r}\n",
        "pipelines/wine/features.py": "from .words import ANSWER\n\ndef features(rows):\n    return ANSWER\n",
    }


def test_a_pipeline_without_the_file_has_none(tmp_path):
    assert feature_code.load(tmp_path) is None
    assert feature_code.beside(str(tmp_path / "prepare.py")) is None


def test_two_with_modules_of_one_name_keep_their_own(tmp_path):
    loaded = dict(sys.modules), list(sys.path)
    first, second = (
        feature_code.beside(str(written(tmp_path / answer, package(answer)) / "pipelines/wine/prepare.py"))
        for answer in ("one", "two")
    )
    assert (first(None), second(None), first(None)) == ("one", "two", "one")
    assert (dict(sys.modules), sys.path) == loaded
    assert first.place == "pipelines/wine/features.py:3"


def test_in_a_bundle_the_file_beside_the_script_names_it(tmp_path):
    shim = {"features.py": "from pipelines.wine.features import features\n"}
    function = feature_code.load(written(tmp_path, package("x") | shim))
    assert (function(None), function.place) == ("x", "pipelines/wine/features.py:3")


FAULTS = {
    "no function": ("x = 1\n", r"features.py: there is no function features\(rows\)"),
    "a syntax error": ("x = 1\ndef features(rows:\n", "features.py:2: SyntaxError"),
    "a missing module": ("\nimport nothing_like_it\n", "features.py:2: ModuleNotFoundError: .*nothing_like_it"),
    "an error at import": ("x = 1\ny = x / 0\n", "features.py:2: ZeroDivisionError"),
    "a late import": (
        "def features(rows):\n    from pipelines.wine import words\n    return rows\n",
        "features.py:2: a module of the project is imported inside a function",
    ),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_what_cannot_be_loaded_is_named(tmp_path, text, message):
    before = dict(sys.modules)
    with pytest.raises(FeatureError, match=message):
        feature_code.load(written(tmp_path, {"features.py": text}))
    assert dict(sys.modules) == before


def test_an_error_has_the_line_that_raised_it_in_the_projects_own_code(tmp_path):
    files = package("x") | {
        "pipelines/wine/words.py": "def ANSWER(rows):\n    return rows['a']\n",
        "pipelines/wine/features.py": "from .words import ANSWER\n\ndef features(rows):\n    return ANSWER(rows)\n",
    }
    function = feature_code.load(written(tmp_path, files) / "pipelines/wine")
    with pytest.raises(FeatureError, match=r"^pipelines/wine/words.py:2: KeyError: 'a'$"):
        function({})
    raising = feature_code.load(written(tmp_path / "b", {"features.py": "def features(rows):\n    return rows['a']\n"}))
    with pytest.raises(FeatureError, match=r"^features.py:2: KeyError: 'a'$"):  # raised in pandas
        raising(pd.DataFrame({"b": [1]}))
