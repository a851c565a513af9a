"""How far two distributions are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from slipway.analysis.sketch import Sketch

_CRITICAL = 1.8  # of the two-sample Kolmogorov-Smirnov test, at a level of about 0.003
_SMALL_CELL, _SMALL_SHARE, _COCHRAN = 5, 0.2, 10


def numeric(first: Sketch, second: Sketch, *, robust: bool) -> float:
    """The largest difference of the two cumulative distributions; `robust` takes off what chance explains."""
    at = np.unique(np.concatenate([*first.buffers, *second.buffers]))
    apart = np.abs(first.ranks(at) / first.count - second.ranks(at) / second.count)
    return _correct_for_chance(float(apart.max()), first.count, second.count, robust=robust)


def categorical(first: Mapping[str, int], second: Mapping[str, int], *, robust: bool) -> float:
    """The largest difference in the share of one value."""
    n, m = sum(first.values()), sum(second.values())
    apart = max(abs(first.get(value, 0) / n - second.get(value, 0) / m) for value in {*first, *second})
    return _correct_for_chance(apart, n, m, robust=robust)


def chi_squared_p(baseline: Mapping[str, int], current: Mapping[str, int]) -> float:
    """The p-value of Pearson's test that both come from one distribution; 1.0 when there is nothing to test.

    Rare values (fewer than 5 expected) are put together when they are more than a fifth, as long as ten remain.
    """
    from scipy.stats import chi2_contingency  # two seconds of import that only this method needs

    values = sorted({*baseline, *current})
    table = np.array([[counts.get(value, 0) for value in values] for counts in (baseline, current)], dtype=float)
    rare = (table < _SMALL_CELL).any(axis=0)
    if rare.mean() > _SMALL_SHARE:
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(axis=1)])
    if table.shape[1] < 2 or table.sum() < _COCHRAN:
        return 1.0
    return float(chi2_contingency(table, correction=True).pvalue)


def _correct_for_chance(distance: float, n: int, m: int, *, robust: bool) -> float:
    return max(0.0, distance - _CRITICAL * math.sqrt((n + m) / (n * m))) if robust else distance
