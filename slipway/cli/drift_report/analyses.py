"""Bias and attributions: Clarify's analysis of an execution and the baseline's, figure beside figure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from slipway.analysis import attributions
from slipway.analysis.attributions import Attributions
from slipway.cli.drift_report import wording
from slipway.cli.drift_report.executions import Execution, attributions_of, key, since
from slipway.cli.drift_report.report import Documents, Finding, Monitor, Pair

MODEL_BIAS, EXPLAINABILITY = "ModelBias", "ModelExplainability"
_FAIR = {"DI": 1.0}  # a ratio; every other metric is fair at 0
_SECTIONS = ("post_training_bias_metrics", "pre_training_bias_metrics")
_GAIN = re.compile(r"drift ([-+\d.eE]+) exceeds threshold ([-+\d.eE]+)")
_FIRST = 3  # features that are named

Doc = Mapping[str, Any]
Group = tuple[str, str]  # a facet and its value; the value is empty where the facet has one group only


def model_bias(schedule: str, execution: Execution, history: Sequence[Execution], found: Documents) -> Monitor:
    """The metrics of each group that the baseline has, or all without one: those with violations first."""
    before, live = _groups(found.baseline_constraints), _groups(found.statistics)
    pairs = [pair for group in before or live for pair in _metrics(before.get(group), live.get(group), bool(before))]
    findings = []
    for violation in execution.violations:
        place = next((place for place, pair in enumerate(pairs) if _is_about(violation, pair)), None)
        words = str(violation.get("description", "")) if place is None else _unfair(pairs[place])
        findings.append(_finding(violation, history, words, "beyond what chance explains (bootstrap, 95 %)"))
        if place is not None:
            pairs[place] = replace(pairs[place], findings=(*pairs[place].findings, findings[-1]))
    pairs.sort(key=lambda pair: not pair.findings)
    return Monitor(
        MODEL_BIAS, schedule, execution, tuple(history), tuple(findings), pairs=tuple(pairs), uris=found.uris
    )


def _groups(document: Doc) -> dict[Group, list[tuple[str, Doc]]]:
    """(value, metric) of each group."""
    found: dict[Group, list[tuple[str, Doc]]] = {}
    for section in _SECTIONS:
        for facet, reports in ((document.get(section) or {}).get("facets") or {}).items():
            for report in reports:
                value = str(report["value_or_threshold"])
                group = (facet, value if len(reports) > 1 else "")
                found.setdefault(group, []).extend((value, {"facet": facet, **metric}) for metric in report["metrics"])
    return found


def _metrics(
    before: Sequence[tuple[str, Doc]] | None, live: Sequence[tuple[str, Doc]] | None, compared: bool
) -> Iterator[Pair]:
    old = {metric["name"]: _number(metric.get("value")) for _, metric in before or ()}
    new = {metric["name"]: _number(metric.get("value")) for _, metric in live or ()}
    for value, metric in live or before or ():
        name = str(metric["name"])
        if (name in old or not compared) and (old.get(name) is not None or new.get(name) is not None):
            title, fair = str(metric.get("description", "")), _FAIR.get(name, 0.0)
            yield Pair(metric["facet"], value, name, title, old.get(name), new.get(name), fair)


def _number(value: Any) -> float | None:
    """Infinities are texts in the documents."""
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _is_about(violation: Doc, pair: Pair) -> bool:
    """An interval tells its group by another text than the violation does."""
    same = (violation.get("facet"), violation.get("metric_name")) == (pair.group, pair.name)
    return same and (pair.value.startswith("(") or str(violation.get("facet_value")) == pair.value)


def _unfair(pair: Pair) -> str:
    return (
        f"{wording.figure(pair.live)} is farther from fair ({wording.figure(pair.fair)}) than the baseline's "
        f"{wording.figure(pair.baseline)}"
    )


def _finding(violation: Doc, history: Sequence[Execution], words: str, how_sure: str = "") -> Finding:
    subject, check = key(violation)
    told = str(violation.get("description", ""))
    return Finding(subject, check, words, told, since((subject, check), history), how_sure)


def explainability(schedule: str, execution: Execution, history: Sequence[Execution], found: Documents) -> Monitor:
    """How much each feature counts, as shares of all, in the order of the baseline."""
    before, live = attributions.by_label(found.baseline_constraints), attributions.by_label(found.statistics)
    findings = [
        _finding(violation, history, _describe_order(violation, before, live)) for violation in execution.violations
    ]
    pairs = [
        Pair(label, "", name, "", _share(before, label, name), _share(live, label, name), None, _about(findings, label))
        for label in before or live
        for name in _rank_features((before or live)[label])
    ]
    made = Monitor(EXPLAINABILITY, schedule, execution, tuple(history), tuple(findings), uris=found.uris)
    return replace(made, pairs=tuple(pairs))


def _about(findings: Sequence[Finding], label: str) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.subject == attributions_of(label))


def _share(found: Attributions, label: str, name: str) -> float | None:
    values = found.get(label, {})
    whole = sum(map(abs, values.values()))
    return abs(values[name]) / whole if name in values and whole else None


def _rank_features(values: Mapping[str, float]) -> list[str]:
    return sorted(values, key=lambda name: -abs(values[name]))


def _describe_order(violation: Doc, before: Attributions, live: Attributions) -> str:
    told, label = str(violation.get("description", "")), str(violation.get("label"))
    gain = _GAIN.search(told)
    if not gain or label not in live or label not in before:
        return told
    reached, limit = (wording.figure(float(found)) for found in gain.groups())
    first, before_that = (", ".join(_rank_features(side[label])[:_FIRST]) for side in (live, before))
    words = f"features count in another order: nDCG {reached} below {limit}"
    return f"{words}; first are {first}, in the baseline {before_that}"
