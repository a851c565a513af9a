"""Where the control plane finds what a job has written, whatever links the job has made."""

from pathlib import Path

import pytest

from loopback.runtimes.jobs.job_dir import Host
from loopback.runtimes.jobs.ports import JobFault
from tests.loopback.runtimes.jobs.conftest import Bench


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(1, "algo-1", tmp_path / "algo-1")
    (made.ml / "output/data").mkdir(parents=True)
    (made.ml / "model").mkdir()
    (tmp_path / "secret").write_text("a key")
    return made


@pytest.mark.parametrize(
    ("links", "path", "found"),
    [
        ({}, "/opt/ml/output/data", "output/data"),
        ({"l": "/opt/ml/model"}, "/opt/ml/l/x", "model/x"),
        ({"l": "output/data"}, "/opt/ml/l", "output/data"),
        ({"output/l": "../model"}, "/opt/ml/output/l", "model"),
        ({"a": "b", "b": "model"}, "/opt/ml/a", "model"),
        ({"l": "/etc"}, "/opt/ml/l/passwd", None),
        ({"l": "../.."}, "/opt/ml/l", None),
        ({"l": "../../secret"}, "/opt/ml/l", None),
        ({"a": "b", "b": "a"}, "/opt/ml/a", None),
    ],
)
def test_written(host: Host, links: dict[str, str], path: str, found: str | None) -> None:
    for name, target in links.items():
        (host.ml / name).symlink_to(target)
    if found is None:
        with pytest.raises(JobFault, match="is a link that leads out of /opt/ml"):
            host.output_path(path)
    else:
        assert host.output_path(path) == host.ml / found


def test_read(host: Host, tmp_path: Path) -> None:
    (host.ml / "output/message").write_text("hello")
    (host.ml / "output/failure").symlink_to(tmp_path / "secret")
    assert host.read("/opt/ml/output/message", 3) == b"hel"
    assert host.read("/opt/ml/output/failure", 9) == b""
    assert host.read("/opt/ml/output/none", 9) == b""


def test_an_output_that_has_become_a_link_is_not_sent(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private/key").write_text("a key")
    code = f"import os; os.rmdir('/opt/ml/processing/out'); os.symlink('{tmp_path}/private', '/opt/ml/processing/out')"
    outcome = bench.process("python3", "-c", code, outputs=[("out", "s3://b/o")])
    assert (outcome.status, outcome.failure_reason) == (
        "Failed",
        "ClientError: /opt/ml/processing/out is a link that leads out of /opt/ml",
    )
