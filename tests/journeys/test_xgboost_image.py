"""The template's training and serving code under AWS's own toolkits, as the XGBoost image runs them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback.images.serving.models import load_model
from slipway.build import compiled
from slipway.deploy import checks
from slipway.deploy.calls import CSV
from tests.journeys.conftest import python
from tests.journeys.xgboost_image import LIMITS, REFUSED, Image, Server, arguments_of, caller, image, plain
from tests.slipway.conftest import PROJECT, ROOT, Made, make

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make("churn", tmp_path_factory.mktemp("churn"))


@pytest.fixture(scope="module")
def steps() -> dict[str, Any]:
    """The arguments of the steps that the real pipeline has, by name; the model's among them."""
    built = compiled.build("pipelines.churn.pipeline", PROJECT.arguments, ROOT)
    return {"code": built.bundles["Train"], **arguments_of(built.text)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, churn: Made, steps: dict[str, Any]) -> Iterator[Server]:
    container = image(tmp_path_factory.mktemp("served"))
    shutil.copytree(churn.folder / "model", container.ml / "model", dirs_exist_ok=True)
    with container.serving(steps["model"]) as server:
        yield server


@pytest.fixture(scope="module")
def golden(churn: Made) -> dict[str, Any]:
    churn.script("evaluate").main(churn.folders, churn.config)
    golden: dict[str, Any] = json.loads((churn.folder / "evaluation" / "golden.json").read_text())
    return golden


def test_every_check_of_a_stage_passes(served: Server, golden: dict[str, Any], churn: Made) -> None:
    report = json.loads((churn.folder / "evaluation" / "evaluation.json").read_text())
    subject = checks.Subject(
        {"SageMakerProjectName": "demo", "StageName": "staging"},
        {
            "MetricsSection": "binary_classification_metrics",
            "Metrics": report["binary_classification_metrics"],
            "EvaluationRows": report["rows"],
        },
        LIMITS,
        golden,
        caller(served),
    )
    findings = [*checks.form(subject), checks.agreement(subject), checks.registered_metric(subject)]
    findings += [checks.latency(subject), *checks.check_malformed_requests(subject)]
    assert [finding for finding in findings if finding.status != "passed"] == []
    assert len(findings) == 9


@pytest.mark.parametrize(("body", "kind", "accept", "said"), REFUSED.values(), ids=REFUSED)
def test_a_refused_request_is_a_400_with_its_reason(
    served: Server, body: bytes, kind: str, accept: str, said: bytes
) -> None:
    status, content_type, answer = served.ask("invocations", body, {"Content-Type": kind, "Accept": accept})
    assert (status, content_type) == (400, "text/plain; charset=utf-8"), answer
    assert said in answer


def test_an_accept_that_is_not_known_is_a_400(served: Server, golden: dict[str, Any]) -> None:
    body = golden["rows"][0]["csv"].encode()
    status, _, answer = served.ask("invocations", body, {"Content-Type": CSV, "Accept": "image/png"})
    assert (status, answer[:18]) == (400, b"Accept 'image/png'")


def test_loopback_answers_what_the_toolkit_answers(
    served: Server, golden: dict[str, Any], churn: Made, steps: dict[str, Any]
) -> None:
    """Statuses, content types and bodies."""
    rows = golden["rows"][:2]
    good = [
        ("\n".join(row["csv"] for row in rows).encode(), CSV, None),
        (rows[0]["csv"].encode(), "text/csv; charset=utf-8", "*/*"),
        (b"\xef\xbb\xbf" + rows[0]["csv"].encode(), CSV, "application/json"),
        (json.dumps([row["instance"] for row in rows]).encode(), "application/json", "application/json"),
        (rows[0]["csv"].encode(), CSV, "image/png"),
    ]
    submitted = {"SAGEMAKER_SUBMIT_DIRECTORY": str(churn.folder / "model" / "code")}
    handler = load_model(churn.folder / "model", steps["model"] | submitted)
    for body, kind, accept in [*good, *((body, kind, accept) for body, kind, accept, _ in REFUSED.values())]:
        headers = {"Content-Type": kind} | ({"Accept": accept} if accept else {})
        mine = handler.invoke(body, kind, accept)
        assert (mine.status, mine.content_type, mine.whole()) == plain(served.ask("invocations", body, headers)), body


def trained(container: Image, churn: Made, steps: dict[str, Any], environ: dict[str, str]) -> Any:
    settings = {**steps["Train"]["HyperParameters"], "num_round": "12"}
    return container.train(steps["code"], settings, churn.folder / "out", environ)


def test_training_makes_a_model_that_is_served(tmp_path: Path, churn: Made, steps: dict[str, Any]) -> None:
    job, container = image(tmp_path / "job"), image(tmp_path / "endpoint")
    ended = trained(job, churn, steps, steps["Train"]["Environment"])
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert not (job.ml / "output" / "failure").exists()
    shutil.copytree(job.ml / "model", container.ml / "model", dirs_exist_ok=True)
    with container.serving(steps["model"]) as server:
        assert server.ask("ping", None, {})[:1] == (200,)


def test_without_the_setting_a_container_needs_a_package_index(
    tmp_path: Path, churn: Made, steps: dict[str, Any]
) -> None:
    environ = {key: value for key, value in steps["Train"]["Environment"].items() if not key.startswith("PIP_")}
    container = image(tmp_path)
    ended = trained(container, churn, steps, environ)
    assert ended.returncode == 1
    assert "No matching distribution found for setuptools" in ended.stderr
    assert "InstallModuleError" in (container.ml / "output" / "failure").read_text()


TOOLKIT = """
import json, sys
import sagemaker_inference
from sagemaker_inference import content_types, decoder, encoder, errors, transformer
from sagemaker_inference.errors import *

def shape(error):
    return [type(error).__name__, [base.__name__ for base in type(error).__mro__], list(error.args), vars(error)]

def refusal(*call):
    try:
        call[0](*call[1:])
    except Exception as error:
        return shape(error)[:3]

print(json.dumps({
    "content types": {k: v for k, v in vars(content_types).items() if k.isupper()},
    "errors": [shape(errors.GenericInferenceToolkitError(400, "no")),
               shape(errors.GenericInferenceToolkitError(422)),
               shape(errors.BaseInferenceToolkitError(500, "a", "b"))],
    "unsupported": shape(errors.UnsupportedFormatError("x/y"))[:3],
    "decoded": [decoder.decode("[[1, 2]]", "application/json").tolist(), decoder.decode("1,2", "text/csv").tolist()],
    "encoded": [encoder.encode([[1, 2.5]], kind) for kind in ("application/json", "text/csv")],
    "refused": [refusal(decoder.decode, "1", "text/csv; charset=utf-8"), refusal(encoder.encode, [1], "image/png")],
    "imported": "sagemaker_inference.transformer" in sys.modules,
}, default=str))
"""


def test_scripts_meet_the_same_toolkit_here(tmp_path: Path) -> None:
    """What can be imported from sagemaker_inference, errors and their members included."""
    real = image(tmp_path).run("-c", TOOLKIT, environ={})
    assert real.returncode == 0, real.stderr
    provided = f"from loopback.images.serving import toolkit; toolkit.provide()\n{TOOLKIT}"
    ours = python("-c", provided)
    assert ours.returncode == 0, ours.stderr
    assert json.loads(ours.stdout) == json.loads(real.stdout)


MULTI_MODEL = """
import json, os, sys
import mms  # what tells that server from Flask
from types import SimpleNamespace
from sagemaker_inference.transformer import Transformer

class Context(SimpleNamespace):
    def set_response_content_type(self, _, kind): self.answer = [200, kind]
    def set_response_status(self, code, phrase): self.answer = [code, phrase]

asked = SimpleNamespace(get_request_properties=lambda: {"content-type": "text/csv", "accept": "text/csv"})
folder = os.environ["SAGEMAKER_BASE_DIR"] + "/model"
context = Context(system_properties={"model_dir": folder}, request_processor=[asked])
for body in (b"CA,1", bytes(sys.argv[1], "utf-8")):
    content = Transformer().transform([{"body": body}], context)
    print(json.dumps([*context.answer, content[0]]))
"""


def test_multi_model_server_answers_with_the_refusals_status(
    tmp_path: Path, churn: Made, steps: dict[str, Any], golden: dict[str, Any]
) -> None:
    """Its Java server is not here; what its Python worker does with a request is the toolkit's Transformer."""
    container = image(tmp_path)
    shutil.copytree(churn.folder / "model", container.ml / "model", dirs_exist_ok=True)
    (container.ml / "model" / "code" / "mms.py").write_text("")
    paths = {"PYTHONPATH": str(container.ml / "model" / "code")}
    ended = container.run("-c", MULTI_MODEL, golden["rows"][0]["csv"], environ=steps["model"] | paths)
    assert ended.returncode == 0, ended.stderr
    refused, answered = map(json.loads, ended.stdout.splitlines()[-2:])
    assert (refused[0], refused[1][:18]) == (400, "row 1: 2 values, e")
    assert answered[:2] == [200, "text/csv"]
