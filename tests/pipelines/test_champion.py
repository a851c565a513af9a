"""Which version is the champion, and what happens when it can't be loaded."""

import shutil
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import Stubber

from pipelines.tabular import approved, champion
from pipelines.tabular.job import JobError
from pipelines.tabular.scoring import unpack

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/demo-churn/"
LIVE = {"Stage": "Production", "StageStatus": "Approved"}


@pytest.fixture
def sagemaker():
    client = boto3.client("sagemaker", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(client) as stub:
        yield client, stub


def package(version, stage=None):
    return {
        "ModelPackageGroupName": "demo-churn",
        "ModelPackageVersion": version,
        "ModelPackageArn": f"{ARN}{version}",
        "CreationTime": datetime(2026, 1, version, tzinfo=UTC),
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
        **({"ModelLifeCycle": stage} if stage else {}),
    }


ASKED = {
    "ModelPackageGroupName": "demo-churn",
    "ModelApprovalStatus": "Approved",
    "SortBy": "CreationTime",
    "SortOrder": "Descending",
}


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([[]], "none"),
        ([[package(3), package(2)]], f"{ARN}3"),
        ([[package(3), package(2, LIVE), package(1, LIVE)]], f"{ARN}2"),
        ([[package(3, {"Stage": "Production", "StageStatus": "Rejected"}), package(2)]], f"{ARN}3"),
        ([[package(3)], [package(2, LIVE)]], f"{ARN}2"),
    ],
    ids=["none approved", "newest approved", "newest in production", "not live", "on the second page"],
)
def test_champion_is_found(sagemaker, pages, expected):
    client, stub = sagemaker
    for number, page in enumerate(pages):
        token = {"NextToken": "t"} if number else {}
        more = {"NextToken": "t"} if number + 1 < len(pages) else {}
        stub.add_response("list_model_packages", {"ModelPackageSummaryList": page, **more}, {**ASKED, **token})
    assert approved.find(client, "demo-churn") == expected


@pytest.mark.parametrize(
    ("code", "raises"), [("ValidationException", False), ("ResourceNotFound", False), ("AccessDeniedException", True)]
)
def test_no_group_is_no_champion_but_no_permission_is_an_error(sagemaker, code, raises):
    client, stub = sagemaker
    stub.add_client_error("list_model_packages", code, "no", expected_params=ASKED)
    if raises:
        with pytest.raises(client.exceptions.ClientError):
            approved.find(client, "demo-churn")
    else:
        assert approved.find(client, "demo-churn") == "none"


def test_none_asks_nobody():
    assert champion.load("none", "demo-churn") == ("none", None)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00broken"])
def test_a_corrupt_model_is_one_clear_message(tmp_path, content):
    def download(bucket, key, path):
        assert (bucket, key) == ("b", "k/model.tar.gz")
        with open(path, "wb") as file:
            file.write(content)

    with pytest.raises(
        JobError, match=r"champion arn:1 can't be loaded from s3://b/k/model.tar.gz(?s:.)*ChampionModelPackageArn=none"
    ):
        champion._download("arn:1", "s3://b/k/model.tar.gz", download)


def test_an_archive_without_a_model_is_named(tmp_path, churn):
    (tmp_path / "x.txt").write_text("x")
    shutil.make_archive(str(tmp_path / "model"), "gztar", tmp_path, "x.txt")
    with pytest.raises(JobError, match="xgboost-model is missing"):
        unpack(tmp_path / "model.tar.gz", tmp_path / "out")


def test_a_champion_is_scored_on_the_same_rows(churn, monkeypatch):
    def download(bucket, key, path):
        shutil.copy(churn.folder / "archive" / "model.tar.gz", path)

    model = champion._download("arn:1", "s3://b/model.tar.gz", download)
    monkeypatch.setattr(champion, "load", lambda *_: ("arn:1", model))
    section = churn.script("evaluate").main(churn.folders, churn.config)["champion"]
    assert section["compared"]
    assert section["model_package_arn"] == "arn:1"
    assert section["value"] == section["candidate_value"]
    assert section["worse_by"]["value"] == 0
