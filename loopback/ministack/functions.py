"""Lambda functions of the base: the modules that inline code finds, and what a function that fails says.

The base tells neither the type of an error nor, for code that cannot be loaded, anything in the log. Here both are as
the runtimes of AWS have them: their sources are aws-lambda-python-runtime-interface-client (bootstrap.py) and
aws-lambda-nodejs-runtime-interface-client (UserFunction.js, Errors/).
"""

import importlib
import io
import json
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from loopback.ministack.modules import BrokenBase

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.core.lambda_runtime": ("Worker", "_PYTHON_WORKER_SCRIPT", "_NODEJS_WORKER_SCRIPT"),
    "ministack.services.lambda_svc": ("_execute_function_warm",),
    "ministack.services.cloudformation.provisioners": ("_zip_inline",),
}
# A module that CloudFormation adds to inline code which names it: its name, its place beside the code, its file here.
MODULES = (("cfnresponse", "cfnresponse.py"), ("cfn-response", "node_modules/cfn-response.js"))
# What the base says of a worker.
NOT_LOADED, EXITED = "Worker init failed: ", "Worker process exited immediately."
DIED = "Worker process died"
# What the scripts of the base's workers say of an error, and what they say here.
_PYTHON = (
    (
        "        handler_fn = getattr(mod, handler_name)\n",
        (
            "        if not hasattr(mod, handler_name):\n"
            "            raise type('Runtime.HandlerNotFound', (Exception,), {})("
            "f\"Handler '{handler_name}' missing on module '{module_name}'\")\n"
            "        handler_fn = getattr(mod, handler_name)\n"
        ),
    ),
    (
        'json.dumps({"status": "error", "error": str(e)})',
        (
            'json.dumps({"status": "error", "error": json.dumps({"type": type(e).__name__, "message": str(e), '
            '"import": isinstance(e, ImportError), "syntax": isinstance(e, SyntaxError), "module": module_name, '
            '"trace": traceback.format_exc()})})'
        ),
    ),
    (
        '"error": str(e), "trace": traceback.format_exc()})',
        '"error": str(e), "type": type(e).__name__, "trace": traceback.format_exc()})',
    ),
)
_NODE = (
    (
        "error: `Handler ${handlerName} is not a function in ${modPath}`",
        (
            'error: JSON.stringify({type: "Runtime.HandlerNotFound", trace: "", '
            "message: `${modPath}.${handlerName} is undefined or not exported`})"
        ),
    ),
    (
        'status: "error", error: e.message\n',
        (
            'status: "error", error: JSON.stringify({type: e.name, message: String(e), trace: e.stack, '
            'import: e.code === "MODULE_NOT_FOUND" || e.code === "ERR_MODULE_NOT_FOUND", '
            "syntax: e instanceof SyntaxError})\n"
        ),
    ),
    (
        'error: String(err.message || err), trace: err.stack || ""',
        'error: String(err.message || err), type: err.name || "Error", trace: err.stack || ""',
    ),
    (
        'status: "error", error: e.message, trace: e.stack',
        'status: "error", error: e.message, type: e.name, trace: e.stack',
    ),
)


@dataclass(frozen=True)
class Failure:
    """What went wrong in a function: while its code was loaded, or in an invocation."""

    type: str
    message: str
    trace: str = ""
    loading: bool = False
    printed: str = ""  # by the function, before


def install() -> None:
    """Once, before the base serves."""
    modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
    runtime, functions, provisioners = modules
    runtime._PYTHON_WORKER_SCRIPT = rewrite(runtime._PYTHON_WORKER_SCRIPT, _PYTHON)
    runtime._NODEJS_WORKER_SCRIPT = rewrite(runtime._NODEJS_WORKER_SCRIPT, _NODE)
    thread = threading.local()  # what the worker of this thread's invocation said
    invoke, execute, pack = runtime.Worker.invoke, functions._execute_function_warm, provisioners._zip_inline

    def invoke_worker(worker: Any, *arguments: Any, **options: Any) -> dict[str, Any]:
        """Invoke, and remember for this thread how it failed."""
        try:
            answer: dict[str, Any] = invoke(worker, *arguments, **options)
        except (RuntimeError, ValueError) as fault:
            thread.failure = _while_loading(worker, str(fault))
            raise
        if answer.get("status") == "error":
            thread.failure = invocation_failure(answer)
        return answer

    def execute_function(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        thread.failure = None
        answer: dict[str, Any] = execute(function, event, request_id)
        failure, config = thread.failure, function.get("config") or function
        if failure is None or not answer.get("error"):
            return answer
        return answer | result(failure, str(config.get("Runtime", "")))

    def pack_code(source: str | None, handler: str, runtime_name: str = "python3.12") -> bytes | None:
        archive: bytes | None = pack(source, handler, runtime_name)
        return archive if archive is None else with_modules(archive, source or "", runtime_name)

    runtime.Worker.invoke, functions._execute_function_warm = invoke_worker, execute_function
    provisioners._zip_inline = pack_code


def rewrite(script: str, changes: tuple[tuple[str, str], ...]) -> str:
    """A worker's script with each text in the place of another. Raises BrokenBase where one is not there once."""
    for old, new in changes:
        if script.count(old) != 1:
            raise BrokenBase(f"a worker's script of ministack has {old!r} {script.count(old)} times; expected once")
        script = script.replace(old, new)
    return script


def _while_loading(worker: Any, said: str) -> Failure:
    printed, status = "", None
    if worker._proc is not None:
        printed = worker._drain_stderr_bounded()
        if said.startswith(EXITED):
            status = worker._proc.wait(timeout=5)
    return replace(load_failure(said, str(worker.config.get("Handler", "")), status), printed=printed)


def load_failure(said: str, handler: str, status: int | None) -> Failure:
    """What the base says of code that could not be loaded, as the runtimes of AWS name it."""
    if status is not None:
        return Failure("Runtime.ExitError", f"Runtime exited with error: exit status {status}", loading=True)
    if handler and "." not in handler:
        message = f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)"
        return Failure("Runtime.MalformedHandlerName", message, loading=True)
    try:
        found = json.loads(said.removeprefix(NOT_LOADED))
    except ValueError:
        return Failure("Runtime.Unknown", said, loading=True)
    module, message = found.get("module"), found["message"]
    if found.get("import"):
        message = f"Unable to import module '{module}': {message}" if module else message
        return Failure("Runtime.ImportModuleError", message, loading=True)
    if found.get("syntax"):
        message = f"Syntax error in module '{module}': {message}" if module else message
        return Failure("Runtime.UserCodeSyntaxError", message, found["trace"], loading=True)
    return Failure(found["type"], message, found["trace"], loading=True)


def invocation_failure(answer: Mapping[str, Any]) -> Failure | None:
    """What a worker answered that has failed; None for what is no error of the function, a time-out for example."""
    printed = answer.get("log", "")
    if answer.get("error") == DIED:
        return Failure("Runtime.ExitError", "Runtime exited without providing a reason", printed=printed)
    if "type" not in answer:
        return None
    return Failure(answer["type"], answer["error"], answer.get("trace", ""), printed=printed)


def result(failure: Failure, runtime: str) -> dict[str, Any]:
    """The parts of an invocation's result that say what went wrong: its payload, and the lines of its log."""
    body: dict[str, Any] = {"errorMessage": failure.message, "errorType": failure.type}
    if runtime.startswith("nodejs"):
        stack = [line for line in failure.trace.splitlines() if line]
        what = "Uncaught Exception" if failure.loading else "Invoke Error"
        lines = [f"ERROR\t{what} \t{json.dumps({**body, 'stack': stack})}"]
        body["trace"] = stack
    else:
        body["stackTrace"] = frames(failure.trace)
        lines = [f"[ERROR] {failure.type}: {failure.message}", "Traceback (most recent call last):"]
        lines += body["stackTrace"]
    return {"body": body, "log": "\n".join(filter(None, [failure.printed, *lines]))}


def frames(trace: str) -> list[str]:
    """The lines of a Python traceback from the function's own code on, without the error that they end with."""
    lines = trace.splitlines()[1:-1]
    first = next((number for number, line in enumerate(lines) if "/code/" in line), len(lines))
    return lines[first:]


def with_modules(archive: bytes, source: str, runtime: str) -> bytes:
    """The archive of inline code with the modules that it names: CloudFormation adds them for ZipFile only."""
    kind = ".js" if runtime.startswith("nodejs") else ".py"
    content = io.BytesIO(archive)
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as found:
        for name, place in MODULES:
            if place.endswith(kind) and name in source and place not in found.namelist():
                text = resources.files(__package__).joinpath("lambda_modules", place.rpartition("/")[2]).read_text()
                found.writestr(place, text)
    return content.getvalue()
