"""Which version is the champion, and what happens when it can't be loaded."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import numpy as np
import pytest
from botocore.stub import Stubber

from slipway.tabular import approved, champion, classification, regression
from slipway.tabular.job import JobError
from slipway.tabular.scoring import unpack
from slipway.tabular.split import Dealt, Split

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


@pytest.fixture
def evaluate(churn, monkeypatch):
    """Evaluate against a champion that is the same model, changed as asked."""

    def evaluated(**changes):
        def download(bucket, key, path):
            shutil.copy(churn.folder / "archive" / "model.tar.gz", path)

        trained = champion._download("arn:1", "s3://b/model.tar.gz", download)
        monkeypatch.setattr(champion, "load", lambda *_: ("arn:1", replace(trained, **changes)))
        return churn.script("evaluate").main(churn.folders, churn.config)["champion"]

    return evaluated


def test_a_champion_is_scored_on_the_same_rows(evaluate):
    section = evaluate()
    assert section["compared"]
    assert section["model_package_arn"] == "arn:1"
    assert section["value"] == section["candidate_value"]
    assert section["worse_by"] == {"value": 0, "low": 0, "high": 0}


SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


@pytest.mark.parametrize(
    ("dealt", "reason"),
    [
        (None, "does not say how its rows were split"),
        (Dealt(Split(SHARES, 21, "phone")), "split.seed was 21 and is 20"),
        (Dealt(Split(SHARES, 20)), "split.by was '' and is 'phone'"),
        (Dealt(Split(SHARES, 20, "phone", scheme=0)), "split.scheme was 0 and is 1"),
        (Dealt(Split({"train": 0.6, "validation": 0.2, "test": 0.2}, 20, "phone")), "split.shares was"),
    ],
    ids=["before there was one", "seed", "column", "scheme", "shares"],
)
def test_a_champion_that_may_know_the_test_rows_is_not_compared(evaluate, dealt, reason):
    section = evaluate(dealt=dealt)
    assert not section["compared"]
    assert reason in section["reason"]
    assert section["summary"] == f"not compared with a champion ({section['reason']})", "no figure of nothing"
    assert section["worse_by"] == {"value": 0, "low": 0, "high": 0}


@pytest.mark.parametrize(
    ("positive", "negative", "reason"),
    [(20, 20, "40 test rows are too few"), (9, 500, "rarest class has 9 test rows"), (30, 30, "")],
)
def test_too_few_rows_are_said(positive, negative, reason):
    dealt, labels = Dealt(Split(SHARES, 1)), np.r_[np.ones(positive), np.zeros(negative)]
    assert reason in champion.obstacle(dealt, dealt, labels, classification=True)
    assert bool(reason) == bool(champion.obstacle(dealt, dealt, labels, classification=True))


def scores_of(quality, labels, seed=0):
    return np.random.default_rng(seed).normal(labels * quality, 1.0)


@pytest.mark.parametrize(
    ("ours", "theirs", "refused"), [(2.0, 2.0, False), (2.0, 1.9, False), (1.9, 2.0, False), (1.0, 2.0, True)]
)
def test_a_candidate_is_worse_when_the_whole_interval_says_so(ours, theirs, refused):
    labels = (np.random.default_rng(9).random(700) < 0.4).astype(float)
    judges = [
        classification.judge("auc", labels, scores_of(quality, labels, seed))
        for seed, quality in enumerate((ours, theirs))
    ]
    section = champion.comparison("auc", *judges, 700, "arn", higher_is_better=True)
    assert section["worse_by"]["low"] < section["worse_by"]["value"] < section["worse_by"]["high"]
    assert (section["worse_by"]["low"] > 0.01) == refused


def test_of_an_error_less_is_better():
    labels = np.random.default_rng(9).gamma(9, 1, 400)
    judges = [regression.judge("rmse", labels, labels + error) for error in (1.5, 1.0)]
    section = champion.comparison("rmse", *judges, 400, "arn", higher_is_better=False)
    assert (section["worse_by"]["value"], section["candidate_value"]) == (0.5, 1.5)
    assert section["summary"].startswith("rmse worse than the champion's by 0.5 (95 % interval ")
