"""Running `load.py`: how many requests a second a server answers, and how many the generator itself could send."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.local_aws import Failed
from benchmarks.served import CSV, http, stop

CONNECTIONS = 16
GENERATOR, NULL_SERVER = Path(__file__).with_name("load.py"), Path(__file__).with_name("null_server.py")
WARM_SECONDS = 1.0


@dataclass(frozen=True)
class Load:
    """What one load has found; latencies are in seconds."""

    answers: int
    rate: float
    p50: float
    p99: float

    @classmethod
    def of(cls, found: Mapping[str, Any], where: str) -> "Load":
        """Raises Failed when an answer was not 200: its rate would say nothing."""
        if found["refused"]:
            refused, said = f"{found['refused']} of {found['answers']}", found["said"]
            raise Failed(f"{where} did not answer {refused} requests with 200; the first: {said}")
        return cls(int(found["answers"]), found["rate"], found["p50"], found["p99"])


def load(address: str | Path, request: bytes, seconds: float, *, connections: int = CONNECTIONS) -> Load:
    """Load a server for so long. Raises Failed."""
    with tempfile.NamedTemporaryFile(prefix="benchmark-request-") as file:
        file.write(request)
        file.flush()
        command = [sys.executable, str(GENERATOR), str(address), str(connections), str(seconds), file.name]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise Failed(f"load on {address}: {made.stderr.strip()[-300:]}")
    return Load.of(json.loads(made.stdout), str(address))


def warm(address: str | Path, request: bytes, seconds: float = WARM_SECONDS) -> None:
    """Load it before it is measured."""
    load(address, request, seconds)


def ceiling(folder: Path, seconds: float) -> Load:
    """What the generator gets out of a server that does nothing."""
    path = folder / "null.sock"
    process = subprocess.Popen([sys.executable, str(NULL_SERVER), str(path)], stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed("the server that does nothing did not start")
            time.sleep(0.01)
        return load(path, http("/invocations", b"1,2", CSV), seconds)
    finally:
        stop(process)
