"""A wrong config.yml is refused with file, line, what was found and what is allowed."""

import subprocess
import sys
from typing import get_args

import pytest
import yaml

from slipway.build import config
from slipway.build.project import UsageError
from slipway.tabular.kinds import METRICS
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
        "gates.thresholds.rmse: 'rmse' is not a metric of a binary problem; allowed: auc",
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
    "a positive class of a yes or no": (
        "  group: state",
        '  positive: ["yes"]',
        "bias.positive: of a yes or no data.label says which labels are positive",
    ),
    "no facet": ('{vmail_plan: ["yes"], day_mins: [300]}', "{}", "bias.facets: found {}"),
    "a group that is no feature": ("group: state", "group: states", "bias.group: 'states' is not a feature"),
    "too few samples": (
        "num_samples: 100",
        "num_samples: 20\nmonitoring:\n  engine: sagemaker",
        "explainability.num_samples: 19 features need at",
    ),
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
    "a wait for what is not asked for": (
        "count: 1, volume_gb",
        "max_wait_seconds: 20000, volume_gb",
        "instances.training.max_wait_seconds: how long spare capacity is waited for: it needs spot: true",
    ),
    "a wait shorter than the training": (
        "count: 1, volume_gb",
        "spot: true, max_wait_seconds: 60, volume_gb",
        "instances.training.max_wait_seconds: found 60; Input should be greater than or equal to 14400",
    ),
    "spare capacity for several hosts": (
        "count: 1, volume_gb",
        "count: 2, spot: true, volume_gb",
        "instances.training.spot: count is 2: Train goes on where it was on one host only",
    ),
    "a network that is none": (
        "hyperparameters:",
        "vpc: {subnets: [a], security_groups: [sg-1]}\nhyperparameters:",
        "vpc.subnets.0: found 'a'",
    ),
    "a network without its guard": (
        "hyperparameters:",
        "vpc: {subnets: [subnet-1]}\nhyperparameters:",
        "'vpc.security_groups' is missing",
    ),
    "a parameter that is no hyperparameter": (
        "hyperparameters:",
        "parameters: [etta]\nhyperparameters:",
        "parameters: 'etta' is not a hyperparameter that is a number (did you mean 'eta'?)",
    ),
    "a parameter without a value": (
        "hyperparameters:",
        "parameters: [gamma]\nhyperparameters:",
        "parameters: give hyperparameters.gamma a value: it is what a run takes that sets no other",
    ),
    "a parameter twice": ("hyperparameters:", "parameters: [eta, eta]\nhyperparameters:", "parameters: 'eta' is there"),
    **{
        f"tuning: {name}": ("hyperparameters:", f"tuning: {{{text}}}\nhyperparameters:", message)
        for name, text, message in (
            (
                "no hyperparameter",
                "ranges: {etta: {from: 0.1, to: 1}}",
                "tuning.ranges.etta: no hyperparameter",
            ),
            ("out of bounds", "ranges: {eta: {from: 0.1, to: 3}}", "tuning.ranges.eta: found 3; Input should be less"),
            ("half a range", "ranges: {eta: {from: 0.1}}", "needs from and to, or values"),
            ("upside down", "ranges: {eta: {from: 0.3, to: 0.1}}", "from must be below to, found 0.3 and 0.1"),
            ("both", "ranges: {eta: {from: 0.1, to: 1, values: [1]}}", "needs from and to, or values"),
            ("no logarithm", "ranges: {gamma: {from: 0, to: 1, scale: Logarithmic}}", "begins above 0, found from: 0"),
            ("half a tree", "ranges: {max_depth: {from: 2.5, to: 4}}", "max_depth: it is a whole number"),
            ("a grid of ranges", "strategy: Grid, ranges: {eta: {from: 0.1, to: 1}}", "a grid is made of values"),
            (
                "too many at once",
                "jobs: 2, parallel: 3, ranges: {eta: {from: 0.1, to: 1}}",
                "parallel: found 3",
            ),
        )
    },
    "what a run sets is not searched": (
        "hyperparameters:",
        "parameters: [eta]\ntuning: {ranges: {eta: {from: 0.1, to: 1}}}\nhyperparameters:",
        "tuning.ranges.eta: a run sets it (`parameters`), so it can't be searched",
    ),
    "a metric that no tuning job knows": (
        "  eval_metric: logloss\n  reg_lambda: 5\n  seed: 20\n",
        "  eval_metric: aucpr\ntuning: {ranges: {eta: {from: 0.1, to: 1}}}\n",
        "tuning: the best is told by hyperparameters.eval_metric, and aucpr can't; allowed: accuracy, auc",
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


WINE = """data:
  url: data/wine/
  header: true
  columns: {ash: number, hue: number, colour: category, grower: label}
  label:
    classes: [a, b, "3"]
split: {train: 0.6, validation: 0.2, test: 0.2}
hyperparameters:
  num_round: 5
gates:
  thresholds: {macro_f1: 0.5, lowest_recall: 0.2}
  champion: {metric: log_loss, margin: 0.02}
# more
"""
OF_CLASSES = {
    "a metric of a yes or no": (
        "{macro_f1: 0.5",
        "{auc: 0.5",
        ":11: gates.thresholds.auc: 'auc' is not a metric of a mul",
    ),
    "another problem": (
        "# more",
        "problem: binary",
        ":13: problem: found binary, and by data.label it is multiclass: a",
    ),
    "a regression with labels": (
        "# more",
        "problem: regression",
        ":13: problem: found regression, and by data.label it",
    ),
    "two classes": ("[a, b, ", "[a, ", ":6: data.label.classes: found 2; of two classes one is positive"),
    "one class twice": ("[a, b, ", "[a, 3.0, ", ":6: data.label.classes: 3.0 and '3' are one class"),
    "a class that YAML takes for no": ("[a, b, ", "[a, no, ", ":6: data.label.classes: YAML reads False as no text"),
    "a class over two lines": ("[a, b, ", '[a, "b\\nc", ', ":6: data.label.classes: 'b\\nc' can't name a class"),
    "a missing class": ("[a, b, ", "[a, NA, ", "class 'NA' is a word for a missing value"),
    "classes and yes": ("    classes: ", '    positive: ["a"]\n    classes: ', "data.label: has classes, and positive"),
    "neither": ('    classes: [a, b, "3"]', '    positive: ["a"]', ":5: data.label: needs positive and negative"),
    "a threshold": ("# more", "decision: {choose: cost}", ":13: decision: of several classes the most probable one"),
    "groups without a positive class": (
        "# more",
        "bias: {facets: {ash: [1]}}",
        "several classes: name the positive ones, positive: [...] of a, b, 3",
    ),
    "an unknown positive class": (
        "# more",
        "bias:\n  facets: {ash: [1]}\n  positive: [growr]",
        ":15: bias.positive: 'growr' is not a class; allowed: a, b, 3",
    ),
    "a positive class that YAML takes for no": (
        "# more",
        "bias:\n  facets: {ash: [1]}\n  positive: [no]",
        ":15: bias.positive: YAML reads False as no text; write it in quotes",
    ),
    "all classes are positive": (
        "# more",
        "bias: {facets: {ash: [1]}, positive: [3.0, b, a]}",
        ":13: bias.positive: these are all classes: there is no other answer",
    ),
    "groups by Clarify": (
        "# more",
        "bias: {facets: {ash: [1]}, positive: [a]}\nmonitoring: {engine: sagemaker}",
        ":13: bias: Clarify reads one number of an answer in CSV",
    ),
    "explanations by Clarify": (
        "# more",
        "explainability: {rows: 20}\nmonitoring: {engine: sagemaker}",
        ":13: explainability: Clarify reads one number of an answer in CSV",
    ),
    "a weight": (
        "num_round: 5",
        "num_round: 5\n  class_weight: 3",
        ":10: hyperparameters.class_weight: a number weighs",
    ),
    "an objective": (
        "num_round: 5",
        "num_round: 5\n  objective: binary:logistic",
        ":10: hyperparameters.objective: bin",
    ),
    "early stopping": (
        "num_round: 5",
        "num_round: 5\n  eval_metric: logloss",
        ":10: hyperparameters.eval_metric: log",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), OF_CLASSES.values(), ids=OF_CLASSES)
def test_what_is_not_for_several_classes_is_refused(tmp_path, old, new, message):
    assert old in WINE
    path = tmp_path / "config.yml"
    path.write_text(WINE.replace(old, new, 1))
    with pytest.raises(UsageError) as raised:
        config.load(path)
    assert message in str(raised.value)


def test_positive_classes_have_the_spelling_of_the_label(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(WINE.replace("# more", "bias: {facets: {ash: [1]}, positive: [3.0, a]}"))
    found = config.load(path)
    assert found.bias.positives(found.data.label.classes) == ["a", "3"]


def test_a_class_that_is_called_as_all_of_them_are_is_not_explained(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(WINE.replace("[a, ", "[all classes, ").replace("# more", "explainability: {rows: 20}"))
    with pytest.raises(UsageError, match=r":13: explainability: a class is called 'all classes', as the figures over"):
        config.load(path)


def test_several_classes_follow_from_the_label(tmp_path):
    path = tmp_path / "config.yml"
    path.write_text(WINE.replace("# more", "problem: multiclass"))
    found = config.load(path)
    assert found.kind == "multiclass"
    training = {name: found.training[name] for name in ("objective", "eval_metric", "label")}
    assert training == {"objective": "multi:softprob", "eval_metric": "mlogloss", "label": "grower"}


def test_each_metric_that_a_gate_may_name_belongs_to_a_problem():
    assert set(get_args(config.Metric)) == {metric for metrics in METRICS.values() for metric in metrics}
    assert config.Gates.model_fields["thresholds"].annotation == dict[config.Metric, float]


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
