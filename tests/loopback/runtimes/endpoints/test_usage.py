"""What an instance uses, measured on processes that run."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loopback.runtimes.endpoints.fleet import Variant
from loopback.runtimes.endpoints.usage import Usage, memory_bytes


def test_usage_of_this_very_process(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"x" * 1000)
    me: Any = SimpleNamespace(id="i-1", pid=os.getpid(), root=tmp_path, variant=Variant("v", 1, 1, "", {}))
    usage = Usage()
    first = usage.take({("e", "v"): [me]}, 1.0)
    assert {datum["MetricName"] for datum in first} == {"MemoryUtilization", "DiskUtilization"}
    second = {datum["MetricName"]: datum for datum in usage.take({("e", "v"): [me]}, 2.0)}
    assert second["CPUUtilization"]["Unit"] == "Percent"
    assert 0 < second["MemoryUtilization"]["Values"][0] < 100
    gone: Any = SimpleNamespace(id="i-2", pid=0, root=tmp_path)
    assert usage.take({("e", "v"): [gone]}, 3.0) == []


def test_usage_counts_what_the_instance_type_has(tmp_path: Path) -> None:
    small = Variant("v", 1, 1, "", {}, cpus=1, memory=256 << 20)
    me: Any = SimpleNamespace(id="i-1", pid=os.getpid(), root=tmp_path, variant=small)
    usage = Usage()
    usage.take({("e", "v"): [me]}, 1.0)
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    found = {datum["MetricName"]: datum["Values"][0] for datum in usage.take({("e", "v"): [me]}, 2.0)}
    assert found["CPUUtilizationNormalized"] == found["CPUUtilization"] > 0
    assert found["MemoryUtilization"] == pytest.approx(100 * memory_bytes(os.getpid()) / (256 << 20), rel=0.2)


def test_memory_of_a_process_and_its_children() -> None:
    code = "import subprocess, sys; x = bytearray(b'x' * (64 << 20)); print('made', flush=True); sys.stdin.read()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    assert 64 << 20 < memory_bytes(process.pid) < 256 << 20
    process.communicate()
    assert memory_bytes(process.pid) == 0
