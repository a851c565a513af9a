"""What IAM is asked before an operation runs: actions, resources and condition keys, from the request alone. Pure.

The resources are those of AWS's Service Authorization Reference. An action for which it names none, and a list, is
asked for `*`. Names that SageMaker makes up meanwhile (the version of a package, the id of a scalable target) are `*`
too, which a policy's own `*` at that place matches.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from loopback.core.arn import Place

Request = Mapping[str, Any]
PASS_ROLE, PASSED_TO = "iam:PassRole", "iam:passedtoservice"


@dataclass(frozen=True)
class PermissionCheck:
    """One question to IAM. `context` has condition keys in lower case."""

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict, hash=False)


Permit = Callable[
    [str, Sequence[PermissionCheck]], None
]  # (role or "" for the account, checks): raises AccessDeniedException


def anything(_role: str, _checks: Sequence[PermissionCheck]) -> None:
    """The Permit of a loopback without IAM."""


_VERB = re.compile(r"(Create|Describe|Update|Delete|Stop|Start)([A-Z]\w+)")
_SLUGS = {"Trial": "experiment-trial", "TrialComponent": "experiment-trial-component"}
_TWO = ("endpoint/{EndpointName}", "endpoint-config/{EndpointConfigName}")
_EXECUTION = ("{PipelineExecutionArn}",)
_PIPELINE = ("pipeline/{PipelineName}",)
_STAGE = ("{pipelineName}/{stageName}",)
_TARGET = ("scalable-target/*",)
_DEPLOY_APPLICATION = ("application:{applicationName}",)
_DEPLOY_GROUP = ("deploymentgroup:{applicationName}/{deploymentGroupName}",)
_DEPLOY_CONFIG = ("deploymentconfig:{deploymentConfigName}",)

# Forms of ARNs: `{member}` is the request's member; one that holds an ARN already stands for the whole.
FORMS: dict[str, dict[str, tuple[str, ...]]] = {
    "sagemaker": {
        "CreateEndpoint": _TWO,
        "UpdateEndpoint": _TWO,
        "UpdateEndpointWeightsAndCapacities": _TWO[:1],
        "CreateModelPackage": (
            "model-package/{ModelPackageGroupName}/*",
            "model-package-group/{ModelPackageGroupName}",
        ),
        "DescribeModelPackage": ("model-package/{ModelPackageName}",),
        "DeleteModelPackage": ("model-package/{ModelPackageName}",),
        "UpdateModelPackage": ("{ModelPackageArn}",),
        "ListModelPackages": ("model-package/{ModelPackageGroupName}/*",),
        "ListPipelineExecutions": _PIPELINE,
        "StartPipelineExecution": _PIPELINE,
        "DescribePipelineExecution": _EXECUTION,
        "DescribePipelineDefinitionForExecution": _EXECUTION,
        "ListPipelineExecutionSteps": _EXECUTION,
        "ListPipelineParametersForExecution": _EXECUTION,
        "RetryPipelineExecution": _EXECUTION,
        "StopPipelineExecution": _EXECUTION,
        "UpdatePipelineExecution": _EXECUTION,
        "AddTags": ("{ResourceArn}",),
        "DeleteTags": ("{ResourceArn}",),
        "ListTags": ("{ResourceArn}",),
        "ListTrainingJobsForHyperParameterTuningJob": ("hyper-parameter-tuning-job/{HyperParameterTuningJobName}",),
        "CreateArtifact": ("artifact/*",),
        "AddAssociation": ("{SourceArn}", "{DestinationArn}"),
        "DeleteAssociation": ("{SourceArn}", "{DestinationArn}"),
        "InvokeEndpoint": _TWO[:1],
        "InvokeEndpointAsync": _TWO[:1],
        "InvokeEndpointWithResponseStream": _TWO[:1],
    },
    "codepipeline": {
        "CreatePipeline": ("{pipeline.name}",),
        "UpdatePipeline": ("{pipeline.name}",),
        "DeletePipeline": ("{name}",),
        "GetPipeline": ("{name}",),
        "GetPipelineState": ("{name}",),
        "StartPipelineExecution": ("{name}",),
        "GetPipelineExecution": ("{pipelineName}",),
        "ListActionExecutions": ("{pipelineName}",),
        "ListPipelineExecutions": ("{pipelineName}",),
        "ListRuleExecutions": ("{pipelineName}",),
        "StopPipelineExecution": ("{pipelineName}",),
        "DisableStageTransition": _STAGE,
        "EnableStageTransition": _STAGE,
        "OverrideStageCondition": _STAGE,
        "RetryStageExecution": _STAGE,
        "RollbackStage": _STAGE,
        "PutApprovalResult": ("{pipelineName}/{stageName}/{actionName}",),
        "ListTagsForResource": ("{resourceArn}",),
        "TagResource": ("{resourceArn}",),
        "UntagResource": ("{resourceArn}",),
    },
    "codebuild": {
        "CreateProject": ("project/{name}",),
        "UpdateProject": ("project/{name}",),
        "DeleteProject": ("project/{name}",),
        "BatchGetProjects": ("project/{names}",),
        "InvalidateProjectCache": ("project/{projectName}",),
        "ListBuildsForProject": ("project/{projectName}",),
        "StartBuild": ("project/{projectName}",),
        "BatchGetBuilds": ("project/{ids}",),
        "BatchDeleteBuilds": ("project/{ids}",),
        "RetryBuild": ("project/{id}",),
        "StopBuild": ("project/{id}",),
        "StartBuildBatch": ("project/{projectName}",),
        "BatchGetBuildBatches": ("project/{ids}",),
        "ListBuildBatchesForProject": ("project/{projectName}",),
        "StopBuildBatch": ("project/{id}",),
        "CreateReportGroup": ("report-group/{name}",),
        "BatchGetReportGroups": ("report-group/{reportGroupArns}",),
        "BatchGetReports": ("report-group/{reportArns}",),
        "DeleteReport": ("report-group/{arn}",),
        "DeleteReportGroup": ("report-group/{arn}",),
        "DescribeCodeCoverages": ("report-group/{reportArn}",),
        "DescribeTestCases": ("report-group/{reportArn}",),
        "GetReportGroupTrend": ("report-group/{reportGroupArn}",),
        "ListReportsForReportGroup": ("report-group/{reportGroupArn}",),
        "UpdateReportGroup": ("report-group/{arn}",),
    },
    "application-autoscaling": {
        "DeleteScalingPolicy": _TARGET,
        "DeleteScheduledAction": _TARGET,
        "DeregisterScalableTarget": _TARGET,
        "PutScalingPolicy": _TARGET,
        "PutScheduledAction": _TARGET,
        "RegisterScalableTarget": _TARGET,
        "ListTagsForResource": ("{ResourceARN}",),
        "TagResource": ("{ResourceARN}",),
        "UntagResource": ("{ResourceARN}",),
    },
    "codedeploy": {
        "CreateApplication": _DEPLOY_APPLICATION,
        "DeleteApplication": _DEPLOY_APPLICATION,
        "GetApplication": _DEPLOY_APPLICATION,
        "CreateDeployment": _DEPLOY_GROUP,
        "CreateDeploymentGroup": _DEPLOY_GROUP,
        "DeleteDeploymentGroup": _DEPLOY_GROUP,
        "GetDeploymentGroup": _DEPLOY_GROUP,
        "UpdateDeploymentGroup": ("deploymentgroup:{applicationName}/{currentDeploymentGroupName}",),
        "ListDeploymentGroups": _DEPLOY_APPLICATION,
        "CreateDeploymentConfig": _DEPLOY_CONFIG,
        "DeleteDeploymentConfig": _DEPLOY_CONFIG,
        "GetDeploymentConfig": _DEPLOY_CONFIG,
        "ListTagsForResource": ("{ResourceArn}",),
        "TagResource": ("{ResourceArn}",),
        "UntagResource": ("{ResourceArn}",),
    },
    "servicecatalog": {
        "DescribeProduct": ("product/{Id}",),
        "DescribeProvisioningParameters": ("product/{ProductId}",),
        "ListLaunchPaths": ("product/{ProductId}",),
        "ProvisionProduct": ("product/{ProductId}",),
    },
}
# Services whose operations name one resource, by one of these members.
MEMBERS = {
    "codecommit": ("{repositoryName}", "{resourceArn}"),
    "codeconnections": ("{ConnectionArn}", "{ResourceArn}"),
    "codestar-connections": ("{ConnectionArn}", "{ResourceArn}"),
}
_ARN_SERVICES = {"servicecatalog": "catalog"}

# Members that hand a role to a service, and that service. Every operation of SageMaker that takes a role is meant.
ROLES: dict[str, tuple[tuple[str, str], ...]] = {
    "sagemaker": (
        ("RoleArn", "sagemaker.amazonaws.com"),
        ("ExecutionRoleArn", "sagemaker.amazonaws.com"),
        ("TrainingJobDefinition.RoleArn", "sagemaker.amazonaws.com"),
        ("TrainingJobDefinitions.RoleArn", "sagemaker.amazonaws.com"),
        ("MonitoringScheduleConfig.MonitoringJobDefinition.RoleArn", "sagemaker.amazonaws.com"),
        ("DefaultUserSettings.ExecutionRole", "sagemaker.amazonaws.com"),
        ("DefaultSpaceSettings.ExecutionRole", "sagemaker.amazonaws.com"),
    ),
    "codebuild": (
        ("serviceRole", "codebuild.amazonaws.com"),
        ("buildBatchConfig.serviceRole", "codebuild.amazonaws.com"),
    ),
    "codedeploy": (("serviceRoleArn", "codedeploy.amazonaws.com"),),
    "codepipeline": (("pipeline.roleArn", "codepipeline.amazonaws.com"),),
    "application-autoscaling": (("RoleARN", "application-autoscaling.amazonaws.com"),),
}
# The last part of an invocation's path, and its action.
INVOCATIONS = {
    "invocations": "InvokeEndpoint",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
    "async-invocations": "InvokeEndpointAsync",
}
# What a Create operation also needs when the request has tags.
TAGGING = {
    "sagemaker": ("Tags", "sagemaker:AddTags"),
    "codepipeline": ("tags", "codepipeline:TagResource"),
    "application-autoscaling": ("Tags", "application-autoscaling:TagResource"),
}


def checks(service: str, operation: str, request: Request, place: Place) -> tuple[PermissionCheck, ...]:
    """Everything that must be allowed for an operation: first the action itself, then what goes with it."""
    action = f"{service}:{operation}"
    resources = list(_resources(service, operation, request, place)) or ["*"]
    found = [PermissionCheck(action, resource) for resource in resources]
    member, tagging = TAGGING.get(service, ("", ""))
    if request.get(member) and operation.startswith(("Create", "Register")):
        found.append(PermissionCheck(tagging, resources[0]))
    for path, principal in ROLES.get(service, ()):
        roles = (role for role in _all_at(request, path) if isinstance(role, str) and role.startswith("arn:"))
        found += [pass_role(role, principal) for role in dict.fromkeys(roles)]
    return tuple(found)


def pass_role(role: str, principal: str) -> PermissionCheck:
    """Whether a role (its ARN) may be handed to a service, for example `sagemaker.amazonaws.com`."""
    return PermissionCheck(PASS_ROLE, role, {PASSED_TO: principal})


def invocation(place: Place, method: str, path: str) -> PermissionCheck | None:
    """What a request to the data plane asks for; None where it is no operation, which the data plane says itself."""
    found = re.fullmatch(r"/endpoints/([^/]+)/([a-z-]+)", path)
    if found is None or method != "POST" or found[2] not in INVOCATIONS:
        return None
    return checks("sagemaker", INVOCATIONS[found[2]], {"EndpointName": unquote(found[1])}, place)[0]


def _resources(service: str, operation: str, request: Request, place: Place) -> Iterable[str]:
    for form in _forms(service, operation, request):
        member = form.partition("{")[2].partition("}")[0]
        value = _at(request, member) if member else None
        for each in value if isinstance(value, list) else [value]:
            if filled := _fill_form(form, member, each, request):
                yield filled if filled.startswith("arn:") else place.arn(filled, _ARN_SERVICES.get(service, service))


def _forms(service: str, operation: str, request: Request) -> tuple[str, ...]:
    if (forms := FORMS.get(service, {}).get(operation)) is not None:
        return forms
    if service in MEMBERS:
        return MEMBERS[service]
    found = _VERB.fullmatch(operation)
    if service != "sagemaker" or found is None:
        return ()
    noun = found[2]
    slug = _SLUGS.get(noun) or re.sub(r"(?<=[a-z])(?=[A-Z])", "-", noun).lower()
    for member in (f"{noun}Name", f"{noun}Arn", "JobDefinitionName" if noun.endswith("JobDefinition") else ""):
        if member in request:
            return (f"{slug}/{{{member}}}",)
    return ()


def _fill_form(form: str, first: str, value: Any, request: Request) -> str:
    """One resource, or "" where the request does not name it."""
    if not first:
        return form
    if not isinstance(value, str) or not value:
        return ""
    if form.startswith("report-group/"):  # a report is named by an ARN that begins with its group
        return f"report-group/{value.rpartition('/')[2].partition(':')[0]}"
    if form.startswith("project/"):  # a build's id begins with its project
        return f"project/{value.rpartition('/')[2].partition(':')[0]}"
    if value.startswith("arn:"):
        if form.endswith("/*"):  # a group's ARN where its packages are meant
            return form.replace(f"{{{first}}}", value.rpartition("/")[2])
        return value
    name = value.lower() if form.startswith("endpoint/") else value  # as SageMaker writes their ARNs
    rest = form.replace(f"{{{first}}}", name)
    return re.sub(r"\{([\w.]+)\}", lambda found: str(_at(request, found[1]) or "*"), rest)


def _at(request: Any, path: str) -> Any:
    """`pipeline.name` of a request."""
    for key in path.split("."):
        request = request.get(key) if isinstance(request, Mapping) else None
    return request


def _all_at(request: Any, path: str) -> Iterable[Any]:
    """The same, of every element where a member on the way is a list."""
    key, _, rest = path.partition(".")
    value = request.get(key) if isinstance(request, Mapping) else None
    for each in value if isinstance(value, list) else [value]:
        yield from _all_at(each, rest) if rest else [each]
