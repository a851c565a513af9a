"""A wrong config.yml is refused with file, line, what was found and what is allowed."""

import subprocess
import sys

import pytest

from pipelines import config
from pipelines.project import UsageError

from .conftest import ROOT

TEXT = (ROOT / "pipelines" / "churn" / "config.yml").read_text()


@pytest.mark.parametrize("name", ["churn", "abalone"])
def test_the_shipped_files_are_valid(name):
    path = ROOT / "pipelines" / name / "config.yml"
    config.load(path)
    assert path.read_text().splitlines()[0] == "# yaml-language-server: $schema=../config.schema.json"


def test_the_published_schema_is_current():
    assert config.SCHEMA.read_text() == config.schema(), "run python -m pipelines.config schema"


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


CASES = {
    "a misspelt key": (
        "  max_depth: 5",
        "  max_dpeth: 5",
        "unknown key 'hyperparameters.max_dpeth' (did you mean 'max_depth'?); allowed: num_round,",
    ),
    "a misspelt section": ("gates:", "gate:", "unknown key 'gate' (did you mean 'gates'?); allowed: data,"),
    "a misspelt type": (
        "day_mins: number",
        "day_mins: numer",
        "data.columns.day_mins: found 'numer' (did you mean 'number'?); allowed: 'number'",
    ),
    "a value out of range": (
        "  eta: 0.1",
        "  eta: 3",
        "hyperparameters.eta: found 3; Input should be less than or equal to 1",
    ),
    "text for a number": ("num_round: 400", "num_round: many", "hyperparameters.num_round: found 'many'"),
    "no instance type": (
        "processing: {type: ml.m5.xlarge",
        "processing: {type: m5.xlarge",
        "instances.processing.type: found 'm5.xlarge'",
    ),
    "shares that are not 1": ("train: 0.7", "train: 0.6", "must be 1, found 0.9"),
    "an unknown slice": (
        "slices: [intl_plan",
        "slices: [intl_plann",
        "'intl_plann' is not a feature (did you mean 'intl_plan'?)",
    ),
    "two labels": ("state: category", "state: label", "exactly one column must be the label"),
    "a metric of a regression": (
        "thresholds: {auc",
        "thresholds: {rmse",
        "'rmse' is not a metric of a classification; allowed: auc",
    ),
    "an unknown metric": ("{metric: auc", "{metric: aux", "gates.champion.metric: found 'aux' (did you mean 'auc'?)"),
}


@pytest.mark.parametrize(("old", "new", "message"), CASES.values(), ids=CASES)
def test_refusal(tmp_path, old, new, message):
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    path = tmp_path / "config.yml"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        config.load(path)
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{path}:")


@pytest.mark.parametrize(
    ("old", "new"), [("  max_depth: 5", "  max_dpeth: 5"), ("day_mins: number", "day_mins: numer")]
)
def test_the_line_is_the_line(tmp_path, old, new):
    path = tmp_path / "config.yml"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(UsageError, match=rf"config\.yml:{line_of(TEXT, old)}:"):
        config.load(path)


@pytest.mark.parametrize("text", ["data: [", "\tdata: 1", ""])
def test_what_is_no_yaml_has_a_line_too(tmp_path, text):
    path = tmp_path / "config.yml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"config\.yml:1:"):
        config.load(path)


def test_check_command():
    done = subprocess.run([sys.executable, "-m", "pipelines.config", "check"], cwd=ROOT, check=False)
    assert done.returncode == 0
