"""CreateHyperParameterTuningJob and its family. The thread of `tuner` carries out what is written here."""

import sys
from dataclasses import replace
from typing import Any

from loopback.core import states
from loopback.core.errors import ResourceInUse, ResourceNotFound, ValidationException
from loopback.core.kinds import TRAINING_JOB, TUNED_JOB, TUNING_JOB
from loopback.core.queries import CREATED, NAME, Selection, member
from loopback.rows.jobs import JobRow
from loopback.rows.row import changes, view_of
from loopback.rows.tuning import TunedJobResult, TunedJobRow, TuningJobRow, TuningResult
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, call, handles
from loopback.services.sagemaker import jobs, quotas
from loopback.services.sagemaker.tags import keep_tags
from loopback.services.sagemaker.tuning import warm_start
from loopback.services.sagemaker.tuning.definitions import algorithms, rules_of, training_job

LISTING = Listing("HyperParameterTuningJobSummaries", TUNING_JOB)
VALUE = "FinalObjectiveMetricValue"
TRAINING_JOBS = Listing(
    "TrainingJobSummaries",
    TUNED_JOB,
    order="Ascending",
    sort="Name",
    orders={"Name": NAME, "CreationTime": CREATED, VALUE: member("objective", "result")},
)
LOST = "SageMaker.JOB_INTERNAL_ERROR"  # the failure kind of a job that AWS itself has lost
MOST_TOP = 50  # training jobs that a Tuning step of a pipeline shows, the best first


@handles("CreateHyperParameterTuningJob")
def create(request: Request, context: Context) -> Response:
    """Check all that can be checked now, and write the tuning job down."""
    name = request["HyperParameterTuningJobName"]
    arn = arn_of(name, context)
    rules = rules_of(request)
    warm_start.check(request, context)
    if context.store.exists(TUNING_JOB, name):
        raise ResourceInUse(
            "Hyperparameter tuning job names must be unique within an AWS account and region, and a hyperparameter "
            f"tuning job with this name already exists ({arn})"
        )
    with context.store.transaction():
        for definition, algorithm in zip(algorithms(request), rules.algorithms, strict=True):
            job = training_job(definition, algorithm, name, {})
            quotas.require_for_tuning(job, rules.parallel, context)
        context.store.create(TUNING_JOB, name, request)
        keep_tags(arn, request, context)
    context.on_change(TUNING_JOB.slug, name)
    return {"HyperParameterTuningJobArn": arn}


@handles("DescribeHyperParameterTuningJob")
def describe(request: Request, context: Context) -> Response:
    """The tuning job as it stands."""
    return view(find(request["HyperParameterTuningJobName"], context), context)


@handles("ListHyperParameterTuningJobs")
def list_tuning_jobs(request: Request, context: Context) -> Response:
    """A page of tuning jobs."""
    return select(request, context, LISTING, view_of(TuningJobRow, _summary))


@handles("ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs(request: Request, context: Context) -> Response:
    """The training jobs of one tuning job; sorted by objective, those that have one (AWS's API reference)."""
    name = find(request["HyperParameterTuningJobName"], context).name
    within = Selection(TUNED_JOB, name)
    if request.get("SortBy") == VALUE:
        within = replace(within, where=((f"{member('objective', 'result')} >= ?", -sys.float_info.max),))
    return select(request, context, TRAINING_JOBS, view_of(TunedJobRow, training_view), within)


@handles("StopHyperParameterTuningJob")
def stop(request: Request, context: Context) -> Response:
    """Ask a tuning job and its training jobs to stop."""
    row = find(request["HyperParameterTuningJobName"], context)
    if row.status != "InProgress":
        raise ValidationException(
            f"The hyperparameter tuning job {row.name} is {row.status}; only one in progress can be stopped"
        )
    TuningJobRow.fire(context.store, row.name, "stop")
    context.on_change(TUNING_JOB.slug, row.name)
    return {}


@handles("DeleteHyperParameterTuningJob")
def delete(request: Request, context: Context) -> Response:
    """Of one that has ended; its training jobs stay."""
    row = find(request["HyperParameterTuningJobName"], context)
    if not states.is_final(TUNING_JOB.lifecycle, row.status):
        raise ValidationException(f"The hyperparameter tuning job {row.name} is {row.status}; stop it first")
    with context.store.transaction():
        for trial in TunedJobRow.find(context.store, parent=row.name):
            context.store.delete(TUNED_JOB, trial.name)
        context.store.delete(TUNING_JOB, row.name)
        context.store.untag(arn_of(row.name, context))
    return {}


def find(name: str, context: Context) -> TuningJobRow:
    """Raises ResourceNotFound, which is the error that the service model has for these operations."""
    try:
        return TuningJobRow.get(context.store, name)
    except ResourceNotFound:
        raise ResourceNotFound(f"There is no hyperparameter tuning job named {name}") from None


def arn_of(name: str, context: Context) -> str:
    """AWS's form."""
    return context.place.arn(f"{TUNING_JOB.slug}/{name}")


def view(row: TuningJobRow, context: Context) -> Response:
    """A tuning job as Describe shows it."""
    shown = _state(row, context) | {key: value for key, value in row.request.items() if key != "Tags"}
    best = _best_view(row.best, context)
    shown |= {
        "BestTrainingJob": best,
        "FailureReason": row.failure_reason or None,
        "TuningJobCompletionDetails": row.details or None,
        "ConsumedResources": {"RuntimeInSeconds": int((row.ended or row.changed) - row.created)},
    }
    config = row.request.get("WarmStartConfig") or {}
    if config.get("WarmStartType") == warm_start.IDENTICAL:
        names = [row.best, *(parent.best for parent in warm_start.parents(row.request, context))]
        known = [TunedJobRow.get(context.store, name) for name in names if name]
        sign = 1 if rules_of(row.request).algorithms[0].maximize else -1
        top = max(known, key=lambda trial: sign * (trial.objective or 0.0), default=None)
        shown["OverallBestTrainingJob"] = _best_view(top.name if top else None, context)
    return {key: value for key, value in shown.items() if value is not None}


def _summary(row: TuningJobRow, context: Context) -> Response:
    config = row.request["HyperParameterTuningJobConfig"]
    return _state(row, context) | {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}


def _state(row: TuningJobRow, context: Context) -> Response:
    shown = {
        "HyperParameterTuningJobName": row.name,
        "HyperParameterTuningJobArn": arn_of(row.name, context),
        "HyperParameterTuningJobStatus": row.status,
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
        "TrainingJobStatusCounters": row.jobs,
        "ObjectiveStatusCounters": row.objectives,
    }
    return shown | ({"HyperParameterTuningEndTime": row.ended} if row.ended is not None else {})


def _best_view(name: str | None, context: Context) -> Response | None:
    return training_view(TunedJobRow.get(context.store, name), context) if name else None


def training_view(row: TunedJobRow, context: Context) -> Response:
    """A training job as HyperParameterTrainingJobSummary."""
    tuning = TuningJobRow.get(context.store, row.parent).request
    definition = algorithms(tuning)[row.algorithm]
    shown: dict[str, Any] = {
        "TrainingJobDefinitionName": definition.get("DefinitionName"),
        "TrainingJobName": row.name,
        "TrainingJobArn": context.place.arn(f"{TRAINING_JOB.slug}/{row.name}"),
        "TuningJobName": row.parent,
        "CreationTime": row.created,
        "TrainingJobStatus": row.status,
        "TunedHyperParameters": row.values,
        "ObjectiveStatus": "Pending" if row.status in ("InProgress", "Stopping") else _objective_status(row),
    }
    if context.store.exists(TRAINING_JOB, row.name):
        job = jobs.view(JobRow.from_row(context.store.get(TRAINING_JOB, row.name)), context)
        members = ("TrainingStartTime", "TrainingEndTime", "FailureReason")
        shown |= {name: job[name] for name in members if name in job}
    if row.objective is not None:
        config = tuning["HyperParameterTuningJobConfig"]
        objective = config.get("HyperParameterTuningJobObjective") or definition["TuningObjective"]
        shown["FinalHyperParameterTuningJobObjectiveMetric"] = {**objective, "Value": row.objective}
    return {key: value for key, value in shown.items() if value is not None}


def _objective_status(row: TunedJobRow) -> str:
    return "Failed" if row.objective is None else "Succeeded"


def properties(name: str, context: Context) -> Response:
    """What a pipeline's Tuning step shows: its description, and its best training jobs, the best first."""
    row = find(name, context)
    way = "Descending" if rules_of(row.request).algorithms[0].maximize else "Ascending"
    request = {"HyperParameterTuningJobName": name, "SortBy": VALUE, "SortOrder": way, "MaxResults": MOST_TOP}
    best = call("sagemaker", "ListTrainingJobsForHyperParameterTuningJob", request, context)
    return view(row, context) | {"TrainingJobSummaries": best["TrainingJobSummaries"]}


def update_counters(name: str, trials: list[TunedJobRow], best: str | None, context: Context) -> None:
    """Note how many training jobs there are in which status, where that has changed."""
    row = TuningJobRow.get(context.store, name)
    jobs_now = {
        "Completed": sum(trial.status == "Completed" for trial in trials),
        "InProgress": sum(trial.status in ("InProgress", "Stopping") for trial in trials),
        "RetryableError": sum(trial.status == "Failed" and trial.lost for trial in trials),
        "NonRetryableError": sum(trial.status == "Failed" and not trial.lost for trial in trials),
        "Stopped": sum(trial.status == "Stopped" for trial in trials),
    }
    pending = jobs_now["InProgress"]
    found = sum(trial.objective is not None for trial in trials)
    objectives = {"Succeeded": found, "Pending": pending, "Failed": len(trials) - pending - found}
    if (row.jobs, row.objectives, row.best) != (jobs_now, objectives, best):
        result = changes(TuningResult, jobs=jobs_now, objectives=objectives, best=best)
        TuningJobRow.amend(context.store, name, "progress", result=result)


def result_of(job: JobRow, metric: str) -> dict[str, Any]:
    """What came of a training job that has ended, as `changes` of its row here."""
    values = job.series or [each["Value"] for each in job.metrics if each["MetricName"] == metric]
    return changes(
        TunedJobResult,
        objective=values[-1] if values else None,
        series=job.series,
        lost=job.status == "Failed" and job.failure_kind == LOST,
    )
