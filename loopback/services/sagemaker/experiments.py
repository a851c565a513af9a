"""Experiments, trials and trial components, as far as Pipelines creates them: one trial an execution."""

from functools import partial

from loopback.core.errors import ValidationException
from loopback.core.kinds import EXPERIMENT, TRIAL, TRIAL_ASSOCIATION, TRIAL_COMPONENT, Kind
from loopback.core.queries import NAME, Selection, has
from loopback.core.schema import SQL
from loopback.rows.experiments import (
    COMPONENT_CREATED,
    ExperimentRow,
    TrialAssociationRow,
    TrialComponentRow,
    TrialRow,
    trials_of,
)
from loopback.rows.pipelines import ExecutionRow
from loopback.rows.row import view_of
from loopback.services.listing import Listing, filters, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.lineage.associations import forget
from loopback.services.sagemaker.tags import keep_tags

EXPERIMENTS = Listing("ExperimentSummaries", EXPERIMENT)
TRIALS = Listing("TrialSummaries", TRIAL)
COMPONENTS = Listing("TrialComponentSummaries", TRIAL_COMPONENT)
_ORDERS = {"Name": NAME, "CreationTime": COMPONENT_CREATED}
COMPONENTS_OF_TRIAL = Listing(
    "TrialComponentSummaries", TRIAL_ASSOCIATION, orders=_ORDERS, created=_ORDERS["CreationTime"]
)
_SOURCE = {"SourceArn": has("Source.SourceArn")}


def track(execution: ExecutionRow, execution_arn: str, context: Context) -> None:
    """What PipelineExperimentConfig asks for; the defaults are the names of pipeline and execution."""
    experiment, trial = execution.parent[:120], execution.name
    if not context.store.exists(EXPERIMENT, experiment):
        ExperimentRow(request={"ExperimentName": experiment}).create(context.store, experiment)
    if not context.store.exists(TRIAL, trial):
        source = {"SourceArn": execution_arn}
        new = TrialRow(request={"TrialName": trial, "ExperimentName": experiment, "Source": source})
        new.create(context.store, trial, experiment)


_SOURCES = {
    "processing-job": ("aws-processing-job", "SageMakerProcessingJob"),
    "training-job": ("aws-training-job", "SageMakerTrainingJob"),
    "transform-job": ("aws-transform-job", "SageMakerTransformJob"),
}


def track_job(trial: str, kind: str, job: str, context: Context) -> None:
    """The component of a pipeline's job is shown under the execution's trial."""
    with context.store.transaction():
        _associate(trial, job_component(kind, job, context), context)


def job_component(kind: str, job: str, context: Context) -> TrialComponentRow:
    """The component that AWS makes of a job, `<job>-aws-training-job`; made where there is none yet."""
    suffix, source_type = _SOURCES[kind]
    name = f"{job}-{suffix}"
    if context.store.exists(TRIAL_COMPONENT, name):
        return TrialComponentRow.get(context.store, name)
    source = {"SourceArn": context.place.arn(f"{kind}/{job}"), "SourceType": source_type}
    doc = {"TrialComponentName": name, "DisplayName": job, "Source": source}
    return TrialComponentRow(request=doc, source=source).create(context.store, name)


def _associate(trial: str, component: TrialComponentRow, context: Context) -> None:
    """An association has the component's time of creation, which a trial's components are sorted by."""
    if not context.store.exists(TRIAL_ASSOCIATION, name := f"{trial}/{component.name}"):
        shown = TrialAssociationRow(component=component.name, component_created=component.created)
        shown.create(context.store, name, trial)


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
    component = TrialComponentRow.get(context.store, request["TrialComponentName"])
    _associate(trial.name, component, context)
    return {
        "TrialArn": _arn(TRIAL, trial.name, context),
        "TrialComponentArn": _arn(TRIAL_COMPONENT, component.name, context),
    }


@handles("DisassociateTrialComponent")
def disassociate(request: Request, context: Context) -> Response:
    """Show a component under a trial no longer."""
    trial = context.store.get(TRIAL, request["TrialName"]).name
    component = TrialComponentRow.get(context.store, request["TrialComponentName"]).name
    context.store.delete(TRIAL_ASSOCIATION, context.store.get(TRIAL_ASSOCIATION, f"{trial}/{component}").name)
    return {"TrialArn": _arn(TRIAL, trial, context), "TrialComponentArn": _arn(TRIAL_COMPONENT, component, context)}


@handles("DeleteExperiment")
def delete_experiment(request: Request, context: Context) -> Response:
    """An experiment goes when its trials are gone."""
    name = context.store.get(EXPERIMENT, request["ExperimentName"]).name
    return {"ExperimentArn": _delete(EXPERIMENT, name, Selection(TRIAL, name), "trial", context)}


@handles("DeleteTrial")
def delete_trial(request: Request, context: Context) -> Response:
    """A trial goes when it shows no component any more."""
    name = context.store.get(TRIAL, request["TrialName"]).name
    shown = Selection(TRIAL_ASSOCIATION, name)
    return {"TrialArn": _delete(TRIAL, name, shown, "trial component", context)}


@handles("DeleteTrialComponent")
def delete_component(request: Request, context: Context) -> Response:
    """A component goes when no trial shows it any more."""
    name = context.store.get(TRIAL_COMPONENT, request["TrialComponentName"]).name
    with context.store.transaction():
        arn = _delete(TRIAL_COMPONENT, name, trials_of(name), "trial", context)
        forget(arn, context)
    return {"TrialComponentArn": arn}


@handles("DescribeExperiment")
def describe_experiment(request: Request, context: Context) -> Response:
    """The experiment as it was created."""
    return _view(ExperimentRow.get(context.store, request["ExperimentName"]), context, "ExperimentArn")


@handles("DescribeTrial")
def describe_trial(request: Request, context: Context) -> Response:
    """The trial as it was created."""
    return _view(TrialRow.get(context.store, request["TrialName"]), context, "TrialArn")


@handles("DescribeTrialComponent")
def describe_component(request: Request, context: Context) -> Response:
    """The component as it was created."""
    return _view(TrialComponentRow.get(context.store, request["TrialComponentName"]), context, "TrialComponentArn")


@handles("ListExperiments")
def list_experiments(request: Request, context: Context) -> Response:
    """A page of experiments."""
    return select(request, context, EXPERIMENTS, experiment_view)


@handles("ListTrials")
def list_trials(request: Request, context: Context) -> Response:
    """Trials of one experiment, those that show a component, or all."""
    where = filters(request, {"TrialComponentName": SQL["trial_shows_component"]})
    within = Selection(TRIAL, request.get("ExperimentName"), where=where)
    return select(request, context, TRIALS, trial_view, within)


@handles("ListTrialComponents")
def list_components(request: Request, context: Context) -> Response:
    """Components of one trial, of one experiment, of one source, or all."""
    experiment = filters(request, {"ExperimentName": SQL["component_is_in_experiment"]})
    if "TrialName" in request:
        if experiment:
            raise ValidationException("Give either TrialName or ExperimentName, not both")
        where = filters(request, {"SourceArn": SQL["association_has_source"]})
        within = Selection(TRIAL_ASSOCIATION, request["TrialName"], where=where)
        return select(request, context, COMPONENTS_OF_TRIAL, view_of(TrialAssociationRow, _component_of), within)
    within = Selection(TRIAL_COMPONENT, equal=filters(request, _SOURCE), where=experiment)
    return select(request, context, COMPONENTS, component_view, within)


def _component_of(association: TrialAssociationRow, context: Context) -> Response:
    return _view(TrialComponentRow.get(context.store, association.component), context, "TrialComponentArn")


def _create(kind: Kind, name: str, request: Request, context: Context, parent: str = "") -> str:
    arn = _arn(kind, name, context)
    if context.store.exists(kind, name):
        noun = kind.noun.capitalize()
        raise ValidationException(
            f"{noun} names must be unique within an AWS account and region. {noun} with name ({name}) already exists."
        )
    with context.store.transaction():
        context.store.create(kind, name, request, parent=parent)
        keep_tags(arn, request, context)
    return arn


def _delete(kind: Kind, name: str, holding: Selection, noun: str, context: Context) -> str:
    """Delete a row that nothing holds any more; its ARN. Raises ValidationException."""
    if held := context.store.first(holding):
        raise ValidationException(
            f"{kind.noun.capitalize()} {name} still belongs with a {noun}, {held.name.partition('/')[0]!r}; "
            "take that away first"
        )
    with context.store.transaction():
        context.store.delete(kind, name)
        context.store.untag(arn := _arn(kind, name, context))
    return arn


def _arn(kind: Kind, name: str, context: Context) -> str:
    return context.place.arn(f"{kind.slug}/{name}")


def _view(row: ExperimentRow | TrialRow | TrialComponentRow, context: Context, arn: str) -> Response:
    times = {"CreationTime": row.created, "LastModifiedTime": row.changed}
    return row.request | times | {arn: context.place.arn(f"{row.kind}/{row.name}")}


experiment_view = partial(view_of(ExperimentRow, _view), arn="ExperimentArn")
trial_view = partial(view_of(TrialRow, _view), arn="TrialArn")
component_view = partial(view_of(TrialComponentRow, _view), arn="TrialComponentArn")
