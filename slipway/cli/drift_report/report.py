"""The report on a stage: documents in, rows and a verdict out."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from slipway.cli.drift_report import distances, distributions, wording
from slipway.cli.drift_report.distances import Distance
from slipway.cli.drift_report.distributions import Feature
from slipway.cli.drift_report.executions import Execution, Since, key, since

Doc = Mapping[str, Any]
DATA_QUALITY, MODEL_QUALITY = "DataQuality", "ModelQuality"


@dataclass(frozen=True)
class Documents:
    """What an execution wrote and what it compared with; empty where there is none. `uris` name them in S3."""

    statistics: Doc = field(default_factory=dict)
    performance: Doc = field(default_factory=dict)  # estimated without labels
    baseline_statistics: Doc = field(default_factory=dict)
    baseline_constraints: Doc = field(default_factory=dict)
    uris: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One violation: `words` are ours, `description` is the monitor's."""

    subject: str
    check: str
    words: str
    description: str
    since: Since | None
    how_sure: str = ""

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        started = self.since.dump() if self.since else None
        return {
            "subject": self.subject,
            "check": self.check,
            "words": self.words,
            "description": self.description,
            "since": started,
            "how_sure": self.how_sure,
        }


@dataclass(frozen=True)
class Row:
    """One feature on both sides. `required` is the share of values that must be there."""

    name: str
    type: str
    baseline: Feature | None
    live: Feature | None
    distance: Distance | None
    required: float | None
    domain: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def dump(self) -> dict[str, Any]:
        """As JSON data, without the sketches."""
        sides = {"baseline": self.baseline, "live": self.live}
        shown = {
            name: {"present": side.present, "missing": side.missing, **(side.figures or {})} if side else None
            for name, side in sides.items()
        }
        measured = vars(self.distance) if self.distance else None
        violated = [finding.check for finding in self.findings]
        return {"name": self.name, "type": self.type, "drift": measured, "violated": violated, **shown}


@dataclass(frozen=True)
class Metric:
    """A figure of the model against labels. `worse` says on which side of `bound` it is a violation."""

    name: str
    value: float
    deviation: float | None
    bound: float | None
    worse: str
    findings: tuple[Finding, ...] = ()

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        own = {"name": self.name, "value": self.value, "standard_deviation": self.deviation, "threshold": self.bound}
        return {**own, "worse_when": self.worse, "violated": [finding.check for finding in self.findings]}


@dataclass(frozen=True)
class Estimated:
    """A figure of the model that is estimated without labels: its 95 % interval, and what the test rows said of it."""

    name: str
    value: float
    low: float
    high: float
    registered: float | None
    findings: tuple[Finding, ...] = ()

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        own = {name: value for name, value in vars(self).items() if name != "findings"}
        return own | {"violated": [finding.check for finding in self.findings]}


@dataclass(frozen=True)
class Pair:
    """A figure of an analysis on both sides: a metric of the `group` of a facet's `value`, or what a feature counts.

    `fair` is what a metric would be where the groups are treated alike; a feature's figure is a share of all, and its
    group the label that is explained.
    """

    group: str
    value: str
    name: str
    title: str
    baseline: float | None
    live: float | None
    fair: float | None
    findings: tuple[Finding, ...] = ()

    @property
    def of(self) -> str:
        """The group in words."""
        return f"{self.group} {'in' if self.value.startswith('(') else '='} {self.value}" if self.value else self.group

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        own = {name: value for name, value in vars(self).items() if name != "findings"}
        sides = {side: str(own[side]) for side in ("baseline", "live") if own[side] in (math.inf, -math.inf)}
        return own | sides | {"violated": [finding.check for finding in self.findings]}


@dataclass(frozen=True)
class Monitor:
    """What one schedule says. `execution` is the newest with a verdict, if there is one; `note` is about newer ones.

    `labels` says how many requests had one, where they are needed; `assumes` under what the estimates are right.
    """

    type: str
    schedule: str
    execution: Execution | None = None
    history: tuple[Execution, ...] = ()
    findings: tuple[Finding, ...] = ()
    rows: tuple[Row, ...] = ()
    metrics: tuple[Metric, ...] = ()
    counted: int = 0
    uris: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    pairs: tuple[Pair, ...] = ()
    labels: str = ""
    estimates: tuple[Estimated, ...] = ()
    assumes: str = ""

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "type": self.type,
            "schedule": self.schedule,
            "execution": self.execution.dump() if self.execution else None,
            "note": self.note,
            "rows": self.counted,
            "violations": [finding.dump() for finding in self.findings],
            "features": [row.dump() for row in self.rows],
            "metrics": [metric.dump() for metric in self.metrics],
            "figures": [pair.dump() for pair in self.pairs],
            "estimates": [estimate.dump() for estimate in self.estimates],
            "estimates_assume": self.assumes,
            "labels": self.labels,
            "history": [execution.dump() for execution in self.history],
            "documents": dict(self.uris),
        }


@dataclass(frozen=True)
class Report:
    """A stage at a moment. `version` is the model version that it runs, 0 when it cannot be told."""

    project: str
    stage: str
    endpoint: str
    version: int
    made: datetime
    monitors: tuple[Monitor, ...]

    @property
    def findings(self) -> list[Finding]:
        """Of every monitor."""
        return [finding for monitor in self.monitors for finding in monitor.findings]

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        named = {"project": self.project, "stage": self.stage, "endpoint": self.endpoint, "version": self.version}
        monitors = [monitor.dump() for monitor in self.monitors]
        return {**named, "made": self.made, "violations": len(self.findings), "monitors": monitors}


def data_quality(schedule: str, execution: Execution, history: Sequence[Execution], found: Documents) -> Monitor:
    """The rows of a data quality execution: those with violations first, of these what cannot even be compared."""
    before, after = distributions.features(found.baseline_statistics), distributions.features(found.statistics)
    rules = {str(entry["name"]): entry for entry in found.baseline_constraints.get("features") or []}
    rows = [
        _row(name, before.get(name), after.get(name), rules.get(name), found.baseline_constraints)
        for name in {**rules, **before, **after}
    ]
    findings = _findings(execution, history, {row.name: row for row in rows}, rules)
    told = [replace(row, findings=tuple(f for f in findings if f.subject == row.name)) for row in rows]
    told.sort(key=lambda row: (not row.findings, bool(row.findings and row.distance), -_excess(row)))
    order = {row.name: place for place, row in enumerate(told)}
    findings.sort(key=lambda finding: (order.get(finding.subject, len(order)), finding.check))
    counted = int((found.statistics.get("dataset") or {}).get("item_count", 0))
    made = Monitor(
        DATA_QUALITY, schedule, execution, tuple(history), tuple(findings), tuple(told), (), counted, found.uris
    )
    assumes = str(found.performance.get("method") or "")
    return replace(made, estimates=tuple(_estimates(found.performance, findings)), assumes=assumes)


def _estimates(document: Doc, findings: Sequence[Finding]) -> Iterator[Estimated]:
    for name, figure in _section(document, "_metrics").items():
        registered = figure.get("registered")
        yield Estimated(
            name,
            float(figure["value"]),
            float(figure["low"]),
            float(figure["high"]),
            None if registered is None else float(registered),
            tuple(finding for finding in findings if finding.subject == f"estimated {name}"),
        )


def _excess(row: Row) -> float:
    return row.distance.distance / row.distance.threshold if row.distance and row.distance.threshold else 0.0


def _row(name: str, before: Feature | None, after: Feature | None, rule: Doc | None, constraints: Doc) -> Row:
    side = before or after
    kind = str((rule or {}).get("inferred_type") or (side.type if side else "Unknown"))
    measured = distances.measure(before, after, distances.distribution_rules(constraints, rule or {}))
    required = float(rule["completeness"]) if rule and "completeness" in rule else None
    domain = tuple(((rule or {}).get("string_constraints") or {}).get("domains") or ())
    return Row(name, kind, before, after, measured, required, domain)


def _findings(
    execution: Execution, history: Sequence[Execution], rows: Mapping[str, Row], rules: Mapping[str, Doc]
) -> list[Finding]:
    made = []
    for violation in execution.violations:
        subject, check = key(violation)
        row = rows.get(subject)
        live, distance = (row.live, row.distance) if row else (None, None)
        words = wording.in_words(violation, live, rules.get(subject), distance)
        sure = wording.how_sure(distance) if check == "baseline_drift_check" else _count_values(live)
        told = str(violation.get("description", ""))
        made.append(Finding(subject, check, words, told, since((subject, check), history), sure))
    return made


def _count_values(live: Feature | None) -> str:
    return f"{wording.figure(live.present + live.missing)} live values" if live else ""


def model_quality(schedule: str, execution: Execution, history: Sequence[Execution], found: Documents) -> Monitor:
    """The figures of a model quality execution: those with violations first."""
    bounds = _section(found.baseline_constraints, "_constraints")
    findings = _findings(execution, history, {}, {})
    metrics = []
    for name, entry in _section(found.statistics, "_metrics").items():
        if not isinstance(entry, dict) or not isinstance(entry.get("value"), int | float):
            continue
        own, rule = tuple(f for f in findings if snake_case(f.subject) == name), bounds.get(name) or {}
        deviation, bound = entry.get("standard_deviation"), rule.get("threshold")
        metrics.append(
            Metric(
                name,
                float(entry["value"]),
                float(deviation) if isinstance(deviation, int | float) else None,
                float(bound) if isinstance(bound, int | float) else None,
                str(rule.get("comparison_operator", "")),
                own,
            )
        )
    metrics.sort(key=lambda metric: (not metric.findings, metric.bound is None))
    spoken = {metric.name: metric for metric in metrics}
    findings = [_of_metric(finding, spoken.get(snake_case(finding.subject))) for finding in findings]
    counted = int((found.statistics.get("dataset") or {}).get("item_count", 0))
    return Monitor(
        MODEL_QUALITY, schedule, execution, tuple(history), tuple(findings), (), tuple(metrics), counted, found.uris
    )


def snake_case(name: str) -> str:
    """`true_positive_rate` of `truePositiveRate`: reports of violations have other names than statistics."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _of_metric(finding: Finding, metric: Metric | None) -> Finding:
    if metric is None or metric.bound is None:
        return finding
    side = "above" if metric.worse.startswith("Greater") else "below"
    words = f"{wording.figure(metric.value)} is {side} {wording.figure(metric.bound)}"
    sure = f"standard deviation {wording.figure(metric.deviation)}" if metric.deviation is not None else ""
    return replace(finding, words=words, how_sure=sure)


def _section(document: Doc, ending: str) -> Doc:
    found: list[Doc] = [block for name, block in document.items() if name.endswith(ending) and isinstance(block, dict)]
    return found[0] if found else {}
