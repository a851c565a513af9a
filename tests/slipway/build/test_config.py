"""A wrong config.yml is refused with file, line, what was found and what is allowed."""

import subprocess
import sys

import pytest
import yaml

from slipway.build import config
from slipway.build.project import UsageError
from tests.slipway.conftest import ROOT

CHURN, ABALONE = ((ROOT / "pipelines" / name / "config.yml").read_text() for name in ("churn", "abalone"))
TEXT = (
    CHURN
    + """
bias:
  facets: {vmail_plan: ["yes"], day_mins: [300]}
  group: state
explainability:
  num_samples: 100
"""
)


@pytest.mark.parametrize("name", ["churn", "abalone"])
def test_the_shipped_files_are_valid(name):
    path = ROOT / "pipelines" / name / "config.yml"
    config.load(path)
    assert path.read_text().splitlines()[0] == "# yaml-language-server: $schema=../config.schema.json"


def test_the_published_schema_is_current():
    assert (ROOT / config.SCHEMA).read_text() == config.schema(), "run python -m slipway.build.config schema"


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


CASES = {
    "a misspelt key": (
        "  max_depth: 6",
        "  max_dpeth: 6",
        "unknown key 'hyperparameters.max_dpeth' (did you mean 'max_depth'?); allowed: num_round,",
    ),
    "a misspelt section": ("gates:", "gate:", "unknown key 'gate' (did you mean 'gates'?); allowed: problem,"),
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
    "text for a number": ("num_round: 800", "num_round: many", "hyperparameters.num_round: found 'many'"),
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
    "a facet that is no feature": (
        'vmail_plan: ["yes"]',
        'vmail_pln: ["yes"]',
        "bias.facets.vmail_pln: not a feature (did you mean 'vmail_plan'?)",
    ),
    "a plan that YAML takes for true": (
        'vmail_plan: ["yes"]',
        "vmail_plan: [yes]",
        "bias.facets.vmail_plan: it is a category column: give texts ('yes' in quotes: plain, it is true)",
    ),
    "a category that is a number": ('vmail_plan: ["yes"]', 'area_code: ["415"]', "bias.facets.area_code: it is a cat"),
    "a group without values": ('vmail_plan: ["yes"]', "vmail_plan: []", "bias.facets.vmail_plan: it is a category"),
    "two thresholds": ("day_mins: [300]", "day_mins: [1, 2]", "bias.facets.day_mins: it is a number column: give one"),
    "no facet": ('{vmail_plan: ["yes"], day_mins: [300]}', "{}", "bias.facets: found {}"),
    "a group that is no feature": ("group: state", "group: states", "bias.group: 'states' is not a feature"),
    "too few samples": ("num_samples: 100", "num_samples: 20", "explainability.num_samples: 19 features need at"),
    "two names with one spelling": (
        "day_calls: number",
        "Day-Mins: number",
        "'day_mins' and 'Day-Mins' differ in case",
    ),
    "a name that YAML reads as a number": (
        "day_calls: number",
        "2024: number",
        "data.columns.2024: found 2024, which YAML reads as no text; write it in quotes",
    ),
    "a name with blanks around it": ("day_calls: number", '" calls": number', "data.columns. calls: found ' calls'"),
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
    ("old", "new"), [("  max_depth: 6", "  max_dpeth: 6"), ("day_mins: number", "day_mins: numer")]
)
def test_the_line_is_the_line(tmp_path, old, new):
    path = tmp_path / "config.yml"
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(UsageError, match=rf"config\.yml:{line_of(TEXT, old)}:"):
        config.load(path)


@pytest.mark.parametrize("name", ["1stFlrSF", "Größe", "年齢", "Size [m²]", "%", "a", "data.columns", "कि"])
def test_a_column_may_have_any_name(tmp_path, name):
    path = tmp_path / "config.yml"
    path.write_text(TEXT.replace("day_mins", f'"{name}"'), encoding="utf-8")
    assert config.load(path).data.columns[name] == "number"


def test_a_regression_has_no_groups_to_compare(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(ABALONE + 'bias: {facets: {sex: ["F"]}}\n')
    with pytest.raises(UsageError, match=r"bias: labels are compared by what they mean: data\.label must say it"):
        config.load(path)


def test_what_is_checked_by_default_is_what_the_words_say():
    document = yaml.safe_load(CHURN) | {"explainability": {}}
    assert config.Config.model_validate(document).part("explainability") == {
        "explainability": {"rows": 200, "num_samples": 200, "agg_method": "mean_abs"}
    }


@pytest.mark.parametrize("text", ["data: [", "\tdata: 1", ""])
def test_what_is_no_yaml_has_a_line_too(tmp_path, text):
    path = tmp_path / "config.yml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"config\.yml:1:"):
        config.load(path)


def test_check_command():
    done = subprocess.run([sys.executable, "-m", "slipway.build.config", "check"], cwd=ROOT, check=False)
    assert done.returncode == 0
