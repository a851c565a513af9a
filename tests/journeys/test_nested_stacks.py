"""A nested stack is a stack: checked, exported from, updated, rolled back and deleted with the one that holds it."""

import json
import os
import signal
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.journey
CHILD = """
Parameters: {Name: {Type: String}}
Resources:
  Kept: {Type: "AWS::SSM::Parameter", Properties: {Type: String, Name: !Ref Name, Value: VALUE}}
  Queue: {Type: "AWS::SQS::Queue", DependsOn: Kept, Properties: {DelaySeconds: DELAY}}
Outputs: {Name: {Value: !Ref Kept, Export: {Name: !Sub "${Name}-export"}}}
"""
PARENT = """
Resources:
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: "https://templates.s3.us-east-1.amazonaws.com/FILE", Parameters: {Name: shop}}
  MORE
Outputs: {Name: {Value: !GetAtt Inner.Outputs.Name}}
"""
LATE = (
    "Late: {Type: 'AWS::SQS::Queue', Properties: {DelaySeconds: !GetAtt Inner.Outputs.Name}}"  # fails when it is made
)
IMPORTER = "Resources: {P: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: !ImportValue shop-export}}}"
HELD = """
Resources:
  Kept: {Type: "AWS::SSM::Parameter", Properties: {Type: String, Name: shop, Value: "1"}}
  Handle: {Type: "AWS::CloudFormation::WaitConditionHandle", DependsOn: Kept}
  Held: {Type: "AWS::CloudFormation::WaitCondition", Properties: {Handle: !Ref Handle, Timeout: "600"}}
Outputs: {Name: {Value: !Ref Kept}}
"""


def child(value: str, delay: int = 0) -> str:
    return CHILD.replace("VALUE", value).replace("DELAY", str(delay))


def parent(file: str, more: str = "") -> str:
    return PARENT.replace("FILE", file).replace("MORE", more)


class Account:
    """CloudFormation as these stories ask it."""

    def __init__(self, loopback: Any, wait_until: Any) -> None:
        self.stacks, self._s3 = loopback.client("cloudformation"), loopback.client("s3")
        self._parameters, self._wait = loopback.client("ssm"), wait_until
        self._s3.create_bucket(Bucket="templates")

    def put(self, file: str, text: str) -> None:
        self._s3.put_object(Bucket="templates", Key=file, Body=text.encode())

    def settled(self, name: str) -> dict[str, Any]:
        stack_id = self.stacks.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        look = lambda: self.stacks.describe_stacks(StackName=stack_id)["Stacks"][0]  # noqa: E731
        self._wait(lambda: not look()["StackStatus"].endswith("_IN_PROGRESS"), 60, lambda: self.reasons(stack_id))
        return dict(look())

    def create(self, name: str, text: str) -> dict[str, Any]:
        self.stacks.create_stack(StackName=name, TemplateBody=text)
        return self.settled(name)

    def update(self, name: str, text: str) -> dict[str, Any]:
        self.stacks.update_stack(StackName=name, TemplateBody=text)
        return self.settled(name)

    def delete(self, name: str) -> str:
        stack_id = self.stacks.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        self.stacks.delete_stack(StackName=name)
        return str(self.settled(stack_id)["StackStatus"])

    def reasons(self, name: str) -> str:
        events = self.stacks.describe_stack_events(StackName=name)["StackEvents"]
        return "\n".join(e.get("ResourceStatusReason", "") for e in events if "FAILED" in e["ResourceStatus"])

    def value(self) -> str:
        return str(self._parameters.get_parameter(Name="shop")["Parameter"]["Value"])

    def exports(self) -> dict[str, str]:
        return {one["Name"]: one["Value"] for one in self.stacks.list_exports()["Exports"]}


@pytest.fixture
def account(loopback: Any, wait_until: Any) -> Account:
    return Account(loopback, wait_until)


def test_the_life_of_a_nested_stack(account: Account) -> None:
    for file, text in {"one": child("1"), "two": child("2"), "bad": child("3", 901)}.items():
        account.put(file, text)
    made = account.create("shop", parent("one"))
    assert made["StackStatus"] == "CREATE_COMPLETE", account.reasons("shop")
    [inner] = [one for one in account.stacks.describe_stacks()["Stacks"] if "ParentId" in one]
    assert (inner["ParentId"], inner["RootId"]) == (made["StackId"], made["StackId"])
    assert (account.value(), account.exports()) == ("1", {"shop-export": "shop"})

    assert account.update("shop", parent("two"))["StackStatus"] == "UPDATE_COMPLETE", account.reasons("shop")
    assert account.value() == "2"
    assert account.update("shop", parent("bad"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "The following resource(s) failed to update: [Queue]" in account.reasons("shop")
    assert account.value() == "2"
    account.put("two", child("changed since"))
    assert account.update("shop", parent("one", LATE))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert account.value() == "2"  # as it was, whatever is at the address now

    assert account.create("user", IMPORTER)["StackStatus"] == "CREATE_COMPLETE", account.reasons("user")
    assert account.delete("shop") == "DELETE_FAILED"
    assert "Export shop-export cannot be deleted as it is in use by user" in account.reasons("shop")
    assert account.value() == "2"
    assert account.delete("user") == "DELETE_COMPLETE"
    assert account.delete("shop") == "DELETE_COMPLETE", account.reasons("shop")
    assert account.exports() == {}
    with pytest.raises(ClientError, match="ParameterNotFound"):
        account.value()


def test_a_nested_stack_that_cannot_be_made_leaves_nothing(account: Account) -> None:
    account.put("wrong", "Resources: {P: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: !Ref Zed}}}")
    account.put("bad", child("3", 901))
    account.put("role", "Resources: {R: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: {}}}}")
    for file, words in {
        "wrong": "Unresolved resource dependencies [Zed] in the Resources block of the template",
        "bad": "was not successfully created: The following resource(s) failed to create: [Queue]",
        "role": "Requires capabilities : [CAPABILITY_IAM]",
        "none": "TemplateURL must reference a valid S3 object to which you have access",
    }.items():
        body = parent(file) if file == "bad" else parent(file).replace("Parameters: {Name: shop}", "Parameters: {}")
        assert account.create(file, body)["StackStatus"] == "ROLLBACK_COMPLETE"
        assert words in account.reasons(file), account.reasons(file)
    named = [
        one["StackStatus"] for one in account.stacks.list_stacks()["StackSummaries"] if "-Inner-" in one["StackName"]
    ]
    assert named == ["DELETE_COMPLETE"]
    with pytest.raises(ClientError, match="ParameterNotFound"):
        account.value()


def test_a_nested_stack_that_a_kill_interrupts_is_made_anew(account: Account, loopback: Any, wait_until: Any) -> None:
    account.put("held", HELD)
    account.stacks.create_stack(
        StackName="shop", TemplateBody=parent("held").replace("Parameters: {Name: shop}", "Parameters: {}")
    )

    def children() -> dict[str, str]:
        found = account.stacks.list_stacks()["StackSummaries"]
        return {one["StackName"]: one["StackStatus"] for one in found if "-Inner-" in one["StackName"]}

    def handle() -> str:
        """The address at which the child that is being made waits for a signal; "" before it is there."""
        for name, status in children().items():
            resources = account.stacks.list_stack_resources(StackName=name) if status == "CREATE_IN_PROGRESS" else {}
            for one in resources.get("StackResourceSummaries", []):
                if one["LogicalResourceId"] == "Handle":
                    return str(one["PhysicalResourceId"])
        return ""

    wait_until(handle, 60)
    before, killed = handle(), loopback.found["pid"]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: loopback.found["pid"] != killed, 60)
    wait_until(lambda: handle() not in ("", before), 60)
    told = json.dumps({"Status": "SUCCESS", "UniqueId": "1", "Data": "", "Reason": ""}).encode()
    urllib.request.urlopen(urllib.request.Request(handle(), told, {"Content-Type": ""}, method="PUT"), timeout=60)
    assert account.settled("shop")["StackStatus"] == "CREATE_COMPLETE", account.reasons("shop")
    *gone, made = sorted(children().values(), reverse=True)  # the first one, if the kill did not come before its record
    assert (made, {*gone} <= {"DELETE_COMPLETE"}) == ("CREATE_COMPLETE", True)
    assert account.value() == "1"
    assert account.delete("shop") == "DELETE_COMPLETE", account.reasons("shop")
