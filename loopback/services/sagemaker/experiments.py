"""Experiments, trials and trial components, as far as Pipelines creates them: one trial an execution."""

from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.kinds import EXPERIMENT, TRIAL, TRIAL_COMPONENT
from loopback.core.store import Resource
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.tags import keep_tags

EXPERIMENTS = Listing("ExperimentSummaries", "ExperimentName")
TRIALS = Listing("TrialSummaries", "TrialName")
COMPONENTS = Listing("TrialComponentSummaries", "TrialComponentName")


def track(execution: Resource, execution_arn: str, context: Context) -> None:
    """What PipelineExperimentConfig asks for; the defaults are the names of pipeline and execution."""
    experiment, trial = execution.parent[:120], execution.name
    if not context.store.exists(EXPERIMENT, experiment):
        context.store.create(EXPERIMENT, experiment, {"ExperimentName": experiment})
    if not context.store.exists(TRIAL, trial):
        source = {"SourceArn": execution_arn}
        context.store.create(
            TRIAL, trial, {"TrialName": trial, "ExperimentName": experiment, "Source": source}, parent=experiment
        )


_SOURCES = {
    "processing-job": ("aws-processing-job", "SageMakerProcessingJob"),
    "training-job": ("aws-training-job", "SageMakerTrainingJob"),
    "transform-job": ("aws-transform-job", "SageMakerTransformJob"),
}


def track_job(trial: str, kind: str, job: str, context: Context) -> None:
    """The component that AWS makes of a pipeline's job: `<job>-aws-training-job`, shown under the execution's trial."""
    suffix, source_type = _SOURCES[kind]
    name = f"{job}-{suffix}"
    source = {"SourceArn": context.place.arn(f"{kind}/{job}"), "SourceType": source_type}
    doc = {"TrialComponentName": name, "DisplayName": job, "Source": source}
    context.store.create(TRIAL_COMPONENT, name, doc, result={"trials": [trial]})


@handles("CreateExperiment")
def create_experiment(request: Request, context: Context) -> Response:
    """An experiment groups trials."""
    return {"ExperimentArn": _create(EXPERIMENT, request["ExperimentName"], request, context)}


@handles("CreateTrial")
def create_trial(request: Request, context: Context) -> Response:
    """A trial of an experiment that exists."""
    context.store.get(EXPERIMENT, request["ExperimentName"])
    return {"TrialArn": _create(TRIAL, request["TrialName"], request, context, parent=request["ExperimentName"])}


@handles("CreateTrialComponent")
def create_component(request: Request, context: Context) -> Response:
    """A component holds parameters, artifacts and metrics of one job."""
    return {"TrialComponentArn": _create(TRIAL_COMPONENT, request["TrialComponentName"], request, context)}


@handles("AssociateTrialComponent")
def associate(request: Request, context: Context) -> Response:
    """Show a component under a trial."""
    trial = context.store.get(TRIAL, request["TrialName"])
    component = context.store.get(TRIAL_COMPONENT, request["TrialComponentName"])
    trials = sorted({*component.result.get("trials", []), trial.name})
    context.store.amend(TRIAL_COMPONENT, component.name, "associate", result={"trials": trials})
    arns = {"TrialArn": TRIAL, "TrialComponentArn": TRIAL_COMPONENT}
    names = {"TrialArn": trial.name, "TrialComponentArn": component.name}
    return {key: context.place.arn(f"{kind.slug}/{names[key]}") for key, kind in arns.items()}


@handles("DescribeExperiment")
def describe_experiment(request: Request, context: Context) -> Response:
    """The experiment as it was created."""
    return _view(context.store.get(EXPERIMENT, request["ExperimentName"]), "ExperimentArn", context)


@handles("DescribeTrial")
def describe_trial(request: Request, context: Context) -> Response:
    """The trial as it was created."""
    return _view(context.store.get(TRIAL, request["TrialName"]), "TrialArn", context)


@handles("DescribeTrialComponent")
def describe_component(request: Request, context: Context) -> Response:
    """The component as it was created."""
    return _view(context.store.get(TRIAL_COMPONENT, request["TrialComponentName"]), "TrialComponentArn", context)


@handles("ListExperiments")
def list_experiments(request: Request, context: Context) -> Response:
    """A page of experiments."""
    return select(_views(EXPERIMENT, "ExperimentArn", context), request, EXPERIMENTS)


@handles("ListTrials")
def list_trials(request: Request, context: Context) -> Response:
    """Trials of one experiment, or all."""
    return select(_views(TRIAL, "TrialArn", context, request.get("ExperimentName")), request, TRIALS)


@handles("ListTrialComponents")
def list_components(request: Request, context: Context) -> Response:
    """Components of one trial, or all."""
    views = _views(TRIAL_COMPONENT, "TrialComponentArn", context)
    if "TrialName" in request:
        views = [view for view in views if request["TrialName"] in view.get("trials", [])]
    if "SourceArn" in request:
        views = [view for view in views if view.get("Source", {}).get("SourceArn") == request["SourceArn"]]
    return select(views, request, COMPONENTS)


def _create(kind: Any, name: str, request: Request, context: Context, parent: str = "") -> str:
    arn = context.place.arn(f"{kind.slug}/{name}")
    if context.store.exists(kind, name):
        noun = kind.noun.capitalize()
        raise ValidationException(
            f"{noun} names must be unique within an AWS account and region. {noun} with name ({name}) already exists."
        )
    with context.store.transaction():
        context.store.create(kind, name, request, parent=parent)
        keep_tags(arn, request, context)
    return arn


def _views(kind: Any, arn: str, context: Context, parent: str | None = None) -> list[Response]:
    return [_view(row, arn, context) for row in context.store.find(kind, parent=parent)]


def _view(row: Resource, arn: str, context: Context) -> Response:
    times = {"CreationTime": row.created, "LastModifiedTime": row.changed}
    return row.doc | row.result | times | {arn: context.place.arn(f"{row.kind}/{row.name}")}
