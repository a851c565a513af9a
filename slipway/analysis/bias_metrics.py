"""SageMaker Clarify's bias metrics, by the formulas that AWS publishes. Pure.

`d` is the facet that is asked about, `a` all other rows; n their number, q the share of positive labels. A share of
nothing is 0, a ratio of something to nothing is infinite.

Source: AWS, clarify-measure-data-bias and clarify-measure-post-training-bias; the page of each metric stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

NEIGHBOURS, FEW = 5, 10  # of FT; among so few rows it goes by the nearest one


class NotComputable(ValueError):
    """These rows have no value for the metric; the message says why."""


@dataclass(frozen=True)
class Labelled:
    """Rows with what the metrics look at: whether each is of the facet, and its label and prediction positive.

    `group` is what CDDL and CDDPL go by, `features` the numbers that FT finds neighbours by.
    """

    facet: Flags
    label: Flags
    predicted: Flags | None = None
    group: NDArray[np.object_] | None = None
    features: pd.DataFrame | None = None

    def take(self, rows: NDArray[np.int64]) -> Labelled:
        """Some of the rows, one of them several times if it is there several times."""
        return Labelled(
            self.facet[rows],
            self.label[rows],
            None if self.predicted is None else self.predicted[rows],
            None if self.group is None else self.group[rows],
            None if self.features is None else self.features.take(rows),
        )

    @property
    def answers(self) -> Flags:
        """The predictions. Raises NotComputable."""
        if self.predicted is None:
            raise NotComputable("There are no predicted labels")
        return self.predicted

    def sides(self, values: Flags) -> tuple[Flags, Flags]:
        """The values of `a` and of `d`. Raises NotComputable where one has no rows."""
        if not self.facet.any():
            raise NotComputable("Facet set is empty.")
        if self.facet.all():
            raise NotComputable("Negative facet set is empty.")
        return values[~self.facet], values[self.facet]

    def counts(self) -> tuple[Counts, Counts]:
        """The confusion matrices of `a` and of `d`. Raises NotComputable."""
        labels, answers = self.sides(self.label), self.sides(self.answers)
        return Counts.of(labels[0], answers[0]), Counts.of(labels[1], answers[1])


@dataclass(frozen=True)
class Counts:
    """How many labels and predictions of one side are positive or negative together."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @classmethod
    def of(cls, label: Flags, predicted: Flags) -> Counts:
        """Count them."""
        pairs = ((label, predicted), (~label, predicted), (label, ~predicted), (~label, ~predicted))
        return cls(*(int((one & other).sum()) for one, other in pairs))

    @property
    def positive(self) -> int:
        """n(1), by the labels."""
        return self.true_positive + self.false_negative

    @property
    def negative(self) -> int:
        """n(0), by the labels."""
        return self.true_negative + self.false_positive

    @property
    def accepted(self) -> int:
        """n'(1), by the predictions."""
        return self.true_positive + self.false_positive

    @property
    def rejected(self) -> int:
        """n'(0), by the predictions."""
        return self.true_negative + self.false_negative


def _ratio(number: float, of: float) -> float:
    if of == 0:
        return math.inf if number else 0.0
    return number / of


def _minus(one: float, other: float) -> float:
    return 0.0 if one == other else one - other  # two infinite ratios do not differ


def class_imbalance(rows: Labelled) -> float:
    """(n_a - n_d) / (n_a + n_d). Source: AWS, clarify-bias-metric-class-imbalance."""
    a, d = map(len, rows.sides(rows.label))
    return (a - d) / (a + d)


def difference_in_proportions_of_labels(rows: Labelled) -> float:
    """q_a - q_d. Source: AWS, clarify-data-bias-metric-true-label-imbalance."""
    a, d = rows.sides(rows.label)
    return float(a.mean() - d.mean())


def _distributions(rows: Labelled) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """P_a and P_d over those outcomes that both have. Raises NotComputable where there is none."""
    sides = rows.sides(rows.label)
    a, d = (np.array([1.0 - side.mean(), side.mean()]) for side in sides)
    common = (a > 0) & (d > 0)
    if not common.any():
        raise NotComputable("No instance of common facet found, dataset may be too small")
    return a[common], d[common]


def _divergence(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float((one * np.log(one / other)).sum())


def kullback_leibler(rows: Labelled) -> float:
    """Sum over y of P_a(y) log(P_a(y) / P_d(y)). Source: AWS, clarify-data-bias-metric-kl-divergence."""
    return _divergence(*_distributions(rows))


def jensen_shannon(rows: Labelled) -> float:
    """(KL(P_a, P) + KL(P_d, P)) / 2 with P = (P_a + P_d) / 2.

    Source: AWS, clarify-data-bias-metric-jensen-shannon-divergence.
    """
    a, d = _distributions(rows)
    middle = (a + d) / 2
    return (_divergence(a, middle) + _divergence(d, middle)) / 2


def lp_norm(rows: Labelled) -> float:
    """The 2-norm of P_a - P_d. Source: AWS, clarify-data-bias-metric-lp-norm."""
    a, d = _distributions(rows)
    return float(np.sqrt(((a - d) ** 2).sum()))


def total_variation(rows: Labelled) -> float:
    """Half of the 1-norm of P_a - P_d. Source: AWS, clarify-data-bias-metric-total-variation-distance."""
    a, d = _distributions(rows)
    return float(np.abs(a - d).sum() / 2)


def kolmogorov_smirnov(rows: Labelled) -> float:
    """The greatest |P_a(y) - P_d(y)|. Source: AWS, clarify-data-bias-metric-kolmogorov-smirnov."""
    a, d = _distributions(rows)
    return float(np.abs(a - d).max())


def disparity_in_labels(rows: Labelled) -> float:
    """Conditional demographic disparity of the labels. Source: AWS, clarify-data-bias-metric-cddl."""
    return _disparity(rows, rows.label)


def _disparity(rows: Labelled, positive: Flags) -> float:
    """The mean over the groups, by their sizes, of n_d(0) / n(0) - n_d(1) / n(1) within each."""
    if rows.group is None:
        raise NotComputable("Group variable is empty or not provided")
    if not positive.any():
        raise NotComputable("No positive labels in set")
    if positive.all():
        raise NotComputable("No negative labels in set")
    found = 0.0
    for value in np.unique(rows.group):
        within = rows.group == value
        outcomes = (within & ~positive, within & positive)
        rejected, accepted = (_ratio(int((rows.facet & each).sum()), int(each.sum())) for each in outcomes)
        found += within.sum() * (rejected - accepted)
    return float(found / len(positive))


def difference_in_proportions_of_predictions(rows: Labelled) -> float:
    """q'_a - q'_d. Source: AWS, clarify-post-training-bias-metric-dppl."""
    a, d = rows.sides(rows.answers)
    return float(a.mean() - d.mean())


def disparate_impact(rows: Labelled) -> float:
    """q'_d / q'_a. Source: AWS, clarify-post-training-bias-metric-di."""
    a, d = rows.sides(rows.answers)
    return _ratio(float(d.mean()), float(a.mean()))


def _difference(of: Callable[[Counts], float], rows: Labelled) -> float:
    """That of `a` less that of `d`."""
    a, d = rows.counts()
    return _minus(of(a), of(d))


def conditional_acceptance(rows: Labelled) -> float:
    """c_a - c_d with c = n(1) / n'(1). Source: AWS, clarify-post-training-bias-metric-dcacc."""
    return _difference(lambda side: _ratio(side.positive, side.accepted), rows)


def conditional_rejection(rows: Labelled) -> float:
    """r_d - r_a with r = n(0) / n'(0). Source: AWS, clarify-post-training-bias-metric-dcr."""
    return -_difference(lambda side: _ratio(side.negative, side.rejected), rows)


def recall_difference(rows: Labelled) -> float:
    """TPR_a - TPR_d. Source: AWS, clarify-post-training-bias-metric-rd."""
    return _difference(lambda side: _ratio(side.true_positive, side.positive), rows)


def specificity_difference(rows: Labelled) -> float:
    """TNR_d - TNR_a. Source: AWS, clarify-post-training-bias-metric-sd."""
    return -_difference(lambda side: _ratio(side.true_negative, side.negative), rows)


def acceptance_rates(rows: Labelled) -> float:
    """TP_a / n'_a(1) - TP_d / n'_d(1). Source: AWS, clarify-post-training-bias-metric-dar."""
    return _difference(lambda side: _ratio(side.true_positive, side.accepted), rows)


def rejection_rates(rows: Labelled) -> float:
    """TN_d / n'_d(0) - TN_a / n'_a(0). Source: AWS, clarify-post-training-bias-metric-drr."""
    return -_difference(lambda side: _ratio(side.true_negative, side.rejected), rows)


def accuracy_difference(rows: Labelled) -> float:
    """ACC_a - ACC_d. Source: AWS, clarify-post-training-bias-metric-ad."""
    a, d = rows.sides(rows.label == rows.answers)
    return float(a.mean() - d.mean())


def treatment_equality(rows: Labelled) -> float:
    """t_d - t_a with t = FN / FP. Source: AWS, clarify-post-training-bias-metric-te."""
    a, d = rows.counts()
    return _minus(*(_ratio(side.false_negative, side.false_positive) for side in (d, a)))


def disparity_in_predictions(rows: Labelled) -> float:
    """Conditional demographic disparity of the predictions. Source: AWS, clarify-post-training-bias-metric-cddpl."""
    return _disparity(rows, rows.answers)


def flip_test(rows: Labelled) -> float:
    """(F+ - F-) / n_d: the rows of `d` that are accepted and their nearest rows of `a` not, less the opposite.

    Source: AWS, clarify-post-training-bias-metric-ft; sign and neighbours are those of AWS's package.
    """
    from sklearn.neighbors import KNeighborsClassifier

    a, d = rows.sides(rows.answers)
    if rows.features is None or rows.features.shape[1] == 0:
        raise NotComputable("There is no feature beside the facet")
    numbers = rows.features.to_numpy(dtype=float)
    near = (
        KNeighborsClassifier(NEIGHBOURS if len(a) > FEW else 1)
        .fit(numbers[~rows.facet], a)
        .predict(numbers[rows.facet])
    )
    return float(((~near & d).sum() - (near & ~d).sum()) / len(d))


def generalized_entropy(rows: Labelled) -> float:
    """The sum of (b / mean b)^2 - 1, over 2n, with the benefit b = y' - y + 1.

    Source: AWS, clarify-post-training-bias-metric-ge.
    """
    benefit = rows.answers.astype(int) - rows.label.astype(int) + 1
    if not benefit.any():
        raise NotComputable("Every row has a false negative prediction")
    return float((((benefit / benefit.mean()) ** 2) - 1).mean() / 2)


Metric = Callable[[Labelled], float]
PRE_TRAINING: Mapping[str, tuple[str, Metric]] = {  # name -> description, as in analysis.json, and formula
    "CDDL": ("Conditional Demographic Disparity in Labels (CDDL)", disparity_in_labels),
    "CI": ("Class Imbalance (CI)", class_imbalance),
    "DPL": ("Difference in Positive Proportions in Labels (DPL)", difference_in_proportions_of_labels),
    "JS": ("Jensen-Shannon Divergence (JS)", jensen_shannon),
    "KL": ("Kullback-Liebler Divergence (KL)", kullback_leibler),
    "KS": ("Kolmogorov-Smirnov Distance (KS)", kolmogorov_smirnov),
    "LP": ("L-p Norm (LP)", lp_norm),
    "TVD": ("Total Variation Distance (TVD)", total_variation),
}
POST_TRAINING: Mapping[str, tuple[str, Metric]] = {
    "AD": ("Accuracy Difference (AD)", accuracy_difference),
    "CDDPL": ("Conditional Demographic Disparity in Predicted Labels (CDDPL)", disparity_in_predictions),
    "DAR": ("Difference in Acceptance Rates (DAR)", acceptance_rates),
    "DCA": ("Difference in Conditional Acceptance (DCA)", conditional_acceptance),
    "DCR": ("Difference in Conditional Rejection (DCR)", conditional_rejection),
    "DI": ("Disparate Impact (DI)", disparate_impact),
    "DPPL": (
        "Difference in Positive Proportions in Predicted Labels (DPPL)",
        difference_in_proportions_of_predictions,
    ),
    "DRR": ("Difference in Rejection Rates (DRR)", rejection_rates),
    "FT": ("Flip Test (FT)", flip_test),
    "GE": ("Generalized Entropy (GE)", generalized_entropy),
    "RD": ("Recall Difference (RD)", recall_difference),
    "SD": ("Specificity Difference (SD)", specificity_difference),
    "TE": ("Treatment Equality (TE)", treatment_equality),
}


def report(rows: Labelled, metrics: Mapping[str, tuple[str, Metric]]) -> Iterator[dict[str, object]]:
    """Each metric as analysis.json has it: a number, the text of an infinite one, or none and the reason."""
    for name, (description, metric) in metrics.items():
        entry: dict[str, object] = {"name": name, "description": description}
        try:
            value = metric(rows)
        except NotComputable as fault:
            yield entry | {"value": None, "error": str(fault)}
            continue
        shown: object = value
        if math.isinf(value):
            shown = "Infinity" if value > 0 else "-Infinity"
        yield entry | {"value": None if math.isnan(value) else shown}
