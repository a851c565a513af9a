"""Functions with inline code, in the workers of the base: real processes of Python and Node.js."""

import importlib
import io
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from loopback.ministack import functions
from loopback.ministack.functions import frames, load_failure

RUNTIMES = ["python3.12", pytest.param("nodejs20.x", marks=pytest.mark.skipif(not shutil.which("node"), reason="node"))]
PYTHON, NODE = "python3.12", "nodejs20.x"


@pytest.fixture(scope="module", autouse=True)
def installed() -> Iterator[None]:
    kept = [
        (m, hook, getattr(m, hook))
        for name, hooks in functions.HOOKS.items()
        for hook in hooks
        for m in [_module(name)]
    ]
    worker = _module("ministack.core.lambda_runtime").Worker
    invoke = worker.invoke
    functions.install()
    yield
    for module, hook, value in kept:
        setattr(module, hook, value)
    worker.invoke = invoke
    _module("ministack.core.lambda_runtime").reset()


def _module(name: str) -> Any:
    return importlib.import_module(name)


def invoked(source: str, runtime: str = PYTHON, handler: str = "index.handler", event: Any = None) -> dict[str, Any]:
    archive = _module("ministack.services.cloudformation.provisioners")._zip_inline(source, handler, runtime)
    name = f"f{abs(hash((source, runtime, handler)))}"
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    config = {"FunctionName": name, "FunctionArn": arn, "Runtime": runtime, "Handler": handler, "Timeout": 20}
    execute = _module("ministack.services.lambda_svc")._execute_function_warm
    answer: dict[str, Any] = execute({"config": config, "code_zip": archive}, event or {}, "request-1")
    return answer


@pytest.fixture
def cloudformation() -> Iterator[tuple[str, list[Any]]]:
    """Where the answer of a custom resource goes, and what has come."""
    taken: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append((self.headers["content-type"], json.loads(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/x?token=1", taken
    server.shutdown()
    server.server_close()


SENDING = {
    PYTHON: """
import cfnresponse
def handler(event, context):
    cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Out": "made"}, "id", noEcho=True)
""",
    NODE: """
const response = require("cfn-response");
exports.handler = (event, context) => { response.send(event, context, response.SUCCESS, {Out: "made"}, "id", true); };
""",
}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_inline_code_answers_a_custom_resource(runtime: str, cloudformation: tuple[str, list[Any]]) -> None:
    """The interface is AWS's: CloudFormation user guide, cfn-lambda-function-code-cfnresponsemodule."""
    url, taken = cloudformation
    event = {"ResponseURL": url, "StackId": "s", "RequestId": "r", "LogicalResourceId": "l"}
    answer = invoked(SENDING[runtime], runtime, event=event)
    assert "error" not in answer, answer
    ((kind, body),) = taken
    assert kind in ("", None)
    assert body.pop("Reason").startswith("See the details in CloudWatch Log Stream: ")
    ids = {"StackId": "s", "RequestId": "r", "LogicalResourceId": "l"}
    assert body == ids | {"Status": "SUCCESS", "PhysicalResourceId": "id", "NoEcho": True, "Data": {"Out": "made"}}


def test_only_inline_code_that_names_it_has_the_module() -> None:
    pack = _module("ministack.services.cloudformation.provisioners")._zip_inline
    names = [
        zipfile.ZipFile(io.BytesIO(pack(code, "index.h", PYTHON))).namelist()
        for code in ("x = 1", "import cfnresponse")
    ]
    assert names == [["index.py"], ["index.py", "cfnresponse.py"]]


IMPORT = "Unable to import module 'index': No module named 'no_such'"
FAILING = [  # source, runtime, handler; the type and the message of the error
    ("import no_such", PYTHON, "index.handler", "Runtime.ImportModuleError", IMPORT),
    ("x = 1", PYTHON, "other.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'other'"),
    ("x = 1", PYTHON, "index", "Runtime.MalformedHandlerName", "Bad handler 'index'"),
    ("def f(:", PYTHON, "index.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'index': "),
    ("raise KeyError('k')", PYTHON, "index.handler", "KeyError", "'k'"),
    ("import sys; sys.exit(3)", PYTHON, "index.handler", "Runtime.ExitError", "Runtime exited with error: exit status"),
    ("def handler(e, c): raise ValueError('no')", PYTHON, "index.handler", "ValueError", "no"),
    ("require('no-such')", NODE, "index.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'no-such'"),
    ("exports.x = 1", NODE, "index.handler", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
    ("function (", NODE, "index.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
    ("exports.handler = async () => { throw new TypeError('no') }", NODE, "index.handler", "TypeError", "no"),
]


@pytest.mark.parametrize(("source", "runtime", "handler", "kind", "message"), FAILING)
def test_a_function_that_fails_says_why(source: str, runtime: str, handler: str, kind: str, message: str) -> None:
    if runtime == NODE and not shutil.which("node"):
        pytest.skip("node")
    answer = invoked(
        f"print('before')\n{source}" if runtime == PYTHON and "(:" not in source else source, runtime, handler
    )
    assert answer["error"]
    assert (answer["body"]["errorType"], answer["body"]["errorMessage"].startswith(message)) == (kind, True), answer
    assert kind in answer["log"]
    if runtime == PYTHON:
        assert f"[ERROR] {kind}: {message}" in answer["log"]


def test_the_frames_are_the_functions_own() -> None:
    trace = (
        'Traceback (most recent call last):\n  File "/t/_worker.py", line 1, in run\n    x\n'
        '  File "/t/code/index.py", line 2, in h\n    y\nE: m'
    )
    assert frames(trace) == ['  File "/t/code/index.py", line 2, in h', "    y"]


def test_what_the_base_says_otherwise_is_passed_on() -> None:
    assert load_failure("Unsupported runtime: x", "index.handler", None).message == "Unsupported runtime: x"
