"""What a tuning job learns from earlier ones, and which ones it may learn from.

Source: AWS, automatic-model-tuning-warm-start ("Warm Start Tuning Restrictions").
"""

from collections.abc import Iterator, Mapping
from typing import Any

from loopback.core import states
from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import TUNING_JOB
from loopback.engines.tuning import ranges
from loopback.engines.tuning.suggest import Tried
from loopback.rows.tuning import TunedJobRow, TuningJobRow
from loopback.services.registry import Context, Request
from loopback.services.sagemaker.tuning.definitions import algorithms, rules_of

IDENTICAL = "IdenticalDataAndAlgorithm"


def parents(request: Request, context: Context) -> list[TuningJobRow]:
    """The tuning jobs that a request starts from. Raises ValidationException for one that is not there."""
    config = request.get("WarmStartConfig") or {}
    found = []
    for entry in config.get("ParentHyperParameterTuningJobs") or ():
        name = entry.get("HyperParameterTuningJobName", "")
        try:
            found.append(TuningJobRow.get(context.store, name))
        except ResourceNotFound:
            raise ValidationException(f"WarmStartConfig: there is no tuning job named {name!r}") from None
    return found


def check(request: Request, context: Context) -> None:
    """Raise ValidationException where a request starts from tuning jobs that it may not start from."""
    mine = rules_of(request).algorithms[0] if "WarmStartConfig" in request else None
    for parent in parents(request, context):
        if not states.is_final(TUNING_JOB.lifecycle, parent.status):
            raise ValidationException(f"WarmStartConfig: {parent.name} is {parent.status}; a parent must have ended")
        theirs = rules_of(parent.request).algorithms
        if len(theirs) > 1:
            raise ValidationException(f"WarmStartConfig: {parent.name} tunes several algorithms; a parent tunes one")
        if mine is None or (theirs[0].metric, theirs[0].maximize) != (mine.metric, mine.maximize):
            raise ValidationException(f"WarmStartConfig: the objective of {parent.name} is another one")
        if len(_hyperparameters(parent.request)) != len(_hyperparameters(request)):
            raise ValidationException(
                f"WarmStartConfig: {parent.name} has {len(_hyperparameters(parent.request))} static and searched "
                f"hyperparameters, this tuning job {len(_hyperparameters(request))}; the number must be the same"
            )
        if request["WarmStartConfig"]["WarmStartType"] == IDENTICAL and _work(parent.request) != _work(request):
            raise ValidationException(
                f"WarmStartConfig: {IDENTICAL} needs the input data and the training image of {parent.name}; "
                "use TransferLearning"
            )


def _hyperparameters(request: Mapping[str, Any]) -> set[str]:
    definition, config = algorithms(dict(request))[0], request["HyperParameterTuningJobConfig"]
    asked = config.get("ParameterRanges") or definition.get("HyperParameterRanges") or {}
    searched = {entry["Name"] for entries in asked.values() for entry in entries}
    return searched | set(definition.get("StaticHyperParameters") or {})


def _work(request: Mapping[str, Any]) -> tuple[Any, Any]:
    definition = algorithms(dict(request))[0]
    data = [(channel["ChannelName"], channel["DataSource"]) for channel in definition.get("InputDataConfig") or ()]
    return definition["AlgorithmSpecification"].get("TrainingImage"), data


def parents_results(request: Request, searched: ranges.Space, context: Context) -> Iterator[Tried]:
    """What the parents' training jobs have found, as far as it lies within the ranges that are searched now."""
    for parent in parents(request, context):
        static = algorithms(parent.request)[0].get("StaticHyperParameters") or {}
        for trial in TunedJobRow.find(context.store, parent=parent.name):
            values = ranges.read(searched, {**static, **trial.values})
            if values is not None and trial.objective is not None:
                yield Tried(values, trial.objective)
