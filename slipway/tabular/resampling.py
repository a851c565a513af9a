"""Seeded bootstrap: how far a metric would move on other test data. Cost does not grow with the number of rows."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 200
CELLS = 2_000  # rows are gathered into at most this many cells, and cells are resampled
SEED = 20
PAIRED = 1_000  # resamples of a difference, which decides; as many rows as SLOW are resampled RESAMPLES times
SLOW = 20_000

Floats = NDArray[np.float64]
Judge = Callable[[Floats], float]  # a metric of some rows, given how often each of them counts


def spread(samples: Floats) -> dict[str, float]:
    """Standard deviation and the central 95 % of a metric's resampled values."""
    usable = samples[np.isfinite(samples)]
    if not len(usable):
        return {"standard_deviation": 0.0, "low": float("nan"), "high": float("nan")}
    low, high = np.quantile(usable, (0.025, 0.975))
    return {"standard_deviation": float(usable.std()), "low": float(low), "high": float(high)}


def resampled_counts(counts: Floats) -> Floats:
    """RESAMPLES x cells: each cell's count redrawn (Poisson), as drawing rows with replacement does."""
    return np.random.default_rng(SEED).poisson(counts, (RESAMPLES, len(counts))).astype(np.float64)


def resampled_means(
    values: Mapping[str, Floats], metrics: Callable[[Mapping[str, Floats]], dict[str, Floats]]
) -> dict[str, Floats]:
    """RESAMPLES values of each metric, when metrics are functions of row means; rows are drawn in random blocks."""
    chance = np.random.default_rng(SEED)
    rows = len(next(iter(values.values())))
    cell = chance.permutation(rows) % CELLS
    width = min(rows, CELLS)
    sizes = np.bincount(cell, minlength=width)[:width].astype(np.float64)
    drawn = chance.multinomial(width, np.full(width, 1 / width), RESAMPLES).astype(np.float64)
    total = drawn @ sizes
    return metrics({k: drawn @ np.bincount(cell, v, width)[:width] / total for k, v in values.items()})


def paired_difference(one: Judge, other: Judge, rows: int) -> Floats:
    """Resampled values of `one` less `other`, both of the same rows; those that are no number are left out."""
    chance = np.random.default_rng(SEED)
    width = min(rows, CELLS)
    cell = chance.permutation(rows) % width
    found = np.empty(PAIRED if rows <= SLOW else RESAMPLES)
    for number in range(len(found)):
        weights = chance.poisson(1, width).astype(np.float64)[cell]
        found[number] = one(weights) - other(weights)
    finite: Floats = found[np.isfinite(found)]
    return finite
