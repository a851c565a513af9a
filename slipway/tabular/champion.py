"""The model that is in production now, which a new one must not fall behind."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
from numpy.typing import NDArray

from slipway.tabular import scoring
from slipway.tabular.approved import LATEST, NONE, find
from slipway.tabular.job import JobError
from slipway.tabular.resampling import Judge, paired_difference, spread
from slipway.tabular.scoring import Trained
from slipway.tabular.split import Dealt
from slipway.tabular.target import Target

FEWEST_ROWS, FEWEST_OF_A_CLASS = 50, 10  # of the test rows; the interval of fewer spans everything
INTERVAL = ("value", "low", "high")


def champion_settings() -> tuple[str, str]:
    """What the Evaluate step is told: CHAMPION_MODEL_PACKAGE_ARN and MODEL_PACKAGE_GROUP_NAME."""
    return os.environ.get("CHAMPION_MODEL_PACKAGE_ARN", NONE), os.environ.get("MODEL_PACKAGE_GROUP_NAME", "")


def load(arn: str, group: str) -> tuple[str, Trained | None]:
    """The champion's ARN and what Train made of it; `latest` is looked up, `none` has no model."""
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


def _download(arn: str, url: str, download: Callable[[str, str, str], None]) -> Trained:
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


def obstacle(candidate: Dealt | None, champion: Dealt | None, labels: NDArray[Any], *, classification: bool) -> str:
    """Why the test rows of the candidate say nothing about the champion; empty when they do."""
    if champion is None or candidate is None:
        return "the champion does not say how its rows were split, so it may have been trained on these test rows"
    if difference := champion.split.difference(candidate.split):
        return f"the champion may have been trained on these test rows: {difference}"
    if len(labels) < FEWEST_ROWS:
        return f"{len(labels)} test rows are too few to compare two models, at least {FEWEST_ROWS} are needed"
    if classification and (fewest := int(np.bincount(labels.astype(np.int64), minlength=2).min())) < FEWEST_OF_A_CLASS:
        return f"the rarest class has {fewest} test rows, to compare two models at least {FEWEST_OF_A_CLASS} are needed"
    return ""


def other_answers(candidate: Target, champion: Target) -> str:
    """Why the answers of two models can't be compared; empty when they can."""
    if champion.problem != candidate.problem:
        return f"the champion's problem is {champion.problem}, the new model's is {candidate.problem}"
    if sorted(champion.classes) != sorted(candidate.classes):
        return f"the champion knows the classes {', '.join(champion.classes)}, the new model others"
    return ""


def skip_comparison(metric: str, reason: str, arn: str = NONE) -> dict[str, Any]:
    """The `champion` section of evaluation.json when nothing is compared: the candidate is not worse than anything."""
    named = {} if arn == NONE else {"model_package_arn": arn}
    return {
        "compared": False,
        **named,
        "reason": reason,
        "metric": metric,
        "worse_by": dict.fromkeys(INTERVAL, 0.0),
        "summary": f"not compared with a champion ({reason})",
    }


def comparison(
    metric: str, candidate: Judge, champion: Judge, rows: int, arn: str, *, higher_is_better: bool
) -> dict[str, Any]:
    """The `champion` section of evaluation.json: by how much the candidate is worse, and the 95 % interval of that.

    The interval is of the difference, over resamples of the rows that both have answered: what one row in or out
    changes for both models alike does not widen it.
    """
    sign = 1 if higher_is_better else -1
    ones = np.ones(rows)
    ours, theirs = candidate(ones), champion(ones)
    interval = spread(sign * paired_difference(champion, candidate, rows))
    worse = {
        "value": round(sign * (theirs - ours), 6),
        "low": round(interval["low"], 6),
        "high": round(interval["high"], 6),
    }
    return {
        "compared": True,
        "model_package_arn": arn,
        "metric": metric,
        "rows": rows,
        "value": round(theirs, 6),
        "candidate_value": round(ours, 6),
        "worse_by": worse,
        "summary": f"{metric} worse than the champion's by {worse['value']} "
        f"(95 % interval {worse['low']} to {worse['high']})",
    }
