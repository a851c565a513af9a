"""loopback.yml: what a team says of its own images, and of the quotas that its account has."""

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopback.core import service_quotas
from loopback.runtimes.jobs.images import PUBLISHED, Images

NAME = "loopback.yml"
SECTIONS = ("images", "quotas")
_TYPES = {  # which instance types an operation knows, by what they are used for
    service_quotas.ENDPOINT: "ProductionVariantInstanceType",
    service_quotas.PROCESSING: "ProcessingInstanceType",
    service_quotas.TRAINING: "TrainingInstanceType",
    service_quotas.SPOT: "TrainingInstanceType",
    service_quotas.TRANSFORM: "TransformInstanceType",
}


class WrongFile(Exception):
    """loopback.yml cannot be used; the message says where and what it should look like."""


@dataclass(frozen=True)
class LoopbackFile:
    """What it says; nothing where there is none. `quotas`: patterns of names and what the account may have of them."""

    images: Images = field(default_factory=Images)
    quotas: Mapping[str, float] = field(default_factory=dict)


def read(folders: Iterable[Path]) -> LoopbackFile:
    """The first loopback.yml in these folders. Raises WrongFile."""
    path = next((folder / NAME for folder in folders if (folder / NAME).is_file()), None)
    if path is None:
        return LoopbackFile()
    from loopback.wire import documents

    try:
        document = documents.yaml_value(path.read_text()) or {}
    except documents.Unreadable as fault:
        raise WrongFile(f"{path} is not YAML: {fault}") from None
    if not isinstance(document, dict) or not document or set(document) - set(SECTIONS):
        raise WrongFile(
            f'{path} must hold images, with lines such as "*/my-image:*": host, or quotas, with lines such as '
            '"ml.m5.xlarge for training job usage": 4'
        )
    return LoopbackFile(Images(_images(path, document)), _quotas(path, document))


def _section(path: Path, document: dict[str, Any], name: str) -> dict[Any, Any]:
    section = document.get(name, {})
    if not isinstance(section, dict):
        raise WrongFile(f"{path}: {name} must hold lines of a pattern and what it stands for, found {section!r}")
    return section


def _images(path: Path, document: dict[str, Any]) -> dict[str, str]:
    entries = _section(path, document, "images")
    for pattern, python in entries.items():
        if python not in ("host", PUBLISHED) and not (isinstance(python, str) and Path(python).is_file()):
            raise WrongFile(
                f"{path}: image {pattern!r} is mapped to {python!r}; "
                f"expected host, the path of a Python, or {PUBLISHED} for an environment with what AWS publishes of it"
            )
    return entries


def _quotas(path: Path, document: dict[str, Any]) -> dict[str, float]:
    entries = _section(path, document, "quotas")
    known = list(quota_names()) if entries else []
    for pattern, value in entries.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise WrongFile(f"{path}: quota {pattern!r} is {value!r}; expected a number, 0 or more")
        if not any(fnmatch.fnmatchcase(name, str(pattern)) for name in known):
            raise WrongFile(
                f"{path}: {pattern!r} is the name of no quota here; expected one such as "
                f"'ml.m5.xlarge for training job usage', '{service_quotas.TRAINING_TOTAL.name}' or '*'"
            )
    return entries


def quota_names() -> Iterator[str]:
    """The names of all quotas that are counted here."""
    from loopback.wire import model

    for quota in (*service_quotas.OF_THE_ACCOUNT, *service_quotas.build_quotas()):
        yield quota.name
    for use, shape in _TYPES.items():
        for instance_type in model.service("sagemaker").shape_for(shape).enum:
            yield service_quotas.quota_name(instance_type, use)
