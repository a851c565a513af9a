"""How far two distributions are apart, by which limit, and how far apart chance alone would put them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from slipway.cli.drift_report.distributions import Feature, Sketch

CONFIDENCE = 0.999
KOLMOGOROV = "Kolmogorov-Smirnov"
SHARES = "difference of shares, Bonferroni"
_ROBUST = 1.8  # what the monitor's Robust method takes off, in units of sqrt((n + m) / (n * m)); from Deequ

Doc = Mapping[str, Any]


@dataclass(frozen=True)
class Distance:
    """`gap` is the largest difference (L-infinity), `distance` the one that the monitor compares with `threshold`.

    With the method Robust the monitor takes off what chance explains. `chance` is the gap that two samples of
    these sizes from one distribution stay below in 99.9 % of cases, by the test called `test`.
    """

    gap: float
    distance: float
    threshold: float
    method: str
    chance: float
    test: str
    baseline_count: int
    live_count: int


def measure(baseline: Feature | None, live: Feature | None, rules: Doc) -> Distance | None:
    """Of a feature under its `distribution_constraints`; None when there is nothing to compare."""
    if baseline is None or live is None:
        return None
    if baseline.sketch and live.sketch:
        n, m, test = baseline.sketch.count, live.sketch.count, KOLMOGOROV
        gap = largest_gap(baseline.sketch, live.sketch)
        threshold = rules.get("comparison_threshold", 0.1)
        chance = math.sqrt(-math.log((1 - CONFIDENCE) / 2) / 2) * _scale(n, m)
    elif baseline.categories and live.categories:
        n, m, test = sum(baseline.categories.values()), sum(live.categories.values()), SHARES
        gap = largest_share_gap(baseline.categories, live.categories)
        threshold = rules.get("categorical_comparison_threshold", rules.get("comparison_threshold", 0.1))
        chance = _share_bound(len({*baseline.categories, *live.categories}), n, m)
    else:
        return None
    robust = "robust" in str(rules.get("comparison_method", "Robust")).lower()
    distance = max(0.0, gap - _ROBUST * _scale(n, m)) if robust else gap
    method = "Robust" if robust else "Simple"
    return Distance(gap, distance, float(threshold), method, min(chance, 1.0), test, round(n), round(m))


def largest_gap(first: Sketch, second: Sketch) -> float:
    """The largest difference of two cumulative distributions, 0 to 1."""
    points = {*first.points, *second.points}
    return max(
        abs(first.below(at, including=True) / first.count - second.below(at, including=True) / second.count)
        for at in points
    )


def largest_share_gap(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """The largest difference of one value's share, 0 to 1."""
    n, m = sum(first.values()), sum(second.values())
    return max(abs(first.get(value, 0) / n - second.get(value, 0) / m) for value in {*first, *second})


def _scale(n: float, m: float) -> float:
    return math.sqrt((n + m) / (n * m))


def _share_bound(categories: int, n: float, m: float) -> float:
    """Normal approximation at a share of one half, where it is widest, for all categories at once."""
    return NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * categories)) * 0.5 * _scale(n, m)


_DISTRIBUTION: dict[str, Any] = {
    "perform_comparison": "Enabled",
    "comparison_threshold": 0.1,
    "comparison_method": "Robust",
    "categorical_drift_method": "LInfinity",
}


def distribution_rules(constraints: Doc, feature: Doc) -> dict[str, Any]:
    """The `distribution_constraints` of one feature: the file's, then its own, in each spelling that is in use."""
    nested = feature.get("string_constraints") or feature.get("num_constraints") or {}
    layers = (
        constraints.get("monitoring_config"),
        nested.get("monitoring_config_overrides"),
        feature.get("monitoring_config_overrides"),
        feature.get("monitoringConfigOverrides"),
    )
    rules = dict(_DISTRIBUTION)
    for layer in layers:
        given = (layer or {}).get("distribution_constraints") or {}
        if "comparison_threshold" in given:  # a threshold for numbers is one for categories unless those have theirs
            rules.pop("categorical_comparison_threshold", None)
        rules |= given
    return rules
