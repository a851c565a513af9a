"""What waits inside the base: custom resources, wait conditions, functions. It is let go when the control plane ends.

A stack operation that is cut off so keeps its arguments, and is begun again at the next start: see `stack_recovery`.
"""

import asyncio
import importlib
import threading
from collections.abc import Callable
from typing import Any

from loopback.ministack import exports, stack_recovery

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation.custom_resource": ("_pending", "_lock", "invoke_custom_resource"),
    "ministack.services.cloudformation.wait_conditions": ("reset",),
    "ministack.core.lambda_runtime": ("reset",),
    "ministack.services.lambda_svc": ("_execute_function_with_config_scope",),
}
# Where the coroutines of stack operations are written.
OPERATIONS = ("/services/cloudformation/", stack_recovery.__file__, exports.__file__)
NO_ANSWER = (
    "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [{}]. "
    "If you are using the Python cfn-response module, you may need to update your Lambda function so that "
    "CloudFormation can attach the updated version."
)
FAILED = "Received response status [FAILED] from custom resource. Message returned: {} (RequestId: {})"


class Interrupted(Exception):
    """The control plane ends while a resource is waited for."""


class Waiting:
    """Made once, before the base serves. `release` lets go what waits for our own resources."""

    def __init__(self) -> None:
        modules: list[Any] = [importlib.import_module(name) for name in HOOKS]
        self._custom, self._conditions, self._functions, functions = modules
        self._ending = threading.Event()
        self._asked = threading.local()  # the id of the request that this thread's custom resource was asked with
        execute = functions._execute_function_with_config_scope

        def execute_function(function: dict[str, Any], event: Any) -> Any:
            if isinstance(event, dict):
                self._asked.request = event.get("RequestId", "")
            return execute(function, event)

        functions._execute_function_with_config_scope = execute_function
        self.releases: list[Callable[[], None]] = []
        self._invoke = self._custom.invoke_custom_resource
        self._custom.invoke_custom_resource = self._invoke_function

    def _invoke_function(self, *arguments: Any, **options: Any) -> Any:
        """Ask a custom resource's function, with AWS's words for an answer that fails or does not come."""
        self._asked.request = ""
        try:
            return self._invoke(*arguments, **options)
        except TimeoutError:
            if self._ending.is_set():
                raise Interrupted("The stack operation was interrupted") from None
            raise TimeoutError(NO_ANSWER.format(self._asked.request)) from None
        except RuntimeError as fault:
            raise RuntimeError(FAILED.format(fault, self._asked.request)) from None

    def end(self) -> None:
        """Cut stack operations off, and let go what they wait for. On the base's loop."""
        for task in asyncio.all_tasks():
            code = getattr(task.get_coro(), "cr_code", None)
            if code is not None and any(place in code.co_filename for place in OPERATIONS):
                task.cancel()
        asyncio.get_running_loop().call_soon(self._release)  # the operations have seen it by then

    def _release(self) -> None:
        self._ending.set()
        with self._custom._lock:
            waiting = list(self._custom._pending.values())
        for entry in waiting:
            entry["event"].set()
        self._conditions.reset()
        for release in self.releases:
            release()
        threading.Thread(target=self._functions.reset, name="functions end", daemon=True).start()
