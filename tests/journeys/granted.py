"""The roles of a launched project: acting as one, what it has been given, and what of that was never asked for."""

import contextlib
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import boto3

from tests.journeys.launched import Launched


class Site:
    """The launched project, and its roles."""

    def __init__(self, mill: Launched) -> None:
        self.mill, self.project = mill, mill.project
        self.account = "arn:aws:iam::000000000000:role/"

    def role(self, name: str) -> str:
        return f"{self.project.outputs['RolePrefix']}-{name}"

    def client(self, service: str) -> Any:
        return self.mill.client(service)

    def acting(self, role: str, service: str) -> Any:
        """A client with the credentials of a role."""
        arn = self.account + self.role(role)
        given = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="story")["Credentials"]
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.mill.loopback.port}",
            region_name="us-east-1",
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    @contextlib.contextmanager
    def without(self, role: str, action: str) -> Iterator[None]:
        """Take one action out of a role's policies, and put it back."""
        iam, name = self.client("iam"), self.role(role)
        before = {
            policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        }
        taken = {policy: _without(document, action) for policy, document in before.items()}
        assert taken != before, f"{name} does not have {action}"
        for policy, document in taken.items():
            if document["Statement"]:
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
            else:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
        time.sleep(1.1)  # answers about invocations count for a second
        try:
            yield
        finally:
            for policy, document in before.items():
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))

    def refuses(self, text: str, role: str, action: str) -> None:
        """The text is IAM's refusal of this action to this role."""
        assert f"assumed-role/{self.role(role)}/" in text, text
        assert f"is not authorized to perform: {action} " in text, text

    def unasked(self) -> list[str]:
        """The statements, as role/Sid, that allow nothing of what the control plane was asked for."""
        asked = (self.mill.loopback.state / "iam-asked.jsonl").read_text().splitlines()
        lines = [json.loads(line) for line in asked]
        return sorted(
            f"{role}/{statement['Sid']}"
            for role, statement in self._statements()
            if not any(line["role"] == self.role(role) and _allows(statement, line) for line in lines)
        )

    def _statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        iam = self.client("iam")
        names = [role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
        for name in (each for each in names if each.startswith(self.role(""))):
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                yield from ((name.removeprefix(self.role("")), statement) for statement in document["Statement"])

    def executions(self, pipeline: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client("codepipeline").list_pipeline_executions(pipelineName=pipeline)[
            "pipelineExecutionSummaries"
        ]
        return found


def _without(document: dict[str, Any], action: str) -> dict[str, Any]:
    statements = []
    for statement in document["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if kept := [each for each in actions if each != action]:
            statements.append({**statement, "Action": kept})
    return {**document, "Statement": statements}


def _allows(statement: dict[str, Any], line: dict[str, str]) -> bool:
    return _matches(statement["Action"], line["action"], re.IGNORECASE) and _matches(
        statement["Resource"], line["resource"]
    )


def _matches(patterns: str | list[str], value: str, flags: int = 0) -> bool:
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, flags)
        for pattern in ([patterns] if isinstance(patterns, str) else patterns)
    )
