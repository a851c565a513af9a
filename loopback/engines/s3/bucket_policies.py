"""What PutBucketPolicy refuses. Pure.

The words are AWS's, as its users report them: aws-samples/aws-serverless-appsync-app#4 (invalid resource),
humanmade/S3-Uploads#191 and #239 (Principal, an action that applies to no resource), noobaa/noobaa-core#10058
(Resource `*`), cloud-custodian#4948 (invalid principal). Actions are those of the table of service actions that
cfn-lint carries; elements and operators are those of IAM's policy grammar.
"""

import fnmatch
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MOST_BYTES = 20 * 1024  # AWS: Amazon S3 User Guide, "Bucket policies"
VERSIONS = ("2008-10-17", "2012-10-17")
NOT_JSON = "Policies must be valid JSON and the first byte must be '{'"
_MEMBERS = frozenset({"Version", "Id", "Statement"})
_PARTS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_PRINCIPALS = frozenset({"AWS", "Service", "CanonicalUser", "Federated"})
_AWS_PRINCIPAL = re.compile(
    r"\*|\d{12}|A[A-Z0-9]{15,127}|arn:aws[a-z-]*:iam::(\d{12}:(root|(user|role|group|federated-user)/.+)|cloudfront:user/.+)"
    r"|arn:aws[a-z-]*:sts::\d{12}:(assumed-role|federated-user)/.+"
)
_RESOURCE = re.compile(r"arn:aws[a-z-]*:s3:::([^/]+)(/.*)?", re.DOTALL)
_OPERATOR = re.compile(
    r"(ForAnyValue:|ForAllValues:)?((String(Not)?Equals(IgnoreCase)?|String(Not)?Like|Numeric(Not)?Equals|Arn(Not)?Equals"
    r"|Numeric(Less|Greater)Than(Equals)?|Date(Not)?Equals|Date(Less|Greater)Than(Equals)?|Bool|BinaryEquals|(Not)?IpAddress"
    r"|Arn(Not)?Like)(IfExists)?|Null)"
)
Exists = Callable[[str], bool]  # whether the user or role of an ARN is there


def policy_fault(text: str, bucket: str, exists: Exists | None = None) -> str:
    """Why a bucket can't have this policy; "" where it can."""
    try:
        document = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return NOT_JSON
    if len(text.encode()) > MOST_BYTES:
        return f"The policy has {len(text.encode())} bytes; a bucket's has at most {MOST_BYTES}"
    return next(_faults(document, bucket, exists), "")


def _faults(document: Mapping[str, Any], bucket: str, exists: Exists | None) -> Iterator[str]:
    yield from (f"Unknown field {name}" for name in sorted(document.keys() - _MEMBERS))
    if document.get("Version", VERSIONS[0]) not in VERSIONS:
        yield "The policy must contain a valid version string"
    statements = document.get("Statement")
    if not statements:
        yield "Missing required field Statement"
        return
    for statement in _several(statements):
        if not isinstance(statement, dict):
            yield "Policies must have statements that are objects"
        else:
            yield from _statement_faults(statement, bucket, exists)


def _statement_faults(statement: Mapping[str, Any], bucket: str, exists: Exists | None) -> Iterator[str]:
    yield from (f"Unknown field {name}" for name in sorted(statement.keys() - _PARTS))
    if "Effect" not in statement:
        yield "Missing required field Effect"
    elif statement["Effect"] not in ("Allow", "Deny"):
        yield f"Invalid effect: {statement['Effect']}"
    for name in ("Principal", "Action", "Resource"):
        if (name in statement) == (f"Not{name}" in statement):
            yield f"Missing required field {name}"
    principal = statement.get("Principal", statement.get("NotPrincipal"))
    if principal is not None and not _is_principal(principal, exists):
        yield "Invalid principal in policy"
    yield from _scope_faults(statement, bucket)
    for operator in statement.get("Condition") or {}:
        if not _OPERATOR.fullmatch(str(operator)):
            yield f"Invalid Condition type : {operator}"


def _scope_faults(statement: Mapping[str, Any], bucket: str) -> Iterator[str]:
    """What is wrong with the actions, the resources, or the two together."""
    actions = _several(statement.get("Action", statement.get("NotAction", [])))
    if not all(isinstance(action, str) and _kinds_of(action) for action in actions):
        yield "Policy has invalid action"
        return
    resources = _several(statement.get("Resource", statement.get("NotResource", [])))
    if not all(isinstance(resource, str) and _is_of(resource, bucket) for resource in resources):
        yield "Policy has invalid resource"
        return
    covered = set[str]().union(*(_kinds_at(resource) for resource in resources))
    if resources and any(not covered & _kinds_of(action) for action in actions):
        yield "Action does not apply to any resource(s) in statement"


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


def _is_principal(principal: Any, exists: Exists | None) -> bool:
    if not isinstance(principal, dict):
        return bool(principal == "*")
    if not principal or principal.keys() - _PRINCIPALS:
        return False
    for kind, values in principal.items():
        for value in _several(values):
            if not isinstance(value, str) or not value:
                return False
            if kind == "AWS" and not (_AWS_PRINCIPAL.fullmatch(value) and (exists is None or exists(value))):
                return False
    return True


def _is_of(resource: str, bucket: str) -> bool:
    """Whether an ARN, with wildcards, is this bucket or objects of it. One that begins with a wildcard is not."""
    found = _RESOURCE.fullmatch(resource)
    return found is not None and found[1][0] not in "*?" and fnmatch.fnmatchcase(bucket, found[1].replace("[", "[[]"))


def _kinds_at(resource: str) -> set[str]:
    """Whether a resource is a bucket, objects, or by its wildcard both."""
    name, slash, _ = resource.rpartition(":::")[2].partition("/")
    if slash:
        return {"object"}
    return {"bucket", "object"} if name.endswith("*") else {"bucket"}


def _kinds_of(action: str) -> set[str]:
    """What the actions that a pattern means are asked of; nothing where it means none of S3's."""
    if action == "*":
        return {"bucket", "object"}
    service, _, name = action.partition(":")
    if service.lower() not in ("s3", "s3-object-lambda"):
        return set()
    pattern = name.lower().replace("[", "[[]")
    return set[str]().union(*(kinds for known, kinds in _actions().items() if fnmatch.fnmatchcase(known, pattern)))


@cache
def _actions() -> dict[str, set[str]]:
    """S3's actions in lower case, and whether they are asked of buckets or of objects."""
    spec = find_spec("cfnlint")  # found, not imported: importing it takes a second
    if spec is None or spec.origin is None:
        raise RuntimeError("cfn-lint is not installed; its table of actions is what policies are checked against")
    table = json.loads((Path(spec.origin).parent / "data/AdditionalSpecs/Policies.json").read_text())["s3"]["Actions"]
    return {
        name: set(one.get("Resources", ["bucket"])) & {"bucket", "object"} or {"bucket"} for name, one in table.items()
    }
