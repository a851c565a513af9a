"""What ship refuses before it begins, and where it puts data."""

from pathlib import Path
from typing import Any

import pytest

from slipway.cli import ship
from slipway.cli.checkout import Checkout
from slipway.cli.projects import Project
from slipway.cli.ship import Wishes
from slipway.cli.target import UserError, WrongUsage

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = Checkout(ROOT)
PROJECT = Project("demo", "p-1", {"ModelPackageGroupName": "demo-churn", "ArtifactBucketName": "bucket"})


@pytest.fixture
def clone(tmp_path) -> Checkout:
    (tmp_path / "pipelines" / "churn").mkdir(parents=True)
    (tmp_path / "pipelines" / "churn" / "pipeline.py").touch()
    (tmp_path / "pipelines" / "churn" / "config.yml").write_text((ROOT / "pipelines/churn/config.yml").read_text())
    return Checkout(tmp_path)


def test_a_clone_is_of_a_project_that_is_there(clone, aws) -> None:
    aws.answers["DescribeProject"] = "ValidationException: no such project"
    with pytest.raises(UserError, match="is the clone of one: say of which with SAGEMAKER_PROJECT_NAME"):
        ship.ship(aws.target, clone, Wishes("churn"))


def test_a_clone_has_commits_of_its_own(clone, aws) -> None:
    with pytest.raises(WrongUsage, match="in a clone commit yourself"):
        ship.ship(aws.target, clone, Wishes("churn", message="mine"))


def test_a_pipeline_that_the_checkout_has_not(clone, aws) -> None:
    with pytest.raises(WrongUsage, match=r"no pipeline abalone in .*; there is: churn"):
        ship.ship(aws.target, clone, Wishes("abalone"))


def configured(clone: Checkout, url: str) -> Checkout:
    path = clone.root / "pipelines" / "churn" / "config.yml"
    path.write_text(path.read_text().replace("url: data/churn/", f"url: {url}"))
    return clone


@pytest.mark.parametrize(
    ("url", "folder"), [("data/churn/", "s3://bucket/data/churn/"), ("s3://bucket/in/", "s3://bucket/in/")]
)
def test_data_go_where_the_pipeline_reads(url, folder, clone) -> None:
    assert ship.training_folder(PROJECT, configured(clone, url)) == folder


@pytest.mark.parametrize("url", ["s3://lake/churn/", "data/churn/rows.csv"])
def test_or_nowhere(url, clone) -> None:
    with pytest.raises(UserError, match="put the file there yourself"):
        ship.training_folder(PROJECT, configured(clone, url))


def test_it_says_what_else_is_trained_on(clone, aws, tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "may.csv").write_text("x\n")
    keys = ["data/churn/", "data/churn/may.csv", "data/churn/april.csv"]
    stored: list[Any] = []
    aws.answers["ListObjectsV2"] = {"Contents": [{"Key": key} for key in keys]}
    monkeypatch.setattr(aws.client("s3"), "upload_file", lambda path, *place: stored.append(place))
    ship._put_data(aws.target, PROJECT, clone, Wishes("churn", tmp_path / "may.csv", pushes=False))
    assert stored == [("bucket", "data/churn/may.csv")]
    out = capsys.readouterr().out
    assert "replaces the file of that name" in out
    assert "also trains on what is there already: april.csv\n" in out
