"""The parameter values of one run that are looked up when it starts: commit, data version, champion."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from slipway.build.project import UsageError
from slipway.tabular.approved import LATEST, find


def declared_parameters(definition: str) -> dict[str, dict[str, Any]]:
    """The parameters of a definition, by name."""
    return {parameter["Name"]: parameter for parameter in json.loads(definition).get("Parameters", [])}


def check(given: Mapping[str, str], parameters: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse values for parameters that the definition does not have, or that it does not allow."""
    for name, value in given.items():
        if name not in parameters:
            raise UsageError(f"unknown parameter {name!r}; the pipeline has {', '.join(parameters)}")
        allowed = parameters[name].get("EnumValues")
        if allowed and value not in allowed:
            raise UsageError(f"parameter {name}: {value!r} is not one of {', '.join(allowed)}")


def looked_up(
    definition: str, group: str, given: Mapping[str, str], sagemaker: Any, s3: Any, root: Path
) -> dict[str, str]:
    """All values to start with: the given ones, and what the declared lineage parameters are worth right now."""
    parameters = declared_parameters(definition)
    check(given, parameters)
    values = dict(given)
    if "CommitId" in parameters and "CommitId" not in values:
        values["CommitId"] = commit(root)
    if "DataVersion" in parameters and "DataVersion" not in values:
        url = values.get("InputDataUrl", parameters["InputDataUrl"].get("DefaultValue", ""))
        values["DataVersion"] = data_version(s3, url)
    if "ChampionModelPackageArn" in parameters and values.get("ChampionModelPackageArn", LATEST) == LATEST:
        values["ChampionModelPackageArn"] = find(sagemaker, group)
    return values


def commit(root: Path) -> str:
    """The git commit that runs: what CodeBuild says, else the project's own; `-dirty` when files differ from it."""
    if built := os.environ.get("CODEBUILD_RESOLVED_SOURCE_VERSION"):
        return built
    head = _git(root, "rev-parse", "HEAD")
    return head + ("-dirty" if head and _git(root, "status", "--porcelain", "--", "pipelines") else "") or "unknown"


def _git(root: Path, *arguments: str) -> str:
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def data_version(s3: Any, url: str) -> str:
    """A hash of names, sizes and ETags below an S3 URI: other data at the same address have another version."""
    address = urlparse(url)
    if address.scheme != "s3" or not address.netloc:
        raise UsageError(f"InputDataUrl must be an s3:// URI, found {url!r}")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=address.netloc, Prefix=address.path.lstrip("/"))
    found = sorted((o["Key"], o["Size"], o["ETag"]) for page in pages for o in page.get("Contents", []))
    if not found:
        raise UsageError(f"no object below {url}: upload the raw CSV files there, or pass InputDataUrl=s3://...")
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]
