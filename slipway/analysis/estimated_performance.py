"""How good a model probably is on requests whose labels nobody knows yet, in the words and documents of a monitor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.analysis import cbpe
from slipway.analysis.calibration import Calibration, ClassCalibration
from slipway.analysis.cbpe import Estimate
from slipway.analysis.metrics import Metric
from slipway.analysis.sketch import Floats

CHECK = "estimated_performance_check"
BINARY, MULTICLASS = "binary_classification_metrics", "multiclass_classification_metrics"
ASSUMES = (
    "an estimate without labels (CBPE) that assumes no concept drift: it follows a drift of the requests, and does not "
    "see that the same requests have come to mean something else"
)
FEWEST = 30  # rows; the interval of fewer says nothing
_SHOWN = ("f1", "auc")  # in an exit message

Document = dict[str, Any]


@dataclass(frozen=True)
class Performance:
    """Estimates by metric, and what the test rows said of the same model. `unreadable` answers had no number."""

    rows: int
    unreadable: int
    estimates: Mapping[str, Estimate]
    registered: Mapping[str, float]
    section: str = BINARY

    def document(self) -> Document:
        """estimated_performance.json."""
        figures = {
            name: {"value": found.value, "low": found.low, "high": found.high, "registered": self.registered.get(name)}
            for name, found in self.estimates.items()
        }
        return {
            "version": 0.0,
            "method": ASSUMES,
            "dataset": {"item_count": self.rows, "unreadable_answers": self.unreadable},
            self.section: figures,
        }

    def metrics(self) -> Iterator[Metric]:
        """What CloudWatch is told."""
        for name, found in self.estimates.items():
            yield f"estimated_{name}", {"Value": found.value}, {}
            yield f"estimated_{name}_low", {"Value": found.low}, {}
            yield f"estimated_{name}_high", {"Value": found.high}, {}

    def violations(self, least: Mapping[str, float]) -> Iterator[dict[str, str]]:
        """Metrics that are below their limit beyond doubt: the whole interval is."""
        for name, limit in least.items():
            found = self.estimates.get(name)
            if found is not None and found.high < limit:
                yield {
                    "metric_name": f"estimated {name}",
                    "constraint_check_type": CHECK,
                    "description": f"Metric {name} is estimated {_interval_text(found)} without labels, "
                    f"which is below {limit}",
                }

    @property
    def message(self) -> str:
        """In a few words."""
        told = [f"{name} {_interval_text(self.estimates[name])}" for name in _SHOWN if name in self.estimates]
        return f"Estimated without labels: {', '.join(told)}." if told else ""


def _interval_text(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def of_binary(scores: Floats, unreadable: int, statistics: Mapping[str, Any]) -> Performance:
    """Of what the model answered; `statistics` are those of model quality that the version was registered with."""
    known = statistics["calibration"]
    few = len(scores) < FEWEST
    estimates = {} if few else cbpe.binary(scores, float(known["threshold"]), Calibration.read(known))
    return Performance(len(scores), unreadable, estimates, _registered_figures(statistics, BINARY))


def of_multiclass(probabilities: Floats, unreadable: int, statistics: Mapping[str, Any]) -> Performance:
    """The same of a model of several classes, whose answers have a probability for each."""
    few = len(probabilities) < FEWEST
    calibration = ClassCalibration.read(statistics["calibration"])
    estimates = {} if few else cbpe.multiclass(probabilities, calibration)
    return Performance(
        len(probabilities), unreadable, estimates, _registered_figures(statistics, MULTICLASS), MULTICLASS
    )


def classes_of(statistics: Mapping[str, Any]) -> int:
    """How many classes the statistics of model quality have a calibration of; 0 where it is of yes and no."""
    return len(statistics["calibration"].get("classes", ()))


def _registered_figures(statistics: Mapping[str, Any], section: str) -> dict[str, float]:
    return {
        name: float(figure["value"])
        for name, figure in (statistics.get(section) or {}).items()
        if isinstance(figure, Mapping) and isinstance(figure.get("value"), int | float)
    }
