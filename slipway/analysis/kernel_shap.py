"""Kernel SHAP: what each feature adds to what a model answers, learned by asking it. Pure.

The model is asked about rows in which some features, a coalition, are a row's own and all others those of a baseline.
A weighted linear regression on who was in the coalition gives the Shapley values: exactly where every coalition was
asked about, else an estimate. Values and what the baseline gets always add up to the answer.

Source: Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions" (2017), theorem 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from slipway.analysis.sketch import Floats

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Coalitions:
    """`members` has coalitions x features, neither nobody nor everybody; `weights` a number for each coalition."""

    members: Flags
    weights: Floats

    @classmethod
    def choose(cls, features: int, samples: int, seed: int = 0) -> Coalitions:
        """All there are, or about `samples` of them, at least two for each feature.

        Those of one feature, and of all but one, weigh most and come first; then size by size while all of a size fit;
        for the rest they are drawn, each with its complement, which halves what chance does.
        """
        found: list[tuple[Flags, Floats]] = []
        left, drawn_from = samples, list(range(1, features // 2 + 1))
        while drawn_from:
            sizes = sorted({drawn_from[0], features - drawn_from[0]})
            count = sum(comb(features, size) for size in sizes)
            if found and left * _weight(features, drawn_from[:1]) < count * _weight(features, drawn_from):
                break
            for size in sizes:
                members = np.array(list(_subsets(features, size)), dtype=bool)
                found.append((members, np.full(len(members), _of_size(features, size) / len(members))))
            left -= count
            drawn_from.pop(0)
        if drawn_from and left > 1:
            found.append(_draw(features, drawn_from, left // 2, np.random.default_rng(seed)))
        if not found:
            return cls(np.zeros((0, features), dtype=bool), np.zeros(0))
        return cls(np.concatenate([part[0] for part in found]), np.concatenate([part[1] for part in found]))

    def solve(self, answers: Floats, nobody: Floats, everybody: Floats) -> Floats:
        """Rows x features x scores, of what was answered: rows x coalitions x scores, scores, and rows x scores."""
        whole = everybody - nobody
        last = self.members[:, -1].astype(float)
        # the last feature adds what the others leave of the whole
        known = self.members[:, :-1].astype(float) - last[:, None]
        root = np.sqrt(self.weights)
        inverse = np.linalg.pinv(known * root[:, None]) * root
        others = np.einsum("fc,rcs->rfs", inverse, answers - nobody - last[None, :, None] * whole[:, None, :])
        found: Floats = np.concatenate([others, (whole - others.sum(axis=1))[:, None, :]], axis=1)
        return found


def _of_size(features: int, size: int) -> float:
    """What all coalitions of a size weigh together."""
    return (features - 1) / (size * (features - size))


def _weight(features: int, sizes: list[int]) -> float:
    """What all coalitions of these sizes, and of their complements', weigh together."""
    return sum(_of_size(features, size) * (1 if 2 * size == features else 2) for size in sizes)


def _subsets(features: int, size: int) -> Iterator[Flags]:
    for chosen in combinations(range(features), size):
        members = np.zeros(features, dtype=bool)
        members[list(chosen)] = True
        yield members


def _draw(features: int, sizes: list[int], pairs: int, chance: np.random.Generator) -> tuple[Flags, Floats]:
    """Pairs of a coalition and its complement, sizes as often as they weigh; each counts as often as it came."""
    shares = np.array([_weight(features, [size]) for size in sizes])
    counted: dict[bytes, int] = {}
    for size in chance.choice(sizes, pairs, p=shares / shares.sum()):
        members = np.zeros(features, dtype=bool)
        members[chance.permutation(features)[:size]] = True
        for side in (members, ~members):
            counted[side.tobytes()] = counted.get(side.tobytes(), 0) + 1
    found = np.array([np.frombuffer(side, dtype=bool) for side in counted])
    times = np.array(list(counted.values()), dtype=float)
    return found, times * _weight(features, sizes) / times.sum()
