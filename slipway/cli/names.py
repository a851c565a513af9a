"""Which pipeline or group of the account a person means: by its name, its ARN, or what this project calls it."""

from slipway.cli import projects
from slipway.cli.target import Target, UserError, WrongUsage


def before_launch(project: str) -> str:
    """What names begin with while the project is not launched: a launch makes a group of the project's own name."""
    return f"{project}-run"


def of_execution(arn: str) -> str:
    """The pipeline that an execution is of."""
    return arn.partition(":pipeline/")[2].partition("/")[0]


def pipelines(target: Target) -> list[str]:
    """All pipelines of the account, the newest first."""
    pages = target.client("sagemaker").get_paginator("list_pipelines").paginate(SortBy="CreationTime")
    return [str(summary["PipelineName"]) for page in pages for summary in page["PipelineSummaries"]]


def groups(target: Target) -> list[str]:
    """All model package groups of the account, the newest first."""
    pages = target.client("sagemaker").get_paginator("list_model_package_groups").paginate(SortBy="CreationTime")
    return [str(summary["ModelPackageGroupName"]) for page in pages for summary in page["ModelPackageGroupSummaryList"]]


def endpoints(target: Target) -> list[str]:
    """All endpoints of the account, the newest first."""
    pages = target.client("sagemaker").get_paginator("list_endpoints").paginate()
    return [str(summary["EndpointName"]) for page in pages for summary in page["Endpoints"]]


def stacks(target: Target) -> list[str]:
    """All stacks of the account."""
    pages = target.client("cloudformation").get_paginator("describe_stacks").paginate()
    return [str(stack["StackName"]) for page in pages for stack in page["Stacks"]]


def delivery_pipelines(target: Target) -> list[str]:
    """All pipelines of CodePipeline."""
    pages = target.client("codepipeline").get_paginator("list_pipelines").paginate()
    return [str(summary["name"]) for page in pages for summary in page["pipelines"]]


def pipeline(target: Target, text: str) -> str:
    """The name of a pipeline; without a text of the one that there is, or of the launched project's."""
    return _choose_name(target, text, pipelines(target), "pipeline")


def group(target: Target, text: str) -> str:
    """The name of a model package group, or the ARN of another account's; without a text as for pipelines."""
    known = groups(target)
    if text.startswith("arn:") and _in_arn(text) not in map(str.casefold, known):
        return text
    return _choose_name(target, text, known, "model package group")


def _choose_name(target: Target, text: str, known: list[str], kind: str) -> str:
    if text:
        return match_name(text, known, target.project, f"There is no {kind} {text} on {target.title}")
    if len(known) > 1 and (launched := projects.find(target)) and launched.group in known:
        return launched.group
    if len(known) == 1:
        return known[0]
    if not known:
        raise UserError(f"There is no {kind} on {target.title} yet; `slipway run` makes one")
    raise WrongUsage(f"Which {kind}? Name it with --pipeline; {target.title} has: {', '.join(sorted(known))}")


def match_name(text: str, known: list[str], project: str, refusal: str) -> str:
    """The known name that a text stands for: itself, its ARN's, or that of a folder of the project's pipelines/."""
    if text.startswith("arn:"):
        wanted = [_in_arn(text)]
    else:
        wanted = [text, f"{project}-{text}", f"{before_launch(project)}-{text}"]
    for name in wanted:
        if name in known:
            return name
    written = {name.casefold(): name for name in known}  # in an ARN names are in lower case
    if wanted[0].casefold() in written:
        return written[wanted[0].casefold()]
    raise UserError(f"{refusal}; it has: {', '.join(sorted(known)) or 'none yet'}")


def _in_arn(arn: str) -> str:
    """`...:pipeline/NAME/execution/ID`, `...:model-package/NAME/3`: the name, in lower case."""
    return arn.partition("/")[2].partition("/")[0].casefold()
