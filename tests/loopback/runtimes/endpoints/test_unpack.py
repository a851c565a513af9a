"""A model's way onto an instance: whole, or not at all."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from loopback.core.instance_types import GIB, MIB
from loopback.core.unpacking import VOLUME
from loopback.runtimes.endpoints.unpack import bring, volume
from loopback.runtimes.jobs.ports import JobFault
from tests.loopback.runtimes.jobs.conftest import Folder


@pytest.mark.parametrize(
    ("given", "most"),
    [
        ({"InstanceType": "ml.m5.large"}, 8 * GIB),
        ({"InstanceType": "ml.m5.large", "VolumeSizeInGB": 100}, 100 * GIB),
        ({"InstanceType": "ml.m5.12xlarge"}, VOLUME),
        ({"InstanceType": "ml.p3.2xlarge"}, VOLUME),
        ({"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1}}, 2048 * MIB),
    ],
)
def test_volume(given: dict[str, Any], most: int) -> None:
    assert volume(given) == most


def test_a_model_that_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("a", "b"):
            entry = tarfile.TarInfo(name)
            entry.size = 600_000
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    (tmp_path / "s3/b").mkdir(parents=True)
    (tmp_path / "s3/b/m.tar.gz").write_bytes(packed.getvalue())
    objects, container = Folder(tmp_path / "s3"), {"ModelDataUrl": "s3://b/m.tar.gz"}
    with pytest.raises(JobFault) as fault:
        bring(objects, container, tmp_path / "models/variant", 1_000_000)
    assert fault.value.reason == (
        'Failed to extract model data archive for container "container_1" from URL "s3://b/m.tar.gz". The model data '
        "archive is too large. Please reduce the size of the model data archive or move to an instance type with more "
        "memory."
    )
    assert not list((tmp_path / "models").iterdir())
    bring(objects, container, tmp_path / "models/variant", 2_000_000)
    assert sorted(path.name for path in (tmp_path / "models/variant").iterdir()) == ["a", "b"]
