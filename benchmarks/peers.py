"""Other model servers, with the same model: multi-model-server, which SageMaker's containers run, and MLflow's."""

import contextlib
import csv
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import NotInstalled, environment, shared_pins
from benchmarks.local_aws import bare_environment, free_low_port, free_port
from benchmarks.served import CSV, Served, http, stop

START_SECONDS = 60.0
MMS = ("multi-model-server==1.1.11", "sagemaker-inference==1.10.1", "setuptools<80")
SAME = ("numpy", "pyarrow", "scipy", "xgboost-cpu")  # what the template's inference.py imports, as here
HANDLER = "sagemaker_inference.default_handler_service"


@dataclass(frozen=True)
class Peer:
    """A server that runs. `port` is one of 127.0.0.1."""

    name: str
    port: int
    headers: dict[str, str]
    header: str = ""  # a first line of the body

    def request(self, body: bytes) -> bytes:
        """The bytes of one request."""
        return http("/invocations", self.header.encode() + body, self.headers)


@contextlib.contextmanager
def multi_model_server(served: Served, folder: Path) -> Iterator[Peer]:
    """With one worker, SageMaker's inference toolkit and the template's script. Raises NotInstalled."""
    if shutil.which("java") is None:
        raise NotInstalled("it needs Java, which is not here")
    binaries = environment("multi-model-server", MMS + shared_pins(*SAME))
    home = folder / "multi-model-server"
    home.mkdir()
    port = free_low_port()
    management = free_low_port(port + 1)
    settings = {
        "default_workers_per_model": 1,
        "inference_address": f"http://127.0.0.1:{port}",
        "management_address": f"http://127.0.0.1:{management}",
        "default_service_handler": HANDLER,
        "enable_envvars_config": "true",
        "decode_input_request": "false",
    }
    (home / "config.properties").write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    arguments = [
        "--foreground",
        "--model-store",
        str(served.folder.parent),
        "--mms-config",
        str(home / "config.properties"),
    ]
    environ = {
        **bare_environment(),
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(served.folder / "code"),
        "SAGEMAKER_BASE_DIR": str(home / "ml"),
        "SAGEMAKER_PROGRAM": "inference.py",
        "OMP_NUM_THREADS": "1",
        "TEMP": str(home),
    }
    command = [str(binaries / "multi-model-server"), "--start", *arguments, "--models", f"model={served.folder.name}"]
    peer = Peer("multi-model-server", port, CSV)
    with _running(peer, served.body(1), command, environ, home):
        yield peer


@contextlib.contextmanager
def mlflow(served: Served, folder: Path) -> Iterator[Peer]:
    """The same booster with numbers for categories, as MLflow's own XGBoost flavour. Raises NotInstalled."""
    try:
        import mlflow as library
        import xgboost
    except ImportError as error:
        raise NotInstalled(str(error)) from None
    home = folder / "mlflow"
    home.mkdir()
    booster = xgboost.Booster()
    booster.load_model(bytearray((served.folder / "xgboost-model").read_bytes()))
    names, booster.feature_types = booster.feature_names, None
    with contextlib.redirect_stderr(io.StringIO()):
        library.xgboost.save_model(booster, str(home / "model"), model_format="ubj", pip_requirements=[])
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--workers", "1"]
    command += ["--model-uri", str(home / "model"), "--host", "127.0.0.1", "--port", str(port)]
    environ = {**bare_environment(), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    peer = Peer("MLflow", port, {**CSV, "Accept": "application/json"}, ",".join(names) + "\n")
    with _running(peer, in_numbers(served, 1), command, environ | {"OMP_NUM_THREADS": "1"}, home):
        yield peer


def in_numbers(served: Served, rows: int) -> bytes:
    """The rows as MLflow gets them: each category as its place."""
    encoder = json.loads((served.folder / "encoder.json").read_text())
    coders = [encoder["categories"].get(name) for name in encoder["features"]]
    lines = csv.reader(served.rows[:rows])
    return "\n".join(",".join(map(_number, row, coders)) for row in lines).encode()


def _number(cell: str, known: list[str] | None) -> str:
    if known is None:
        return cell
    return str(float(known.index(cell))) if cell in known else ""


@contextlib.contextmanager
def _running(peer: Peer, body: bytes, command: list[str], environ: dict[str, str], home: Path) -> Iterator[None]:
    """Start it and wait until it answers a request. Raises NotInstalled with the last thing that it said."""
    log = home / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=environ, cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(peer.port, peer.request(body)):
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text().strip().splitlines() or ["it said nothing"]
                raise NotInstalled(f"{peer.name} did not start: {said[-1][:200]}")
            time.sleep(0.1)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        stop(process)


def _answers(port: int, request: bytes) -> bool:
    """Whether it answers with 200: a ping is answered before there is a model."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.sendall(request)
            return b" 200 " in line.recv(100).partition(b"\r\n")[0]
    except OSError:
        return False
