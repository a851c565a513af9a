"""No page in a browser can make loopback do anything: a real Chromium, a page on another port, every way it has."""

import io
import json
import zipfile
from typing import Any

import pytest

from tests.journeys.browser import hostile, opened, recorder
from tests.journeys.conftest import Loopback, until

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
