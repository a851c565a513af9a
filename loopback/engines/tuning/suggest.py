"""The next combination of hyperparameters. The same arguments give the same combination.

Bayesian is optuna's tree-structured Parzen estimator; AWS uses Gaussian processes. Hyperband draws at random, as the
method's paper does: what it learns is which training jobs to end.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loopback.engines.tuning import ranges
from loopback.engines.tuning.ranges import Choice, Interval, Range, Space, Value

if TYPE_CHECKING:
    import optuna

STARTING_POINTS = 8  # combinations at random before a model says more than chance


@dataclass(frozen=True)
class Tried:
    """A combination that is or was tried, and what came of it: None while it runs."""

    values: Mapping[str, Value]
    objective: float | None


def suggest(
    strategy: str, searched: Space, tried: Sequence[Tried], index: int, seed: int, *, maximize: bool
) -> dict[str, Value]:
    """The combination with this index, counted from 0, of those that a tuning job tries in this space."""
    if strategy == "Grid":
        return ranges.at(searched, index)
    if strategy == "Bayesian" and len(tried) >= STARTING_POINTS:
        return _suggest_by_model(searched, tried, seed + index, maximize=maximize)
    chance = random.Random(f"{seed}/{index}")
    return {each.name: _draw(each, chance) for each in searched}


def _draw(each: Range, chance: random.Random) -> Value:
    if isinstance(each, Choice):
        return chance.choice(each.values)
    if each.whole and each.scale == "Linear":
        return chance.randint(int(each.low), int(each.high))
    low, high = (_scale(each, bound) for bound in (each.low, each.high))
    return _unscale(each, chance.uniform(min(low, high), max(low, high)))


def _scale(each: Interval, number: float) -> float:
    if each.scale == "Logarithmic":
        return math.log(number)
    return math.log1p(-number) if each.scale == "ReverseLogarithmic" else number


def _unscale(each: Interval, number: float) -> float:
    if each.scale == "Logarithmic":
        number = math.exp(number)
    elif each.scale == "ReverseLogarithmic":
        number = -math.expm1(number)
    number = min(max(number, each.low), each.high)
    return round(number) if each.whole else number


def _suggest_by_model(searched: Space, tried: Sequence[Tried], seed: int, *, maximize: bool) -> dict[str, Value]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=STARTING_POINTS, multivariate=True, constant_liar=True, seed=seed % 2**32
        )
    study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
    distributions = {each.name: _distribution(each) for each in searched}
    state = optuna.trial.TrialState
    for one in tried:
        params = {each.name: _into(each, one.values[each.name]) for each in searched}
        ended = {"state": state.RUNNING} if one.objective is None else {"value": one.objective}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, **ended))
    params = study.ask(distributions).params
    return {each.name: _out_of(each, params[each.name]) for each in searched}


def _distribution(each: Range) -> optuna.distributions.BaseDistribution:
    """A range as optuna has it; a reverse logarithm is the logarithm of the distance from 1."""
    import optuna

    if isinstance(each, Choice):
        return optuna.distributions.CategoricalDistribution(each.values)
    if each.whole:
        return optuna.distributions.IntDistribution(int(each.low), int(each.high), log=each.scale == "Logarithmic")
    if each.scale == "ReverseLogarithmic":
        return optuna.distributions.FloatDistribution(1 - each.high, 1 - each.low, log=True)
    return optuna.distributions.FloatDistribution(each.low, each.high, log=each.scale == "Logarithmic")


def _into(each: Range, value: Any) -> Any:
    if not isinstance(each, Interval) or each.scale != "ReverseLogarithmic":
        return value
    return min(max(1 - value, 1 - each.high), 1 - each.low)


def _out_of(each: Range, value: Any) -> Value:
    if isinstance(each, Choice):
        return str(value)
    number = 1 - value if each.scale == "ReverseLogarithmic" else value
    number = min(max(float(number), each.low), each.high)
    return int(number) if each.whole else number
