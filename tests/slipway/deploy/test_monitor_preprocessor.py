"""Requests as rows by the baseline's names, in this Python and in the ones that the monitor's container may have."""

import ast
import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from slipway.deploy import monitor_preprocessor
from slipway.tabular import cells

SCRIPT = Path(monitor_preprocessor.__file__)
OLD = ("python3.7", "python3.8", "python3.9")
BY_NAME = ("age", "intl_plan", "minutes")


@pytest.fixture(autouse=True)
def baseline(tmp_path, monkeypatch):
    types = {"age": "Integral", "intl_plan": "String", "minutes": "Fractional"}
    features = [{"name": name, "inferred_type": kind} for name, kind in types.items()]
    features[1]["string_constraints"] = {"domains": ["yes", "no", "true"]}
    (tmp_path / "constraints.json").write_text(json.dumps({"features": features}))
    monkeypatch.setenv("baseline_constraints", str(tmp_path / "constraints.json"))
    for cached in ("_features", "_names", "_columns", "_missing", "_by_spelling"):
        getattr(monitor_preprocessor, cached).cache_clear()


REQUESTS = {
    "csv": ("CSV", "text/csv", "41,yes,5.5\n42,no,\n", [("41", "yes", "5.5"), ("42", "no", None)]),
    "header": ("CSV", "text/csv; charset=utf-8", "Minutes,Age,Int'l Plan\n5.5,41,yes\n", [("41", "yes", "5.5")]),
    "short row": ("CSV", "text/csv", "age,intl_plan,minutes\n41,yes\n", [("41", "yes")]),
    "objects": (
        "JSON",
        "application/json",
        '{"instances": [{"age": 41, "Intl Plan": true, "minutes": null}]}',
        [(41, "true", None)],
    ),
    "lists": ("JSON", "application/json", '[[41, "yes", 5.5], [42, "no", 6]]', [(41, "yes", 5.5), (42, "no", 6)]),
    "one list": ("JSON", "application/json", '[41, "yes", 5.5]', [(41, "yes", 5.5)]),
    "numbers": (
        "JSON",
        "application/json",
        '[[41.0, "yes", 5.0], [41.5, 1.0, 5]]',
        [(41, "yes", 5), (41.5, "true", 5)],
    ),
    "numbers as text": (
        "CSV",
        "text/csv",
        "41.0,yes,5.0\nold,no,1e3\n4.1e1,no,5",
        [("41", "yes", "5"), ("old", "no", "1e3"), ("41", "no", "5")],
    ),
    "spellings": (
        "CSV",
        "text/csv",
        "TRUE, TRUE ,NaN\n?,None, n/a\n41,1.0,\u00a05.50",
        [("1", "true", None), (None, None, None), ("41", "true", "5.50")],
    ),
    "nested": ("JSON", "application/json", '[[41, ["yes"], 5.5]]', {"request_not_readable": "1"}),
    "no rows": ("JSON", "application/json", "5", {"request_not_readable": "1"}),
    "base64": ("BASE64", "text/csv", "NDEseWVzLDUuNQ==", [("41", "yes", "5.5")]),
    "nothing": ("CSV", "text/csv", "", []),
}


def answered(encoding, kind, data):
    part = SimpleNamespace(encoding=encoding, observedContentType=kind, data=data, mode="INPUT")
    return monitor_preprocessor.preprocess_handler(SimpleNamespace(endpoint_input=part))


@pytest.mark.parametrize(("encoding", "kind", "data", "rows"), REQUESTS.values(), ids=REQUESTS)
def test_all_ways_to_ask_give_the_same_columns(encoding, kind, data, rows):
    found = answered(encoding, kind, data)
    assert found == (rows if isinstance(rows, dict) else [dict(zip(BY_NAME, row, strict=False)) for row in rows])


def test_words_of_config_yml_for_a_missing_value_are_the_container_s(monkeypatch):
    monkeypatch.setenv("missing_words", base64.b64encode(b'["", "-"]').decode())
    assert answered("CSV", "text/csv", "-,NA,5.5") == [{"age": None, "intl_plan": "NA", "minutes": "5.5"}]


def test_a_cell_is_read_as_the_model_reads_it():
    """The script runs alone in a container, so it has the lines of slipway/tabular/cells.py rather than an import."""
    scripts = [path.read_text().splitlines() for path in (SCRIPT, Path(cells.__file__))]
    ours, theirs = (
        lines[_mark(lines, "# -- the same in") + 1 : _mark(lines, "# -- end of the same")] for lines in scripts
    )
    assert len(ours) > 30
    assert ours == theirs


def _mark(lines, text):
    return next(number for number, line in enumerate(lines) if line.startswith(text))


def test_a_break_of_the_schema_shows():
    assert answered("CSV", "text/csv", "1,2,3,4")[0]["extra_3"] == "4"
    assert answered("JSON", "text/csv", "{") == {"request_not_readable": "1"}
    assert monitor_preprocessor.preprocess_handler(SimpleNamespace(endpoint_input=None)) == []


def test_the_file_is_python_3_7():
    """Its syntax, and no `strict` of zip, which came with 3.10: the container's Python is 3.7 in every public trace."""
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 7))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert [keyword.arg for call in calls if call.func.id == "zip" for keyword in call.keywords] == []


RUN = """
import importlib.util, json, sys
from types import SimpleNamespace
spec = importlib.util.spec_from_file_location("monitor_preprocessor", sys.argv[1])
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
for encoding, kind, data in json.load(sys.stdin):
    part = SimpleNamespace(encoding=encoding, observedContentType=kind, data=data, mode="INPUT")
    print(json.dumps(script.preprocess_handler(SimpleNamespace(endpoint_input=part))))
"""


def run_with(command):
    version = command.removeprefix("python")
    environ = os.environ | ({"PYENV_VERSION": version} if command in OLD else {})  # pyenv has shims for all of its own
    requests = json.dumps([request[:3] for request in REQUESTS.values()])
    return subprocess.run(
        [command, "-c", RUN, str(SCRIPT)], input=requests, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", OLD)
def test_an_old_python_gives_the_same_rows(command):
    if not shutil.which(command) or (ran := run_with(command)).returncode == 127:
        pytest.skip(f"there is no {command} here")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == run_with(sys.executable).stdout
