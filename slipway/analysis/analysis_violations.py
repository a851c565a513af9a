"""constraint_violations.json of bias and of feature attributions.

A bias metric violates when it is farther from fair than the baseline's; in a monitor beyond chance: the interval of its
bootstrap lies outside the allowed range, as AWS describes it. Attributions violate when their ranking has changed: the
normalized discounted cumulative gain is below 0.9.

Source: AWS, clarify-processing-job-configure-analysis.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from slipway.analysis import attributions

FAIR = {"DI": 1.0}  # a ratio; every other metric is fair at 0
LEAST_GAIN = 0.9
DEVIATION = "standard_deviation"  # of a metric, where a project's own baseline says it
CONFIDENCE = 1.96  # standard deviations on each side that hold 95 % of a normal distribution

Doc = Mapping[str, Any]
Spread = Callable[[str, str, int, str], float | None]  # section, facet, place of its report, metric -> deviation
_SECTIONS = ("pre_training_bias_metrics", "post_training_bias_metrics")


def of_bias(
    analysis: Doc,
    baseline: Doc,
    facet_values: Mapping[str, str],
    spread: Spread,
    confidence: float = CONFIDENCE,
) -> Iterator[dict[str, str]]:
    """Metrics that are less fair than the baseline's; what is not in the baseline is not compared.

    Where the baseline says how sure its own figures are, that counts, too.
    """
    for section in _SECTIONS:
        before = (baseline.get(section) or {}).get("facets") or {}
        for name, reports in ((analysis.get(section) or {}).get("facets") or {}).items():
            for place, report in enumerate(reports):
                allowed = _peer(report, reports, before.get(name) or [])
                for metric in report["metrics"]:
                    if _is_worse(metric, allowed, partial(spread, section, name, place), confidence):
                        value = facet_values.get(name) or str(report["value_or_threshold"])
                        yield _violation(metric, name, value, allowed[metric["name"]]["value"])


def compared_metrics(baseline: Doc) -> int:
    """How many metrics a baseline has in all."""
    facets = (((baseline.get(section) or {}).get("facets") or {}).values() for section in _SECTIONS)
    return sum(len(report["metrics"]) for found in facets for reports in found for report in reports)


def _peer(report: Doc, reports: Any, before: Any) -> dict[str, Any]:
    """The baseline's metrics of the same group; the only group is the same although its upper bound has moved."""
    if len(reports) == 1 == len(before):
        found = before
    else:
        found = [other for other in before if other["value_or_threshold"] == report["value_or_threshold"]]
    return {metric["name"]: metric for other in found[:1] for metric in other["metrics"]}


def _is_worse(
    metric: Doc, allowed: Mapping[str, Doc], spread: Callable[[str], float | None], confidence: float
) -> bool:
    name, known = metric["name"], allowed.get(metric["name"]) or {}
    value, bound = _number(metric["value"]), _number(known.get("value"))
    if value is None or bound is None:
        return False
    fair = FAIR.get(name, 0.0)
    distance, most = abs(value - fair), abs(bound - fair)
    if distance <= most or math.isinf(distance):
        return distance > most
    deviation = math.hypot(spread(name) or 0.0, _number(known.get(DEVIATION)) or 0.0)
    return distance - confidence * deviation > most


def _number(value: Any) -> float | None:
    """Infinities are texts in the documents."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _violation(metric: Doc, facet: str, value: str, allowed: Any) -> dict[str, str]:
    return {
        "facet": facet,
        "facet_value": value,
        "metric_name": metric["name"],
        "constraint_check_type": "bias_drift_check",
        "description": f"Metric value {metric['value']} doesn't meet the baseline constraint requirement {allowed}",
    }


def of_attributions(analysis: Doc, baseline: Doc) -> Iterator[dict[str, str]]:
    """Labels whose features rank differently."""
    before = attributions.select_compared(baseline)
    for label, found in attributions.select_compared(analysis).items():
        if label not in before:
            continue
        gain = ranking_gain(before[label], found)
        if gain < LEAST_GAIN:
            yield {
                "label": label,
                "metric_name": "shap",
                "constraint_check_type": "feature_attribution_drift_check",
                "description": f"Feature attribution drift {gain} exceeds threshold {LEAST_GAIN}",
            }


def ranking_gain(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """How much of the baseline's attribution the live ranking has in front: 1 where the order is the same."""
    live = sorted(before, key=lambda name: (-now.get(name, -math.inf), -before[name]))
    ideal = _discounted_gain(sorted(before.values(), reverse=True))
    return _discounted_gain([before[name] for name in live]) / ideal if ideal else 1.0


def _discounted_gain(gains: list[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))
