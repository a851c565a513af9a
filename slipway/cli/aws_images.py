"""Where AWS keeps its images: the SageMaker SDK's own table; read without importing the SDK, which takes seconds."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Registry:
    """A repository of AWS's images and the accounts that have it, by region."""

    repository: str
    accounts: dict[str, str]


def registry(framework: str, version: str) -> Registry | None:
    """Where a version of a framework's image is; None where the SDK is not installed. "" is its only version."""
    spec = importlib.util.find_spec("sagemaker")
    folders = list(spec.submodule_search_locations or []) if spec else []
    tables = [
        path for folder in folders if (path := Path(folder) / f"core/image_uri_config/{framework}.json").is_file()
    ]
    if not tables:
        return None
    document: dict[str, Any] = json.loads(tables[0].read_text())
    versions = document.get("training", document)["versions"]
    found = versions.get(version, {"registries": {}, "repository": ""})
    return Registry(found["repository"], found["registries"])
