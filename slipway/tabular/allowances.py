"""What a monitor's limits must allow: as much as chance puts into an hour of requests like those of training.

A baseline's constraints are the training rows' own shares: 95.1 % of a column filled, all values among the categories
that were seen. Half of all hours have a little less. So each limit is lowered to what an hour of so many rows stays
above in all but few cases: the beta-binomial distribution of the count in the hour, given the count in the baseline.
"""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FALSE_ALARMS = 0.005  # the share of hours in which any limit may be missed by chance


@dataclass(frozen=True)
class Allowance:
    """How many of the rows of an hour may be so; `seen` of `rows` rows of the baseline were."""

    check: str
    seen: int
    rows: int
    allowed: int

    def share(self, hour: int) -> float:
        """The limit: the share of an hour's rows that must not be so."""
        return 1 - self.allowed / hour


def widen(
    statistics: Mapping[str, Any], constraints: Mapping[str, Any], hour: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The constraints with room for chance in an hour of `hour` rows; and what was allowed, by column and check.

    It is the room of the statistics, whatever the constraints say already: to widen twice changes nothing more.
    """
    counted = {feature["name"]: feature for feature in statistics["features"]}
    known = [feature for feature in constraints["features"] if feature["name"] in counted]
    found = {f["name"]: [*_allowances(counted[f["name"]], f, hour, 1 / (3 * len(known)))] for f in known}
    document = copy.deepcopy(dict(constraints))
    for feature in document["features"]:
        for allowance in found.get(feature["name"], []):
            _write(feature, allowance, hour)
    told = {
        name: {each.check: {"seen": each.seen, "of": each.rows, "allowed": each.allowed} for each in allowances}
        for name, allowances in found.items()
    }
    return document, {"hour_rows": hour, "allowed": told}


def _allowances(
    statistics: Mapping[str, Any], constraint: Mapping[str, Any], hour: int, share: float
) -> Iterator[Allowance]:
    figures = statistics.get("numerical_statistics") or statistics.get("string_statistics")
    if figures is None:  # a column without values
        return
    present, missing = int(figures["common"]["num_present"]), int(figures["common"]["num_missing"])
    chance = FALSE_ALARMS * share
    yield Allowance(
        "completeness", missing, present + missing, largest_likely_count(missing, present + missing, hour, chance)
    )
    if (constraint.get("string_constraints") or {}).get("domains"):
        once = sum(1 for count in _counts(figures) if count == 1)  # as many as are yet to be seen (Good and Turing)
        yield Allowance("domain", once, present, largest_likely_count(once, present, hour, chance))
    elif constraint["inferred_type"] == "Integral":
        yield Allowance("type", 0, present, largest_likely_count(0, present, hour, chance))


def _counts(figures: Mapping[str, Any]) -> list[int]:
    buckets = ((figures.get("distribution") or {}).get("categorical") or {}).get("buckets") or []
    return [int(bucket["count"]) for bucket in buckets]


def _write(feature: dict[str, Any], allowance: Allowance, hour: int) -> None:
    limit = allowance.share(hour)
    if allowance.check == "completeness":
        feature["completeness"] = limit
        return
    key = {"domain": "domain_content_threshold", "type": "datatype_check_threshold"}[allowance.check]
    feature.setdefault("monitoringConfigOverrides", {})[key] = limit


def largest_likely_count(seen: int, rows: int, hour: int, chance: float) -> int:
    """The smallest count among `hour` rows that at most `chance` of all hours exceed.

    `seen` of `rows` earlier rows were so. Jeffreys' prior; 0 of 3,000 is no proof that there are none.
    """
    a, b = seen + 0.5, rows - seen + 0.5
    tail = 1.0
    for count in range(hour + 1):
        tail -= math.exp(
            math.lgamma(hour + 1)
            - math.lgamma(count + 1)
            - math.lgamma(hour - count + 1)
            + math.lgamma(count + a)
            + math.lgamma(hour - count + b)
            - math.lgamma(hour + a + b)
            + math.lgamma(a + b)
            - math.lgamma(a)
            - math.lgamma(b)
        )
        if tail <= chance:
            return count
    return hour
