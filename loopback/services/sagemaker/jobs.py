"""Processing, training and transform jobs: Create, Describe, List and Stop. `workers` run what is written here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loopback.core import states
from loopback.core.errors import ResourceInUse, ResourceNotFound, ValidationException
from loopback.core.kinds import PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB, Kind
from loopback.rows.jobs import JobRow
from loopback.rows.models import ModelRow
from loopback.rows.row import view_of
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker import quotas
from loopback.services.sagemaker.closed import CLARIFY, CLARIFY_IMAGE, DEBUGGER, require_open
from loopback.services.sagemaker.lineage.tracking import track_job
from loopback.services.sagemaker.patched_images import warn_of_image
from loopback.services.sagemaker.tags import keep_tags


@dataclass(frozen=True)
class Family:
    """One kind of job: `noun` is what AWS's member names start with, for example TrainingJobName."""

    kind: Kind
    noun: str

    @property
    def name(self) -> str:
        """The request member that names a job."""
        return f"{self.noun}Name"

    @property
    def listing(self) -> Listing:
        """How List shows jobs."""
        return Listing(f"{self.noun}Summaries", self.kind, shown={"Queued": "InProgress"})


PROCESSING = Family(PROCESSING_JOB, "ProcessingJob")
TRAINING = Family(TRAINING_JOB, "TrainingJob")
TRANSFORM = Family(TRANSFORM_JOB, "TransformJob")
BY_KIND = {family.kind.slug: family for family in (PROCESSING, TRAINING, TRANSFORM)}

_TAKEN = dict.fromkeys(
    ("processing-job", "transform-job"),
    "Job name must be unique within an AWS account and region, and a job with this name already exists ({})",
) | {
    "training-job": "Training job names must be unique within an AWS account and region, "
    "and a training job with this name already exists ({})"
}
OWN_METRICS = ("sagemaker-xgboost", "xgboost")  # repositories whose metrics AWS defines, in script mode too

# What a training job would otherwise seem to have done.
NOT_CARRIED_OUT = {
    "MlflowConfig": "set MLFLOW_TRACKING_URI in Environment",
    "ServerlessJobConfig": "give AlgorithmSpecification and ResourceConfig",
    "ModelPackageConfig": "register the model with CreateModelPackage",
}

# AWS fills these in when a request leaves them out, and Describe shows them.
DEFAULTS: dict[str, dict[str, Any]] = {
    "training-job": {
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
    },
    "processing-job": {"StoppingCondition": {"MaxRuntimeInSeconds": 86400}},
    "transform-job": {},
}


def create(request: Request, context: Context, family: Family) -> Response:
    """Write the job down; a worker takes it from there."""
    images = _images(request, context, family)
    if family is TRAINING:
        _check_algorithm(request["AlgorithmSpecification"])
        require_agreeing_waits(request)
        for member, instead in NOT_CARRIED_OUT.items():
            if member in request:
                raise ValidationException(f"{member}: loopback does not carry it out; {instead}")
        if request.get("DebugRuleConfigurations"):
            require_open(DEBUGGER, context)
    if family is PROCESSING and CLARIFY_IMAGE in request["AppSpecification"]["ImageUri"]:
        require_open(CLARIFY, context)
    arn = context.place.arn(f"{family.kind.slug}/{request[family.name]}")
    if context.store.exists(family.kind, request[family.name]):
        raise ResourceInUse(_TAKEN[family.kind.slug].format(arn))
    with context.store.transaction():
        quotas.require_for_job(family.kind, request, context)
        job = context.store.create(family.kind, request[family.name], DEFAULTS[family.kind.slug] | request)
        keep_tags(arn, request, context)
        model = artifacts_uri(JobRow.from_row(job)) if family is TRAINING else ""
        track_job(family.kind.slug, job.name, request, model, context)
    context.on_change(family.kind.slug, request[family.name])
    for image in images:
        warn_of_image(image, context)
    return {f"{family.noun}Arn": arn}


def _images(request: Request, context: Context, family: Family) -> list[str | None]:
    """What a job runs in. Raises ValidationException where there is no such model."""
    if family is TRAINING:
        return [request["AlgorithmSpecification"].get("TrainingImage")]
    if family is PROCESSING:
        return [request["AppSpecification"]["ImageUri"]]
    try:
        model = ModelRow.get(context.store, request["ModelName"])
    except ResourceNotFound:
        raise ValidationException(f'Could not find model "{request["ModelName"]}".') from None
    return [container.get("Image") for container in model.containers]


def _check_algorithm(algorithm: dict[str, Any]) -> None:
    if "TrainingImage" not in algorithm:
        raise ValidationException(
            "AlgorithmSpecification.TrainingImage is required; loopback runs no marketplace algorithms"
        )
    repository = algorithm["TrainingImage"].rpartition("/")[2].partition(":")[0]
    if repository in OWN_METRICS and algorithm.get("MetricDefinitions"):
        raise ValidationException(
            "You can't override the metric definitions for Amazon SageMaker algorithms. "
            "Please retry the request without specifying metric definitions."
        )


def require_agreeing_waits(request: Mapping[str, Any]) -> None:
    """How long spot instances are waited for fits what is asked. Raises ValidationException, in AWS's words."""
    condition = request.get("StoppingCondition") or {}
    longest, wait = condition.get("MaxRuntimeInSeconds", 86400), condition.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        if wait is not None:
            raise ValidationException(
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
            )
    elif wait is None or wait < longest:
        raise ValidationException(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )


def describe(request: Request, context: Context, family: Family) -> Response:
    """The job as it stands."""
    return view(_job(request, context, family), context)


def list_jobs(request: Request, context: Context, family: Family) -> Response:
    """A page of jobs."""
    if refused := [member for member in ("WarmPoolStatusEquals", "TrainingPlanArnEquals") if member in request]:
        raise ValidationException(f"{refused[0]}: loopback has no warm pools and no training plans")
    return select(request, context, family.listing, view_of(JobRow, view))


def stop(request: Request, context: Context, family: Family) -> Response:
    """Ask a job to stop; one that has ended stays as it is, as on AWS."""
    job = _job(request, context, family)
    if job.status == "Stopping" or states.is_final(family.kind.lifecycle, job.status):
        raise ValidationException(f"The job {job.name} is {job.status}; only a job in progress can be stopped")
    context.store.fire(family.kind, job.name, "stop", lease=job.lease)
    context.on_change(family.kind.slug, job.name)
    return {}


def _job(request: Request, context: Context, family: Family) -> JobRow:
    """The job of a request. AWS has a code of its own for what is not there (boto3#2808, moto's tests)."""
    try:
        return JobRow.from_row(context.store.get(family.kind, request[family.name]))
    except ResourceNotFound:
        if family.kind is PROCESSING_JOB:
            raise
        raise ValidationException("Requested resource not found.") from None


def view(job: JobRow, context: Context) -> Response:
    """The job as Describe shows it; the wire layer drops what an operation does not name."""
    family = BY_KIND[job.kind]
    status = "InProgress" if job.status == "Queued" else job.status
    shown = job.request | {
        f"{family.noun}Arn": context.place.arn(f"{job.kind}/{job.name}"),
        f"{family.noun}Status": status,
        "CreationTime": job.created,
        "LastModifiedTime": job.changed,
        **job.outcome,
    }
    if family is TRAINING:
        shown.setdefault("SecondaryStatus", "Starting" if status == "InProgress" else status)
        shown.setdefault("ModelArtifacts", {"S3ModelArtifacts": artifacts_uri(job)})
    return shown


def artifacts_uri(job: JobRow) -> str:
    """Where a training job's model will be: known before it runs, so that later steps can be planned."""
    output = job.request["OutputDataConfig"]
    name = "model" if output.get("CompressionType") == "NONE" else "model.tar.gz"
    return f"{output['S3OutputPath'].rstrip('/')}/{job.name}/output/{name}"


def _register(family: Family) -> None:
    operations = {
        f"Create{family.noun}": create,
        f"Describe{family.noun}": describe,
        f"List{family.noun}s": list_jobs,
        f"Stop{family.noun}": stop,
    }
    for operation, function in operations.items():

        def handler(request: Request, context: Context, function: Any = function) -> Response:
            response: Response = function(request, context, family)
            return response

        handles(operation)(handler)


for _family in BY_KIND.values():
    _register(_family)


@handles("DeleteTrainingJob")
def delete_training_job(request: Request, context: Context) -> Response:
    """Only a job that has ended can be deleted."""
    _delete(TRAINING, request, context)
    return {}


@handles("DeleteProcessingJob")
def delete_processing_job(request: Request, context: Context) -> Response:
    """Only a job that has ended can be deleted."""
    _delete(PROCESSING, request, context)
    return {}


def _delete(family: Family, request: Request, context: Context) -> None:
    job = context.store.get(family.kind, request[family.name])
    if not states.is_final(family.kind.lifecycle, job.status):
        raise ValidationException(f"The job {job.name} is {job.status}; stop it first")
    context.store.delete(family.kind, job.name)
    context.store.untag(context.place.arn(f"{family.kind.slug}/{job.name}"))


def find_by_arn(arn: str, context: Context) -> JobRow:
    """The job of an ARN of any of the three kinds. Raises ResourceNotFound."""
    slug, _, name = arn.split(":", 5)[-1].partition("/")
    if slug not in BY_KIND:
        raise ResourceNotFound(f"{arn} is not the ARN of a job")
    return JobRow.from_row(context.store.get(BY_KIND[slug].kind, name))
