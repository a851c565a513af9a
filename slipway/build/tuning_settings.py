"""What config.yml says of tuning: which hyperparameters are searched, where, and what makes one model the best."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from slipway.build.settings_file import Disagreement, Section, nearest

# Metrics of the XGBoost image that a tuning job may ask for, and whether more of them is better.
# https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost-tuning.html
OBJECTIVES: Mapping[str, Literal["Maximize", "Minimize"]] = {
    "accuracy": "Maximize",
    "auc": "Maximize",
    "error": "Minimize",
    "f1": "Maximize",
    "logloss": "Minimize",
    "mae": "Minimize",
    "map": "Maximize",
    "merror": "Minimize",
    "mlogloss": "Minimize",
    "mse": "Minimize",
    "ndcg": "Maximize",
    "rmse": "Minimize",
}
DEFAULT_TRIALS = 20
MOST_TRIALS, MOST_PARALLEL = 750, 100  # of a tuning job: docs.aws.amazon.com, automatic-model-tuning-limits


class Range(Section):
    """Where a hyperparameter is searched: from one number to another, or among some."""

    low: Annotated[float | None, Field(alias="from")] = None
    high: Annotated[float | None, Field(alias="to")] = None
    scale: Annotated[Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"], Field(description="AWS's.")] = (
        "Auto"
    )
    values: Annotated[list[float] | None, Field(min_length=1, max_length=30)] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Range":
        if (self.values is None) == (self.low is None or self.high is None):
            raise ValueError("needs from and to, or values")
        if self.values is not None and (self.low is not None or self.high is not None or self.scale != "Auto"):
            raise ValueError("has values, and from, to or scale: they are for numbers in between")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"from must be below to, found {self.low:g} and {self.high:g}")
        if self.scale == "Logarithmic" and self.low is not None and self.low <= 0:
            raise ValueError(f"a logarithmic scale begins above 0, found from: {self.low:g}")
        if self.scale == "ReverseLogarithmic" and not (0 <= (self.low or 0) < (self.high or 0) < 1):
            raise ValueError("a reverse logarithmic scale is from 0 to below 1")
        return self

    @property
    def ends(self) -> list[float]:
        """All numbers that are named: those of `values`, or from and to."""
        return [*(self.values or ()), *(end for end in (self.low, self.high) if end is not None)]


class Tuning(Section):
    """A tuning job in the place of one training: the best of its models goes on."""

    ranges: dict[str, Range] = Field(min_length=1, max_length=30, description="By XGBoost's names.")
    jobs: int | None = Field(
        None, ge=1, le=MOST_TRIALS, description="Trainings, at most. Default: 20. A grid has as many as combinations."
    )
    parallel: int = Field(2, ge=1, le=MOST_PARALLEL, description="Trainings at a time.")
    strategy: Literal["Bayesian", "Random", "Grid"] = Field("Bayesian", description="Grid tries all of `values`.")
    early_stopping: bool = Field(False, description="Whether a training is stopped that will not be the best.")
    seed: int | None = Field(None, ge=0, le=2**31 - 1, description="The same seed draws the same trials.")

    @property
    def trainings(self) -> int:
        """How many there are at most; of a grid its combinations."""
        if self.strategy == "Grid":
            return math.prod(len(range_.values or ()) for range_ in self.ranges.values())
        return self.jobs or DEFAULT_TRIALS

    def disagreements_with(self, numbers: Mapping[str, type], fixed: list[str], metric: str) -> Iterator[Disagreement]:
        """What the hyperparameters, the run's parameters and the metric say against it."""
        for name, range_ in self.ranges.items():
            if name not in numbers:
                yield ("ranges", name), f"no hyperparameter that is a number{nearest(name, [*numbers])}"
            elif name in fixed:
                yield ("ranges", name), "a run sets it (`parameters`), so it can't be searched"
            elif numbers[name] is int and any(end != int(end) for end in range_.ends):
                yield ("ranges", name), "it is a whole number"
        if self.strategy == "Grid":
            yield from self._wrong_grid()
        if metric not in OBJECTIVES:
            allowed = ", ".join(OBJECTIVES)
            yield (), f"the best is told by hyperparameters.eval_metric, and {metric} can't; allowed: {allowed}"
        if self.parallel > self.trainings > 0:  # a grid of ranges, which is said above, has none
            yield ("parallel",), f"found {self.parallel}, and there are {self.trainings} trainings"

    def _wrong_grid(self) -> Iterator[Disagreement]:
        """What does not go with trying all combinations."""
        for name, range_ in self.ranges.items():
            if range_.values is None:
                yield ("ranges", name), "a grid is made of values"
        if self.early_stopping:
            yield ("early_stopping",), "a grid tries all of its trainings to their end"
        if self.jobs not in (None, self.trainings):
            yield ("jobs",), f"found {self.jobs}, and the grid has {self.trainings} combinations: leave it out"
        if self.trainings > MOST_TRIALS:
            yield ("ranges",), f"the grid has {self.trainings} combinations; a tuning job takes {MOST_TRIALS} at most"
