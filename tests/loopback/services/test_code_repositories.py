"""Code repositories and domains: records under a name, with tags."""

from typing import Any

import pytest

from loopback.core.errors import ResourceInUse, ResourceNotFound, ValidationException
from loopback.services.sagemaker import code_repositories, domains  # noqa: F401 - registers the handlers

GIT = {"RepositoryUrl": "https://example.com/a/b.git", "Branch": "main"}
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:AmazonSageMaker-git"


def test_the_life_of_a_code_repository(sagemaker: Any) -> None:
    arn = sagemaker("CreateCodeRepository", CodeRepositoryName="code", GitConfig=GIT, Tags=[{"Key": "a", "Value": "b"}])
    assert arn == {"CodeRepositoryArn": "arn:aws:sagemaker:us-east-1:000000000000:code-repository/code"}
    with pytest.raises(ValidationException, match="already existing"):
        sagemaker("CreateCodeRepository", CodeRepositoryName="code", GitConfig=GIT)
    sagemaker("UpdateCodeRepository", CodeRepositoryName="code", GitConfig={"SecretArn": SECRET})
    shown = sagemaker("DescribeCodeRepository", CodeRepositoryName="code")
    assert shown["GitConfig"] == GIT | {"SecretArn": SECRET}
    tags = {"ResourceArn": arn["CodeRepositoryArn"]}
    assert sagemaker("ListTags", **tags)["Tags"] == [{"Key": "a", "Value": "b"}]
    sagemaker("DeleteCodeRepository", CodeRepositoryName="code")
    with pytest.raises(ValidationException, match="Cannot find CodeRepository"):
        sagemaker("DescribeCodeRepository", CodeRepositoryName="code")
    with pytest.raises(ResourceNotFound):
        sagemaker("ListTags", **tags)


def test_code_repositories_are_listed_by_their_last_change(sagemaker: Any, clock: Any) -> None:
    for name in ("a", "b"):
        sagemaker("CreateCodeRepository", CodeRepositoryName=name, GitConfig=GIT)
        clock.now += 1
    sagemaker("UpdateCodeRepository", CodeRepositoryName="a", GitConfig={"SecretArn": SECRET})

    def names(**request: Any) -> list[str]:
        listed = sagemaker("ListCodeRepositories", **request)["CodeRepositorySummaryList"]
        return [entry["CodeRepositoryName"] for entry in listed]

    assert names() == ["b", "a"]
    assert names(SortBy="LastModifiedTime") == ["a", "b"]
    assert names(SortBy="Name", SortOrder="Ascending", NameContains="B") == ["b"]


def test_a_domain_is_a_record_that_carries_tags(sagemaker: Any) -> None:
    settings = {"AuthMode": "IAM", "DefaultUserSettings": {"ExecutionRole": "arn:aws:iam::000000000000:role/a"}}
    network = {"VpcId": "vpc-1", "SubnetIds": ["subnet-1"]}
    made = sagemaker("CreateDomain", DomainName="studio", **settings, **network)
    with pytest.raises(ResourceInUse):
        sagemaker("CreateDomain", DomainName="studio", **settings, **network)
    tag = {"Key": "sagemaker:projectS3TemplatesLocation", "Value": "s3://bucket/templates/"}
    sagemaker("AddTags", ResourceArn=made["DomainArn"], Tags=[tag])
    assert sagemaker("ListTags", ResourceArn=made["DomainArn"])["Tags"] == [tag]
    shown = sagemaker("DescribeDomain", DomainId=made["DomainId"])
    assert (shown["DomainName"], shown["Status"], shown["VpcId"]) == ("studio", "InService", "vpc-1")
    assert "Url" not in shown
    assert [entry["DomainId"] for entry in sagemaker("ListDomains")["Domains"]] == [made["DomainId"]]
    sagemaker("DeleteDomain", DomainId=made["DomainId"])
    with pytest.raises(ResourceNotFound):
        sagemaker("DescribeDomain", DomainId=made["DomainId"])
