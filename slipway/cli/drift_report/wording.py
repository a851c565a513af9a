"""Violations in plain words, and how figures are written."""

import math
import re
from collections.abc import Mapping
from typing import Any

from slipway.cli.drift_report.distances import Distance
from slipway.cli.drift_report.distributions import Feature

Doc = Mapping[str, Any]
_KINDS = {"Integral": "whole numbers", "Fractional": "numbers", "String": "text"}
_FIGURE = r"([-+\d.eE]+)"
_DISTANCE = re.compile(rf"distance:\s*{_FIGURE}\s+exceeds\s+(?:\w+ )?threshold:\s*{_FIGURE}")
_P_VALUE = re.compile(rf"p-value:\s*{_FIGURE}\s+is below\s+(?:\w+ )?threshold:\s*{_FIGURE}")
_MATCH = re.compile(rf"Only {_FIGURE}\s*% of data is (\w+)")
_MOST_NAMED = 3


def figure(value: float | None) -> str:
    """Three significant digits, large numbers with spaces between thousands."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return "infinite" if value > 0 else "-infinite"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", " ")
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def percent(share: float) -> str:
    """Of a share from 0 to 1: `12 %`, `0.4 %`, `under 0.01 %`."""
    if 0 < share < 0.0001:
        return "under 0.01 %"
    digits = 0 if share >= 0.1 else 1 if share >= 0.01 else 2
    shown = f"{100 * share:.{digits}f}"
    return f"{shown.rstrip('0').rstrip('.') if digits else shown} %"


def in_words(violation: Doc, live: Feature | None, constraint: Doc | None, distance: Distance | None) -> str:
    """What is wrong, as one would tell a colleague. A check that is not known is told in the monitor's own words."""
    kind, told = str(violation.get("constraint_check_type", "")), str(violation.get("description", ""))
    constraint = constraint or {}
    if violation.get("metric_name"):
        return told
    if kind == "baseline_drift_check":
        return _drift(told, distance)
    if kind == "completeness_check" and live is not None:
        allowed = max(0.0, 1 - float(constraint.get("completeness", 1.0)))
        return f"{percent(live.missing_share)} missing where {percent(allowed)} is allowed"
    if kind == "data_type_check" and (found := _MATCH.search(told)):
        share = max(0.0, 1 - float(found[1]) / 100)
        return (
            f"wrong type: {percent(share)} of the values are not {_KINDS.get(found[2], found[2])}{_odd(live, found[2])}"
        )
    if kind == "categorical_values_check":
        return _categories(told, live, constraint)
    if kind in ("extra_column_check", "missing_column_check") and (counts := re.findall(r": (\d+)", told)):
        return f"{counts[0]} columns where the baseline has {counts[-1]}: nothing else was compared"
    if kind == "missing_column_check" and constraint:
        return "column missing"
    if kind == "extra_column_check" and live is not None:
        return "column that the baseline does not have"
    return told or kind


def _drift(told: str, distance: Distance | None) -> str:
    if found := _DISTANCE.search(told):
        return f"drift distance {figure(float(found[1]))} above {figure(float(found[2]))}"
    if found := _P_VALUE.search(told):
        return f"categories drift: chi-squared p-value {figure(float(found[1]))} below {figure(float(found[2]))}"
    if distance is not None and distance.distance > distance.threshold:
        return f"drift distance {figure(distance.distance)} above {figure(distance.threshold)}"
    return told or "the distribution drifts"


def _categories(told: str, live: Feature | None, constraint: Doc) -> str:
    domain = set((constraint.get("string_constraints") or {}).get("domains") or [])
    counts = (live.categories if live else None) or {}
    fresh = sorted((name for name in counts if name not in domain), key=lambda name: (-counts[name], name))
    if not fresh or not domain:
        return f"values outside the baseline's categories ({told})" if told else "values outside the categories"
    return f"new {'category' if len(fresh) == 1 else 'categories'} {_list_values(fresh, counts)}"


def _odd(live: Feature | None, expected: str) -> str:
    """The values that are not of the expected type, where the statistics name them."""
    counts = (live.categories if live else None) or {}
    odd = sorted((name for name in counts if not _fits(name, expected)), key=lambda name: (-counts[name], name))
    return f": {_list_values(odd, counts)}" if odd else ""


def _fits(text: str, expected: str) -> bool:
    try:
        int(text) if expected == "Integral" else float(text)
    except ValueError:
        return expected == "String"
    return True


def _list_values(names: list[str], counts: Mapping[str, float]) -> str:
    whole = sum(counts.values())
    shown = [f'"{name}" ({figure(counts[name])}, {percent(counts[name] / whole)})' for name in names[:_MOST_NAMED]]
    return ", ".join(shown) + (f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")


def how_sure(distance: Distance | None) -> str:
    """What stands behind a distance: the sizes of the samples, and the gap that chance alone explains."""
    if distance is None:
        return ""
    return (
        f"{figure(distance.live_count)} live, {figure(distance.baseline_count)} baseline values; "
        f"gap {figure(distance.gap)}, by chance alone under {figure(distance.chance)} (99.9 %, {distance.test})"
    )
