"""Which running training jobs a tuning job ends before their time, from what their objective has been so far.

Auto is the rule that AWS documents (automatic-model-tuning-early-stopping). Hyperband is asynchronous successive
halving over several brackets (Li et al., "A System for Massively Parallel Hyperparameter Tuning"); AWS documents its
bounds, MinResource and MaxResource, and not its reduction factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

REDUCTION = 3
Series = Sequence[float]  # the objective after each epoch


def is_worse_than_median(series: Series, others: Sequence[Series], *, maximize: bool) -> bool:
    """Whether a training job is worse than the median of the running averages of those before it at its epoch."""
    epoch = len(series)
    averages = [fmean(other[:epoch]) for other in others if len(other) >= epoch > 0]
    if not averages:
        return False
    middle = median(averages)
    return series[-1] < middle if maximize else series[-1] > middle


@dataclass(frozen=True)
class EpochBounds:
    """What Hyperband gives to a training job: epochs, at least and at most."""

    least: int
    most: int

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs after which the worse ones are ended."""
        found, epoch = [], self.least
        while epoch < self.most:
            found.append(epoch)
            epoch *= REDUCTION
        return tuple(found)

    def bracket(self, index: int) -> int:
        """How many of the first rungs the training job with this index is spared.

        The bracket with the earliest rung takes the most of them, each further one a third less.
        """
        sizes = [REDUCTION**power for power in range(len(self.rungs), -1, -1)]
        place = index % sum(sizes)
        for bracket, size in enumerate(sizes):
            if place < size:
                return bracket
            place -= size
        raise AssertionError(index)


def is_cut(
    index: int, series: Series, others: Sequence[tuple[int, Series]], given: EpochBounds, *, maximize: bool
) -> bool:
    """Whether Hyperband ends a training job now: it has had all its epochs, or is not in the best third of a rung.

    `others` are the index and objective of all other training jobs, ended or not.
    """
    if len(series) >= given.most:
        return True
    bracket = given.bracket(index)
    peers = [other for number, other in others if given.bracket(number) == bracket]
    for rung in given.rungs[bracket:]:
        if len(series) < rung:
            return False
        best = (max if maximize else min)(series[:rung])
        theirs = [(max if maximize else min)(other[:rung]) for other in peers if len(other) >= rung]
        better = sum(other > best if maximize else other < best for other in theirs)
        if len(theirs) + 1 >= REDUCTION and better >= (len(theirs) + 1) // REDUCTION:
            return True
    return False
