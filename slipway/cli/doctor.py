"""`slipway doctor`: what launching a project needs, one row each: whether it is so, what was found, what to do."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from slipway.cli import aws_images, aws_warnings, launch, model_monitor, projects, publish, roles, screen, wishes
from slipway.cli.target import Target, UserError, state_folder
from slipway.cli.template import find_tree

OK, FAIL, UNKNOWN = "ok", "FAIL", "unknown"
XGBOOST = "3.2-0"
XGBOOST_PATCHED_UNTIL = "2027-05-13"  # a year from its general availability


@dataclass(frozen=True)
class Row:
    """One precondition. `fix` is a command or a sentence, empty when all is well."""

    check: str
    state: str
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Subject:
    """What is to be looked at; parts that are not given are not checked or checked as far as possible."""

    bucket: str = ""
    domain: str = ""
    connection: str = ""
    name: str = ""
    pipeline: str = "churn"


def doctor(target: Target, subject: Subject, *, as_json: bool) -> int:
    """Exit code: 1 when any precondition fails. What can't be found out is told, and fails nothing."""
    rows = list(examine(target, subject))
    if as_json:
        screen.show_json([asdict(row) for row in rows])
    else:
        screen.say(f"on {target.title}\n")
        shown = [(row.check, row.state, row.found, row.fix) for row in rows]
        screen.console.print(screen.table(("check", "state", "found", "to do"), shown))
    return 1 if any(row.state == FAIL for row in rows) else 0


def examine(target: Target, subject: Subject) -> Iterator[Row]:
    """The rows. One check that can't be carried out keeps none of the others from it."""
    first = _run_check("credentials", lambda: _credentials(target))
    yield first
    if first.state != OK:
        return
    bucket = subject.bucket or publish.default_bucket(target)
    checks: dict[str, Callable[[], Row]] = {
        "region": lambda: _region(target),
        "launch role": lambda: _launch_role(target),
        "account's roles": lambda: _account_roles(target),
        "template": lambda: _template(target, bucket),
        "template tag": lambda: _template_tag(target, bucket),
        "bucket CORS": lambda: _cors(target, bucket),
        "xgboost image": lambda: _image(target),
        "quotas": lambda: _quotas(target, subject.pipeline),
        "model monitor": lambda: _model_monitor(target),
        "domain": lambda: _domain(target, subject.domain, bucket),
    }
    if target.local:
        checks["let pass here"] = lambda: _warnings(state_folder())
    if subject.connection:
        checks["connection"] = lambda: _connection(target, subject.connection)
    if subject.name:
        checks |= {
            "name": lambda: _name(subject.name),
            "model package group": lambda: _group(target, subject),
            "project's roles": lambda: _project_roles(target, subject.name),
            "events role": lambda: _events_role(target, subject.name),
        }
    for check, look in checks.items():
        yield _run_check(check, look)


def _run_check(check: str, look: Callable[[], Row]) -> Row:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return look()
    except (BotoCoreError, ClientError) as fault:
        if isinstance(fault, ClientError) and fault.response["Error"]["Code"] == "NotImplemented":
            return Row(check, UNKNOWN, "the AWS of this machine does not carry it out", "look in your account on AWS")
        state = FAIL if check == "credentials" else UNKNOWN
        return Row(check, state, str(fault), "give your role the permission, or ask somebody who has it")


def _credentials(target: Target) -> Row:
    return Row("credentials", OK, target.client("sts").get_caller_identity()["Arn"])


def _region(target: Target) -> Row:
    regions = target.session.get_available_regions("sagemaker", target.session.get_partition_for_region(target.region))
    if target.region in regions:
        return Row("region", OK, target.region)
    return Row("region", FAIL, f"{target.region} has no SageMaker", "export AWS_DEFAULT_REGION=eu-west-1 (or another)")


def _launch_role(target: Target) -> Row:
    role, make = publish.launch_role(target), "slipway publish --roles"
    if not role:
        return Row("launch role", FAIL, f"no role {publish.launch_role_name(target)}", make)
    trust = target.client("iam").get_role(RoleName=publish.launch_role_name(target))["Role"]["AssumeRolePolicyDocument"]
    trusted = {
        service for statement in trust["Statement"] for service in _list(statement["Principal"].get("Service", []))
    }
    if lacking := sorted({"cloudformation.amazonaws.com", "sagemaker.amazonaws.com"} - trusted):
        return Row("launch role", FAIL, f"{role} does not trust {', '.join(lacking)}", make)
    return Row("launch role", OK, role)


def _account_roles(target: Target) -> Row:
    """Studio's click and --account-roles need them."""
    check, prefix = "account's roles", roles.account_prefix(target.region)
    if lacking := roles.absent(target, prefix):
        return Row(check, FAIL, _name_missing_roles(lacking), "slipway publish --roles")
    return Row(check, OK, f"{prefix}-build and {len(roles.SUFFIXES) - 1} more")


def _name_missing_roles(names: list[str]) -> str:
    return f"no role {names[0]}" + (f", nor {len(names) - 1} more" if names[1:] else "")


def _project_roles(target: Target, name: str) -> Row:
    """Its own, the account's or, in a project of 0.2 and before, those of its stack."""
    check, project = "project's roles", launch.describe(target, name)
    if project is None:
        return Row(check, UNKNOWN, f"there is no project {name} yet; launching makes them", f"slipway launch {name}")
    prefix = _prefix(target, project)
    if lacking := roles.absent(target, prefix):
        fix = f"slipway destroy {name}, and launch it again; or make them of roles/project_roles.yml"
        return Row(check, FAIL, _name_missing_roles(lacking), fix)
    if prefix == roles.older_prefix(project["ProjectId"]):
        return Row(check, OK, f"{prefix}-..., in its stack", "before UpdateProject: docs/launch.md, Older projects")
    return Row(check, OK, f"{prefix}-build and {len(roles.SUFFIXES) - 1} more")


def _prefix(target: Target, project: dict[str, Any]) -> str:
    """What a project's roles are called; one of 0.2 and before does not say."""
    try:
        told = projects.outputs(target, project)
    except UserError:  # its creation failed before there was anything
        told = {}
    return told.get("RolePrefix") or roles.older_prefix(project["ProjectId"])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _template(target: Target, bucket: str) -> Row:
    found, fault = f"s3://{bucket}/{publish.TEMPLATE_KEY}", _template_fault(target, bucket)
    if fault:
        return Row("template", FAIL, f"{found} {fault}", f"slipway publish --bucket {bucket}")
    return Row("template", OK, found)


def _template_fault(target: Target, bucket: str) -> str:
    """Why the template can't be used; empty when it can."""
    from botocore.exceptions import ClientError

    try:
        target.client("s3").head_object(Bucket=bucket, Key=publish.TEMPLATE_KEY)
    except ClientError as fault:
        code = fault.response["Error"]["Code"]
        return "is not there" if code in ("404", "NoSuchBucket", "NoSuchKey") else f"can't be read ({code})"
    return ""


def _template_tag(target: Target, bucket: str) -> Row:
    fix = f"slipway publish --bucket {bucket}"
    if fault := _template_fault(target, bucket):
        return Row("template tag", FAIL, f"the template {fault}", fix)
    tags = target.client("s3").get_object_tagging(Bucket=bucket, Key=publish.TEMPLATE_KEY)["TagSet"]
    if publish.VISIBLE in tags:
        return Row("template tag", OK, "{Key}={Value}".format(**publish.VISIBLE))
    return Row("template tag", FAIL, "Studio does not show it: no tag {Key}={Value}".format(**publish.VISIBLE), fix)


def _cors(target: Target, bucket: str) -> Row:
    fix = f"slipway publish --bucket {bucket}"
    if fault := _template_fault(target, bucket):
        return Row("bucket CORS", FAIL, f"the template {fault}", fix)
    if any(publish.ORIGIN in rule["AllowedOrigins"] for rule in publish.cors_rules(target, bucket)):
        return Row("bucket CORS", OK, publish.ORIGIN)
    return Row("bucket CORS", FAIL, f"Studio's pages may not read it: no rule for {publish.ORIGIN}", fix)


def _domain(target: Target, domain: str, bucket: str) -> Row:
    client, wanted = target.client("sagemaker"), f"s3://{bucket}/{publish.TEMPLATES}"
    if not domain:
        known = client.list_domains()["Domains"]
        if len(known) != 1:
            names = ", ".join(found["DomainId"] for found in known) or "none"
            return Row(
                "domain", UNKNOWN, f"domains here: {names}", "slipway doctor --domain d-... (only Studio needs it)"
            )
        domain = known[0]["DomainId"]
    arn = client.describe_domain(DomainId=domain)["DomainArn"]
    found = publish.domain_location(target, arn)
    if found == wanted:
        return Row("domain", OK, f"{domain} takes templates from {found}")
    told = f"takes templates from {found}" if found else f"has no tag {publish.LOCATION_TAG}"
    return Row("domain", FAIL, f"{domain} {told}", f"slipway publish --bucket {bucket} --domain {domain}")


def _connection(target: Target, arn: str) -> Row:
    service = "codeconnections" if ":codeconnections:" in arn else "codestar-connections"
    connection = target.client(service).get_connection(ConnectionArn=arn)["Connection"]
    status, name = (
        connection["ConnectionStatus"],
        f"{connection.get('ConnectionName', arn)} ({connection.get('ProviderType')})",
    )
    if status == "AVAILABLE":
        return Row("connection", OK, f"{name} is {status}")
    fix = "open it in the console (Developer Tools, Settings, Connections), and complete it there"
    return Row("connection", FAIL, f"{name} is {status}", fix)


def _name(name: str) -> Row:
    if wishes.NAME.fullmatch(name) and len(name) <= wishes.LONGEST_NAME:
        return Row("name", OK, f"{name}: {len(name)} of {wishes.LONGEST_NAME} characters")
    want = f"lower-case letters, digits and hyphens, a letter first, at most {wishes.LONGEST_NAME}"
    return Row("name", FAIL, f"{name} ({len(name)} characters)", want)


def _group(target: Target, subject: Subject) -> Row:
    """A new project makes its group; an existing project has it."""
    group = f"{subject.name}-{subject.pipeline}"
    there, project = _group_exists(target, group), launch.describe(target, subject.name)
    if there and project is None:
        fix = f"delete its versions, then: aws sagemaker delete-model-package-group --model-package-group-name {group}"
        return Row("model package group", FAIL, f"{group} is there, and no project {subject.name}", fix)
    return Row("model package group", OK, f"{group} {'belongs to the project' if there else 'is free'}")


def _group_exists(target: Target, group: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        target.client("sagemaker").describe_model_package_group(ModelPackageGroupName=group)
    except ClientError as fault:
        if launch.missing(fault):
            return False
        raise
    return True


def _events_role(target: Target, name: str) -> Row:
    """Without it the rules of a project match, and nothing starts: nobody notices for weeks."""
    project = launch.describe(target, name)
    if project is None:
        return Row(
            "events role", UNKNOWN, f"there is no project {name} yet; launching makes it", f"slipway launch {name}"
        )
    iam, role = target.client("iam"), f"{_prefix(target, project)}-events"
    try:
        found = iam.get_role(RoleName=role)["Role"]
    except iam.exceptions.NoSuchEntityException:
        detail = f"no role {role}: new data and the schedule start nothing"
        return Row("events role", FAIL, detail, "update the stack with its roles")
    trusted = [
        s for st in found["AssumeRolePolicyDocument"]["Statement"] for s in _list(st["Principal"].get("Service", []))
    ]
    if "events.amazonaws.com" not in trusted:
        return Row(
            "events role", FAIL, f"{role} does not trust events.amazonaws.com", "update the stack with its roles"
        )
    return Row("events role", OK, found["Arn"])


def _image(target: Target) -> Row:
    found = aws_images.registry("xgboost", XGBOOST)
    if found is None:
        return Row("xgboost image", UNKNOWN, "the SageMaker SDK is not installed", "pip install -r requirements.lock")
    account = found.accounts.get(target.region)
    if account is None:
        return Row("xgboost image", FAIL, f"{XGBOOST} is not in {target.region}", "choose a region that has it")
    patched = f"patched by AWS until {XGBOOST_PATCHED_UNTIL}"
    return Row("xgboost image", OK, f"{found.repository}:{XGBOOST} of account {account}, {patched}")


def _quotas(target: Target, pipeline: str) -> Row:
    """The instances that the configuration names, against what the account may have: in a new one often none."""
    needed = quota_names(pipeline, find_tree(Path.cwd()))
    pages = target.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    found = {q["QuotaName"]: q for page in pages for q in page["Quotas"] if q["QuotaName"] in needed}
    short = [(name, found[name]) for name, least in needed.items() if name in found and found[name]["Value"] < least]
    if short:
        told = ", ".join(f"{name}: {quota['Value']:.0f} of {needed[name]} needed" for name, quota in short)
        ask = "aws service-quotas request-service-quota-increase --service-code sagemaker"
        return Row(
            "quotas", FAIL, told, f"{ask} --quota-code {short[0][1]['QuotaCode']} --desired-value {needed[short[0][0]]}"
        )
    if lacking := sorted(set(needed) - set(found)):
        return Row("quotas", UNKNOWN, f"not listed: {', '.join(lacking)}", "look in Service Quotas, SageMaker")
    return Row("quotas", OK, ", ".join(f"{name}: {found[name]['Value']:.0f}" for name in needed))


def _model_monitor(target: Target) -> Row:
    """No call that changes nothing tells whether a new customer may make a monitor; that some are there does."""
    stages = model_monitor.watched_stages(find_tree(Path.cwd()))
    if not stages:
        return Row("model monitor", OK, "not needed: the stages are watched by jobs of their own")
    if there := model_monitor.in_use(target):
        return Row("model monitor", OK, f"this account uses it: {there}")
    found = f"{model_monitor.CLOSED}, and nothing of it is here: reading does not tell whether monitors can be made"
    fix = f"if they can't: leave `engine: sagemaker` out of deploy/stages/{stages[0]}.yml"
    return Row("model monitor", UNKNOWN, found, fix)


def _warnings(state: Path) -> Row:
    """What has worked on this machine and may not on AWS."""
    found, check = aws_warnings.read(state), "let pass here"
    if not found:
        return Row(check, OK, "nothing that AWS does otherwise")
    subjects = ", ".join(f"{one.kind} {one.subject}" for one in found)
    fix = f"what to do about each: {state / aws_warnings.RECORD}"
    return Row(check, UNKNOWN, f"before it runs on AWS: {subjects}", fix)


def quota_names(pipeline: str, root: Traversable) -> dict[str, int]:
    """The quotas that the pipeline and the stages of a checkout need, and how much of each at least."""
    import yaml

    needed: dict[str, int] = {}
    for kind, chosen in _yaml(yaml, root / "pipelines" / pipeline / "config.yml").get("instances", {}).items():
        needed[f"{chosen['type']} for {kind} job usage"] = chosen.get("count", 1)
    for _, stage in model_monitor.stage_files(root):
        settings = _yaml(yaml, stage)
        if chosen := settings.get("instances"):
            name = f"{chosen['type']} for endpoint usage"
            count = chosen.get("count") or settings.get("autoscaling", {}).get("min", 1)
            needed[name] = needed.get(name, 0) + count
    return needed


def _yaml(yaml: Any, path: Traversable) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()) or {}) if path.is_file() else {}
