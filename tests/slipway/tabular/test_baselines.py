"""Which baseline Baseline leaves: by SkipCheck and RegisterNewBaseline, as AWS's table of them has it."""

import io
import json

import pytest

from slipway.tabular.baselines import Lifecycle
from slipway.tabular.job import JobError
from slipway.tabular.scripts import baseline
from slipway.tabular.scripts.baseline import Folders

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/g/1"


class Registry:
    """One group with one approved version, or none; and the bucket with its documents."""

    def __init__(self, documents=None):
        self.exceptions = type("Exceptions", (), {"ClientError": LookupError})
        self.objects = {f"b/{name.lower()}.json": json.dumps(body) for name, body in (documents or {}).items()}
        self.named = documents

    def __call__(self, _service):
        return self

    def get_paginator(self, _operation):
        return self

    def paginate(self, **_asked):
        yield {"ModelPackageSummaryList": [] if self.named is None else [{"ModelPackageArn": ARN}]}

    def describe_model_package(self, ModelPackageName):  # noqa: N803
        assert ModelPackageName == ARN
        found = {name: {"S3Uri": f"s3://bucket/b/{name.lower()}.json"} for name in self.named}
        return {"DriftCheckBaselines": {"ModelDataQuality": found}} if found else {}

    def get_object(self, Bucket, Key):  # noqa: N803
        return {"Body": io.BytesIO(self.objects[Key].encode())}


def unreachable(service):
    raise AssertionError(service)


def rows(path, values):
    path.mkdir(parents=True, exist_ok=True)
    (path / "baseline.csv").write_text("size,plan\n" + "".join(f"{value},{value % 2}x\n" for value in values))


@pytest.fixture
def folders(tmp_path):
    rows(tmp_path / "input" / "baseline", range(1000, 1400))
    return Folders.below(tmp_path)


@pytest.fixture
def earlier(tmp_path):
    """The documents of a version that was trained on other sizes."""
    other = Folders.below(tmp_path / "earlier")
    rows(other.rows, range(400))
    baseline.main(other, Lifecycle(skip_check=True, register_new=True, group="g"), unreachable)
    return {name.title(): json.loads((other.baseline / f"{name}.json").read_text()) for name in baseline.NAMES.values()}


@pytest.mark.parametrize(
    ("skip", "fresh", "violates", "whose"),
    [
        (False, False, True, "earlier"),
        (False, True, True, "own"),
        (True, False, False, "earlier"),
        (True, True, 0, "own"),
    ],
)
def test_the_baseline_that_monitors_compare_with(folders, earlier, skip, fresh, violates, whose):
    found = baseline.main(folders, Lifecycle(skip, fresh, "g"), Registry(earlier))
    assert bool(found) == violates
    assert (folders.calculated / "constraint_violations.json").exists() == violates
    calculated = json.loads((folders.calculated / "statistics.json").read_text())
    assert calculated["dataset"]["item_count"] == 400
    left = json.loads((folders.baseline / "statistics.json").read_text())
    assert left == (calculated if whose == "own" else earlier["Statistics"])


def test_the_first_version_asks_nobody(folders):
    assert baseline.main(folders, Lifecycle.from_environment({}), unreachable) == 0


@pytest.mark.parametrize(("registry", "why"), [(Registry(), "no approved version"), (Registry({}), f"{ARN} has none")])
def test_an_earlier_baseline_that_is_not_there(folders, registry, why):
    asked = {"SKIP_CHECK": "true", "REGISTER_NEW_BASELINE": "False", "MODEL_PACKAGE_GROUP_NAME": "g"}
    with pytest.raises(JobError, match=why):
        baseline.main(folders, Lifecycle.from_environment(asked), registry)
    assert baseline.main(folders, Lifecycle(skip_check=False, register_new=True, group="g"), registry) == 0
