"""Test cases as DescribeTestCases shows them, and their totals. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

STATUSES = ("SUCCEEDED", "FAILED", "ERROR", "SKIPPED", "UNKNOWN")
LONGEST_MESSAGE = 65536


@dataclass(frozen=True)
class Case:
    """One test case. `prefix` is what related cases share, such as their class."""

    prefix: str
    name: str
    status: str
    seconds: float
    message: str = ""
    suite: str = ""

    @property
    def view(self) -> dict[str, Any]:
        """As AWS names it."""
        return {
            "prefix": self.prefix,
            "name": self.name,
            "status": self.status,
            "durationInNanoSeconds": round(self.seconds * 1e9),
            "message": self.message[:LONGEST_MESSAGE],
            "testSuiteName": self.suite,
        }


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """AWS's TestReportSummary."""
    counts = Counter(case["status"] for case in found)
    return {
        "total": len(found),
        "statusCounts": {status: counts[status] for status in STATUSES},
        "durationInNanoSeconds": sum(case["durationInNanoSeconds"] for case in found),
    }


def all_passed(found: Iterable[dict[str, Any]]) -> bool:
    """Whether no test failed."""
    return all(case["status"] in ("SUCCEEDED", "SKIPPED") for case in found)
