from dataclasses import replace
from typing import Any

import pytest

from loopback.core.errors import ServiceError
from loopback.services import registry
from loopback.services.codeconnections import connections


@pytest.fixture
def ask(context: registry.Context) -> Any:
    def call(operation: str, service: str = "codeconnections", **request: Any) -> dict[str, Any]:
        return registry.call(service, operation, request, replace(context))

    return call


def test_a_connection_is_available_at_once_under_both_names(ask: Any) -> None:
    made = ask("CreateConnection", ConnectionName="c", ProviderType="GitHub", Tags=[{"Key": "a", "Value": "1"}])
    arn = made["ConnectionArn"]
    assert arn.startswith("arn:aws:codeconnections:us-east-1:000000000000:connection/")
    old = arn.replace("codeconnections", "codestar-connections")
    for service, shown in (("codeconnections", arn), ("codestar-connections", old)):
        found = ask("GetConnection", service, ConnectionArn=shown)["Connection"]
        assert (found["ConnectionStatus"], found["ProviderType"]) == ("AVAILABLE", "GitHub")
    assert ask("ListTagsForResource", ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    ask("TagResource", ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    ask("UntagResource", ResourceArn=arn, TagKeys=["a"])
    assert ask("ListTagsForResource", ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    ask("DeleteConnection", ConnectionArn=arn)
    with pytest.raises(connections.ResourceNotFoundException):
        ask("GetConnection", ConnectionArn=arn)


def test_listing_by_provider_and_page(ask: Any) -> None:
    for name, provider in (("a", "GitHub"), ("b", "GitLab"), ("c", "GitHub")):
        ask("CreateConnection", ConnectionName=name, ProviderType=provider)
    first = ask("ListConnections", ProviderTypeFilter="GitHub", MaxResults=1)
    second = ask("ListConnections", ProviderTypeFilter="GitHub", MaxResults=1, NextToken=first["NextToken"])
    names = [each["ConnectionName"] for page in (first, second) for each in page["Connections"]]
    assert sorted(names) == ["a", "c"]  # those of one moment come in any order
    assert "NextToken" not in second


@pytest.mark.parametrize("request_", [{"ProviderType": "GitHubEnterpriseServer"}, {}])
def test_what_needs_a_host_is_refused(ask: Any, request_: dict[str, str]) -> None:
    with pytest.raises(ServiceError, match="GitHub"):
        ask("CreateConnection", ConnectionName="c", **request_)
