"""Data quality: what data is like, what it suggests as constraints, and where it departs from its baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.analysis import constraints, metrics, profile, source, violations
from slipway.analysis.errors import BadInput
from slipway.analysis.metrics import Metric
from slipway.analysis.profile import DatasetProfile
from slipway.analysis.source import Source

Doc = Mapping[str, Any]


@dataclass(frozen=True)
class Baseline:
    """A statistics.json and a constraints.json to compare with."""

    statistics: Doc
    constraints: Doc

    def without(self, excluded: frozenset[str]) -> Baseline:
        """Without the constraints of some features."""
        kept = [feature for feature in self.constraints["features"] if feature["name"] not in excluded]
        return Baseline(self.statistics, {**self.constraints, "features": kept})


@dataclass(frozen=True)
class DataQuality:
    """The documents of an analysis; `apart` is the distance of each feature from its baseline."""

    data: DatasetProfile
    statistics: dict[str, Any]
    constraints: dict[str, Any]
    violations: list[dict[str, str]] = field(default_factory=list)
    apart: Mapping[str, float] = field(default_factory=dict)

    def metrics(self) -> Iterator[Metric]:
        """What CloudWatch is told."""
        return metrics.of_data(self.data, self.apart)


def analyze(given: Source, baseline: Baseline | None = None, drift_method: str | None = None) -> DataQuality:
    """Read the data once; raises BadInput, also where there is none. `drift_method` is of the suggested constraints."""
    rules = baseline.without(given.excluded).constraints if baseline else None
    features = rules["features"] if rules else []
    domains = {feature["name"]: violations.domains_of(feature) for feature in features}
    data = profile.profile(source.chunks(given, [feature["name"] for feature in features]), domains)
    if not data.rows:
        raise BadInput(f"there is no data: {given.path} holds no rows")
    statistics = profile.statistics(data)
    found, apart = violations.find(data, baseline.statistics, rules) if baseline and rules else ([], {})
    return DataQuality(data, statistics, constraints.suggest(statistics, drift_method), found, apart)


def emits_metrics(baseline: Baseline | None) -> bool:
    """Whether the baseline's own settings let CloudWatch be told."""
    return baseline is None or constraints.config_of(baseline.constraints, {})["emit_metrics"] == "Enabled"
