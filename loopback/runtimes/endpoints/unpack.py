"""What an endpoint's row says becomes a fleet: models unpacked, images looked up, environments put together."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loopback.core.acting import Acting
from loopback.core.instance_types import GIB, MIB, Capacity, capacity
from loopback.core.objects import Objects
from loopback.core.unpacking import VOLUME
from loopback.engines.endpoints.guardrails import instances
from loopback.images.serving.models import SKLEARN, XGBOOST
from loopback.rows.endpoints import FleetSpec, Variants, VariantSpec
from loopback.runtimes.endpoints.fleet import Fleet, Variant, capture_of
from loopback.runtimes.jobs import archives, environments, images, transfer
from loopback.runtimes.jobs.images import Images
from loopback.runtimes.jobs.job_dir import SYSTEM_PATH
from loopback.runtimes.jobs.ports import JobFault
from loopback.runtimes.jobs.transfer import S3Source

SERVING = {images.XGBOOST.name: XGBOOST, images.SKLEARN.name: SKLEARN}
CODE = "/opt/ml/model/code"  # where `bring` puts what SAGEMAKER_SUBMIT_DIRECTORY names in S3
# aws/sagemaker-python-sdk#879
TOO_LARGE = (
    'Failed to extract model data archive for container "container_1" from URL "{}". The model data archive is '
    "too large. Please reduce the size of the model data archive or move to an instance type with more memory."
)
START_SECONDS = 480.0  # for the first ping, where the variant does not say


@dataclass(frozen=True)
class FleetDependencies:
    """What endpoints are made with. `environ` is the client's part of an instance's environment."""

    objects: Objects
    folder: Path
    environ: Mapping[str, str]
    images: Images = field(default_factory=Images)
    pace: float = 1.0  # waits of deployments pass so many times as fast
    acting: Acting | None = None  # where IAM is enforced: what instances do, they do with their model's role
    python: str = sys.executable  # what model servers run with

    def of_role(self, role: str) -> "FleetDependencies":
        """What the instances of a model with this role are made with."""
        if self.acting is None or not role:
            return self
        environ = {**self.environ, **self.acting.credentials(role, "SageMaker")}
        return replace(self, objects=self.acting.objects_of(role), environ=environ)


def fleet_of(means: FleetDependencies, name: str, wanted: FleetSpec, share: float, part: float) -> Fleet:
    """The fleet with this share of the traffic, and this part of its instances. Raises JobFault, UnknownImage."""
    folder = means.folder / "models" / name.lower() / wanted.generation

    def variants(specs: Variants) -> tuple[Variant, ...]:
        return tuple(
            _variant(means, variant_name, variant, folder / variant_name, part)
            for variant_name, variant in specs.items()
        )

    return Fleet(
        name,
        wanted.generation,
        variants(wanted.variants),
        capture_of(wanted.capture),
        wanted.config,
        share,
        variants(wanted.shadows),
        wanted.queue,
    )


def _variant(means: FleetDependencies, name: str, wanted: VariantSpec, folder: Path, part: float) -> Variant:
    container, given = wanted.container, wanted.given
    means = means.of_role(wanted.role)
    runtime = means.images.runtime(container["Image"])
    if runtime.name not in SERVING:
        image = container["Image"]
        raise JobFault(f"ClientError: endpoints run the XGBoost and scikit-learn images here, not {image}")
    if not folder.exists():
        bring(means.objects, container, folder, volume(given))
    python = None
    if (requirements := folder / "code" / "requirements.txt").is_file():
        python = environments.python_with(requirements, means.python, means.folder.parent / "environments")
    environ = {
        "PATH": f"{Path(means.python).parent}:{SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "MPLBACKEND": "Agg",
        **means.environ,
        "SAGEMAKER_SERVING_MODULE": SERVING[runtime.name],
        "SAGEMAKER_BIND_TO_PORT": "8080",
        "OMP_NUM_THREADS": "1",
        **(container.get("Environment") or {}),
    }
    if wanted.serverless:
        environ["SAGEMAKER_MODEL_SERVER_WORKERS"] = "1"  # an instance has one request at a time
    if environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "").startswith("s3://"):
        environ["SAGEMAKER_SUBMIT_DIRECTORY"] = CODE
    has = _capacity(given)
    return Variant(
        name=name,
        weight=wanted.weight,
        count=instances(wanted.count, part),
        model=str(folder),
        environ=environ,
        interpreter=python,
        isolated=wanted.isolated,
        least_outstanding=(given.get("RoutingConfig") or {}).get("RoutingStrategy") == "LEAST_OUTSTANDING_REQUESTS",
        concurrency=(given.get("ServerlessConfig") or {}).get("MaxConcurrency", 0),
        seconds=float(given.get("ContainerStartupHealthCheckTimeoutInSeconds") or START_SECONDS),
        cpus=has.cpus,
        memory=has.memory,
    )


def _capacity(given: Mapping[str, Any]) -> Capacity:
    serverless = given.get("ServerlessConfig")
    return Capacity(memory=serverless["MemorySizeInMB"] * MIB) if serverless else capacity(given["InstanceType"])


def volume(given: Mapping[str, Any]) -> int:
    """The bytes that a variant's model may unpack to: its volume's, else its instance type's memory, else 30 GiB.

    On a serverless variant it is that of its memory.
    """
    if "VolumeSizeInGB" in given:
        return int(given["VolumeSizeInGB"]) * GIB
    return min(_capacity(given).memory or VOLUME, VOLUME)


def bring(objects: Objects, container: Mapping[str, Any], folder: Path, most: int = VOLUME) -> None:
    """Unpack a container's model of at most so many bytes into `folder`, whole or not at all. Raises JobFault."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _bring(objects, container, part, most)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    part.rename(folder)


def _bring(objects: Objects, container: Mapping[str, Any], part: Path, most: int) -> None:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if uri and source.get("CompressionType") == "None":
        transfer.download(objects, transfer.items(objects, S3Source(uri)), part)
    elif uri:
        try:
            archives.fetch(objects, uri, part, "Model download failed", most)
        except archives.DiskFull:
            raise JobFault(TOO_LARGE.format(uri)) from None
    submitted = (container.get("Environment") or {}).get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if submitted.startswith("s3://"):
        archives.fetch(objects, submitted, part / "code", "Code download failed", most)
