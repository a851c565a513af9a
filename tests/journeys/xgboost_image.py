"""The Python side of the XGBoost 3.2-0 image: AWS's own toolkits from PyPI, with the pins of its pyproject.toml.

(aws/deep-learning-containers, docker/xgboost/.) They are installed once, below .slipway. Each test gets an environment
of its own, since the toolkits install the user's code into the one that they run in; it finds them there, and numpy,
pandas and xgboost where this test finds them.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from slipway.build.bundles import Bundle
from slipway.deploy.calls import CSV, Answer
from tests.journeys.conftest import ROOT, free_port

FRAMEWORK = Path(__file__).with_name("xgboost_framework.py")
TOOLKITS = ("sagemaker-containers==2.8.6.post2", "sagemaker-inference==1.5.5")
PINS = (
    "Flask==3.1.3",
    "Werkzeug==3.1.8",
    "gevent==26.4.0",
    "gunicorn==25.3.0",
    "boto3==1.38.0",
    "retrying==1.3.3",
    "psutil==7.0.0",
    "protobuf==3.20.3",
    "setuptools==80.10.2",
    "inotify_simple==1.2.1",
    "six",
    "wheel",
)
SECONDS = 60


def installed() -> Path:
    """The site-packages of the toolkits. Skips the test where no package index can be reached."""
    key = hashlib.sha256(repr((TOOLKITS, PINS, sys.version)).encode()).hexdigest()[:12]
    folder = ROOT / ".slipway" / f"xgboost-image-{key}"
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        try:
            _install(part)
            part.rename(folder)
        except (subprocess.CalledProcessError, OSError) as error:
            shutil.rmtree(part, ignore_errors=True)
            if not folder.exists():  # another test's process may have made it meanwhile
                said = getattr(error, "stderr", "") or str(error)
                pytest.skip(f"the image's toolkits cannot be installed: {said.strip().splitlines()[-1]}")
    return folder


def _install(folder: Path) -> None:
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "-q", "--python", sys.executable]
    for arguments in ((*PINS, "pip"), ("--no-deps", *TOOLKITS)):
        command = [*uv, "--target", str(folder), *arguments]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    mapping = folder / "sagemaker_containers" / "_mapping.py"  # the image's Dockerfile has this line, too
    mapping.write_text(mapping.read_text().replace("collections.Mapping", "collections.abc.Mapping"))
    shutil.copy(FRAMEWORK, folder)


@dataclass(frozen=True)
class Image:
    """One container's environment and its /opt/ml."""

    python: Path
    ml: Path

    def run(self, *command: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """`python -m ...` as the image's entry points do, to its end."""
        return subprocess.run(
            [str(self.python), *command],
            env=self._environ(environ), capture_output=True, text=True, timeout=SECONDS, check=False, cwd=self.ml,
        )  # fmt: skip

    def _environ(self, own: Mapping[str, str]) -> dict[str, str]:
        system = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return {
            **system,
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "SAGEMAKER_BASE_DIR": str(self.ml),
            "SAGEMAKER_SERVING_MODULE": "xgboost_framework:serving",
            "SAGEMAKER_TRAINING_MODULE": "xgboost_framework:training",
            "PIP_NO_INDEX": "1",  # a subnet without a way to a package index
            **{name: value.replace("/opt/ml", str(self.ml)) for name, value in own.items()},
        }

    def train(
        self, code: Bundle, settings: Mapping[str, str], prepared: Path, environ: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """A training job of what Prepare has written, in script mode."""
        archive = self.ml / "sourcedir.tar.gz"
        archive.write_bytes(next(iter(code.objects("x").values())))
        channels = {name: prepared / name for name in ("train", "validation", "encoder")}
        configure(self, {**settings, "sagemaker_submit_directory": str(archive)}, channels)
        return self.run("-m", "sagemaker_containers.cli.train", environ=environ)

    @contextmanager
    def serving(self, environ: Mapping[str, str]) -> Iterator["Server"]:
        """The running model server."""
        port, log = free_port(), self.ml.parent / "serve.log"
        more = {
            "SAGEMAKER_USE_NGINX": "False",
            "SAGEMAKER_BIND_TO_PORT": str(port),
            "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                [str(self.python), "-m", "sagemaker_containers.cli.serve"],
                env=self._environ({**environ, **more}),
                stdout=output, stderr=output, cwd=self.ml, start_new_session=True,
            )  # fmt: skip
        server = Server(port, log)
        try:
            server.wait(process)
            yield server
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(SECONDS)


@dataclass(frozen=True)
class Server:
    """A model server on a port of this machine."""

    port: int
    log: Path

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until /ping answers 200."""
        deadline = time.time() + SECONDS
        while time.time() < deadline and process.poll() is None:
            try:
                if self.ask("ping", None, {})[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        pytest.fail(f"the server does not answer /ping: {self.log.read_text()[-3000:]}")

    def ask(self, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        """Status, content type and body of an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", body, dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as found:
                return found.status, found.headers.get("Content-Type", ""), found.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Content-Type", ""), error.read()


def image(folder: Path) -> Image:
    """A container in `folder`, which is empty."""
    toolkits = installed()
    python = folder / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    packages = next((folder / "venv").glob("lib/python*/site-packages"))
    (packages / "image.pth").write_text(f"{toolkits}\n{sysconfig.get_path('purelib')}\n")
    gunicorn = python.with_name("gunicorn")
    gunicorn.write_text(f"#!{python}\nfrom gunicorn.app.wsgiapp import run\nrun()\n")
    gunicorn.chmod(0o755)
    for name in ("model", "output"):
        (folder / "ml" / name).mkdir(parents=True)
    return Image(python, folder / "ml")


def configure(image: Image, hyperparameters: Mapping[str, str], channels: Mapping[str, Path]) -> None:
    """What SageMaker writes below /opt/ml/input for a training job on one instance."""
    config = image.ml / "input" / "config"
    config.mkdir(parents=True)
    for name, folder in channels.items():
        shutil.copytree(folder, image.ml / "input" / "data" / name)
    files: dict[str, Any] = {
        "hyperparameters": dict(hyperparameters),
        "inputdataconfig": {name: {"TrainingInputMode": "File"} for name in channels},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"},
    }
    for name, document in files.items():
        (config / f"{name}.json").write_text(json.dumps(document))


def arguments_of(definition: str) -> dict[str, Any]:
    """The arguments of a definition's steps by their names; `model` is the environment of its model's container."""
    found: dict[str, Any] = {}
    waiting = list(json.loads(definition)["Steps"])
    while waiting:
        step = waiting.pop()
        found[step["Name"]] = step["Arguments"]
        waiting += step["Arguments"].get("IfSteps", []) if step["Type"] == "Condition" else []
    register = next(arguments for name, arguments in found.items() if name.startswith("Register"))
    return found | {"model": register["InferenceSpecification"]["Containers"][0]["Environment"]}


def caller(server: Server) -> Any:
    """The endpoint, as SageMaker passes on what the container answers."""

    def call(body: str, content_type: str, *, accept: str = CSV, inference_id: str = "") -> Answer:
        headers = {"Content-Type": content_type, "Accept": accept}
        status, kind, content = server.ask("invocations", body.encode(), headers)
        return Answer(status, content.decode(), kind, 1.0, "" if status == 200 else "ModelError")

    return call


LIMITS = {
    "prediction_tolerance": 1e-5,
    "metric_tolerance": 0.02,
    "metric": "auc",
    "warm_up": 1,
    "requests": 5,
    "p95_ms": 60_000.0,
}

REFUSED = {
    "no number": (b"CA,a,b", CSV, CSV, b"values, expected"),
    "an empty body": (b"", CSV, CSV, b"the request has no row"),
    "an empty body of JSON": (b"", "application/json", CSV, b"the request is not JSON"),
    "half a document": (b"[{", "application/json", CSV, b"the request is not JSON"),
    "an unknown content type": (b"x", "image/png", CSV, b"'image/png' is not supported"),
    "no content type that is one": (b"x", "a", CSV, b"'a' is not supported"),
    "bytes that are no UTF-8": (b"\xff\xfe", CSV, CSV, b"the request is not UTF-8"),
    "bytes that are no UTF-8, in a charset": (b"\xff\xfe", "text/csv; charset=utf-8", CSV, b"the request is not UTF-8"),
    "bytes that are no UTF-8, in JSON": (b'["\xff"]', "application/json", CSV, b"the request is not UTF-8"),
}


def plain(answer: tuple[int, str, bytes]) -> tuple[int, str, bytes]:
    """Flask adds the charset to the content type of a text that has none."""
    status, kind, content = answer
    return status, kind if status != 200 else kind.partition(";")[0], content
