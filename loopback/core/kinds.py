"""What loopback keeps: one line per kind of resource. Add a kind here, then a handler, then a worker."""

from dataclasses import dataclass

from loopback.core import states


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its place in an ARN, what people call it, and its lifecycle."""

    slug: str
    noun: str
    lifecycle: states.Table
    first: str


PROCESSING_JOB = Kind("processing-job", "processing job", states.JOB, "Queued")
TRAINING_JOB = Kind("training-job", "training job", states.JOB, "Queued")
TRANSFORM_JOB = Kind("transform-job", "transform job", states.JOB, "Queued")
JOBS = (PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB)

PIPELINE = Kind("pipeline", "pipeline", states.PIPELINE, "Active")
PIPELINE_VERSION = Kind("pipeline-version", "pipeline version", states.PRESENT, "Completed")
EXECUTION = Kind("pipeline-execution", "pipeline execution", states.EXECUTION, "Executing")
STEP = Kind("pipeline-step", "pipeline step", states.STEP, "Starting")
CACHED_STEP = Kind("cached-step", "cached step", states.PRESENT, "Completed")

MODEL = Kind("model", "model", states.PRESENT, "Completed")
ENDPOINT_CONFIG = Kind("endpoint-config", "endpoint configuration", states.PRESENT, "Completed")
ENDPOINT = Kind("endpoint", "endpoint", states.ENDPOINT, "Creating")
PACKAGE_GROUP = Kind("model-package-group", "model package group", states.PRESENT, "Completed")
PACKAGE = Kind("model-package", "model package", states.PRESENT, "Completed")
EXPERIMENT = Kind("experiment", "experiment", states.PRESENT, "Completed")
TRIAL = Kind("experiment-trial", "trial", states.PRESENT, "Completed")
TRIAL_COMPONENT = Kind("experiment-trial-component", "trial component", states.PRESENT, "Completed")

BUILD_PROJECT = Kind("build-project", "build project", states.PRESENT, "Completed")
BUILD = Kind("build", "build", states.BUILD, "IN_PROGRESS")  # named by its id, `project:uuid`; parent is the project
REPORT_GROUP = Kind("report-group", "report group", states.PRESENT, "Completed")
REPORT = Kind("report", "report", states.PRESENT, "Completed")  # named `group:id`; parent is the group

ALL = (
    *JOBS,
    PIPELINE,
    PIPELINE_VERSION,
    EXECUTION,
    STEP,
    CACHED_STEP,
    MODEL,
    ENDPOINT_CONFIG,
    ENDPOINT,
    PACKAGE_GROUP,
    PACKAGE,
    EXPERIMENT,
    TRIAL,
    TRIAL_COMPONENT,
    BUILD_PROJECT,
    BUILD,
    REPORT_GROUP,
    REPORT,
)
BY_SLUG = {kind.slug: kind for kind in ALL}
