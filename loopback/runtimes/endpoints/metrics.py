"""CloudWatch metrics of endpoints, gathered into batches. Latencies are in microseconds.

Source: AWS, monitoring-cloudwatch.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

MOST_VALUES = 150  # of one datum, as CloudWatch limits it
UNITS = dict.fromkeys(("ModelLatency", "OverheadLatency", "ModelSetupTime"), "Microseconds")
DIMENSIONS = ("EndpointName", "VariantName", "EndpointConfigName")
Who = tuple[str, ...]  # an endpoint, its variant, and, while a deployment goes on, also its configuration


class Metrics:
    """Counts of values since the last `take`, by who they are of and metric."""

    def __init__(self) -> None:
        self._found: dict[Who, dict[str, Counter[float]]] = {}

    def see(self, who: Who, instances: int, status: int, seconds: Sequence[float]) -> None:
        """One invocation of a variant which has so many instances.

        `status` is the container's, 0 when it gave none; `seconds` were spent in the container, elsewhere and, of a
        serverless variant, before its instance was there.
        """
        found = self._found.get(who)
        if found is None:
            found = self._found[who] = defaultdict(Counter)
        found["Invocations"][1.0] += 1
        if instances:
            found["InvocationsPerInstance"][1 / instances] += 1
        found["Invocation4XXErrors"][float(400 <= status < 500)] += 1
        found["Invocation5XXErrors"][float(status >= 500 or status == 0)] += 1
        found["InvocationModelErrors"][float(not 200 <= status < 300)] += 1
        found["ModelLatency"][float(round(seconds[0] * 1e6))] += 1
        found["OverheadLatency"][float(round(seconds[1] * 1e6))] += 1
        if seconds[2:]:
            found["ModelSetupTime"][float(round(seconds[2] * 1e6))] += 1

    def take(self, at: float) -> list[dict[str, Any]]:
        """MetricData of PutMetricData with everything since the last time; `at` is epoch seconds, in its minute."""
        data = [
            {
                "MetricName": name,
                "Dimensions": dimensions(who),
                "Timestamp": at,
                "Unit": UNITS.get(name, "None"),
                "Values": list(values := thin_out(counts)),
                "Counts": [float(count) for count in values.values()],
            }
            for who, metrics in self._found.items()
            for name, counts in metrics.items()
        ]
        self._found = {}
        return data


def dimensions(who: Who) -> list[dict[str, str]]:
    """As CloudWatch names them."""
    return [{"Name": name, "Value": value} for name, value in zip(DIMENSIONS, who, strict=False)]


def thin_out(counts: Counter[float], most: int = MOST_VALUES) -> Counter[float]:
    """The same values with so few significant digits that there are at most `most` of them."""
    digits = 4
    while len(counts) > most:
        rounded: Counter[float] = Counter()
        for value, count in counts.items():
            rounded[_significant(value, digits)] += count
        counts, digits = rounded, digits - 1
    return counts


def _significant(value: float, digits: int) -> float:
    return round(value, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0.0
