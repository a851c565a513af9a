"""The resources that Search knows: their rows, and how a row is shown in a SearchRecord."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.model import StructureShape

from loopback.core import kinds
from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import Kind
from loopback.core.store import Resource
from loopback.rows.endpoints import EndpointRow
from loopback.rows.experiments import TrialComponentRow, trials_of
from loopback.rows.jobs import JobRow
from loopback.rows.models import ModelRow, PackageGroupRow, PackageRow
from loopback.rows.pipelines import ExecutionRow, PipelineRow, PipelineVersionRow
from loopback.rows.row import view_of
from loopback.rows.stacks import ProjectRow
from loopback.rows.tuning import TuningJobRow
from loopback.services.registry import Context
from loopback.services.sagemaker import endpoints, executions, experiments, jobs, models, packages, pipelines, projects
from loopback.services.sagemaker.tuning import tuning_jobs
from loopback.wire import model

Record = dict[str, Any]


@dataclass(frozen=True)
class Searched:
    """One kind of resource: the SearchRecord's member, the property that names it, and its rows' view."""

    kind: Kind
    member: str
    name: str
    view: Callable[[Resource, Context], Record]

    @property
    def shape(self) -> StructureShape:
        """The record's shape in the service model."""
        record = model.service("sagemaker").shape_for("SearchRecord")
        shape = record.members[self.member]
        assert isinstance(shape, StructureShape)
        return shape


def _execution(row: Resource, context: Context) -> Record:
    execution = ExecutionRow.from_row(row)
    shown = executions.view(execution, context)
    given = [{"Name": name, "Value": str(value)} for name, value in execution.parameters.items()]
    return shown | {"FailureReason": shown.get("PipelineExecutionFailureReason"), "PipelineParameters": given}


def _model(row: Resource, context: Context) -> Record:
    """AWS's record has endpoints, monitors and a card beside the model: those are not filled in here."""
    return {"Model": models.view(ModelRow.from_row(row), context)}


def _component(row: Resource, context: Context) -> Record:
    """A component of a job has the job's parameters, metrics and details, as AWS fills them in."""
    shown = {"InputArtifacts": {}, "OutputArtifacts": {}, **experiments.component_view(row, context)}
    found = context.store.scan(trials_of(row.name), 20)
    trials = [association.parent for association in found]
    shown["Parents"] = [
        {"TrialName": trial, "ExperimentName": context.store.get(kinds.TRIAL, trial).parent} for trial in trials
    ]
    component = TrialComponentRow.from_row(row)
    source = component.source.get("SourceArn", "")
    try:
        job = jobs.view(jobs.find_by_arn(source, context), context)
    except ResourceNotFound:
        return shown
    family = component.source.get("SourceType", "").removeprefix("SageMaker")
    shown["SourceDetail"] = {"SourceArn": source, family: job}
    given = {name: {"StringValue": str(value)} for name, value in (job.get("HyperParameters") or {}).items()}
    shown["Parameters"] = given | (component.request.get("Parameters") or {})
    shown["Metrics"] = [
        {"MetricName": each["MetricName"], "SourceArn": source, "TimeStamp": each["Timestamp"], "Last": each["Value"]}
        for each in job.get("FinalMetricDataList") or ()
    ]
    return shown


RESOURCES: Mapping[str, Searched] = {
    "TrainingJob": Searched(kinds.TRAINING_JOB, "TrainingJob", "TrainingJobName", view_of(JobRow, jobs.view)),
    "HyperParameterTuningJob": Searched(
        kinds.TUNING_JOB,
        "HyperParameterTuningJob",
        "HyperParameterTuningJobName",
        view_of(TuningJobRow, tuning_jobs.view),
    ),
    "Experiment": Searched(kinds.EXPERIMENT, "Experiment", "ExperimentName", experiments.experiment_view),
    "ExperimentTrial": Searched(kinds.TRIAL, "Trial", "TrialName", experiments.trial_view),
    "ExperimentTrialComponent": Searched(kinds.TRIAL_COMPONENT, "TrialComponent", "TrialComponentName", _component),
    "Endpoint": Searched(kinds.ENDPOINT, "Endpoint", "EndpointName", view_of(EndpointRow, endpoints.view)),
    "Model": Searched(kinds.MODEL, "Model", "Model.ModelName", _model),
    "ModelPackage": Searched(kinds.PACKAGE, "ModelPackage", "ModelPackageArn", view_of(PackageRow, packages.view)),
    "ModelPackageGroup": Searched(
        kinds.PACKAGE_GROUP, "ModelPackageGroup", "ModelPackageGroupName", view_of(PackageGroupRow, packages.group_view)
    ),
    "Pipeline": Searched(kinds.PIPELINE, "Pipeline", "PipelineName", view_of(PipelineRow, pipelines.view)),
    "PipelineVersion": Searched(
        kinds.PIPELINE_VERSION,
        "PipelineVersion",
        "PipelineVersionId",
        view_of(PipelineVersionRow, pipelines.version_view),
    ),
    "PipelineExecution": Searched(kinds.EXECUTION, "PipelineExecution", "PipelineExecutionArn", _execution),
    "Project": Searched(kinds.PROJECT, "Project", "ProjectName", view_of(ProjectRow, projects.view)),
}


def searchable_kind(resource: str) -> Searched:
    """Raises ValidationException for a kind of resource that there is none of here."""
    if resource not in RESOURCES:
        raise ValidationException(f"loopback has no {resource} to search; it searches: {', '.join(RESOURCES)}")
    return RESOURCES[resource]


def record(row: Resource, of: Searched, context: Context) -> Record:
    """The row as its SearchRecord shows it, with its tags."""
    shown = {name: value for name, value in of.view(row, context).items() if name in of.shape.members}
    shown = {name: value for name, value in shown.items() if value is not None}
    inside = shown["Model"] if of.member == "Model" else shown
    inside.pop("Tags", None)  # those of its creation; what counts is what it has now
    arn = next((value for name, value in inside.items() if name == f"{of.member}Arn"), None)
    if tags := context.store.tags(arn) if arn else {}:
        inside["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return shown
