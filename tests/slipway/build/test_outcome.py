"""What a pull request is told of a training run."""

import pytest

from slipway.build.outcome import Outcome, markdown, metrics

ARN = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/demo-churn/4"
COMPARED = {
    "compared": True,
    "model_package_arn": ARN,
    "metric": "auc",
    "value": 0.93,
    "candidate_value": 0.91,
    "rows": 480,
    "worse_by": {"value": 0.02, "low": 0.005, "high": 0.035},
}
SECTION = {
    "auc": {"value": 0.905, "standard_deviation": 0.012},
    "f1": {"value": 0.8},
    "confusion_matrix": {"0": {"0": 1}},
}
EVALUATION = {"binary_classification_metrics": SECTION, "rows": 500, "champion": COMPARED}
RUN = {"pipeline": "demo-check-churn", "execution": "abc"}


def test_figures_beside_the_champion_s():
    reason = "Not registered: auc 0.91 (MinAuc 0.95)"
    values = {"CommitId": "c1", "InputDataUrl": "s3://b/data/", "DataVersion": "d1", "MinAuc": "0.95"}
    page = markdown(Outcome(**RUN, status="Failed", reason=reason, gate="False", evaluation=EVALUATION, values=values))
    assert page.splitlines() == [
        "### demo-check-churn: does not pass the gate",
        "",
        f"> {reason}",
        "",
        "| metric | on 500 test rows |",
        "|---|---:|",
        "| auc | 0.9050 ± 0.0120 |",
        "| f1 | 0.8000 |",
        "",
        (
            "On 480 test rows that neither has trained on, auc is 0.9100, and 0.9300 of the champion (version 4): "
            "worse by 0.0200 (95 % interval 0.0050 to 0.0350)."
        ),
        "",
        "- commit: `c1`",
        "- data: `s3://b/data/`",
        "- data version: `d1`",
        "- execution: `abc`",
    ]


def test_a_better_one_is_better():
    """By a positive figure, with its interval turned as well."""
    champion = {**COMPARED, "candidate_value": 0.95, "worse_by": {"value": -0.02, "low": -0.035, "high": 0.005}}
    page = markdown(Outcome(**RUN, status="Succeeded", evaluation={**EVALUATION, "champion": champion}))
    assert "better by 0.0200 (95 % interval -0.0050 to 0.0350)." in page


@pytest.mark.parametrize(
    ("status", "gate", "verdict"),
    [
        ("Succeeded", "True", "passes the gate"),
        ("Failed", "True", "passes the gate, then Failed"),
        ("Failed", "False", "does not pass the gate"),
        ("Failed", "", "Failed"),
        ("Stopped", "", "Stopped"),
        ("Succeeded", "", "trained"),
    ],
)
def test_the_first_line_says_what_came_of_it(status, gate, verdict):
    assert markdown(Outcome(**RUN, status=status, gate=gate)).splitlines()[0].endswith(f": {verdict}")


def test_why_nothing_is_compared():
    champion = {"compared": False, "reason": "no champion: nothing to compare with"}
    page = markdown(Outcome(**RUN, status="Succeeded", gate="True", evaluation={**EVALUATION, "champion": champion}))
    assert "| auc | 0.9050 ± 0.0120 |" in page
    assert "Not compared with a champion: no champion: nothing to compare with." in page


@pytest.mark.parametrize("name", ["regression_metrics", "multiclass_classification_metrics", "my_own_metrics"])
def test_metrics_of_whatever_kind_of_problem(name):
    assert list(metrics({"rows": 1, name: SECTION})) == ["auc", "f1"]
    assert metrics({"other": SECTION}) == {}
