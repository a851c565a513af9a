"""`slipway publish`: put the project template and its seed code where Studio and CreateProject find them."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.cli import roles, screen, stacks
from slipway.cli.target import Target, UserError, WrongUsage
from slipway.cli.template import Template

TEMPLATES = "templates/"  # nothing else lies there: Studio offers every object with the tag below this prefix
TEMPLATE_KEY = TEMPLATES + "slipway.yml"
VISIBLE = {"Key": "sagemaker:studio-visibility", "Value": "true"}
LOCATION_TAG = "sagemaker:projectS3TemplatesLocation"
ORIGIN = "https://*.sagemaker.aws"
CORS = {
    "AllowedOrigins": [ORIGIN],
    "AllowedMethods": ["POST", "PUT", "GET", "HEAD", "DELETE"],
    "AllowedHeaders": ["*"],
    "ExposeHeaders": ["ETag", "x-amz-delete-marker", "x-amz-id-2", "x-amz-request-id", "x-amz-version-id"],
}
LAUNCH_ROLE = "SlipwayProjectsLaunchRole-{region}"  # what it may do ends at the region
ROLES_STACK, PORTFOLIO_STACK = "slipway-roles", "slipway-portfolio"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class Options:
    """What a person may choose."""

    bucket: str = ""
    domain: str = ""
    roles: bool = False
    service_catalog: bool = False
    principal: str = ""
    boundary: str = ""


def publish(target: Target, template: Template, options: Options, *, as_json: bool) -> None:
    """Carry it out, and say of each part whether it was made, changed or as it should be already."""
    bucket = options.bucket or default_bucket(target)
    if not _BUCKET.fullmatch(bucket):
        raise WrongUsage(f"--bucket {bucket}: a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens")
    if options.boundary and not options.roles:
        raise WrongUsage("--boundary is of the roles that --roles makes")
    archives = {"project": template.project(), "checkin": template.checkin()}
    if not as_json:
        screen.say(f"template {template.where}")
    done = [("bucket", bucket, _bucket(target, bucket)), ("CORS", ORIGIN, _cors(target, bucket))]
    keys = {}
    for name, archive in archives.items():
        keys[name] = f"seed/{name}-{archive.digest}.zip"
        done.append(
            (name, f"s3://{bucket}/{keys[name]}", f"{_object(target, bucket, keys[name], archive)} ({archive})")
        )
    defaults = {"SeedBucket": bucket, "SeedKey": keys["project"], "CheckinKey": keys["checkin"]}
    rendered = render(template.text("project.yml"), defaults | {"RolePrefix": roles.account_prefix(target.region)})
    done.append(("template", template_url(target, bucket), _template(target, bucket, rendered)))
    result = _text(target, bucket, roles.TEMPLATE_KEY, template.text("project_roles.yml"))
    done.append(("roles template", f"s3://{bucket}/{roles.TEMPLATE_KEY}", result))
    if options.domain:
        done.append(("domain", options.domain, _domain(target, options.domain, bucket)))
    if options.roles:
        done.append(("launch role", ROLES_STACK, _roles(target, template.text("roles.yml"), bucket)))
        where = roles_url(target, bucket)
        done.append(("roles", roles.OF_ACCOUNT, roles.make_for_account(target, where, bucket, options.boundary)))
    if options.service_catalog:
        version = hashlib.sha256(rendered.encode()).hexdigest()[:16]
        done.append(
            ("portfolio", PORTFOLIO_STACK, _portfolio(target, template.text("portfolio.yml"), bucket, options, version))
        )
    _show(done, options, as_json=as_json)


def _show(done: list[tuple[str, str, str]], options: Options, *, as_json: bool) -> None:
    if as_json:
        screen.show_json([{"part": part, "where": where, "result": result} for part, where, result in done])
        return
    screen.console.print(screen.table(("part", "where", "result"), done))
    screen.say()
    if not options.domain:
        screen.say("Studio shows it once a domain knows of it: slipway publish --domain d-...")
    screen.say("launch a project: slipway launch NAME --source codecommit|s3|CONNECTION_ARN --repository owner/name")


def default_bucket(target: Target) -> str:
    """One bucket an account and region."""
    account = target.client("sts").get_caller_identity()["Account"]
    return f"slipway-templates-{account}-{target.region}"


def template_url(target: Target, bucket: str) -> str:
    """As CreateProject wants it."""
    return _url(target, bucket, TEMPLATE_KEY)


def roles_url(target: Target, bucket: str) -> str:
    """The template of the roles, as CreateStack wants it."""
    return _url(target, bucket, roles.TEMPLATE_KEY)


def _url(target: Target, bucket: str, key: str) -> str:
    suffix = "amazonaws.com.cn" if target.region.startswith("cn-") else "amazonaws.com"
    return f"https://{bucket}.s3.{target.region}.{suffix}/{key}"


def render(text: str, defaults: Mapping[str, str]) -> str:
    """The template with the places of the zips and the account's roles as defaults: nobody has to type them."""
    for name, value in defaults.items():
        text, times = re.subn(
            rf"^(  {name}:\n    Type: String\n)", rf"\g<1>    Default: {value}\n", text, flags=re.MULTILINE
        )
        if times != 1:
            raise UserError(
                f"seed_code/project.yml has no parameter {name} of Type String; publish fills in its default"
            )
    return text


def _code(fault: Any) -> str:
    return str(fault.response["Error"]["Code"])


def _bucket(target: Target, bucket: str) -> str:
    from botocore.exceptions import ClientError

    s3, made = target.client("s3"), "as it was"
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as fault:
        if _code(fault) not in ("404", "NoSuchBucket"):
            raise UserError(f"bucket {bucket} is not yours to use ({_code(fault)}); choose another: --bucket") from None
        place = {"CreateBucketConfiguration": {"LocationConstraint": target.region}}
        s3.create_bucket(Bucket=bucket, **({} if target.region == "us-east-1" else place))
        made = "created"
    blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(blocked, True))
    return made


def _cors(target: Target, bucket: str) -> str:
    """Add our rule beside those that are there."""
    rules = cors_rules(target, bucket)
    if any(
        ORIGIN in rule["AllowedOrigins"] and set(CORS["AllowedMethods"]) <= set(rule["AllowedMethods"])
        for rule in rules
    ):
        return "as it was"
    target.client("s3").put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [*rules, CORS]})
    return "added"


def cors_rules(target: Target, bucket: str) -> list[dict[str, Any]]:
    """The rules of a bucket; none is no error."""
    from botocore.exceptions import ClientError

    try:
        rules: list[dict[str, Any]] = target.client("s3").get_bucket_cors(Bucket=bucket)["CORSRules"]
    except ClientError as fault:
        if _code(fault) == "NoSuchCORSConfiguration":
            return []
        raise
    return rules


def _object(target: Target, bucket: str, key: str, archive: Any) -> str:
    """The key has the content's hash in it: what is there is right, and older projects keep theirs."""
    from botocore.exceptions import ClientError

    s3 = target.client("s3")
    try:
        s3.head_object(Bucket=bucket, Key=key)
        return "as it was"
    except ClientError as fault:
        if _code(fault) not in ("404", "NoSuchKey"):
            raise
    s3.put_object(Bucket=bucket, Key=key, Body=archive.content, ContentType="application/zip")
    return "uploaded"


def _template(target: Target, bucket: str, text: str) -> str:
    result = _text(target, bucket, TEMPLATE_KEY, text)
    target.client("s3").put_object_tagging(Bucket=bucket, Key=TEMPLATE_KEY, Tagging={"TagSet": [VISIBLE]})
    return result


def _text(target: Target, bucket: str, key: str, text: str) -> str:
    from botocore.exceptions import ClientError

    s3 = target.client("s3")
    try:
        same = s3.get_object(Bucket=bucket, Key=key)["Body"].read() == text.encode()
    except ClientError as fault:
        if _code(fault) not in ("404", "NoSuchKey"):
            raise
        same = False
    if not same:
        s3.put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/yaml")
    return "as it was" if same else "uploaded"


def _domain(target: Target, domain: str, bucket: str) -> str:
    """Tell a domain where its templates are. One that looks elsewhere already is left alone."""
    client, wanted = target.client("sagemaker"), f"s3://{bucket}/{TEMPLATES}"
    arn = client.describe_domain(DomainId=domain)["DomainArn"]
    present = domain_location(target, arn)
    if present == wanted:
        return "as it was"
    if present:
        raise UserError(
            f"domain {domain} takes its templates from {present}, and it can have one such place. "
            f"Publish into that bucket (--bucket), or take the tag {LOCATION_TAG} off the domain first"
        )
    client.add_tags(ResourceArn=arn, Tags=[{"Key": LOCATION_TAG, "Value": wanted}])
    return f"tagged {wanted}"


def domain_location(target: Target, arn: str) -> str:
    """Where a domain's templates are; empty when it has no such tag."""
    pages = target.client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn)
    tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    return str(tags.get(LOCATION_TAG, ""))


def _roles(target: Target, text: str, bucket: str) -> str:
    return stacks.deploy(target, ROLES_STACK, {"TemplateBody": text}, {"TemplateBucket": bucket})


def launch_role_name(target: Target) -> str:
    """The name of the launch role of roles.yml in this region."""
    return LAUNCH_ROLE.format(region=target.region)


def launch_role(target: Target) -> str:
    """The ARN of the launch role; empty when the account has none for this region."""
    iam = target.client("iam")
    try:
        return str(iam.get_role(RoleName=launch_role_name(target))["Role"]["Arn"])
    except iam.exceptions.NoSuchEntityException:
        return ""


def _portfolio(target: Target, text: str, bucket: str, options: Options, version: str) -> str:
    role, principal = launch_role(target), options.principal
    if not role:
        raise UserError(
            f"there is no role {launch_role_name(target)} for the product to launch with; "
            "make it: slipway publish --roles"
        )
    if not principal and options.domain:
        domain = target.client("sagemaker").describe_domain(DomainId=options.domain)
        principal = domain["DefaultUserSettings"].get("ExecutionRole", "")
    if not principal:
        raise WrongUsage(
            "--service-catalog needs to know who may launch: --principal ARN, or --domain with its own role"
        )
    given = {
        "TemplateUrl": template_url(target, bucket),
        "TemplateVersion": version,
        "LaunchRoleArn": role,
        "PrincipalArn": principal,
    }
    return stacks.deploy(target, PORTFOLIO_STACK, {"TemplateBody": text}, given)
