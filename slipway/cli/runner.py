"""`slipway runner`: let GitHub Actions or GitLab CI train and hand over a project, with no key stored there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.cli import projects, screen, stacks
from slipway.cli.checkout import Checkout
from slipway.cli.projects import Project
from slipway.cli.target import Target, UserError, WrongUsage

REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+")  # as runners/roles.yml has it: no wildcard


@dataclass(frozen=True)
class Host:
    """Who runs the jobs: the issuer of its tokens, its file in runners/ and where that goes in a repository."""

    issuer: str
    template: str
    workflow: str
    settings: str


HOSTS = {
    "github": Host(
        "token.actions.githubusercontent.com",
        "runners/github.yml",
        ".github/workflows/model.yml",
        "gh variable set {name} --repo {repository} --body {value}",
    ),
    "gitlab": Host(
        "gitlab.com",
        "runners/gitlab.yml",
        ".gitlab-ci.yml",
        "glab variable set {name} {value} --repo {repository}",
    ),
}


@dataclass(frozen=True)
class Wish:
    """What the command line says."""

    host: str
    repository: str
    branch: str = "main"
    boundary: str = ""


def runner(target: Target, checkout: Checkout, wish: Wish, *, as_json: bool) -> int:
    """Make the roles, put the workflow into the checkout, and say which variables the repository needs."""
    host = _host(wish)
    project = projects.require(target)
    require_handed_over(project)
    template = (
        (checkout.root / "runners" / "roles.yml").read_text() if not checkout.is_template else _of_template(checkout)
    )
    known = _is_known(target, host)
    given = parameters(project, wish, known=known)
    made = stacks.deploy(target, stack_of(project.name), {"TemplateBody": template}, given)
    roles = stacks.outputs(stacks.describe(target, stack_of(project.name)) or {})
    found = variables(target.region, project, roles)
    written = "" if checkout.is_template else put_workflow(checkout.root, host)
    if as_json:
        screen.show_json({"stack": made, "variables": found, "workflow": written})
        return 0
    screen.say(f"project {checkout.root}")
    screen.say(f"roles {made}, stack {stack_of(project.name)}: for tokens of {wish.repository} alone")
    if written:
        screen.say(f"wrote {written}; commit and push it")
    screen.say(f"\nvariables of {wish.repository}, none of them secret:\n")
    for name, value in found.items():
        screen.write(host.settings.format(name=name, value=value, repository=wish.repository))
    return 0


def _host(wish: Wish) -> Host:
    if wish.host not in HOSTS:
        raise WrongUsage(f"{wish.host!r} is no runner; there is: {', '.join(HOSTS)}")
    if not REPOSITORY.fullmatch(wish.repository):
        raise WrongUsage(f"{wish.repository!r} is not the name of one repository, as in owner/name")
    return HOSTS[wish.host]


def stack_of(project: str) -> str:
    """The stack with the roles."""
    return f"slipway-runner-{project}"


def require_handed_over(project: Project) -> None:
    """Raises UserError where the pipelines of a project start by themselves: each push would be trained twice."""
    if project.outputs.get("PushesStart") != "no":
        raise UserError(
            f"pushes start the pipelines of {project.name} in AWS; one whose pushes a runner takes up is launched "
            "with: slipway launch NAME --runner github"
        )


def parameters(project: Project, wish: Wish, *, known: bool) -> dict[str, str]:
    """Those of runners/roles.yml; `known` says that the account knows the host's issuer."""
    return {
        "Host": wish.host,
        "Repository": wish.repository,
        "Branch": wish.branch,
        "MakesProvider": "no" if known else "yes",
        "Project": project.name,
        "ProjectId": project.id,
        "ArtifactBucket": project.bucket,
        "KmsKeyArn": project.outputs["KmsKeyArn"],
        "PipelineRoleArn": project.outputs["PipelineExecutionRoleArn"],
        "PermissionsBoundaryArn": wish.boundary,
    }


def variables(region: str, project: Project, roles: Mapping[str, str]) -> dict[str, str]:
    """What the workflow reads."""
    return {
        "AWS_REGION": region,
        "SAGEMAKER_PROJECT_NAME": project.name,
        "SAGEMAKER_PROJECT_ID": project.id,
        "SAGEMAKER_PIPELINE_ROLE_ARN": project.outputs["PipelineExecutionRoleArn"],
        "ARTIFACT_BUCKET": project.bucket,
        "MODELDEPLOY_PIPELINE": project.deploy,
        "PIPELINE": project.pipeline,
        "RUNNER_ROLE_ARN": roles.get("RunnerRoleArn", ""),
        "CHECK_ROLE_ARN": roles.get("CheckRoleArn", ""),
    }


def put_workflow(root: Path, host: Host) -> str:
    """Copy the host's file to where it reads it; "" when it is there. Raises UserError over another one."""
    wanted, place = (root / host.template).read_bytes(), root / host.workflow
    if place.exists():
        if place.read_bytes() == wanted:
            return ""
        raise UserError(f"{place} is there already, and not {host.template}: bring its jobs together by hand")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(wanted)
    return host.workflow


def _of_template(checkout: Checkout) -> str:
    return (checkout.root / "seed_code" / "files" / "runners" / "roles.yml").read_text()


def _is_known(target: Target, host: Host) -> bool:
    """Whether the account knows the issuer already, but for this project's own stack, which goes on saying so."""
    listed: list[dict[str, Any]] = target.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return any(entry["Arn"].endswith(f"oidc-provider/{host.issuer}") for entry in listed)
