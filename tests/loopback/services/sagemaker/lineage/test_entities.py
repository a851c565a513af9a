"""Lineage as people make it themselves: the calls of the SDK's own notebook, through the SDK and boto3.

The story is that of aws/sagemaker-python-sdk, v3-examples/ml-ops-examples/v3-lineage-tracking-example.ipynb.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

pytest.importorskip("sagemaker.core.lineage")

from sagemaker.core.lineage.action import Action
from sagemaker.core.lineage.artifact import Artifact
from sagemaker.core.lineage.association import Association
from sagemaker.core.lineage.context import Context

ACCOUNT = "arn:aws:sagemaker:us-east-1:000000000000"


@pytest.fixture
def made(session: Any) -> dict[str, str]:
    """A workflow, one of its actions, and what that one reads and makes; their ARNs."""
    more = {"source_uri": "1", "sagemaker_session": session}
    flow = Context.create(context_name="flow", context_type="MLWorkflow", properties={"example": "true"}, **more)
    build = Action.create(action_name="build", action_type="ModelBuild", **more)
    arns = {"flow": flow.context_arn, "build": build.action_arn}
    for name, kind in (("images", "TestData"), ("labels", "TestLabels"), ("model", "Model")):
        types = [{"SourceIdType": "Custom", "Value": "1"}]
        arns[name] = Artifact.create(
            artifact_name=name, artifact_type=kind, source_types=types, source_uri=f"https://host/{name}",
            sagemaker_session=session,
        ).artifact_arn  # fmt: skip
    edges = (("flow", "build", "AssociatedWith"), ("images", "build", None), ("labels", "build", None),
             ("build", "model", "Produced"))  # fmt: skip
    for source, destination, how in edges:
        Association.create(arns[source], arns[destination], association_type=how, sagemaker_session=session)
    return arns


def test_the_story_of_the_notebook(session: Any, made: dict[str, str]) -> None:
    assert [each.context_name for each in Context.list(sort_by="CreationTime", sagemaker_session=session)] == ["flow"]
    incoming = list(Association.list(destination_arn=made["build"], sagemaker_session=session))
    assert sorted(each.source_name for each in incoming) == ["flow", "images", "labels"]
    assert {each.source_type for each in incoming} == {"MLWorkflow", "TestData", "TestLabels"}
    (outgoing,) = Association.list(source_arn=made["flow"], sagemaker_session=session)
    assert (outgoing.destination_name, outgoing.association_type) == ("build", "AssociatedWith")
    Action.load("build", sagemaker_session=session).delete(disassociate=True)
    for name in ("images", "labels", "model"):
        Artifact.load(made[name], sagemaker_session=session).delete()
    Context.load("flow", sagemaker_session=session).delete()
    for listed in (Context, Action, Artifact, Association):
        assert list(listed.list(sagemaker_session=session)) == []


def test_an_update_replaces_the_properties(session: Any, made: dict[str, str]) -> None:
    flow = Context.load("flow", sagemaker_session=session)
    flow.properties, flow.description = {"a": "1", "b": "2"}, "new"
    flow.save()
    session.sagemaker_client.update_context(ContextName="flow", PropertiesToRemove=["a", "none"])
    flow = Context.load(made["flow"], sagemaker_session=session)
    assert (flow.properties, flow.description) == ({"b": "2"}, "new")
    session.sagemaker_client.update_action(ActionName="build", Status="Failed")
    assert Action.load("build", sagemaker_session=session).status == "Failed"
    session.sagemaker_client.update_artifact(ArtifactArn=made["model"], ArtifactName="other")
    (outgoing,) = Association.list(source_arn=made["build"], sagemaker_session=session)
    assert outgoing.destination_name == "other"


@pytest.mark.parametrize(
    ("operation", "request_", "code", "told"),
    [
        ("create_context", {"ContextName": "flow", "ContextType": "x", "Source": {"SourceUri": "2"}},
         "ValidationException", r"name \(flow\) already exists"),
        ("create_artifact", {"ArtifactType": "x", "Source": {
            "SourceUri": "https://host/model", "SourceTypes": [{"SourceIdType": "Custom", "Value": "1"}]}},
         "ValidationException", "already exists"),
        ("add_association", {"SourceArn": "flow", "DestinationArn": "build"}, "ValidationException", "already exists"),
        ("add_association", {"SourceArn": "flow", "DestinationArn": "flow"}, "ValidationException", "with itself"),
        ("add_association", {"SourceArn": "flow", "DestinationArn": f"{ACCOUNT}:action/none"}, "ResourceNotFound",
         "no action named none"),
        ("delete_association", {"SourceArn": "build", "DestinationArn": "flow"}, "ResourceNotFound", "no association"),
        ("list_associations", {"SortBy": "SourceType"}, "ValidationException", "SortBy SourceType"),
        ("delete_context", {"ContextName": "flow"}, "ValidationException", "still has associations"),
        ("delete_artifact", {"ArtifactArn": "model"}, "ValidationException", "still has associations"),
        ("delete_artifact", {}, "ValidationException", "needs ArtifactArn or Source"),
        ("describe_artifact", {"ArtifactArn": f"{ACCOUNT}:artifact/none"}, "ResourceNotFound", "none"),
        ("describe_action", {"ActionName": "none"}, "ResourceNotFound", "none"),
        ("query_lineage", {}, "ValidationException", "needs StartArns"),
        ("query_lineage", {"StartArns": [f"{ACCOUNT}:artifact/none"]}, "ResourceNotFound", "none"),
        ("query_lineage", {"StartArns": ["arn:aws:sagemaker:eu-west-1:000000000000:context/flow"]},
         "ResourceNotFound", "eu-west-1"),
        ("query_lineage", {"StartArns": ["flow"], "MaxDepth": 0}, "ValidationException", "at least 1"),
        ("list_lineage_groups", {}, "UnknownOperationException", "does not run sagemaker ListLineageGroups"),
    ],
)  # fmt: skip
def test_refusals(
    client: Any, made: dict[str, str], operation: str, request_: dict[str, Any], code: str, told: str
) -> None:
    def arn(value: Any) -> Any:
        return [arn(each) for each in value] if isinstance(value, list) else made.get(value, value)

    given = {key: arn(value) if key.endswith(("Arn", "Arns")) else value for key, value in request_.items()}
    with pytest.raises(ClientError, match=told) as refused:
        getattr(client, operation)(**given)
    assert refused.value.response["Error"]["Code"] == code


def test_one_source_is_one_artifact(client: Any) -> None:
    types = [{"SourceIdType": "S3ETag", "Value": "e"}]
    plain, etag = (
        client.create_artifact(ArtifactType="DataSet", Source={"SourceUri": "s3://b/k", "SourceTypes": each})
        for each in ([], types)
    )
    assert plain["ArtifactArn"] != etag["ArtifactArn"]
    assert len(client.list_artifacts(SourceUri="s3://b/k")["ArtifactSummaries"]) == 2
    client.delete_artifact(Source={"SourceUri": "s3://b/k", "SourceTypes": types})
    (left,) = client.list_artifacts(SourceUri="s3://b/k")["ArtifactSummaries"]
    assert left["ArtifactArn"] == plain["ArtifactArn"]


def test_tags(client: Any) -> None:
    tags = [{"Key": "a", "Value": "b"}]
    made = client.create_action(ActionName="a", ActionType="t", Source={"SourceUri": "u"}, Tags=tags)
    assert client.list_tags(ResourceArn=made["ActionArn"])["Tags"] == tags


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
def test_pages_of_associations(client: Any, order: str) -> None:
    pages = client.get_paginator("list_associations").paginate(SortOrder=order, PaginationConfig={"PageSize": 1})
    found = [each["SourceName"] for page in pages for each in page["AssociationSummaries"]]
    assert found == ["flow", "images", "labels", "build"][:: 1 if order == "Ascending" else -1]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"DestinationType": "ModelBuild"}, {"flow", "images", "labels"}),
        ({"SourceType": "TestData"}, {"images"}),
        ({"AssociationType": "Produced"}, {"build"}),
        ({"SourceArn": "flow", "DestinationArn": "build", "SortBy": "CreationTime"}, {"flow"}),
        ({"SourceArn": "flow", "DestinationArn": "model"}, set()),
    ],
)
def test_associations_that_are_asked_for(
    client: Any, made: dict[str, str], request_: dict[str, str], expected: set[str]
) -> None:
    given = {key: made.get(value, value) for key, value in request_.items()}
    found = client.list_associations(**given)["AssociationSummaries"]
    assert {each["SourceName"] for each in found} == expected
