"""A model.py of scikit-learn under AWS's own toolkits, as the XGBoost image runs it: trained, served and refusing."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loopback.images.serving.models import load_model
from slipway.build import bundles
from slipway.deploy import checks
from slipway.deploy.calls import CSV, JSON
from tests.journeys.conftest import python
from tests.journeys.xgboost_image import LIMITS, REFUSED, Server, arguments_of, caller, image, plain
from tests.slipway.build.made import MODEL, WINES, Pipeline, pipeline, wine_settings, wines
from tests.slipway.conftest import PROJECT, ROOT

pytestmark = pytest.mark.journey

# A model that fails for one row: where it does, a team has to find out.
PICKY = (
    MODEL
    + """

whole = predict


def predict(model, rows):
    if (rows.alcohol > 99).any():
        raise ValueError("no wine has so much alcohol")
    return whole(model, rows)
"""
)
REGIONS = ("Piemonte", "Ligurien, Küste", "")  # a comma, a letter that is no ASCII, and no value


def table() -> list[list[Any]]:
    """The wines with a column of text."""
    header, *rows = wines()
    return [["region", *header], *([REGIONS[number % 3], *row] for number, row in enumerate(rows))]


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    settings = wine_settings(model={"settings": {"C": 0.5, "min_frequency": 1}})
    del settings["hyperparameters"]
    settings["data"]["columns"] = {"region": "category", **settings["data"]["columns"]}
    made = pipeline(tmp_path_factory.mktemp("wine"), "wine", settings, table(), {"model.py": PICKY})
    shutil.copy(ROOT / "pipelines/churn/pipeline.py", made.folder)
    made.prepare()
    return made


@pytest.fixture(scope="module")
def steps(wine: Pipeline) -> dict[str, Any]:
    """The arguments of the steps of its pipeline, by name."""
    words = ("-n", "pipelines.wine.pipeline", "-kwargs", repr(PROJECT.arguments))
    done = python("-m", "slipway.build.get_pipeline_definition", *words, cwd=wine.folder.parent.parent)
    assert done.returncode == 0, done.stderr
    return arguments_of(done.stdout)


@pytest.fixture(scope="module")
def served(wine: Pipeline, steps: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of the model that the image's training has made."""
    job, container = image(tmp_path_factory.mktemp("job")), image(tmp_path_factory.mktemp("endpoint"))
    train = steps["Train"]
    ended = job.train(bundles.training(wine.folder), train["HyperParameters"], wine.out, train["Environment"])
    assert ended.returncode == 0, ended.stderr[-3000:]
    for copy in (wine.model, container.ml / "model"):
        shutil.copytree(job.ml / "model", copy, dirs_exist_ok=True)
    with container.serving(steps["model"]) as server:
        yield server


@pytest.fixture(scope="module")
def report(wine: Pipeline, served: Server) -> dict[str, Any]:
    del served
    found: dict[str, Any] = wine.evaluate()
    return found


@pytest.fixture(scope="module")
def golden(wine: Pipeline, report: dict[str, Any]) -> dict[str, Any]:
    del report
    found: dict[str, Any] = json.loads((wine.work / "evaluation" / "golden.json").read_text())
    return found


def test_it_was_trained_by_the_image_and_answers_ping(served: Server, wine: Pipeline) -> None:
    assert served.ask("ping", None, {})[0] == 200
    assert [path.name for path in (wine.model / "model").iterdir()] == ["model.joblib"]
    assert not (wine.model / "xgboost-model").exists()


def test_every_check_of_a_stage_passes(served: Server, golden: dict[str, Any], report: dict[str, Any]) -> None:
    section = "multiclass_classification_metrics"
    subject = checks.Subject(
        {"SageMakerProjectName": "demo", "StageName": "staging"},
        {"MetricsSection": section, "Metrics": report[section], "EvaluationRows": report["rows"]},
        {**LIMITS, "metric": "accuracy"},
        golden,
        caller(served),
    )
    findings = [*checks.form(subject), checks.agreement(subject), checks.registered_metric(subject)]
    findings += [checks.latency(subject), *checks.check_malformed_requests(subject)]
    assert [finding for finding in findings if finding.status != "passed"] == []


def test_csv_and_json_say_the_class_and_its_probabilities(served: Server, golden: dict[str, Any]) -> None:
    for row in golden["rows"][:6]:
        status, kind, body = served.ask("invocations", row["csv"].encode(), {"Content-Type": CSV, "Accept": CSV})
        assert (status, kind) == (200, "text/csv; charset=utf-8")
        chances = [float(cell) for cell in body.decode().rsplit(",", 3)[1:]]
        content = json.dumps({"instances": [row["instance"]]}).encode()
        status, kind, body = served.ask("invocations", content, {"Content-Type": JSON, "Accept": JSON})
        assert (status, kind) == (200, JSON)
        [told] = json.loads(body)["predictions"]
        assert told["probabilities"] == chances == row["prediction"]
        assert told["predicted_label"] == WINES[chances.index(max(chances))]


@pytest.mark.parametrize(("body", "kind", "accept", "said"), REFUSED.values(), ids=REFUSED)
def test_a_refused_request_is_a_400_with_its_reason(
    served: Server, body: bytes, kind: str, accept: str, said: bytes
) -> None:
    status, content_type, answer = served.ask("invocations", body, {"Content-Type": kind, "Accept": accept})
    assert (status, content_type) == (400, "text/plain; charset=utf-8"), answer
    assert said in answer


def test_a_cell_that_is_no_number_is_a_400_that_names_it(served: Server, golden: dict[str, Any]) -> None:
    rows = [row["csv"].split(",") for row in golden["rows"] if row["instance"]["region"] == "Piemonte"][:2]
    rows[1][3] = "much"
    body = "\n".join(map(",".join, rows)).encode()
    status, _, answer = served.ask("invocations", body, {"Content-Type": CSV})
    assert (status, answer.decode()) == (400, "row 2, column 'ash': 'much' is not a number")


def test_a_row_that_the_model_fails_for_is_a_500_that_says_where(served: Server, golden: dict[str, Any]) -> None:
    status, kind, said = served.ask("invocations", failing(golden), {"Content-Type": JSON})
    assert (status, kind) == (500, "text/plain; charset=utf-8")
    line = PICKY.splitlines().index('        raise ValueError("no wine has so much alcohol")') + 1
    place = f"pipelines/wine/model.py:{line}: predict() failed: ValueError: no wine has so much alcohol, in row 2"
    assert said.decode().startswith(f"{place} (region Piemonte, alcohol 100.5, ")
    log = served.log.read_text()
    assert place in log
    assert f'model.py", line {line}, in predict' in log  # with its trace
    assert served.ask("ping", None, {})[0] == 200


def failing(golden: dict[str, Any]) -> bytes:
    """Two rows, of which the second is one that the model fails for."""
    rows = [row["instance"] for row in golden["rows"]]
    wrong = next(row for row in rows if row["region"] == "Piemonte") | {"alcohol": 100.5}
    return json.dumps([rows[0], wrong]).encode()


def test_loopback_answers_what_the_toolkit_answers(
    served: Server, golden: dict[str, Any], wine: Pipeline, steps: dict[str, Any]
) -> None:
    """Statuses, content types and bodies."""
    rows = golden["rows"][:3]
    good = [
        ("\n".join(row["csv"] for row in rows).encode(), CSV, None),
        ("\n".join(row["csv"] for row in rows).encode(), CSV, JSON),
        (json.dumps([row["instance"] for row in rows]).encode(), JSON, JSON),
        (rows[0]["csv"].encode(), CSV, "image/png"),
        (failing(golden), JSON, JSON),
    ]
    submitted = {"SAGEMAKER_SUBMIT_DIRECTORY": str(wine.model / "code")}
    handler = load_model(wine.model, steps["model"] | submitted)
    for body, kind, accept in [*good, *((body, kind, accept) for body, kind, accept, _ in REFUSED.values())]:
        headers = {"Content-Type": kind} | ({"Accept": accept} if accept else {})
        mine = handler.invoke(body, kind, accept)
        assert (mine.status, mine.content_type, mine.whole()) == plain(served.ask("invocations", body, headers)), body


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A model whose script raises at each request."""
    (tmp_path / "model" / "code").mkdir(parents=True)
    for name, text in {
        "inference.py": "def model_fn(folder):\n    return 1\n\n\ndef transform_fn(*_):\n    raise KeyError('age')\n",
        "setup.py": "from setuptools import setup\nsetup(name='broken', py_modules=['inference'])\n",
    }.items():
        (tmp_path / "model" / "code" / name).write_text(text)
    return tmp_path / "model"


def test_what_any_script_raises_is_the_page_that_loopback_answers_too(
    tmp_path: Path, broken: Path, steps: dict[str, Any]
) -> None:
    container = image(tmp_path / "endpoint")
    shutil.copytree(broken, container.ml / "model", dirs_exist_ok=True)
    with container.serving(steps["model"]) as server:
        theirs = server.ask("invocations", b"1", {"Content-Type": CSV})
        assert "KeyError: 'age'" in server.log.read_text()
    handler = load_model(broken, steps["model"] | {"SAGEMAKER_SUBMIT_DIRECTORY": str(broken / "code")})
    ours = handler.invoke(b"1", CSV, None)
    assert (ours.status, ours.content_type, ours.whole()) == theirs
