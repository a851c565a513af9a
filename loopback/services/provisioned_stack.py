"""One operation on one stack, as CloudFormation's clients see it: begin it, look at it, say why it failed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from loopback.rows.stacks import Order
from loopback.services.registry import Context

CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
FAULT_PAUSE = 0.2  # seconds, doubled with each
MOST_FAULTS = 5  # lost connections and answers of 5xx in a row
LONGEST_MESSAGE = 4096
_ENDS = {
    "create": {
        "CREATE_COMPLETE": "succeed",
        "CREATE_FAILED": "fail",
        "ROLLBACK_COMPLETE": "fail",
        "ROLLBACK_FAILED": "fail",
        "DELETE_COMPLETE": "fail",
        "": "fail",
    },
    "update": {
        "UPDATE_COMPLETE": "succeed",
        "UPDATE_FAILED": "fail",
        "UPDATE_ROLLBACK_COMPLETE": "fail",
        "UPDATE_ROLLBACK_FAILED": "fail",
        "DELETE_COMPLETE": "fail",
        "": "fail",
    },
    "delete": {"DELETE_COMPLETE": "succeed", "": "succeed", "DELETE_FAILED": "fail"},
}


@dataclass(frozen=True)
class StackState:
    """A stack as DescribeStacks has it; `status` "" where there is none. `parameters` are their keys."""

    status: str = ""
    id: str = ""
    reason: str = ""
    parameters: tuple[str, ...] = ()
    outputs: tuple[dict[str, Any], ...] = ()


def verdict(verb: str, status: str) -> str:
    """What a stack's status (or "", when there is none) means to an operation: wait, roll_back, succeed or fail."""
    end = _ENDS[verb].get(status)
    return end or ("roll_back" if verb != "delete" and "ROLLBACK" in status else "wait")


def first_failure(events: list[Mapping[str, Any]]) -> str:
    """The reason of the first resource that failed; the others were cancelled because of it. Events newest first."""
    for event in reversed(events):
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("_FAILED") and reason and "cancelled" not in reason:
            return f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason}"
    return ""


class ProvisionedStack:
    """The stack of one order; `token` is the ClientRequestToken. `pause(seconds)` raises where the process ends."""

    def __init__(self, token: str, order: Order, context: Context, pause: Callable[[float], None]) -> None:
        self.order, self._token, self._context, self._pause = order, token, context, pause
        self._id = ""

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """One operation of CloudFormation with the order's role; connections that fail and 5xx are tried again."""
        for attempt in range(MOST_FAULTS):
            try:
                client = self._context.client("cloudformation", self.order.role)
                answer: dict[str, Any] = getattr(client, operation)(**request)
                return answer
            except (HTTPClientError, NoConnection):
                if attempt == MOST_FAULTS - 1:
                    raise
            except ClientError as fault:
                if (
                    attempt == MOST_FAULTS - 1
                    or fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400) < 500
                ):
                    raise
            self._pause(FAULT_PAUSE * 2**attempt)
        raise AssertionError  # the last attempt returns or raises

    def begin(self) -> None:
        """Ask for what the order says."""
        if self.order.verb == "delete":
            self._id = self.state().id
            self.call("delete_stack", StackName=self.order.stack, ClientRequestToken=self._token)
            return
        request: dict[str, Any] = {"StackName": self.order.stack, "Capabilities": list(self.order.capabilities)}
        request |= {"ClientRequestToken": self._token, **self.order.template}
        tags = {key: value for key, value in self.order.tags.items() if not key.startswith("aws:")}  # AWS's own stay
        request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        request["Parameters"] = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in self.order.parameters.items()
        ]
        if self.order.verb == "update":
            request["Parameters"] += [
                {"ParameterKey": key, "UsePreviousValue": True} for key in self._previous_parameters()
            ]
            if not self.order.template:
                request["UsePreviousTemplate"] = True
        self._id = self.call(f"{self.order.verb}_stack", **request)["StackId"]

    def _previous_parameters(self) -> list[str]:
        """The parameters that the stack has, the template still declares and the order does not name."""
        template = self.order.template or {"StackName": self.order.stack}
        declared = [entry["ParameterKey"] for entry in self.call("get_template_summary", **template)["Parameters"]]
        return [key for key in declared if key in self.state().parameters and key not in self.order.parameters]

    def is_known(self) -> bool:
        """Whether the stack knows of this operation."""
        return any(event.get("ClientRequestToken") == self._token for event in self._events())

    def state(self) -> StackState:
        """The stack as it is."""
        try:
            stack = self.call("describe_stacks", StackName=self._id or self.order.stack)["Stacks"][0]
        except ClientError as fault:
            if "does not exist" not in str(fault):
                raise
            return StackState()
        return StackState(
            status=stack["StackStatus"],
            id=stack["StackId"],
            reason=stack.get("StackStatusReason", ""),
            parameters=tuple(entry["ParameterKey"] for entry in stack.get("Parameters", [])),
            outputs=tuple(stack.get("Outputs", [])),
        )

    def message(self, found: StackState, *, failed: bool) -> str:
        """What people are told of the stack as it is."""
        reason = first_failure(list(self._events())) if failed else ""
        text = reason or found.reason or found.status or "There is no such stack"
        return text[:LONGEST_MESSAGE]

    def _events(self) -> Iterator[Mapping[str, Any]]:
        """The operation's events and those without a token, newest first."""
        request: dict[str, Any] = {"StackName": self._id or self.order.stack}
        try:
            while True:
                page = self.call("describe_stack_events", **request)
                for event in page["StackEvents"]:
                    if event.get("ClientRequestToken", self._token) == self._token:
                        yield event
                if "NextToken" not in page:
                    return
                request["NextToken"] = page["NextToken"]
        except ClientError as fault:
            if "does not exist" not in str(fault):
                raise
