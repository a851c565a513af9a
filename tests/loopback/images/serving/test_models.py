"""A model folder and a request, and the container's answer."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import xgboost

from loopback.images.serving.answers import ModelNotLoaded
from loopback.images.serving.models import SKLEARN, load_model

DATA = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
LABELS = {
    "binary:logistic": (DATA[:, 0] > 0).astype(int),
    "reg:squarederror": DATA[:, 0],
    "multi:softprob": np.digitize(DATA[:, 0], [-0.5, 0.5]),
    "rank:pairwise": (DATA[:, 0] > 0).astype(int),
}


def booster(objective: str = "binary:logistic") -> xgboost.Booster:
    parameters = {"objective": objective, "max_depth": 2}
    if objective.startswith("multi:"):
        parameters["num_class"] = 3
    return xgboost.train(parameters, xgboost.DMatrix(DATA, label=LABELS[objective]), 3)


def saved(folder: Path, objective: str = "binary:logistic") -> Path:
    (folder / "xgboost-model").write_bytes(booster(objective).save_raw("ubj"))
    return folder


def expected(objective: str = "binary:logistic", rows: int = 2) -> list:
    return booster(objective).predict(xgboost.DMatrix(DATA[:rows])).tolist()


def rows(count: int = 2) -> bytes:
    return "\n".join(",".join(map(str, row)) for row in DATA[:count].tolist()).encode()


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "text"),
    [
        (b"", "text/csv", None, 204, ""),
        (b"1,2,3", "application/json", None, 415, "application/json is not an accepted ContentType"),
        (b"1,2,3", "text/csv;label_size=0", None, 415, "label_size must be equal to 1"),
        (b"1,2,3", "text/csv; charset=utf-8; LABEL_SIZE=2", None, 415, "label_size must be equal to 1"),
        (b"1,2,3", "application/x-parquet", None, 415, "application/x-parquet is not supported"),
        (b"a,b,c", "text/csv", None, 415, "Loading csv data failed"),
        (b"1,2\n1,2,3", "text/csv", None, 415, "row 2 has 3 fields"),
        (b"\xff\xfe", "text/csv", None, 415, "Loading csv data failed"),
        (b"1,2,3,4,5", "text/csv", None, 400, "Unable to evaluate payload provided: "),
        (b"1,2,3", "text/csv", "image/png", 406, "image/png is not supported"),
        (b"1,2,3,4,5", "text/csv", "image/png", 400, "Unable to evaluate"),
        (b"1,2,3", "text/csv", "application/jsonlines", 500, "SAGEMAKER_INFERENCE_OUTPUT"),
    ],
)
def test_refusals_of_the_xgboost_container(
    tmp_path: Path, body: bytes, content_type: str, accept: str | None, status: int, text: str
) -> None:
    answer = load_model(saved(tmp_path), {}).invoke(body, content_type, accept)
    assert answer.status == status
    assert text in answer.body.decode()


@pytest.mark.parametrize("objective", ["binary:logistic", "multi:softprob", "reg:squarederror"])
def test_predictions_are_the_boosters(tmp_path: Path, objective: str) -> None:
    handler = load_model(saved(tmp_path, objective), {})
    text = handler.invoke(rows(), "text/csv; charset=utf-8", "*/*").body.decode()
    found = [[float(cell) for cell in line.split(",")] for line in text.splitlines()]
    assert found == [row if isinstance(row, list) else [row] for row in expected(objective)]
    answer = json.loads(handler.invoke(rows(), None, "application/json").body)
    assert answer == {"predictions": [{"score": row} for row in expected(objective)]}


def test_libsvm_and_missing_values(tmp_path: Path) -> None:
    handler = load_model(saved(tmp_path), {})
    sparse = handler.invoke(b"0:0.5 2:1.5", "text/libsvm", None)
    assert sparse.body == handler.invoke(b"0.5,,1.5", "text/csv", None).body


def test_batch_mode_ignores_accept(tmp_path: Path) -> None:
    answer = load_model(saved(tmp_path), {"SAGEMAKER_BATCH": "true"}).invoke(rows(), "text/csv", "application/json")
    assert answer.body.decode() == "\n".join(map(str, expected())) + "\n"


def test_selectable_inference(tmp_path: Path) -> None:
    environ = {"SAGEMAKER_INFERENCE_OUTPUT": "predicted_label, probabilities,predicted_score"}
    handler = load_model(saved(tmp_path), environ)
    (first, _) = expected()
    answer = json.loads(handler.invoke(rows(), "text/csv", "application/json").body)["predictions"][0]
    assert answer["predicted_label"] == int(first > 0.5)
    assert answer["probabilities"] == pytest.approx([1 - first, first])
    assert np.isnan(answer["predicted_score"])
    lines = handler.invoke(rows(), "text/csv", "text/csv").body.decode().splitlines()
    assert lines[0].startswith(f'{int(first > 0.5)},"[')
    assert lines[0].endswith(']",nan')
    (tmp_path / "rank").mkdir()
    ranking = load_model(saved(tmp_path / "rank", "rank:pairwise"), environ)
    assert ranking.invoke(rows(), "text/csv", None).status == 500


def test_several_model_files_are_averaged(tmp_path: Path) -> None:
    saved(tmp_path)
    with (tmp_path / "second").open("wb") as file:
        pickle.dump(booster("reg:squarederror"), file)
    mean = np.mean([expected(), expected("reg:squarederror")], axis=0)
    text = load_model(tmp_path, {}).invoke(rows(), "text/csv", None).body.decode()
    assert [float(line) for line in text.splitlines()] == pytest.approx(mean.tolist(), rel=1e-6)


@pytest.mark.parametrize(
    ("files", "environ", "message"),
    [
        ({}, {}, "no model file"),
        ({"xgboost-model": "garbage"}, {}, "xgboost-model is not an XGBoost model"),
        ({"m": ""}, {"SAGEMAKER_PROGRAM": ""}, "SAGEMAKER_PROGRAM is set to nothing"),
        ({"m": ""}, {"SAGEMAKER_PROGRAM": "inference.py"}, "inference.py is not in"),
        ({"code/inference.py": "x = 1"}, {"SAGEMAKER_PROGRAM": "inference.py"}, "defines no model_fn"),
        ({"code/inference.py": "1 / 0"}, {"SAGEMAKER_SERVING_MODULE": SKLEARN}, "ZeroDivisionError"),
        ({"code/inference.py": "def model_fn(d): 1 / 0"}, {"SAGEMAKER_PROGRAM": "inference.py"}, "model_fn failed"),
        (
            {"code/inference.py": "def model_fn(d): 0\ndef transform_fn(*a): 0\ndef input_fn(*a): 0"},
            {"SAGEMAKER_PROGRAM": "inference.py"},
            "cannot use transform_fn in conjunction with input_fn",
        ),
        ({"m": ""}, {"SAGEMAKER_SERVING_MODULE": "mine:main"}, "mine:main is not served here"),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path: Path, files: dict, environ: dict, message: str) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    with pytest.raises(ModelNotLoaded, match=message):
        load_model(tmp_path, environ)


def script(folder: Path, text: str) -> Path:
    (folder / "code").mkdir()
    (folder / "code/inference.py").write_text(text)
    return folder


XGB_SCRIPT = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
LOAD = (
    "import os, xgboost\ndef model_fn(model_dir):\n    b = xgboost.Booster()\n"
    "    b.load_model(os.path.join(model_dir, 'xgboost-model'))\n    return b\n"
)


def test_xgboost_script_with_the_images_defaults(tmp_path: Path) -> None:
    handler = load_model(script(saved(tmp_path), LOAD), XGB_SCRIPT)
    assert json.loads(handler.invoke(rows(), "text/csv", None).body) == expected()
    refusal = handler.invoke(b"{}", "application/json", None)
    assert refusal.status == 415
    assert set(json.loads(refusal.body)) == {"error", "error-message", "stack-trace"}
    assert handler.invoke(rows(), "text/csv", "image/png").status == 406


def test_the_users_functions_are_called_in_order(tmp_path: Path) -> None:
    text = (
        "def model_fn(model_dir, context): return [context.system_properties['model_dir'] == model_dir]\n"
        "def input_fn(body, content_type): return [type(body).__name__, content_type]\n"
        "def predict_fn(data, model): return data + model\n"
        "def output_fn(prediction, accept): return str(prediction), 'text/mine'\n"
    )
    handler = load_model(script(tmp_path, text), {"SAGEMAKER_SERVING_MODULE": SKLEARN})
    answer = handler.invoke(b"x", "text/csv", None)
    assert (answer.body, answer.content_type) == (b"['str', 'text/csv', True]", "text/mine")
    assert handler.invoke(b"x", "application/x-npy", None).body == b"['bytes', 'application/x-npy', True]"


@pytest.mark.parametrize(
    ("body", "kind", "given"),
    [
        (b"\xff1", "text/csv", "\ufffd1"),
        (b"\xff1", "application/json", "\ufffd1"),
        (b"\xff1", "text/csv; charset=utf-8", b"\xff1"),
        (b"\xff1", "TEXT/CSV", b"\xff1"),
    ],
)
def test_a_script_gets_text_for_the_two_types_of_text_and_else_bytes(
    tmp_path: Path, body: bytes, kind: str, given: object
) -> None:
    """As sagemaker_containers has it; Flask replaces what is no UTF-8. See journeys/test_xgboost_image.py."""
    text = "def model_fn(d): return 1\ndef transform_fn(model, data, kind, accept): return repr(data)"
    answer = load_model(script(tmp_path, text), {"SAGEMAKER_SERVING_MODULE": SKLEARN}).invoke(body, kind, None)
    assert (answer.status, answer.body.decode()) == (200, repr(given))


def test_transform_fn_replaces_the_three(tmp_path: Path) -> None:
    text = "def model_fn(d): return 2\ndef transform_fn(model, data, kind, accept): return data * model, accept"
    handler = load_model(script(tmp_path, text), {"SAGEMAKER_SERVING_MODULE": SKLEARN})
    assert handler.invoke(b"ab", "text/csv", "text/csv").body == b"abab"


def test_a_status_of_the_scripts_own_is_a_response_that_it_returns(tmp_path: Path) -> None:
    text = (
        "from werkzeug.wrappers import Response\n"
        "def model_fn(d): return 1\n"
        "def transform_fn(*a): return Response('too many', status=422, mimetype='text/plain')\n"
    )
    answer = load_model(script(tmp_path, text), {"SAGEMAKER_SERVING_MODULE": SKLEARN}).invoke(b"1", "text/csv", None)
    assert (answer.status, answer.body, answer.content_type) == (422, b"too many", "text/plain; charset=utf-8")


@pytest.mark.parametrize("raised", ["GenericInferenceToolkitError(422, 'too many')", "UnsupportedFormatError('x/y')"])
def test_an_error_of_the_toolkit_has_a_status_for_multi_model_server_only(tmp_path: Path, raised: str) -> None:
    text = (
        "from sagemaker_inference import errors\n"
        "def model_fn(d): return 1\n"
        f"def input_fn(body, kind): raise errors.{raised}\n"
    )
    answer = load_model(script(tmp_path, text), {"SAGEMAKER_SERVING_MODULE": SKLEARN}).invoke(b"1", "text/csv", None)
    assert answer.status == 500


def test_an_error_of_the_users_is_the_page_of_flask_and_its_trace_is_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page is what the toolkit's server answers: tests/journeys/test_own_model_image.py."""
    text = "def model_fn(d): return 2\ndef predict_fn(data, model): raise KeyError('age')"
    answer = load_model(script(tmp_path, text), {"SAGEMAKER_SERVING_MODULE": SKLEARN}).invoke(b"[1]", None, None)
    assert answer.status == 500
    assert (answer.content_type, answer.body.splitlines()[2]) == (
        "text/html; charset=utf-8",
        b"<title>500 Internal Server Error</title>",
    )
    assert "KeyError: 'age'" in capsys.readouterr().err


@pytest.mark.parametrize(("body", "kind"), [(b"[[1, 2], [3, 4]]", "application/json"), (b"1,2\n3,4", "text/csv")])
def test_the_sklearn_defaults(tmp_path: Path, body: bytes, kind: str) -> None:
    text = "class Sum:\n    def predict(self, x): return x.sum(axis=1)\ndef model_fn(d): return Sum()"
    handler = load_model(script(tmp_path, text), {"SAGEMAKER_SERVING_MODULE": SKLEARN})
    assert json.loads(handler.invoke(body, kind, None).body) == [3.0, 7.0]
    assert handler.invoke(body, kind, "text/csv").body == b"3.0\n7.0\n"
    assert handler.invoke(b"x", "image/png", None).status == 415
