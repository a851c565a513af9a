"""No page in a browser can make loopback do anything: a real Chromium, a page on another port, every way it has."""

import http.client
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.browser import hostile, opened, recorder
from tests.journeys.conftest import Loopback, free_port, until

pytestmark = pytest.mark.journey

CODE = "def handler(event, context):\n    print('ran')\n    return 'ran'\n"
ROLE = "arn:aws:iam::000000000000:role/function"
TEMPLATE = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
STACK = {"Action": "CreateStack", "StackName": "stack-WAY", "TemplateBody": TEMPLATE}
GETS = {
    *("img", "script", "stylesheet", "preload", "prefetch", "iframe", "object", "embed", "background", "events"),
    *("worker", "popup", "fetchcors", "fetchnocors", "fetchreferrer", "socket", "formget", "refresh"),
}
CONTENTS = {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "application/x-amz-json-1.1", ""}
SIGNATURE = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/s3/aws4_request"
# As forms name the fields of an upload; what a page sends in other content types is no upload at all.
OBJECT = {"key": "object-WAY", "file": "content"}


def targets(function_url: str) -> dict[str, Any]:
    """What would change something if it were carried out. WAY becomes the name of the way it is sent."""
    return {
        "get": [
            {"url": "/?Action=CreateQueue&QueueName=queue-WAY"},
            {"url": "/?Action=CreateQueue&QueueName=queue-WAY&AWSAccessKeyId=000000000000&Signature=x"},
            {"url": f"/?Action=CreateStack&StackName=stack-WAY&TemplateBody={TEMPLATE}"},
            {"url": "/git/team/repository-WAY.git/info/refs?service=git-receive-pack"},
            {"url": function_url},
        ],
        "post": [
            {"url": "/", "fields": {"Action": "CreateQueue", "QueueName": "queue-WAY"}},
            {"url": "/", "fields": STACK},
            {"url": "/?Action=CreateQueue&QueueName=queue-WAY", "fields": {"a": "b"}},
            {"url": "/2015-03-31/functions/function/invocations", "fields": {"a": "b"}},
            {"url": function_url, "fields": {"a": "b"}},
            {"url": "/bucket", "fields": OBJECT},
            {"url": "/bucket/object-WAY", "fields": {"a": "b"}},
            {"url": "/git/team/repository-WAY.git/git-receive-pack", "fields": {"a": "b"}},
            {"url": "/_ministack/reset", "fields": {}},
            {"url": "/_ministack/config", "fields": {"a": "b"}},
        ],
    }


@pytest.fixture
def function_url(loopback: Loopback) -> str:
    """The path of a function's URL that anybody on this machine may call."""
    return _with_function(loopback)


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Loopback, str]]:
    """A loopback for those who do not sign, and the path of its function."""
    made = Loopback(tmp_path_factory.mktemp("unsigned") / "state", free_port())
    started = made.up()
    assert started.returncode == 0, started.stderr
    yield made, _with_function(made)
    made.down()


def _with_function(loopback: Loopback) -> str:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", CODE)
    functions, given = loopback.client("lambda"), {"Runtime": "python3.11", "Handler": "index.handler"}
    functions.create_function(FunctionName="function", Role=ROLE, Code={"ZipFile": code.getvalue()}, **given)
    url: str = functions.create_function_url_config(FunctionName="function", AuthType="NONE")["FunctionUrl"]
    loopback.client("s3").create_bucket(Bucket="bucket")
    return f"/_aws/lambda-url/{url.removeprefix('https://').removeprefix('http://').partition('.')[0]}/"


def everything(loopback: Loopback) -> dict[str, Any]:
    """What a page could have changed, as loopback tells it to a client that signs."""
    streams = loopback.client("logs").describe_log_groups()["logGroups"]
    return {
        "queues": loopback.client("sqs").list_queues().get("QueueUrls", []),
        "stacks": [each["StackName"] for each in loopback.client("cloudformation").describe_stacks()["Stacks"]],
        "objects": loopback.client("s3").list_objects_v2(Bucket="bucket").get("Contents", []),
        "functions": [each["FunctionName"] for each in loopback.client("lambda").list_functions()["Functions"]],
        "invoked": [group["logGroupName"] for group in streams if group["logGroupName"].startswith("/aws/lambda/")],
        "repositories": sorted(str(path) for path in (loopback.state / "git").glob("**/*.git")),
    }


def test_a_page_of_another_site_changes_nothing(loopback: Loopback, function_url: str) -> None:
    before = everything(loopback)
    with recorder(hostile(targets(function_url))) as site, recorder({}) as control:
        with opened(f"{site.url}/?to={control.url}"):
            until(lambda: site.has("/done"), 120)
        site.came.clear()
        with opened(f"{site.url}/?to=http://127.0.0.1:{loopback.port}"):
            until(lambda: site.has("/done"), 120)
    # The same page, sent to somebody who takes everything: these ways are really tried.
    gets = " ".join(address for method, address, _, _ in control.came if method == "GET")
    assert [way for way in GETS if f"queue-{way}" not in gets] == []
    assert {content.partition(";")[0] for _, _, content, _ in control.came} >= CONTENTS
    assert {"PUT", "DELETE"} <= {method for method, _, _, _ in control.came}
    assert everything(loopback) == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_ministack/health", 200),
        ("POST", "FUNCTION", 200),
        ("GET", "/git/team/app.git/info/refs?service=git-receive-pack", 200),
        ("POST", "/_ministack/reset", 403),
        ("GET", "/_ministack/lambda-code/function", 403),
        ("PUT", "/_ministack/cfn-response/00000000-0000-0000-0000-000000000000", 403),
        ("GET", "/?Action=ListQueues", 403),
        ("GET", "/2015-03-31/functions", 403),
        ("GET", "/bucket/key", 403),
        ("GET", "/", 403),
        ("PUT", "/bucket/key", 403),
        ("POST", "/bucket/key?X-Amz-Signature=0", 403),
        ("POST", "/_aws/execute-api/00000000/x?Action=CreateQueue&QueueName=q", 404),
        ("POST", "/_alb/none/?Action=CreateQueue&QueueName=q", 404),
        ("POST", "/endpoints/e/invocations", 403),
    ],
)
def test_a_program_without_a_signature(unsigned: tuple[Loopback, str], method: str, path: str, status: int) -> None:
    loopback, function = unsigned
    connection = http.client.HTTPConnection("127.0.0.1", loopback.port, timeout=30)
    connection.request(method, path.replace("FUNCTION", function), body=b"" if method != "GET" else None)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("access-control-allow-origin")) == (status, None), answer.read()
    connection.close()


def test_a_page_out_of_a_bucket_is_no_caller(loopback: Loopback) -> None:
    s3 = loopback.client("s3")
    s3.create_bucket(Bucket="bucket")
    with recorder({}) as control:
        page = f"""<script>
            fetch("/bucket/written", {{ method: "PUT", headers: {{ authorization: "{SIGNATURE}" }}, body: "x" }})
              .catch(() => 0).finally(() => navigator.sendBeacon("{control.url}/done"));
        </script>"""
        s3.put_object(Bucket="bucket", Key="page.html", Body=page.encode(), ContentType="text/html")
        with opened(s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "page.html"})):
            until(lambda: control.has("/done"), 60)
    assert [found["Key"] for found in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["page.html"]
