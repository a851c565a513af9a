"""What an execution of a monitor found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.analysis import documents
from slipway.analysis.metrics import Metric


@dataclass(frozen=True)
class Verdict:
    """`written` are the documents by name. `note` is said beside how the execution ended."""

    written: Mapping[str, Any]
    violations: list[dict[str, str]]
    metrics: Iterable[Metric]
    rows: int
    note: str = ""

    @property
    def message(self) -> str:
        """The job's exit message, which begins as Model Monitor's does."""
        return " ".join(filter(None, (documents.exit_message(len(self.violations)), self.note)))
