"""The model that is in production now, which a new one must not fall behind."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pipelines.tabular import scoring
from pipelines.tabular.approved import LATEST, NONE, find
from pipelines.tabular.job import JobError
from pipelines.tabular.serving import Model


def wanted() -> tuple[str, str]:
    """What the Evaluate step is told: CHAMPION_MODEL_PACKAGE_ARN and MODEL_PACKAGE_GROUP_NAME."""
    return os.environ.get("CHAMPION_MODEL_PACKAGE_ARN", NONE), os.environ.get("MODEL_PACKAGE_GROUP_NAME", "")


def load(arn: str, group: str) -> tuple[str, Model | None]:
    """The champion's ARN and model; `latest` is looked up, `none` has no model."""
    if arn == NONE:
        return NONE, None
    import boto3

    sagemaker = boto3.client("sagemaker")
    arn = find(sagemaker, group) if arn == LATEST else arn
    if arn == NONE:
        return NONE, None
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    url = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    return arn, _download(arn, url, boto3.client("s3").download_file)


def _download(arn: str, url: str, download: Callable[[str, str, str], None]) -> Model:
    address = urlparse(url)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "model.tar.gz")
        try:
            download(address.netloc, address.path.lstrip("/"), str(archive))
            return scoring.unpack(archive, Path(folder, "model"))
        except JobError as error:
            raise JobError(
                f"the champion {arn} can't be loaded from {url}: {error}\n"
                "Pass ChampionModelPackageArn=none to register without a comparison."
            ) from None
        except Exception as error:
            raise JobError(f"the champion's model {url} ({arn}) can't be downloaded: {error}") from error


def comparison(
    metric: str, candidate: float, champion: float | None, arn: str, *, higher_is_better: bool
) -> dict[str, Any]:
    """The `champion` section of evaluation.json; without a champion there is nothing to be worse than (0)."""
    if champion is None:
        return {
            "compared": False,
            "reason": "no champion: nothing to compare with",
            "metric": metric,
            "worse_by": {"value": 0.0},
        }
    worse_by = champion - candidate if higher_is_better else candidate - champion
    return {
        "compared": True,
        "model_package_arn": arn,
        "metric": metric,
        "value": champion,
        "candidate_value": candidate,
        "worse_by": {"value": round(worse_by, 6)},
    }
