"""From which probability on a row counts as positive: chosen on the validation rows, by what mistakes mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIDDLE = 0.5


@dataclass(frozen=True)
class Rule:
    """The section `decision` of config.yml.

    `choose` is `f1`; `cost` (of a false positive and a false negative, in any unit); `recall` (the highest threshold
    that finds this share of the positives); or `fixed`.
    """

    choose: str = "f1"
    false_positive: float = 1.0
    false_negative: float = 1.0
    recall: float = 0.0
    threshold: float = MIDDLE

    @classmethod
    def read(cls, section: Mapping[str, Any] | None) -> "Rule":
        """The section as config.yml or a hyperparameter has it."""
        return cls(**(section or {}))


def threshold(labels: NDArray[Any], scores: NDArray[Any], rule: Rule) -> float:
    """The probability from which on these rows are best called positive: between two scores, never on one."""
    if rule.choose == "fixed" or not len(labels) or labels.min() == labels.max():
        return rule.threshold
    order = np.argsort(-scores, kind="stable")
    ranked, truth = scores[order].astype(np.float64), labels[order] == 1
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])  # rows with one score are decided alike
    found, called = np.cumsum(truth)[last], last + 1
    best = _best(found, called - found, int(truth.sum()), rule)
    return float((ranked[last[best]] + (ranked[last[best + 1]] if best + 1 < len(last) else 0)) / 2)


def _best(found: NDArray[Any], false: NDArray[Any], positives: int, rule: Rule) -> int:
    """The place of the best cut, given the true and the false positives of each."""
    if rule.choose == "recall":
        return int(np.argmax(found >= rule.recall * positives))
    if rule.choose == "cost":
        return int(np.argmin(false * rule.false_positive + (positives - found) * rule.false_negative))
    return int(np.argmax(2 * found / (found + false + positives)))
