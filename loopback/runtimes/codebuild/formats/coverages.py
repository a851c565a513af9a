"""Coverage of files as DescribeCodeCoverages shows it, and its totals. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Coverage:
    """One file: how many of its lines and branches were run."""

    path: str
    lines: int
    lines_missed: int
    branches: int = 0
    branches_missed: int = 0

    @property
    def view(self) -> dict[str, Any]:
        """As AWS names it."""
        return {"filePath": self.path, **_figures(self.lines, self.lines_missed, self.branches, self.branches_missed)}


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """AWS's CodeCoverageReportSummary."""
    keys = ("linesCovered", "linesMissed", "branchesCovered", "branchesMissed")
    return _figures(*(sum(each[key] for each in found) for key in keys))


def _figures(lines: int, lines_missed: int, branches: int, branches_missed: int) -> dict[str, Any]:
    return {
        "lineCoveragePercentage": _percentage(lines, lines_missed),
        "linesCovered": lines,
        "linesMissed": lines_missed,
        "branchCoveragePercentage": _percentage(branches, branches_missed),
        "branchesCovered": branches,
        "branchesMissed": branches_missed,
    }


def _percentage(covered: int, missed: int) -> float:
    """Nothing to cover is 0 %."""
    return round(100 * covered / (covered + missed), 2) if covered + missed else 0.0
