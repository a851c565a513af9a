"""Bias metrics: small tables counted by hand, after AWS's pages, and AWS's own package where it is installed."""

import math

import numpy as np
import pandas as pd
import pytest

from slipway.analysis import bias_metrics
from slipway.analysis.bias_metrics import POST_TRAINING, PRE_TRAINING, Labelled

# Of 10 rows 4 are of the facet. Labels: a 1 1 1 0 0 0, d 1 0 0 0; predictions: a 1 1 0 1 0 0, d 1 1 0 0.
FACET = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
LABEL = np.array([1, 1, 1, 0, 0, 0, 1, 0, 0, 0], dtype=bool)
PREDICTED = np.array([1, 1, 0, 1, 0, 0, 1, 1, 0, 0], dtype=bool)
GROUP = np.array(list("aaabbbabbb"), dtype=object)
FEATURES = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5, 0.1, 2.1, 2.2, 5.1]})
ROWS = Labelled(FACET, LABEL, PREDICTED, GROUP, FEATURES)
KL = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
JS = 0.5 * (
    0.5 * math.log(0.5 / 0.375)
    + 0.5 * math.log(0.5 / 0.625)
    + 0.25 * math.log(0.25 / 0.375)
    + 0.75 * math.log(0.75 / 0.625)
)
EXPECTED = {
    "CI": (6 - 4) / 10,
    "DPL": 3 / 6 - 1 / 4,
    "KL": KL,
    "JS": JS,
    "LP": math.sqrt(2 * 0.25**2),
    "TVD": 0.25,
    "KS": 0.25,
    # group a: no row is rejected, one of 4 accepted is of d; group b: 3 of 6 rejected are, nobody is accepted
    "CDDL": (4 * (0 - 1 / 4) + 6 * (3 / 6 - 0)) / 10,
    "DPPL": 3 / 6 - 2 / 4,
    "DI": (2 / 4) / (3 / 6),
    "DCA": 3 / 3 - 1 / 2,
    "DCR": 3 / 2 - 3 / 3,
    "RD": 2 / 3 - 1 / 1,
    "SD": 2 / 3 - 2 / 3,
    "DAR": 2 / 3 - 1 / 2,
    "DRR": 2 / 2 - 2 / 3,
    "AD": 4 / 6 - 3 / 4,
    "TE": 0 / 1 - 1 / 1,
    # group a: 2 of 4 are accepted... a accepted 1 1, rejected 0; d accepted 1. group b: a 1 0 0, d 1 0 0
    "CDDPL": (4 * (0 / 1 - 1 / 3) + 6 * (2 / 4 - 1 / 2)) / 10,
    "FT": (1 - 0) / 4,  # the nearest rows of a are 1, 0, 0, 0 where d is 1, 1, 0, 0
    "GE": sum((benefit / 1.1) ** 2 - 1 for benefit in (1, 1, 0, 2, 1, 1, 1, 2, 1, 1)) / 20,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_is_the_number_that_one_counts_by_hand(name: str) -> None:
    _, metric = (PRE_TRAINING | POST_TRAINING)[name]
    assert metric(ROWS) == pytest.approx(EXPECTED[name], abs=1e-12)


def test_every_metric_is_counted() -> None:
    assert EXPECTED.keys() == PRE_TRAINING.keys() | POST_TRAINING.keys()


@pytest.mark.parametrize(
    ("facet", "label", "name", "value"),
    [
        (FACET & False, LABEL, "CI", "Facet set is empty."),
        (FACET | True, LABEL, "DPL", "Negative facet set is empty."),
        (FACET, FACET, "KL", "No instance of common facet found, dataset may be too small"),
        (FACET, LABEL & False, "CDDL", "No positive labels in set"),
        (FACET, LABEL | True, "CDDL", "No negative labels in set"),
    ],
)
def test_what_has_no_value_says_why(facet: np.ndarray, label: np.ndarray, name: str, value: str) -> None:
    rows = Labelled(facet, label, PREDICTED, GROUP, FEATURES)
    (found,) = bias_metrics.report(rows, {name: PRE_TRAINING[name]})
    assert (found["value"], found["error"]) == (None, value)


def test_a_ratio_to_nothing_is_infinite() -> None:
    rows = Labelled(FACET, LABEL, FACET)  # nobody of a is accepted, all of d are
    found = {each["name"]: each["value"] for each in bias_metrics.report(rows, POST_TRAINING)}
    assert (found["DI"], found["DCA"]) == ("Infinity", "Infinity")
    assert found["CDDPL"] is None


def _drawn(seed: int) -> Labelled:
    chance = np.random.default_rng(seed)
    number = int(chance.choice([8, 30, 200]))
    share = chance.choice([0.1, 0.5, 0.9])
    return Labelled(
        facet=chance.random(number) < 0.3,
        label=chance.random(number) < share,
        predicted=chance.random(number) < share,
        group=chance.choice(np.array(["a", "b", "c"], dtype=object), number),
        features=pd.DataFrame(chance.normal(size=(number, 2)), columns=["u", "v"]),
    )


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_the_package_of_aws(seed: int) -> None:
    """The oracle is smclarify; its licence is for use with AWS's services, so it is not among our dependencies."""
    oracle = pytest.importorskip("smclarify.bias.report")
    rows = _drawn(seed)
    if rows.facet.all() or not rows.facet.any() or not rows.answers.any():
        pytest.skip("the package refuses these rows")
    assert rows.features is not None
    frame = rows.features.assign(facet=pd.Series(rows.facet.astype(int)).astype("category"))
    label, predicted = (pd.Series(each.astype(int)).astype("category") for each in (rows.label, rows.answers))
    stages = oracle.StageType
    for stage, known, answers in (
        (stages.PRE_TRAINING, PRE_TRAINING, None),
        (stages.POST_TRAINING, POST_TRAINING, oracle.LabelColumn("p", predicted)),
    ):
        (found,) = oracle.bias_report(
            frame,
            oracle.FacetColumn("facet", [1]),
            oracle.LabelColumn("y", label, [1]),
            stage,
            answers,
            ["all"],
            pd.Series(rows.group),
        )
        for ours, theirs in zip(bias_metrics.report(rows, known), found["metrics"], strict=True):
            assert (ours["name"], ours["description"]) == (theirs["name"], theirs["description"])
            value = theirs["value"]
            nothing = value is None or value != value  # noqa: PLR0124 - NaN
            expected = None if nothing else value if isinstance(value, str) else pytest.approx(value, abs=1e-9)
            assert ours["value"] == expected, ours["name"]
