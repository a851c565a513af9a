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
TUNING_JOB = Kind("hyper-parameter-tuning-job", "hyperparameter tuning job", states.TUNING, "InProgress")
TUNED_JOB = Kind("tuned-training-job", "training job", states.TUNING, "InProgress")  # parent: its tuning job

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
TRIAL_ASSOCIATION = Kind("trial-component-association", "association", states.PRESENT, "Completed")  # in a trial
ARTIFACT = Kind("artifact", "artifact", states.PRESENT, "Completed")  # named by a hash of its source
CONTEXT = Kind("context", "context", states.PRESENT, "Completed")
ACTION = Kind("action", "action", states.PRESENT, "Completed")
LINEAGE_ASSOCIATION = Kind("lineage-association", "association", states.PRESENT, "Completed")  # numbered

BUILD_PROJECT = Kind("build-project", "build project", states.PRESENT, "Completed")
BUILD = Kind("build", "build", states.BUILD, "IN_PROGRESS")  # named by its id, `project:uuid`; parent is the project
BUILD_BATCH = Kind("build-batch", "batch build", states.BUILD, "IN_PROGRESS")  # named and with a parent like a build
REPORT_GROUP = Kind("report-group", "report group", states.PRESENT, "Completed")
REPORT = Kind("report", "report", states.PRESENT, "Completed")  # named `group:id`; parent is the group

DELIVERY_PIPELINE = Kind("delivery-pipeline", "pipeline", states.PRESENT, "Completed")  # of CodePipeline
DELIVERY = Kind("delivery-execution", "pipeline execution", states.DELIVERY, "InProgress")  # parent: its pipeline
DELIVERY_STAGE = Kind("delivery-stage", "stage execution", states.DELIVERY_STAGE, "InProgress")  # `<execution>/<stage>`
DELIVERY_ACTION = Kind("delivery-action", "action execution", states.DELIVERY_ACTION, "InProgress")  # in an execution
DELIVERY_RULE = Kind("delivery-rule", "rule execution", states.DELIVERY_ACTION, "InProgress")  # in an execution
CONNECTION = Kind("connection", "connection", states.PRESENT, "Completed")  # named by its id
GIT_REPOSITORY = Kind("git-repository", "git repository", states.PRESENT, "Completed")  # the refs that were seen last
CODECOMMIT_REPOSITORY = Kind("codecommit-repository", "repository", states.PRESENT, "Completed")

DATA_QUALITY_DEFINITION = Kind(
    "data-quality-job-definition", "data quality job definition", states.PRESENT, "Completed"
)
MODEL_QUALITY_DEFINITION = Kind(
    "model-quality-job-definition", "model quality job definition", states.PRESENT, "Completed"
)
MODEL_BIAS_DEFINITION = Kind("model-bias-job-definition", "model bias job definition", states.PRESENT, "Completed")
MODEL_EXPLAINABILITY_DEFINITION = Kind(
    "model-explainability-job-definition", "model explainability job definition", states.PRESENT, "Completed"
)
MONITORING_SCHEDULE = Kind("monitoring-schedule", "monitoring schedule", states.MONITORING_SCHEDULE, "Pending")
MONITORING_EXECUTION = Kind("monitoring-execution", "monitoring execution", states.MONITORING_EXECUTION, "Pending")
ALERT_CHANGE = Kind("monitoring-alert-change", "change of an alert", states.ALERT_CHANGE, "InAlert")

STACK_OPERATION = Kind("stack-operation", "stack operation", states.STACK_OPERATION, "CREATED")  # parent: its owner
PROJECT = Kind("project", "project", states.PROJECT, "Pending")
CODE_REPOSITORY = Kind("code-repository", "code repository", states.PRESENT, "Completed")
DOMAIN = Kind("domain", "domain", states.PRESENT, "Completed")  # named by its id
CATALOG_PORTFOLIO = Kind("catalog-portfolio", "portfolio", states.PRESENT, "Completed")
CATALOG_PRODUCT = Kind("catalog-product", "product", states.PRESENT, "Completed")
CATALOG_ARTIFACT = Kind("catalog-artifact", "provisioning artifact", states.PRESENT, "Completed")  # parent: its product
CATALOG_PATH = Kind("catalog-path", "launch path", states.PRESENT, "Completed")  # `<portfolio>/<product>`
CATALOG_PRINCIPAL = Kind("catalog-principal", "principal", states.PRESENT, "Completed")  # parent: its portfolio
CATALOG_CONSTRAINT = Kind("catalog-constraint", "constraint", states.PRESENT, "Completed")  # parent: its portfolio
PROVISIONED_PRODUCT = Kind("provisioned-product", "provisioned product", states.PROVISIONED_PRODUCT, "UNDER_CHANGE")

DEPLOY_APPLICATION = Kind("deploy-application", "application", states.PRESENT, "Completed")  # of CodeDeploy
DEPLOY_GROUP = Kind("deploy-group", "deployment group", states.PRESENT, "Completed")  # `<application>/<group>`
DEPLOY_CONFIG = Kind("deploy-config", "deployment configuration", states.PRESENT, "Completed")
DEPLOYMENT = Kind("deployment", "deployment", states.DEPLOYMENT, "Created")  # named by its id; parent is its group

SCALABLE_TARGET = Kind("scalable-target", "scalable target", states.PRESENT, "Completed")  # named by its ResourceId,
SCALING_POLICY = Kind("scaling-policy", "scaling policy", states.PRESENT, "Completed")  # which is the others' parent
SCHEDULED_ACTION = Kind("scheduled-scaling-action", "scheduled action", states.PRESENT, "Completed")
SCALING_ACTIVITY = Kind("scaling-activity", "scaling activity", states.SCALING_ACTIVITY, "InProgress")

ALL = (
    *JOBS,
    TUNING_JOB,
    TUNED_JOB,
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
    TRIAL_ASSOCIATION,
    ARTIFACT,
    CONTEXT,
    ACTION,
    LINEAGE_ASSOCIATION,
    BUILD_PROJECT,
    BUILD,
    BUILD_BATCH,
    REPORT_GROUP,
    REPORT,
    DATA_QUALITY_DEFINITION,
    MODEL_QUALITY_DEFINITION,
    MODEL_BIAS_DEFINITION,
    MODEL_EXPLAINABILITY_DEFINITION,
    MONITORING_SCHEDULE,
    MONITORING_EXECUTION,
    ALERT_CHANGE,
    DELIVERY_PIPELINE,
    DELIVERY,
    DELIVERY_STAGE,
    DELIVERY_ACTION,
    DELIVERY_RULE,
    CONNECTION,
    GIT_REPOSITORY,
    CODECOMMIT_REPOSITORY,
    STACK_OPERATION,
    PROJECT,
    CODE_REPOSITORY,
    DOMAIN,
    CATALOG_PORTFOLIO,
    CATALOG_PRODUCT,
    CATALOG_ARTIFACT,
    CATALOG_PATH,
    CATALOG_PRINCIPAL,
    CATALOG_CONSTRAINT,
    PROVISIONED_PRODUCT,
    DEPLOY_APPLICATION,
    DEPLOY_GROUP,
    DEPLOY_CONFIG,
    DEPLOYMENT,
    SCALABLE_TARGET,
    SCALING_POLICY,
    SCHEDULED_ACTION,
    SCALING_ACTIVITY,
)
BY_SLUG = {kind.slug: kind for kind in ALL}
