"""CloudFormation as a dictionary of stacks, each with the statuses that it is still to go through."""

from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

ENDS = {"create": ("CREATE_COMPLETE",), "update": ("UPDATE_COMPLETE",), "delete": ("DELETE_COMPLETE",)}
ROLLED_BACK = ("ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE")


def refused(message: str, code: str = "ValidationError", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "CreateStack"
    )


class FakeStacks:
    """`plan["create"]` is what the next stacks go through; `faults` are raised by the next calls, in order."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.plan: dict[str, Iterable[str]] = dict(ENDS)
        self.faults: list[Exception] = []
        self.reason = "The name is taken"
        self.declared = ["SageMakerProjectName", "SageMakerProjectId", "Size"]

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [request for name, request in self.calls if name == operation]

    def _take(self, operation: str, request: dict[str, Any]) -> None:
        self.calls.append((operation, request))
        if self.faults:
            raise self.faults.pop(0)

    def create_stack(self, **request: Any) -> dict[str, Any]:
        self._take("create_stack", request)
        name = request["StackName"]
        if name in self.stacks:
            raise refused(f"Stack [{name}] already exists", "AlreadyExistsException")
        self.stacks[name] = {
            "StackName": name,
            "StackId": f"arn:aws:cloudformation:us-east-1:000000000000:stack/{name}/{len(self.calls)}",
            "StackStatus": "CREATE_IN_PROGRESS",
            "Parameters": [{"ParameterKey": key} for key in self.declared],
            "Outputs": [{"OutputKey": "Name", "OutputValue": "it"}],
            "events": [],
        }
        return self._begin(name, "create", request)

    def update_stack(self, **request: Any) -> dict[str, Any]:
        self._take("update_stack", request)
        self._found(request["StackName"])["StackStatus"] = "UPDATE_IN_PROGRESS"
        return self._begin(request["StackName"], "update", request)

    def delete_stack(self, **request: Any) -> dict[str, Any]:
        self._take("delete_stack", request)
        if request["StackName"] in self.stacks:
            self.stacks[request["StackName"]]["StackStatus"] = "DELETE_IN_PROGRESS"
            self._begin(request["StackName"], "delete", request)
        return {}

    def _begin(self, name: str, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        stack = self._found(name)
        stack["ahead"], stack["token"] = list(self.plan[verb]), request["ClientRequestToken"]
        self._event(stack, name, "AWS::CloudFormation::Stack", stack["StackStatus"], "User Initiated")
        return {"StackId": stack["StackId"]}

    def describe_stacks(self, **request: Any) -> dict[str, Any]:
        self._take("describe_stacks", request)
        stack = self._found(request["StackName"])
        shown = {key: value for key, value in stack.items() if key[0].isupper()}
        if stack["ahead"]:
            stack["StackStatus"] = stack["ahead"].pop(0)
            if stack["StackStatus"].endswith(("ROLLBACK_IN_PROGRESS", "DELETE_FAILED")):
                self._event(stack, "First", "AWS::S3::Bucket", "CREATE_FAILED", self.reason)
                self._event(stack, "Second", "AWS::S3::Bucket", "CREATE_FAILED", "Resource creation cancelled")
        return {"Stacks": [shown]}

    def describe_stack_events(self, **request: Any) -> dict[str, Any]:
        self._take("describe_stack_events", request)
        events = self._found(request["StackName"])["events"][::-1]
        at = int(request.get("NextToken", 0))
        page: dict[str, Any] = {"StackEvents": events[at : at + 2]}
        return page | ({"NextToken": str(at + 2)} if len(events) > at + 2 else {})

    def get_template_summary(self, **request: Any) -> dict[str, Any]:
        self._take("get_template_summary", request)
        return {"Parameters": [{"ParameterKey": key} for key in self.declared]}

    def validate_template(self, **request: Any) -> dict[str, Any]:
        self._take("validate_template", request)
        return {}

    def _found(self, name_or_id: str) -> dict[str, Any]:
        for stack in self.stacks.values():
            if stack["StackId"] == name_or_id or (
                stack["StackName"] == name_or_id and stack["StackStatus"] != "DELETE_COMPLETE"
            ):
                return stack
        raise refused(f"Stack with id {name_or_id} does not exist")

    def _event(self, stack: dict[str, Any], logical: str, kind: str, status: str, reason: str) -> None:
        event = {"LogicalResourceId": logical, "ResourceType": kind, "ResourceStatus": status}
        stack["events"].append(event | {"ResourceStatusReason": reason, "ClientRequestToken": stack["token"]})
