"""A job from its folder to its documents; and monitors, which read what an endpoint has captured."""

import json

import numpy as np
import pytest

from loopback.images.clarify import program
from tests.loopback.images.clarify.conftest import PREDICTOR, metrics

HEADERS = ["sex", "income", "y"]
BIAS = {
    "headers": HEADERS,
    "label": "y",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
}
MONITOR = {
    "analysis_type": "MODEL_BIAS",
    "dataset_source": "/opt/ml/processing/input/endpoint",
    "probability_attribute": "0",
    "probability_threshold_attribute": "0.5",
    "publish_cloudwatch_metrics": "Enabled",
    "sagemaker_endpoint_name": "ep",
    "sagemaker_monitoring_schedule_name": "s",
}
EXPLAIN = {
    "headers": HEADERS[:-1],
    "methods": {"shap": {"baseline": [["m", 20]]}},
    "predictor": PREDICTOR,
}


def record(request, answer, truth=None, kind="CSV", mode="text/csv"):
    side = lambda data: {"data": data, "encoding": kind, "observedContentType": mode, "mode": "x"}  # noqa: E731
    merged = {"groundTruthData": {"data": truth, "encoding": "CSV"}} if truth is not None else {}
    return json.dumps({"captureData": {"endpointInput": side(request), "endpointOutput": side(answer)}, **merged})


def people(count, *, unfair=False, seed=1):
    """(sex, income, probability, truth); unfair: women are told no."""
    chance = np.random.default_rng(seed)
    for number in range(count):
        sex, truth = "mf"[number % 2], int(chance.random() < 0.5)
        told = 0.1 if unfair and sex == "f" else np.clip(truth * 0.6 + 0.2 + chance.normal() * 0.2, 0, 1)
        yield sex, int(chance.integers(10, 90)), round(float(told), 3), truth


def captured(job, rows, name="AllTraffic/2024/05/01/07/a.jsonl"):
    job.put(f"input/endpoint/{name}", "\n".join(record(f"{s},{i}\n", f"{p}\n", str(t)) for s, i, p, t in rows))


def baseline(job, document):
    job.put("baseline/constraints/analysis.json", json.dumps(document))
    return {"baseline_constraints": "/opt/ml/processing/baseline/constraints/analysis.json"}


def test_a_bias_monitor_against_the_baseline_of_fair_answers(job):
    captured(job, people(600))
    found = job.run(BIAS, **MONITOR)
    assert set(found) == {"version", "pre_training_bias_metrics", "post_training_bias_metrics"}
    assert job.message == "Completed: Job completed successfully with no violations."
    before = baseline(job, {key: found[key] for key in ("version", "post_training_bias_metrics")})

    captured(job, people(600, seed=2))
    job.run(BIAS, **MONITOR, **before)
    assert not job.exists("constraint_violations.json"), job.read("constraint_violations.json")

    captured(job, people(600, unfair=True))
    found = job.run(BIAS, **MONITOR, **before)
    violations = json.loads(job.read("constraint_violations.json"))
    assert violations["version"] == "1.0"
    assert {"DPPL", "DI", "AD", "RD"} <= {one["metric_name"] for one in violations["violations"]}
    assert {(one["facet"], one["facet_value"]) for one in violations["violations"]} == {("sex", "f")}
    assert job.message == (
        f"CompletedWithViolations: Job completed successfully with {len(violations['violations'])} violations."
    )
    lines = [
        json.loads(line) for line in (job.base / "output/metrics/cloudwatch/metrics.jsonl").read_text().splitlines()
    ]
    dppl = next(line for line in lines if line["MetricName"] == "bias_metric_DPPL")
    assert dppl["Value"] == metrics(found["post_training_bias_metrics"], "sex")["DPPL"]
    assert {d["Name"]: d["Value"] for d in dppl["Dimensions"]} == {
        "Endpoint": "ep",
        "MonitoringSchedule": "s",
        "BiasStage": "Post-Training",
        "Label": "y",
        "LabelValue": "1",
        "Facet": "sex",
        "FacetValue": "f",
    }
    assert dppl["Timestamp"] == "2024-05-01T08:00:00Z"


def test_an_explainability_monitor_asks_the_model_and_sees_another_order(job):
    weights = {"sex": 5.0, "income": 0.01}
    job.aws.answer = lambda rows: [weights["sex"] * (s == "f") + weights["income"] * float(i) for s, i in rows]
    environ = MONITOR | {"analysis_type": "MODEL_EXPLAINABILITY"}
    captured(job, people(30))
    before = baseline(job, job.run(EXPLAIN, **environ))
    job.run(EXPLAIN, **environ, **before)
    assert not job.exists("constraint_violations.json")
    weights |= {"sex": 0.0, "income": 1.0}
    job.run(EXPLAIN, **environ, **before)
    (violation,) = json.loads(job.read("constraint_violations.json"))["violations"]
    assert violation["constraint_check_type"] == "feature_attribution_drift_check"
    lines = [
        json.loads(line) for line in (job.base / "output/metrics/cloudwatch/metrics.jsonl").read_text().splitlines()
    ]
    names = {line["MetricName"]: {d["Name"]: d["Value"] for d in line["Dimensions"]} for line in lines}
    assert set(names) == {"feature_sex", "feature_income", "ExpectedValue"}
    assert names["feature_sex"]["ValueType"] == "GlobalShapValues"
    assert names["ExpectedValue"]["ExplainabilityMethod"] == "KernelShap"


@pytest.mark.parametrize(
    ("request_", "answer", "mode"),
    [
        ('{"instances": [{"income": 30, "sex": "f"}]}', '{"predictions": [0.9]}', "application/json"),
        ('[["f", 30]]', "[0.9]", "application/json"),
        ('{"sex": "f", "income": 30}\n{"sex": "m", "income": 31}', "0.9\n0.1", "application/jsonlines"),
        ("sex,income\nf,30\nm,31", "0.9\n0.1", "text/csv"),
    ],
)
def test_other_requests_are_read_by_the_names_of_the_headers(job, request_, answer, mode):
    kind = "CSV" if mode == "text/csv" else "JSON"
    truth = "1\n0" if "\n" in answer else "1"
    other = record(request_, answer, truth, kind, mode)
    captured(job, people(50))
    path = job.base / "processing/input/endpoint/AllTraffic/2024/05/01/07/a.jsonl"
    path.write_text(f"{path.read_text()}\n{other}\n")
    found = job.run(BIAS, **MONITOR)["pre_training_bias_metrics"]
    count = 50 + answer.count("\n") + 1
    women = 25 + 1
    assert metrics(found, "sex")["CI"] == pytest.approx((count - 2 * women) / count)


@pytest.mark.parametrize(
    ("line", "config", "told"),
    [
        (
            record("f,30,7\n", "0.9\n", "1"),
            BIAS,
            "a.jsonl, line 1: the request has 3 features; the headers of analysis",
        ),
        (record("f,30\n", "0.9\n"), BIAS, "there is no groundTruthData; a bias monitor reads merged records"),
        (record("f,30\n", "0.9\n0.8\n", "1"), BIAS, "asked about 1 records and answered with 2"),
        (record('{"sex": "f"}', "0.9", "1", "JSON"), BIAS, "the request lacks income"),
        ('{"captureData": {}}', BIAS, "the request is not captured"),
        (record("f,30\n", "0.9\n", "1"), {k: v for k, v in BIAS.items() if k != "headers"}, "headers is missing"),
        (record("f,30\n", "0.9\n", "1"), {k: v for k, v in BIAS.items() if k != "facet"}, "facet is missing"),
    ],
)
def test_records_that_cannot_be_analyzed_are_named(job, line, config, told):
    job.put("input/endpoint/AllTraffic/2024/05/01/07/a.jsonl", line)
    assert told in job.refuses(config, **MONITOR)


def test_the_report_has_everything_and_escapes_it(job):
    job.data(*((s, i, t, int(p > 0.5)) for s, i, p, t in people(80)))
    config = BIAS | {
        "dataset_type": "text/csv",
        "headers": [*HEADERS, "told"],
        "predicted_label": "told",
        "methods": {
            "post_training_bias": {"methods": ["DI"]},
            "shap": {"baseline": [["m", 20]]},
            "report": {"name": "mine", "title": "<b>"},
        },
        "predictor": PREDICTOR,
    }
    job.aws.answer = lambda rows: [float(i) for _, i in rows]
    job.run(config)
    page = job.read("mine.html")
    assert "<title>&lt;b&gt;</title>" in page
    assert all(words in page for words in ("Disparate Impact", "Feature attributions: label0", "income"))


def test_the_model_s_name_can_come_from_outside(job):
    job.data(*((s, i) for s, i, *_ in people(10)))
    config = EXPLAIN | {
        "dataset_type": "text/csv",
        "predictor": {k: v for k, v in PREDICTOR.items() if k != "model_name"},
    }
    assert "predictor.model_name: missing" in job.refuses(config)
    job.aws.answer = lambda rows: [float(i) for _, i in rows]
    job.run(config, model_name="other")
    assert job.aws.requests[0]["ProductionVariants"][0]["ModelName"] == "other"


def test_the_program_leaves_its_message(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert program.main({"SAGEMAKER_BASE_DIR": str(tmp_path)}) == 1
    message = "Error: there is no analysis_config.json: the input analysis_config must be a file of that name"
    assert (tmp_path / "output" / "message").read_text() == message
    assert capsys.readouterr().err.strip() == message


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_configuration_that_is_none(job, content):
    job.put("input/config/analysis_config.json", content)
    with pytest.raises(program.BadInput, match=r"analysis_config\.json is not"):
        program.analyze(program.ClarifySettings.from_environment({"SAGEMAKER_BASE_DIR": str(job.base)}), None, job.aws)
