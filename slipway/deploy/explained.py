"""The explainability monitor of a stage: a model of its own to ask, and the configuration that names that model.

Clarify asks a model some hundred times for each request that it explains; that must not reach the stage's endpoint,
where it would also be captured. So it makes an endpoint of this model for each execution, and deletes it afterwards.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.deploy import promotion
from slipway.deploy.stage import Monitor
from slipway.deploy.versions import NotDeployableError
from slipway.monitoring.settings import ENGINE

NAME_LENGTH = 63  # SageMaker's limit
MODEL = ("ModelPackageName", "ModelExecutionRoleArn", "VpcSubnetIds", "VpcSecurityGroupIds")
BASELINE = "explanations_shap/baseline.csv"  # what Clarify leaves beside the analysis of the registered version


def registered_settings(s3: Any, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the pinned version says of its explanations, compared with the same rows; empty when it says nothing."""
    documents = (record["DriftCheckBaselines"] or {}).get("Explainability") or {}
    uri = (documents.get("ConfigFile") or {}).get("S3Uri")
    if not uri:
        return {}
    config = promotion.read(s3, uri, "explainability configuration")
    beside = str((documents.get("Constraints") or {}).get("S3Uri", "")).rpartition("/")[0] + f"/{BASELINE}"
    shap = config.get("methods", {}).get("shap", {})
    if "baseline" not in shap and exists(s3, beside):
        shap.pop("num_clusters", None)
        shap["baseline"] = beside
    return config


def check_bias(s3: Any, monitor: Monitor, name: str, record: Mapping[str, Any]) -> None:
    """Raise NotDeployableError where Clarify shall watch the bias of several classes, whose answers it can't read."""
    if monitor.bias == "off" or monitor.engine == "slipway":
        return
    documents = (record["DriftCheckBaselines"] or {}).get("Bias") or {}
    uri = (documents.get("ConfigFile") or {}).get("S3Uri")
    if uri and promotion.read(s3, uri, "bias configuration").get(ENGINE) == "slipway":
        raise NotDeployableError(
            f"{record['ModelPackageArn']} tells one of several classes, whose bias Clarify's monitor can't read from "
            f"answers in CSV: set engine: slipway in {name}.yml, or switch monitor.bias off"
        )


def check_engine(monitor: Monitor, name: str, config: Mapping[str, Any], arn: str) -> None:
    """Raise NotDeployableError where the version was explained by the other engine: its values are another method's."""
    if monitor.explainability == "off" or not config:
        return
    made_by = config.get(ENGINE, "sagemaker")
    if made_by != monitor.engine:
        raise NotDeployableError(
            f"{arn} was explained by engine: {made_by}, and {name}.yml watches it with engine: {monitor.engine}, whose "
            f"values are another method's: set engine: {made_by} there, or monitoring.engine: {monitor.engine} in "
            "config.yml and register a version"
        )


@dataclass(frozen=True)
class Explained:
    """Values for monitoring.yml, and the document to upload."""

    model_name: str
    key: str
    config: bytes

    @classmethod
    def of(cls, parameters: Mapping[str, str], config: Mapping[str, Any]) -> "Explained":
        """For a stage's endpoint. Another version, role or network is another name: CloudFormation makes it first."""
        stage = f"{parameters['SageMakerProjectName']}-{parameters['StageName']}"
        model = _digest("\0".join([stage, *(parameters.get(key, "") for key in MODEL)]).encode())[:8]
        name = f"{stage}-explained"[: NAME_LENGTH - len(model) - 1].rstrip("-") + f"-{model}"
        named = {**config, "predictor": {**config.get("predictor", {}), "model_name": name}}
        body = json.dumps(named, indent=1, sort_keys=True).encode()
        return cls(name, f"monitoring/config/{_digest(body)}/analysis_config.json", body)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def exists(s3: Any, uri: str) -> bool:
    """Whether there is an object, or are any below a folder."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bool(s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("KeyCount"))
