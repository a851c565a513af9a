"""No list, description or lookup costs more with more rows: each is asked of a small and of a large store.

What is compared is the number of SQLite's instructions, and the plans of the queries; no clock.
"""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback.core.arn import Place
from loopback.core.kinds import ACTION as LINEAGE_ACTION
from loopback.core.kinds import (
    ALERT_CHANGE,
    ARTIFACT,
    BUILD,
    BUILD_BATCH,
    BUILD_PROJECT,
    CATALOG_ARTIFACT,
    CATALOG_CONSTRAINT,
    CATALOG_PATH,
    CATALOG_PORTFOLIO,
    CATALOG_PRINCIPAL,
    CATALOG_PRODUCT,
    CODE_REPOSITORY,
    CODECOMMIT_REPOSITORY,
    CONNECTION,
    CONTEXT,
    DATA_QUALITY_DEFINITION,
    DELIVERY,
    DELIVERY_ACTION,
    DELIVERY_PIPELINE,
    DELIVERY_RULE,
    DELIVERY_STAGE,
    DEPLOY_APPLICATION,
    DEPLOY_CONFIG,
    DEPLOY_GROUP,
    DEPLOYMENT,
    DOMAIN,
    ENDPOINT,
    ENDPOINT_CONFIG,
    EXECUTION,
    EXPERIMENT,
    LINEAGE_ASSOCIATION,
    MODEL,
    MONITORING_EXECUTION,
    MONITORING_SCHEDULE,
    PACKAGE,
    PACKAGE_GROUP,
    PIPELINE,
    PIPELINE_VERSION,
    PROCESSING_JOB,
    PROJECT,
    PROVISIONED_PRODUCT,
    REPORT,
    REPORT_GROUP,
    SCALABLE_TARGET,
    SCALING_ACTIVITY,
    SCALING_POLICY,
    SCHEDULED_ACTION,
    STACK_OPERATION,
    STEP,
    TRAINING_JOB,
    TRANSFORM_JOB,
    TRIAL,
    TRIAL_ASSOCIATION,
    TRIAL_COMPONENT,
    TUNED_JOB,
    TUNING_JOB,
)
from loopback.core.store import Store
from loopback.services import registry
from loopback.services.autoscaling import activities, policies, scheduled, targets  # noqa: F401 - they register
from loopback.services.codebuild import handlers as _codebuild  # noqa: F401
from loopback.services.codecommit import repositories as _codecommit  # noqa: F401
from loopback.services.codeconnections import connections as _connections  # noqa: F401
from loopback.services.codedeploy import handlers as _codedeploy  # noqa: F401
from loopback.services.codepipeline import handlers as _codepipeline  # noqa: F401
from loopback.services.sagemaker import code_repositories, domains, endpoint_configs, endpoints, projects  # noqa: F401
from loopback.services.sagemaker.lineage import handlers as _lineage  # noqa: F401
from loopback.services.sagemaker.monitoring import alerts, definitions, executions, schedules  # noqa: F401
from loopback.services.sagemaker.search import operations as _search  # noqa: F401
from loopback.services.sagemaker.tuning import tuning_jobs  # noqa: F401
from loopback.services.servicecatalog import handlers as _servicecatalog  # noqa: F401
from tests.loopback.costs import START, faults, instructions, seed, statements

SMALL, LARGE = 150, 1500
PLACE = Place()
ROLE = f"arn:aws:iam::{PLACE.account}:role/r"
BIG = "x" * 2000  # a document that does not fit on a page of SQLite's
ACTION = {"name": "a", "actionTypeId": {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}}
DECLARATION = {
    "name": "p",
    "roleArn": ROLE,
    "version": 1,
    "pipelineType": "V2",
    "executionMode": "SUPERSEDED",
    "artifactStore": {"type": "S3", "location": "b"},
    "stages": [
        {"name": name, "actions": [{**ACTION, "runOrder": 1, "configuration": {"ProjectName": "p"}}]}
        for name in ("Source", "Build")
    ],
}
TYPE = {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"}


def _one_in(number: int, rare: str, common: str) -> Callable[[int], str]:
    return lambda i: rare if i % number == 3 else common


def _fill(store: Store, number: int) -> None:
    """Number rows of every kind that grows, in one parent."""
    one = lambda _: "p"  # noqa: E731
    job = _one_in(50, "Failed", "Completed")
    for kind in (PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB):
        seed(store, kind, number, lambda _: {"Text": BIG, "OutputDataConfig": {"S3OutputPath": "s3://b"}}, status=job)
    objective = {"Type": "Maximize", "MetricName": "auc"}
    config = {"Strategy": "Random", "ResourceLimits": {}, "HyperParameterTuningJobObjective": objective}
    tuning = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": {"Text": BIG}}
    seed(store, TUNING_JOB, number, lambda _: tuning, status=job)
    tried = {"number": 1, "algorithm": 0, "index": 0, "attempt": 1, "values": {}}
    seed(store, TUNED_JOB, number, lambda _: tried, parent=lambda _: "row-000001", status=job,
         result=lambda i: {"objective": i / 7} if i % 50 else {})  # fmt: skip
    for kind in (MODEL, EXPERIMENT, PACKAGE_GROUP, PIPELINE, ENDPOINT_CONFIG):
        seed(store, kind, number, lambda _: {"PipelineDefinition": BIG, "ModelName": "m"})
    seed(store, ENDPOINT, number, lambda i: {"EndpointName": f"row-{i:06}"}, status=_one_in(50, "Failed", "InService"))
    store.create(PIPELINE, "p", {"PipelineName": "p", "RoleArn": ROLE}, result={"version": 1})
    seed(store, PIPELINE_VERSION, number, lambda _: {}, parent=one, name=lambda i: f"p/{i}")
    seed(store, EXECUTION, number, lambda _: {"PipelineDefinition": BIG}, parent=one, status=lambda _: "Succeeded")
    seed(store, STEP, number, lambda i: {"name": f"s{i}", "type": "Fail"}, parent=lambda _: "row-000001")
    store.create(PACKAGE_GROUP, "p", {"ModelPackageGroupName": "p"})
    approval = _one_in(number // 2, "Approved", "PendingManualApproval")
    seed(store, PACKAGE, number, lambda i: {"ModelApprovalStatus": approval(i), "ModelPackageVersion": i},
         parent=one, name=lambda i: f"p/{i}")  # fmt: skip
    seed(store, TRIAL, number, lambda _: {}, parent=one)
    source = lambda i: {"TrialComponentName": f"row-{i:06}", "Source": {"SourceArn": f"arn:{i}"}}  # noqa: E731
    seed(store, TRIAL_COMPONENT, number, source)
    seed(store, TRIAL_ASSOCIATION, number, lambda i: {"component": f"row-{i:06}", "created": START + i},
         parent=lambda _: "t", name=lambda i: f"t/row-{i:06}")  # fmt: skip
    _fill_lineage(store, number)
    seed(store, DOMAIN, number, lambda i: {"DomainName": f"d{i}"})
    seed(store, CODE_REPOSITORY, number, lambda _: {"GitConfig": {}})
    seed(store, PROJECT, number, lambda _: {}, result=lambda i: {"id": f"p-{i}"})
    _fill_monitoring(store, number)
    _fill_builds(store, number)
    _fill_deliveries(store, number)
    _fill_deployments(store, number)
    _fill_catalog(store, number)
    _fill_scaling(store, number)
    seed(store, CODECOMMIT_REPOSITORY, number, lambda _: {}, result=lambda i: {"id": f"{i}"})
    seed(store, CONNECTION, number, lambda i: {"ConnectionName": f"c{i}", "ProviderType": "GitHub"})


def _fill_lineage(store: Store, number: int) -> None:
    """Each artifact leads to the first action, and the first context to each artifact."""
    for kind in (ARTIFACT, CONTEXT, LINEAGE_ACTION):
        noun = kind.slug.capitalize()
        seed(store, kind, number, lambda i: {"Source": {"SourceUri": f"s3://{i}"}, f"{noun}Type": "t"})  # noqa: B023
    artifact, first = (lambda i: PLACE.arn(f"artifact/row-{i:06}")), PLACE.arn("context/row-000001")
    leads = {"source_type": "t", "destination_type": "t"}
    seed(store, LINEAGE_ASSOCIATION, number,
         lambda i: leads | {"source": artifact(i), "destination": PLACE.arn("action/row-000001")})  # fmt: skip
    seed(store, LINEAGE_ASSOCIATION, number, lambda i: leads | {"source": first, "destination": artifact(i)},
         name=lambda i: f"from-{i:06}")  # fmt: skip


def _fill_monitoring(store: Store, number: int) -> None:
    inside = {"EndpointInput": {"EndpointName": "e", "LocalPath": "/opt/ml/processing/e"}}
    seed(store, DATA_QUALITY_DEFINITION, number, lambda _: {
        "DataQualityAppSpecification": {}, "DataQualityJobInput": inside, "DataQualityJobOutputConfig": {},
        "JobResources": {"ClusterConfig": {}}, "RoleArn": ROLE})  # fmt: skip
    config = {"MonitoringType": "DataQuality", "MonitoringJobDefinitionName": "row-000001"}
    alert = {"AlertStatus": "OK", "DatapointsToAlert": 1, "EvaluationPeriod": 1}
    result = {"endpoint": "e", "alert": alert}
    seed(store, MONITORING_SCHEDULE, number, lambda _: {"MonitoringScheduleConfig": config}, result=lambda _: result)
    seed(store, MONITORING_EXECUTION, number, lambda i: {"ScheduledTime": START + i, "EndpointName": "e",
         "MonitoringType": "DataQuality"}, parent=lambda _: "row-000001",
         status=_one_in(50, "Failed", "Completed"))  # fmt: skip
    seed(store, ALERT_CHANGE, number, lambda _: {}, parent=lambda _: "row-000001")


def _fill_builds(store: Store, number: int) -> None:
    one = lambda _: "p"  # noqa: E731
    store.create(BUILD_PROJECT, "p", {"source": {"type": "NO_SOURCE"}})
    seed(store, BUILD_PROJECT, number, lambda _: {"source": {"type": "NO_SOURCE"}})
    for kind in (BUILD, BUILD_BATCH):
        seed(store, kind, number, lambda i: {"Text": BIG, "idempotencyToken": f"t{i}", "source": {"type": "NO_SOURCE"}},
             parent=one, name=lambda i: f"p:{i:06}", status=_one_in(50, "FAILED", "SUCCEEDED"),
             result=lambda _: {"currentPhase": "COMPLETED", "phases": [], "logs": {}})  # fmt: skip
    seed(store, REPORT_GROUP, number, lambda _: {"type": "TEST"})
    summary = {"statusCounts": {"SUCCEEDED": 1}, "total": 1, "durationInNanoSeconds": 1}
    status = _one_in(50, "FAILED", "SUCCEEDED")
    seed(store, REPORT, number, lambda i: {"arn": f"arn:{i}", "status": status(i), "testSummary": summary},
         parent=lambda _: "row-000001", name=lambda i: f"row-000001:{i}")  # fmt: skip


def _uuid(number: int) -> str:
    return str(uuid.UUID(int=number))


def _fill_deliveries(store: Store, number: int) -> None:
    one = lambda _: "p"  # noqa: E731
    store.create(DELIVERY_PIPELINE, "p", DECLARATION, result={"versions": [DECLARATION]})
    seed(store, DELIVERY_PIPELINE, number, lambda i: {**DECLARATION, "name": f"row-{i:06}"})
    execution = {"declaration": DECLARATION, "variables": {}, "trigger": {}, "type": "STANDARD"}
    seed(store, DELIVERY, number, lambda i: {**execution, "order": i + 1, "token": f"t{i}"}, parent=one, name=_uuid,
         status=_one_in(50, "Failed", "Succeeded"), result=lambda _: {"at": 1})  # fmt: skip
    seed(store, DELIVERY_STAGE, number, lambda _: {"name": "Build", "pipeline": "p"},
         parent=_uuid, name=lambda i: f"{_uuid(i)}/Build",
         status=_one_in(50, "Failed", "Succeeded"), result=lambda i: {"entered": i + 1})  # fmt: skip
    for kind in (DELIVERY_ACTION, DELIVERY_RULE):
        seed(store, kind, number, lambda i: {
            "pipeline": "p", "stage": "Build", "action": "a", "order": i + 1, "type": TYPE, "configuration": {},
            "resolved": {}, "role": ROLE, "inputs": [], "outputs": [], "namespace": "",
            "token": f"t{i}", "deadline": 0.0, "condition": "entry"},
            parent=_uuid, status=lambda _: "Succeeded")  # fmt: skip


def _fill_deployments(store: Store, number: int) -> None:
    seed(store, DEPLOY_APPLICATION, number, lambda _: {"applicationId": "i"})
    store.create(DEPLOY_APPLICATION, "p", {"applicationId": "i"})
    store.create(DEPLOY_GROUP, "p/g", {"deploymentGroupName": "g", "deploymentConfigName": "c"}, parent="p")
    seed(store, DEPLOY_GROUP, number, lambda i: {"deploymentGroupName": f"g{i}", "deploymentConfigName": "c"},
         parent=lambda _: "p", name=lambda i: f"p/g{i}")  # fmt: skip
    seed(store, DEPLOY_CONFIG, number, lambda _: {"deploymentConfigId": "i", "trafficRoutingConfig": {}})
    spec = {"function": "f", "alias": "a", "current": "1", "target": "2"}
    seed(store, DEPLOYMENT, number, lambda _: {"applicationName": "p", "deploymentGroupName": "g", "revision": {},
         "creator": "user", "spec": spec, "deploymentConfigName": "c"}, parent=lambda _: "p/g",
         status=lambda i: "Succeeded" if i == 3 else "Failed")  # fmt: skip


def _fill_catalog(store: Store, number: int) -> None:
    texts = lambda i: {"Name": f"Name{i}", "DisplayName": f"n{i}", "Owner": "o", "ProviderName": "o",  # noqa: E731
                       "IdempotencyToken": f"t{i}"}  # fmt: skip
    for kind in (CATALOG_PORTFOLIO, CATALOG_PRODUCT, CATALOG_ARTIFACT):
        seed(store, kind, number, texts)
    seed(store, CATALOG_PATH, number, lambda i: {"id": f"l{i}", "product": f"row-{i:06}"},
         parent=lambda _: "row-000001", name=lambda i: f"row-000001/row-{i:06}")  # fmt: skip
    seed(store, CATALOG_PRINCIPAL, number, lambda i: {"PrincipalARN": f"a{i}", "PrincipalType": "IAM"},
         parent=lambda _: "row-000001")  # fmt: skip
    seed(store, CATALOG_CONSTRAINT, number, lambda i: {"ProductId": f"row-{i:06}", "Type": "LAUNCH", "Parameters": "{}",
         "PortfolioId": "row-000001"}, parent=lambda _: "row-000001")  # fmt: skip
    seed(store, PROVISIONED_PRODUCT, number, lambda i: {"name": f"n{i}", "product": "p", "artifact": "a", "path": "l",
         "portfolio": "f", "role": "", "token": f"t{i}", "tags": {}})  # fmt: skip
    record = {"name": "n", "product": "p", "artifact": "a", "path": "l", "tags": {}, "role": ""}
    order = {"verb": "create", "stack": "s"}
    seed(store, STACK_OPERATION, number, lambda i: {"order": order, "owners": [], "record": record | {"id": f"pp{i}"},
         "IdempotencyToken": f"t{i}"}, status=lambda _: "SUCCEEDED")  # fmt: skip


def _fill_scaling(store: Store, number: int) -> None:
    resource = "endpoint/e/variant/v"
    seed(store, SCALABLE_TARGET, number, lambda _: {"MinCapacity": 1}, result=lambda i: {"id": f"{i:032}"})
    seed(store, SCALING_POLICY, number, lambda i: {"PolicyName": f"n{i}"}, parent=lambda _: resource,
         result=lambda i: {"id": f"{i}"})  # fmt: skip
    seed(store, SCHEDULED_ACTION, number, lambda i: {"ScheduledActionName": f"n{i}", "Schedule": "rate(1 day)"},
         parent=lambda _: resource, result=lambda i: {"id": f"{i}"})  # fmt: skip
    seed(store, SCALING_ACTIVITY, number, lambda _: {"Description": "d", "Cause": "c"}, parent=lambda _: resource,
         status=_one_in(50, "Failed", "Successful"))  # fmt: skip


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[registry.Context, registry.Context]]:
    """A small and a large loopback."""
    found = []
    for number in (SMALL, LARGE):
        path: Path = tmp_path_factory.mktemp("costs") / "loopback.db"
        store = Store(path)
        _fill(store, number)
        nothing: Any = None
        found.append(
            registry.Context(store, PLACE, nothing, nothing, nothing, lambda _kind, _name: None, nothing, nothing)
        )
    yield found[0], found[1]
    for context in found:
        context.store.close()


NAME = ("Name", "CreationTime")
JOB = (*NAME, "Status")


def _sorted(operation: str, *sorts: str, **more: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """A list in every order."""
    requests = [more, *({**more, "SortBy": sort, "SortOrder": way} for sort in sorts for way in WAYS)]
    return [("sagemaker", operation, request) for request in requests]


EXECUTION_ARN = PLACE.arn("pipeline/p/execution/row-000001")
OF_SCHEDULE = {"MonitoringScheduleName": "row-000001"}
OF_TUNING = {"HyperParameterTuningJobName": "row-000001"}
EXECUTION_ID = _uuid(9)
WAYS = ("Ascending", "Descending")
NAMED = {"NameContains": "ROW", "MaxResults": 20}
LISTS = [
    *_sorted("ListPipelines", *NAME),
    *_sorted("ListPipelines", *NAME, PipelineNamePrefix="row-00", MaxResults=20),
    *_sorted("ListPipelineVersions", PipelineName="p"),
    *_sorted("ListPipelineExecutions", "CreationTime", "PipelineExecutionArn", PipelineName="p", MaxResults=20),
    *_sorted("ListPipelineExecutions", PipelineName="p", CreatedAfter=START + 9, CreatedBefore=START + 90),
    *_sorted("ListPipelineExecutionSteps", PipelineExecutionArn=EXECUTION_ARN, MaxResults=20),
    *(
        each
        for noun in ("ProcessingJob", "TrainingJob", "TransformJob")
        for more in ({}, NAMED, {"StatusEquals": "Completed"}, {"CreationTimeAfter": START + 30, "MaxResults": 20})
        for each in _sorted(f"List{noun}s", *JOB, **more)
    ),
    *_sorted("ListHyperParameterTuningJobs", *JOB),
    *_sorted("ListHyperParameterTuningJobs", *JOB, **NAMED),
    *_sorted("ListTrainingJobsForHyperParameterTuningJob", *JOB, "FinalObjectiveMetricValue", **OF_TUNING),
    *_sorted("Search", "CreationTime", "LastModifiedTime", "TrainingJobName", Resource="TrainingJob"),
    *_sorted("ListProcessingJobs", LastModifiedTimeAfter=START + 5, MaxResults=20),
    *(each for name in ("Models", "EndpointConfigs", "Endpoints") for each in _sorted(f"List{name}", *NAME)),
    *(each for name in ("Models", "EndpointConfigs", "Endpoints") for each in _sorted(f"List{name}", *NAME, **NAMED)),
    *_sorted("ListEndpoints", "Status", StatusEquals="InService"),
    *_sorted("ListModelPackageGroups", *NAME, **NAMED),
    *_sorted("ListModelPackages", *NAME, ModelPackageGroupName="p"),
    *_sorted("ListModelPackages", *NAME, ModelPackageGroupName="p", ModelApprovalStatus="Approved", MaxResults=1),
    *_sorted("ListModelPackages", *NAME, ModelPackageType="Both"),
    *_sorted("ListExperiments", *NAME),
    *_sorted("ListTrials", *NAME, ExperimentName="p"),
    *_sorted("ListTrialComponents", *NAME),
    *_sorted("ListTrialComponents", *NAME, TrialName="t"),
    *_sorted("ListTrialComponents", *NAME, SourceArn="arn:9"),
    *_sorted("ListArtifacts", "CreationTime"),
    *_sorted("ListArtifacts", "CreationTime", SourceUri="s3://9"),
    *_sorted("ListContexts", *NAME),
    *_sorted("ListContexts", *NAME, SourceUri="s3://9"),
    *_sorted("ListActions", *NAME, SourceUri="s3://9"),
    *_sorted("ListAssociations", "CreationTime"),
    *_sorted("ListAssociations", "CreationTime", SourceArn=PLACE.arn("context/row-000001")),
    *_sorted("ListAssociations", "CreationTime", DestinationArn=PLACE.arn("action/row-000001")),
    *_sorted("ListAssociations", "CreationTime", SourceArn=PLACE.arn("context/row-000001"),
             DestinationArn=PLACE.arn("artifact/row-000009")),
    ("sagemaker", "QueryLineage", {"StartArns": [PLACE.arn("artifact/row-000009")], "MaxDepth": 1}),
    *_sorted("ListDomains"),
    *_sorted("ListCodeRepositories", *NAME, "LastModifiedTime"),
    *_sorted("ListProjects", *NAME),
    *_sorted("ListDataQualityJobDefinitions", *NAME),
    *_sorted("ListDataQualityJobDefinitions", *NAME, EndpointName="e"),
    *_sorted("ListMonitoringSchedules", *JOB),
    *_sorted("ListMonitoringSchedules", *JOB, EndpointName="e"),
    *_sorted("ListMonitoringExecutions", "CreationTime", "ScheduledTime", "Status"),
    *_sorted("ListMonitoringExecutions", "CreationTime", "ScheduledTime", "Status", **OF_SCHEDULE),
    *_sorted("ListMonitoringAlertHistory", "CreationTime", "Status", MonitoringScheduleName="row-000001"),
    ("codepipeline", "ListPipelines", {"maxResults": 20}),
    ("codepipeline", "ListPipelineExecutions", {"pipelineName": "p", "maxResults": 20}),
    ("codepipeline", "ListPipelineExecutions",
     {"pipelineName": "p", "maxResults": 20, "filter": {"succeededInStage": {"stageName": "Build"}}}),
    ("codepipeline", "ListActionExecutions", {"pipelineName": "p", "maxResults": 20}),
    ("codepipeline", "ListActionExecutions", {"pipelineName": "p", "filter": {"pipelineExecutionId": EXECUTION_ID}}),
    ("codepipeline", "ListRuleExecutions", {"pipelineName": "p", "maxResults": 20}),
    ("codepipeline", "GetPipelineState", {"name": "p"}),
    ("codepipeline", "GetPipelineExecution", {"pipelineName": "p", "pipelineExecutionId": EXECUTION_ID}),
    *(("codebuild", "ListProjects", {"sortBy": sort, "sortOrder": way})
      for sort in ("NAME", "CREATED_TIME", "LAST_MODIFIED_TIME") for way in ("ASCENDING", "DESCENDING")),
    ("codebuild", "ListBuilds", {}),
    ("codebuild", "ListBuildsForProject", {"projectName": "p", "sortOrder": "ASCENDING"}),
    ("codebuild", "ListBuildBatches", {"filter": {"status": "SUCCEEDED"}}),
    ("codebuild", "ListBuildBatchesForProject", {"projectName": "p", "filter": {"status": "SUCCEEDED"}}),
    ("codebuild", "ListReportGroups", {"sortBy": "LAST_MODIFIED_TIME"}),
    ("codebuild", "ListReports", {"filter": {"status": "SUCCEEDED"}}),
    ("codebuild", "ListReportsForReportGroup",
     {"reportGroupArn": PLACE.arn("report-group/row-000001", "codebuild"), "filter": {"status": "SUCCEEDED"}}),
    ("codebuild", "GetReportGroupTrend",
     {"reportGroupArn": PLACE.arn("report-group/row-000001", "codebuild"), "trendField": "PASS_RATE"}),
    ("codebuild", "StartBuild", {"projectName": "p", "idempotencyToken": "t7"}),
    ("codedeploy", "ListApplications", {}),
    ("codedeploy", "ListDeploymentGroups", {"applicationName": "p"}),
    ("codedeploy", "ListDeploymentConfigs", {}),
    ("codedeploy", "ListDeployments", {}),
    ("codedeploy", "ListDeployments", {"applicationName": "p"}),
    ("codedeploy", "ListDeployments", {"applicationName": "p", "includeOnlyStatuses": ["Failed", "Succeeded"]}),
    ("codedeploy", "ListDeployments", {"applicationName": "p", "deploymentGroupName": "g"}),
    ("codedeploy", "GetDeploymentGroup", {"applicationName": "p", "deploymentGroupName": "g"}),
    ("codedeploy", "ListTagsForResource", {"ResourceArn": PLACE.arn("deploymentgroup:p/g", "codedeploy")}),
    ("servicecatalog", "ListPortfolios", {}),
    ("servicecatalog", "SearchProductsAsAdmin", {"SortBy": "Title", "SortOrder": "DESCENDING"}),
    ("servicecatalog", "SearchProductsAsAdmin", {"PortfolioId": "row-000001"}),
    ("servicecatalog", "SearchProducts", {}),
    ("servicecatalog", "ListPortfoliosForProduct", {"ProductId": "row-000009"}),
    ("servicecatalog", "ListPrincipalsForPortfolio", {"PortfolioId": "row-000001"}),
    ("servicecatalog", "ListConstraintsForPortfolio", {"PortfolioId": "row-000001"}),
    ("servicecatalog", "ListLaunchPaths", {"ProductId": "row-000009"}),
    ("servicecatalog", "ListRecordHistory", {}),
    ("servicecatalog", "ListRecordHistory", {"SearchFilter": {"Key": "provisionedproduct", "Value": "pp7"}}),
    ("servicecatalog", "ListRecordHistory", {"SearchFilter": {"Key": "product", "Value": "p"}}),
    ("servicecatalog", "DescribeProvisionedProduct", {"Name": "n9"}),
    ("application-autoscaling", "DescribeScalableTargets", {"ServiceNamespace": "sagemaker"}),
    ("application-autoscaling", "DescribeScalableTargets",
     {"ServiceNamespace": "sagemaker", "ResourceIds": ["row-000009"]}),
    ("application-autoscaling", "DescribeScalingPolicies", {"ServiceNamespace": "sagemaker"}),
    ("application-autoscaling", "DescribeScheduledActions",
     {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/v"}),
    ("application-autoscaling", "DescribeScalingActivities",
     {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/v"}),
    ("application-autoscaling", "ListTagsForResource",
     {"ResourceARN": PLACE.arn(f"scalable-target/{9:032}", "application-autoscaling")}),
    ("codecommit", "ListRepositories", {"sortBy": "lastModifiedDate"}),
    ("codeconnections", "ListConnections", {"ProviderTypeFilter": "GitHub"}),
]  # fmt: skip


@pytest.mark.parametrize(("service", "operation", "request_"), LISTS)
def test_more_rows_cost_nothing(contexts: Any, service: str, operation: str, request_: dict[str, Any]) -> None:
    costs = []
    for context in contexts:
        call = lambda: registry.call(service, operation, request_, context)  # noqa: B023, E731
        with statements(context.store) as made:
            call()
        assert faults(context.store, made) == []
        costs.append(instructions(context.store, call))
    assert costs[1] <= 1.5 * costs[0], costs
