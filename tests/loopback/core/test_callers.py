"""Who may ask what: pages, programs that sign, and programs that do not."""

from urllib.parse import parse_qs

import pytest

from loopback.core.callers import Access, access, refusal, websocket

HERE = "127.0.0.1:4566"
FORM, JSON = "application/x-www-form-urlencoded", "application/x-amz-json-1.1"
UPLOAD = "multipart/form-data; boundary=b"
SIGNATURE = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/s3/aws4_request, ..."
PRESIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c&X-Amz-Signature=s"
STACK = "Action=CreateStack&StackName=s"
# What a page can send without asking first (https://fetch.spec.whatwg.org/#cors-safelisted-request-header)
SIMPLE = (FORM, UPLOAD, "text/plain", "")


@pytest.mark.parametrize(
    ("host", "origin", "site", "reason"),
    [
        (HERE, None, None, None),
        (HERE, None, "none", None),
        (HERE, f"http://{HERE}", "same-origin", None),
        ("localhost:4566", "http://localhost:4566", None, None),
        ("bucket.s3.us-east-1.amazonaws.com", None, None, None),
        ("bucket.localhost:4566", None, None, None),
        (HERE, None, "cross-site", "another site"),
        (HERE, None, "same-site", "another site"),  # localhost:3000
        (HERE, f"http://{HERE}", "cross-site", "another site"),
        (HERE, None, "", "another site"),
        ("evil.example:4566", None, None, "is not this machine"),
        ("127.0.0.1.evil.example", None, None, "is not this machine"),
        ("", None, None, "is not this machine"),
        (HERE, "https://evil.example", None, "may not use this AWS"),
        (HERE, "http://127.0.0.1:9999", "same-site", "may not use this AWS"),
        (HERE, "null", None, "may not use this AWS"),
    ],
)
def test_pages_of_others_are_refused(host: str, origin: str | None, site: str | None, reason: str | None) -> None:
    found = refusal(host, origin, site, 4566)
    assert (found is None) if reason is None else reason in str(found)


def allowed(method: str, path: str, query: str = "", host: str = HERE, **headers: str) -> Access:
    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return access(method, path, parse_qs(query, keep_blank_values=True), given)


@pytest.mark.parametrize("path", ["/", "/bucket/key", "/2015-03-31/functions", "/endpoints/e/invocations", "/v2/email"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
def test_what_is_signed_goes_on(method: str, path: str) -> None:
    assert allowed(method, path, authorization=SIGNATURE) is Access.SIGNED
    assert allowed(method, path, PRESIGNED) is Access.PRESIGNED
    assert allowed(method, path, PRESIGNED.lower()) is Access.PRESIGNED
    assert allowed(method, path, "AWSAccessKeyId=k&Signature=s&Expires=1") is Access.PRESIGNED


@pytest.mark.parametrize("content", SIMPLE)
@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/", STACK),
        ("HEAD", "/", STACK),
        ("POST", "/", STACK),
        ("GET", "/bucket", "Action=SendMessage"),
        ("GET", "/000000000000/queue", "Action=SendMessage&MessageBody=x"),
        ("POST", "/000000000000/queue", "Action=SendMessage&MessageBody=x"),
        ("POST", "/2015-03-31/functions/f/invocations", ""),
        ("POST", "/endpoints/e/invocations", ""),
        ("GET", "/endpoints/e/invocations", ""),
        ("POST", "/endpoints/e/async-invocations", ""),
        ("PUT", "/bucket/key", ""),
        ("DELETE", "/bucket/key", ""),
        ("POST", "/bucket/key", "delete"),
        ("OPTIONS", "/bucket/key", ""),
        ("POST", "/git/team/app.git/git-receive-pack", ""),
        ("POST", "/git/team/app.git/git-upload-pack", ""),
        ("PUT", "/git/team/app.git/info/refs", ""),
        ("POST", "/restapis", ""),
        ("GET", "/oauth2/authorize", ""),
        ("GET", "/logout", ""),
        ("GET", "/iceberg/v1/config", ""),
        ("GET", "/v2/", ""),
        ("PUT", "/latest/api/token", ""),
        ("GET", "/", f"{PRESIGNED.replace('=s', '=')}&{STACK}"),
        ("GET", "/", f"AWSAccessKeyId=k&{STACK}"),
    ],
)
def test_nothing_changes_without_a_signature(method: str, path: str, query: str, content: str) -> None:
    found = allowed(method, path, query, content_type=content)
    # a form may hold the signature itself: S3 looks
    assert found is Access.NONE or (content == UPLOAD and method == "POST" and found is Access.FORM)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "/_ministack/reset",
        "/_ministack/config",
        "/_ministack/lambda-code/f",
        "/_ministack/sqs/messages",
        "/_ministack/healthy",
        "/_ministack/rds/iam-auth",
        "/_localstack/init",
        "/_aws/ses",
        "/_aws/sqs/messages",
        "/_anything",
    ],
)
def test_private_paths_of_the_base_are_closed_to_all(method: str, path: str) -> None:
    assert allowed(method, path) is allowed(method, path, authorization=SIGNATURE) is Access.CLOSED


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "found"),
    [
        ("GET", "/_ministack/health", "", {}, Access.OPEN),
        ("POST", "/_ministack/health", "", {}, Access.CLOSED),
        ("PUT", "/_ministack/cfn-response/token", "", {}, Access.ONE_TIME),
        ("GET", "/_ministack/cfn-response/token", "", {}, Access.CLOSED),
        ("PUT", "/_ministack/cfn-signal/token", "", {}, Access.ONE_TIME),
        ("POST", "/_aws/execute-api/0123abcd/prod/x", "", {}, Access.OPEN),
        ("POST", "/_aws/lambda-url/abc/x", "", {}, Access.OPEN),
        ("POST", "/_alb/name/x", "", {}, Access.OPEN),
        ("POST", "/restapis/0123abcd/prod/_user_request_/x", "", {}, Access.OPEN),
        ("POST", "/prod/x", "", {"host": "0123abcd.execute-api.localhost:4566"}, Access.OPEN),
        ("POST", "/x", "", {"host": "0123.lambda-url.us-east-1.localhost:4566"}, Access.OPEN),
        ("POST", "/v2/email/x", "", {"host": "0123abcd.execute-api.localhost:4566"}, Access.NONE),
        ("POST", "/", STACK, {"host": "x.execute-api.localhost:4566"}, Access.NONE),
        ("PUT", "/_alb/name/x", "", {"host": "bucket.localhost:4566"}, Access.CLOSED),
        ("PUT", "/restapis/a/b/_user_request_/k", "", {"host": "bucket.localhost:4566"}, Access.NONE),
        ("GET", "/git/team/app.git/info/refs", "service=git-receive-pack", {}, Access.OPEN),
        (
            "POST",
            "/git/team/app.git/git-receive-pack",
            "",
            {"content-type": "application/x-git-receive-pack-request"},
            Access.OPEN,
        ),
        (
            "POST",
            "/git/team/app.git/git-receive-pack",
            "",
            {"content-type": "application/x-git-upload-pack-request"},
            Access.NONE,
        ),
        ("GET", "/bucket/key", "", {}, Access.PUBLIC),
        ("HEAD", "/bucket/key", "versionId=1", {}, Access.PUBLIC),
        ("GET", "/", "", {}, Access.PUBLIC),
        ("POST", "/bucket", "", {"content-type": UPLOAD}, Access.FORM),
        ("GET", "/", "Action=ConfirmSubscription&Token=t", {}, Access.UNSIGNED_OPERATION),
        ("POST", "/", "", {"content-type": f"{FORM}; charset=utf-8"}, Access.UNSIGNED_OPERATION),
        ("POST", "/", "", {"content-type": JSON, "x-amz-target": "Service.SignUp"}, Access.UNSIGNED_OPERATION),
        ("POST", "/", "", {"content-type": "text/plain"}, Access.NONE),
    ],
)
def test_what_needs_no_signature(method: str, path: str, query: str, headers: dict[str, str], found: Access) -> None:
    assert access(method, path, parse_qs(query, keep_blank_values=True), {"host": HERE, **headers}) is found


@pytest.mark.parametrize(
    ("path", "headers", "found"),
    [
        ("/prod", {"host": "0123abcd.execute-api.localhost"}, Access.OPEN),
        ("/_aws/execute-api/0123abcd/prod", {"host": HERE}, Access.OPEN),
        ("/endpoints/e/invocations", {"host": HERE}, Access.NONE),
        ("/mqtt", {"host": HERE, "authorization": SIGNATURE}, Access.SIGNED),
        ("/_x", {"host": HERE, "authorization": SIGNATURE}, Access.NONE),
    ],
)
def test_handshakes_of_websockets(path: str, headers: dict[str, str], found: Access) -> None:
    assert websocket(path, headers) is found
