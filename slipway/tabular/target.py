"""What a model answers to a row: a number, how probable yes is, or how probable each class is.

Prepare writes it beside the encoder, Train adds the threshold, and it travels in the model as target.json.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from slipway.tabular.columns import Columns
from slipway.tabular.decision import MIDDLE
from slipway.tabular.job import JobError
from slipway.tabular.kinds import BINARY, MULTICLASS, REGRESSION

FILE = "target.json"


@dataclass(frozen=True)
class Target:
    """`classes` are those of several classes, in the order of their probabilities; `threshold` is of a yes or no."""

    problem: str
    classes: tuple[str, ...] = ()
    threshold: float | None = None

    @classmethod
    def of_columns(cls, columns: Columns) -> "Target":
        """What the label column of a data set asks for."""
        return cls(columns.problem, columns.classes)

    @classmethod
    def of_objective(cls, objective: str, threshold: str | None) -> "Target":
        """Of a booster that was trained before there was a target.json. Raises JobError for several classes."""
        if objective.startswith("binary:"):
            return cls(BINARY, threshold=MIDDLE if threshold is None else float(threshold))
        if objective.startswith("multi:"):
            raise JobError(f"a model with the objective {objective} needs {FILE}, which names its classes")
        return cls(REGRESSION)

    def with_threshold(self, threshold: float | None) -> "Target":
        """The same with the threshold that Train has chosen."""
        return replace(self, threshold=threshold)

    @property
    def is_of_classes(self) -> bool:
        """Whether the answer to a row is a probability of each class."""
        return self.problem == MULTICLASS

    def save(self, folder: Path) -> None:
        """Write target.json."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Target | None":
        """Read target.json; None where there is none."""
        if not (folder / FILE).exists():
            return None
        document: Mapping[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return cls(document["problem"], tuple(document["classes"]), document["threshold"])
