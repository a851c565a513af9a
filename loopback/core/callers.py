"""Who may ask what of this AWS: programs of this machine, with a signature wherever AWS wants one. Pure.

Two rules, one after the other. `refusal` keeps pages in a browser out, whatever they ask: by the Host, Origin and
Sec-Fetch-Site headers, which a page cannot set. `access` says what a request without a signature may still do, so that
a browser that sends none of these headers changes nothing either.
"""

import enum
import re
from collections.abc import Mapping, Sequence

Query = Mapping[str, Sequence[str]]

GIT_PREFIXES = ("/git-http/", "/git/", "/v1/repos/")
HEALTH = frozenset({"/health", "/_ministack/health", "/_ministack/ready", "/_localstack/health"})
TESTING = "/_loopback/testing/"  # of a loopback that was started for tests
ONE_TIME = ("/_ministack/cfn-response/", "/_ministack/cfn-signal/")
READS = frozenset({"GET", "HEAD"})
_FORM, _UPLOAD = "application/x-www-form-urlencoded", "multipart/form-data"
_GIT_BODIES = {
    "git-upload-pack": "application/x-git-upload-pack-request",
    "git-receive-pack": "application/x-git-receive-pack-request",
}
_HERE = frozenset({"127.0.0.1", "localhost", "[::1]"})
# The base's addresses of API Gateway, function URLs and load balancers: by path, or by host.
_INVOKED_PATH = re.compile(
    r"/_aws/(execute-api|lambda-url)/[^/]+(/.*)?|/_alb/.+|/restapis/[^/]+/[^/]+/_user_request_(/.*)?"
)
_INVOKED_HOST = re.compile(
    r"([a-f0-9]{8}\.execute-api|[a-z0-9-]+\.lambda-url\.[a-z0-9-]+|[a-z0-9-]+\.alb)\.localhost"
    r"|[a-z0-9.-]+\.elb\.amazonaws\.com"
)
# What ministack answers on any host, before it looks at the host.
_ANY_HOST = re.compile(
    r"/(iceberg|v20180820/|v2/?$|v2/_catalog$|v2/email|v2/.*(/blobs/|/manifests/|/tags/list$)|oauth2/|login|logout|saml2/)"
    r"|.*/\.well-known/|/(Execute|BeginTransaction|CommitTransaction|RollbackTransaction|BatchExecute"
    r"|WriteGetObjectResponse)$"
)
# Links in messages of SNS, which carry what only their receiver knows.
_LINKS = frozenset({"ConfirmSubscription", "Unsubscribe"})


class Access(enum.Enum):
    """With what a request comes, and so what it may do."""

    OPEN = "anybody on this machine: health, git, invocations of APIs, functions and load balancers"
    SIGNED = "an Authorization header"
    PRESIGNED = "a signature in the query, to be checked"
    ONE_TIME = "a token in the path that was made for one answer, to be checked"
    FORM = "an upload form of S3, whose fields hold the signature, to be checked"
    PUBLIC = "a read of what the owner of a bucket lets everybody read, to be checked"
    UNSIGNED_OPERATION = "perhaps one of the operations that AWS takes without a signature, to be checked"
    NONE = "nothing: refused"
    CLOSED = "a path of ministack that is nobody's"


def refusal(host: str, origin: str | None, site: str | None, port: int) -> str | None:
    """Why a request with these headers does not come from a client of this machine's own, or None.

    A page in a browser can reach 127.0.0.1 through a name it controls (DNS rebinding: a foreign Host) or straight
    away: then it has a foreign Origin, or, for an image, a script or a frame, only `Sec-Fetch-Site`. `same-site` is
    another port of this machine. Virtual-host S3 names and ministack's own execute-api names end in `.localhost` or are
    AWS's.
    """
    name = _name(host)
    if not (name in _HERE or name.endswith((".localhost", ".amazonaws.com"))):
        return f"Host {host!r} is not this machine; use http://127.0.0.1:{port}"
    if origin not in (None, f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
        return f"Origin {origin!r} may not use this AWS; only pages from http://127.0.0.1:{port} may"
    if site not in (None, "none", "same-origin"):
        return f"A page of another site ({site}) may not use this AWS; only pages from http://127.0.0.1:{port} may"
    return None


def access(method: str, path: str, query: Query, headers: Mapping[str, str]) -> Access:
    """What a request may do by what it carries. Header names are in lower case, the path is decoded."""
    if path in HEALTH and method in READS:
        return Access.OPEN
    host = headers.get("host", "")
    if path.startswith(ONE_TIME) and method == "PUT":
        return Access.ONE_TIME
    if _invokes(host, path):
        return Access.OPEN
    if path.startswith(TESTING) and headers.get("authorization"):
        return Access.SIGNED
    if path.startswith("/_"):
        return Access.CLOSED
    if path.startswith(GIT_PREFIXES):
        return Access.OPEN if _is_git(method, path, headers) else Access.NONE
    if headers.get("authorization"):
        return Access.SIGNED
    if _signed_by_query(query):
        return Access.PRESIGNED
    return _judge_unsigned(method, path, query, headers)


def websocket(path: str, headers: Mapping[str, str]) -> Access:
    """What the handshake of a WebSocket may do: reach an API of API Gateway, or be signed."""
    if _invokes(headers.get("host", ""), path):
        return Access.OPEN
    return Access.SIGNED if headers.get("authorization") and not path.startswith("/_") else Access.NONE


def _judge_unsigned(method: str, path: str, query: Query, headers: Mapping[str, str]) -> Access:
    content = headers.get("content-type", "").partition(";")[0].strip().lower()
    if action := (query.get("Action") or [""])[0]:
        return Access.UNSIGNED_OPERATION if action in _LINKS and method == "GET" and path == "/" else Access.NONE
    if method in READS and not _ANY_HOST.match(path) and not path.startswith("/endpoints/"):
        return Access.PUBLIC
    if method != "POST":
        return Access.NONE
    if content == _UPLOAD:
        return Access.FORM
    if path == "/" and (content == _FORM or headers.get("x-amz-target")):
        return Access.UNSIGNED_OPERATION
    return Access.NONE


def _invokes(host: str, path: str) -> bool:
    """Whether ministack takes it for an invocation and nothing else, even where there is no such API or function."""
    if _ANY_HOST.match(path):
        return False
    name = _name(host)
    if name in _HERE:
        return _INVOKED_PATH.fullmatch(path) is not None
    return _INVOKED_HOST.fullmatch(name) is not None


def _is_git(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Whether git may have sent it. No page can: it would have to ask first, for a content type of git's own."""
    service = path.rpartition("/")[2]
    if method == "POST":
        return headers.get("content-type") == _GIT_BODIES.get(service, "")
    return method == "GET"


def _signed_by_query(query: Query) -> bool:
    names = {name.lower() for name, values in query.items() if any(values)}
    return "x-amz-signature" in names or {"awsaccesskeyid", "signature"} <= names


def _name(host: str) -> str:
    return (host if host.endswith("]") else host.rsplit(":", 1)[0]).lower()
