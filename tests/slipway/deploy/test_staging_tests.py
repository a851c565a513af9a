"""The staging test against an endpoint in this process: it passes when all is well, and fails for each thing broken."""

import copy
import hashlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest

from slipway.deploy import captured, figures, stage, staging_tests
from slipway.tabular import multiclass
from slipway.tabular.kinds import METRICS, MULTICLASS

from .staging import ARN, CSV, GOLDEN, JSON, OF_CLASSES, Refusal, Registry, Staging, container, of_classes

PARAMETERS = {
    "SageMakerProjectName": "demo",
    "StageName": "staging",
    "ModelPackageName": ARN,
    "EnableDataCapture": "true",
    "SamplingPercentage": "100",
    "DataCaptureUploadPath": "s3://demo-bucket/datacapture-staging",
}
LIMITS = stage.Tests(
    requests=20, warm_up=2, p95_ms=50, capture_timeout_seconds=60, answer_timeout_seconds=30
).model_dump()
PROMOTION = {
    "ModelPackageArn": ARN,
    "ModelPackageVersion": 7,
    "ModelPackageGroupName": "demo-churn",
    "CommitId": "abc123",
    "GoldenRequests": "s3://demo-bucket/run/golden.json",
    "MetricsSection": "binary_classification_metrics",
    "Watched": {"staging": "nothing: its monitors are off", "prod": "data_quality hourly"},
    "Metrics": {"auc": {"value": 0.98, "standard_deviation": 0.0}, "accuracy": {"value": 0.5}},
    "EvaluationRows": 500,
}
CHECKS = 12


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(staging=None, *, golden=GOLDEN, limits=None, promotion=None, **parameters):
        staging = staging or Staging()
        config = json.dumps({"Parameters": PARAMETERS | parameters, "Tags": {}})
        contents = {"staging-config-export.json": config, "prod-config-export.json": config, "template-export.yml": "x"}
        for name, text in contents.items():
            (tmp_path / name).write_text(text)
        sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in contents.items()}
        record = PROMOTION | {"Sha256": sums, "Tests": {"staging": LIMITS | (limits or {})}} | (promotion or {})
        (tmp_path / "promotion.json").write_text(json.dumps(record))
        if golden is not None:
            staging.bucket.objects["s3://demo-bucket/run/golden.json"] = json.dumps(golden).encode()
        environment = {"ARTIFACT_BUCKET": "demo-bucket", "PIPELINE_EXECUTION_ID": "run-1"}
        code = staging_tests.main([], environment, staging.world)
        said = capsys.readouterr()
        results = tmp_path / "staging-tests" / "results.json"
        found = json.loads(results.read_text())["checks"] if results.exists() else []
        by_status = {s: [f["name"] for f in found if f["status"] == s] for s in ("passed", "failed", "skipped")}
        text = {f["name"]: f["said"] for f in found}
        return SimpleNamespace(code=code, said=said, text=text, **by_status)

    return run


def test_all_is_well(run, tmp_path):
    found = run()
    assert (found.failed, found.skipped, found.code) == ([], [], 0)
    assert len(found.passed) == CHECKS
    assert f"passed: {CHECKS} of {CHECKS} checks" in found.said.out
    assert "10.0 ms, limit 50 ms; median 10.0 ms; 20 requests after 2 to warm up" in found.text["p95 latency"]


def broken(**changes):
    """A container that answers well but for some change."""

    def answer(body, content_type, accept):
        text, kind = container(body, content_type, accept)
        for change in changes.values():
            text, kind = change(text, kind)
        return text, kind

    return Staging(container=answer)


def refusing(status, code="ModelError", when=lambda _body, _kind: True):
    def answer(body, content_type, accept):
        try:
            return container(body, content_type, accept)
        except Refusal:
            if when(body, content_type):
                raise Refusal(status, code) from None
            raise

    return Staging(container=answer)


def lenient(body, content_type, accept):
    """Answers whatever it gets."""
    try:
        return container(body, content_type, accept)
    except Refusal:
        return "0.5", CSV


def flaky():
    calls = iter(range(10_000))

    def answer(body, content_type, accept):
        if 8 < next(calls) < 12:
            raise Refusal(500)
        return container(body, content_type, accept)

    return Staging(container=answer)


def changed(side, name, value):
    def change(record):
        record["captureData"][side][name] = value
        return record

    return change


FORM, JSON_FORM = "answers to text/csv have the promised form", "answers to application/json have the promised form"
SERVES, AGREES = "the endpoint serves the promised version", "answers agree with the evaluation"
METRIC, LATENCY = "auc is the registered one", "p95 latency"
CAPTURE = staging_tests.CAPTURE
BROKEN = {
    "not in service": (Staging(registry=Registry(status="Updating")), SERVES, "demo-staging is Updating"),
    "another version": (
        Staging(registry=Registry(package=ARN.replace("/7", "/6"))),
        SERVES,
        "/6, promised was",
    ),
    "no numbers": (broken(c=lambda _, k: ("yes\n" * 4, k)), FORM, "not numbers: 'yes"),
    "too few numbers": (broken(c=lambda t, k: (t.splitlines()[0], k)), FORM, "1 answers for 4 rows"),
    "no finite numbers": (broken(c=lambda t, k: (t.replace("0.9", "nan"), k)), FORM, "not finite"),
    "another content type": (broken(c=lambda t, _: (t, "text/plain")), FORM, "asked for text/csv, got text/plain"),
    "other answers as JSON": (
        broken(c=lambda t, k: (t.replace("0.9", "0.8") if k == JSON else t, k)),
        JSON_FORM,
        "the same rows have other answers",
    ),
    "no JSON": (broken(c=lambda t, k: (t.replace("predictions", "p"), k)), JSON_FORM, "not numbers"),
    "other answers than the evaluation's": (
        broken(c=lambda t, k: (t.replace("0.9", "0.91"), k)),
        AGREES,
        "1 rows differ (1): largest difference 0.01 of 4 rows",
    ),
    "a worse model": (
        broken(c=lambda t, k: (t.replace("0.9", "0.05"), k)),
        METRIC,
        "0.5000 on 4 rows, registered 0.9800, allowed difference 0.0500",
    ),
    "a slow container": (Staging(seconds=0.06), LATENCY, "60.0 ms, limit 50 ms"),
    "failures under way": (flaky(), LATENCY, "of 20 requests failed: 500 ModelError"),
    "a server error for a column too many": (
        refusing(500, when=lambda body, _: body.endswith(",1")),
        "a column too many is refused",
        "answered 500 ModelError, expected 4XX",
    ),
    "a server error for text": (
        refusing(500, when=lambda body, _: "not-a-number" in body),
        "text in a number is refused",
        "answered 500",
    ),
    "a server error for nothing": (
        refusing(500, when=lambda body, _: not body),
        "an empty body is refused",
        "answered 500",
    ),
    "a server error for a content type": (
        refusing(500, when=lambda _, kind: "unknown" in kind),
        "an unknown content type is refused",
        "answered 500",
    ),
    "anything is answered": (Staging(container=lenient), "a column too many is refused", "answered 200"),
    "a missing permission is no refusal": (
        refusing(403, "AccessDeniedException"),
        "a column too many is refused",
        "answered 403 AccessDeniedException",
    ),
    "no capture": (Staging(record=lambda _: None), CAPTURE, "no record of application/json below s3://demo-bucket/"),
    "a late capture": (Staging(delay=100), CAPTURE, "within 60 s"),
    "a capture in base64": (
        Staging(record=changed("endpointInput", "encoding", "BASE64")),
        CAPTURE,
        "endpointInput.encoding is 'BASE64', expected 'CSV'",
    ),
    "a capture of another answer": (
        Staging(record=changed("endpointOutput", "data", "1")),
        CAPTURE,
        "endpointOutput.data is '1'",
    ),
    "a capture without its content type": (
        Staging(record=changed("endpointInput", "observedContentType", None)),
        CAPTURE,
        "endpointInput.observedContentType is 'None'",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_fails_its_check(run, case):
    staging, check, text = BROKEN[case]
    found = run(staging)
    assert found.code == 1
    assert check in found.failed
    assert text in found.text[check]
    assert "FAILED: " in found.said.out


SEVERAL = {"MetricsSection": "multiclass_classification_metrics", "Metrics": {"accuracy": {"value": 1.0}}}


def test_all_is_well_with_several_classes(run):
    found = run(Staging(container=of_classes), golden=OF_CLASSES, promotion=SEVERAL)
    assert (found.failed, found.code, len(found.passed)) == ([], 0, CHECKS)
    assert found.text["accuracy is the registered one"].startswith("1.0000 on 4 rows, registered 1.0000")
    assert found.text[FORM] == "4 rows, a class and 3 probabilities for each"


BROKEN_CLASSES = {
    "another class": (
        ("c,0.2", "3,0.2"),
        FORM,
        "'3' is not the most probable of the classes a, b, c, 3: [0.2, 0.5, 0.3]",
    ),
    "a class less": ((",0.1000000", ""), FORM, "2 probabilities for 3 classes"),
    "other probabilities": (("0.7000000,0.2", "0.8000000,0.2"), AGREES, "1 rows differ (1)"),
    "other classes": (('"labels": ["a, b"', '"labels": ["d"'), JSON_FORM, "the labels are ['d', 'c', '3'], the eval"),
}


@pytest.mark.parametrize("case", BROKEN_CLASSES)
def test_what_is_broken_of_several_classes_fails_its_check(run, case):
    (old, new), check, text = BROKEN_CLASSES[case]
    staging = Staging(container=lambda *request: (of_classes(*request)[0].replace(old, new), of_classes(*request)[1]))
    found = run(staging, golden=OF_CLASSES, promotion=SEVERAL)
    assert check in found.failed
    assert text in found.text[check]


@pytest.mark.parametrize("metric", METRICS[MULTICLASS])
def test_metrics_of_several_classes_are_those_of_the_evaluation(metric):
    chance = np.random.default_rng(2)
    labels, rows = chance.integers(0, 4, 40), chance.dirichlet([1] * 4, 40)
    expected = multiclass.figures(labels, rows)[metric]
    assert figures.of_classes(metric, labels.tolist(), rows.tolist()) == pytest.approx(expected, abs=1e-6)


def test_nothing_is_sent_to_another_version(run):
    staging = Staging(registry=Registry(package="other"))
    found = run(staging)
    assert staging.asked == []
    assert "requests" in found.skipped


def test_a_changed_configuration_of_prod(run, tmp_path):
    sums = dict.fromkeys(("staging-config-export.json", "prod-config-export.json"), "0")
    found = run(promotion={"Sha256": sums})
    assert found.failed == ["prod gets what is tested here"]
    assert "prod-config-export.json, staging-config-export.json" in found.text["prod gets what is tested here"]


def test_golden_requests_without_predictions(run):
    golden = copy.deepcopy(GOLDEN)
    del golden["rows"][2]["prediction"]
    assert "no prediction in row 3" in run(golden=golden).text[AGREES]


@pytest.mark.parametrize(
    ("golden", "promotion", "text"),
    [
        (None, {}, "golden.json can't be read: NoSuchKey"),
        ({"rows": []}, {}, "has no rows"),
        ([], {}, "holds no golden requests"),
        (GOLDEN, {"GoldenRequests": None}, "names no GoldenRequests"),
    ],
)
def test_without_golden_requests_nothing_is_tested(run, golden, promotion, text):
    found = run(golden=golden, promotion=promotion)
    assert found.code == 1
    assert text in found.said.err
    assert "staging is not tested" in found.said.err


def test_a_metric_that_was_not_registered(run):
    found = run(limits={"metric": "f1"})
    assert "f1 is not registered; registered: auc, accuracy" in found.text["f1 is the registered one"]
    assert found.code == 1


def test_a_metric_that_so_few_rows_do_not_have(run):
    golden = copy.deepcopy(GOLDEN)
    for row in golden["rows"]:
        row["label"] = 0.0
    found = run(golden=golden)
    assert found.skipped == [METRIC]
    assert found.code == 0
    assert "1 not testable here" in found.said.out


def test_few_rows_may_scatter_as_the_evaluation_says(run):
    metrics = {"accuracy": {"value": 0.9, "standard_deviation": 0.01}}
    found = run(limits={"metric": "accuracy"}, promotion={"Metrics": metrics})
    allowed = 0.05 + 3 * 0.01 * (500 / 4) ** 0.5
    assert f"1.0000 on 4 rows, registered 0.9000, allowed difference {allowed:.4f}" in str(found.text)


def test_the_promised_variant_is_asked_in_an_ab_test(run):
    staging = Staging()
    run(staging, ChallengerModelPackageName="other")
    assert {headers["x-amzn-sagemaker-target-variant"] for _, headers in staging.asked} == {"AllTraffic"}


def test_capture_that_is_off(run):
    found = run(EnableDataCapture="false")
    assert found.skipped == [CAPTURE]
    assert found.code == 0


def test_capture_by_sampling_sends_more_requests(run):
    turn = iter(range(10_000))
    staging = Staging(record=lambda record: record if next(turn) % 9 == 0 else None)
    found = run(staging, SamplingPercentage="20")
    assert CAPTURE in found.passed
    assert sum(
        "x-amzn-sagemaker-inference-id" in headers for _, headers in staging.asked
    ) == 2 * captured.requests_to_send(20)


@pytest.mark.parametrize(("percent", "count"), [(100, 1), (50, 20), (20, 62), (1, 1375)])
def test_how_many_requests_sampling_needs(percent, count):
    assert captured.requests_to_send(percent) == count


def test_capture_that_is_too_rare_to_wait_for(run):
    found = run(SamplingPercentage="1")
    assert found.skipped == [CAPTURE]
    assert "at 1 % it takes 1375 requests" in found.text[CAPTURE]


ASYNCHRONOUS = {"InferenceMode": "ASYNCHRONOUS", "EnableDataCapture": "false"}


def test_an_asynchronous_endpoint_is_asked_through_s3(run):
    staging = Staging()
    found = run(staging, **ASYNCHRONOUS)
    assert (found.failed, found.skipped) == ([], [LATENCY, CAPTURE])
    assert staging.asked[0][0].startswith("basic,0.5\nbasic,1.5")


def test_an_asynchronous_endpoint_that_never_answers(run):
    found = run(Staging(queue=False), **ASYNCHRONOUS)
    assert "answered 0 Timeout: no answer within 30 s" in found.text[FORM]
    assert found.code == 1


def test_a_server_error_of_an_asynchronous_endpoint(run):
    found = run(refusing(500), **ASYNCHRONOUS)
    assert "answered 500" in found.text["an empty body is refused"]


def test_the_report_is_uploaded_and_linked(run, tmp_path):
    staging = Staging()
    found = run(staging)
    folder = "s3://demo-bucket/demo/staging-tests/run-1"
    uploaded = {uri.removeprefix(f"{folder}/") for uri in staging.bucket.objects if uri.startswith(folder)}
    assert uploaded == {"report.md", "report.svg", "junit.xml", "results.json"}
    assert f"report: {folder}/report.md" in found.said.out
    assert "https://us-east-1.console.aws.amazon.com/s3/buckets/demo-bucket?region=us-east-1" in found.said.out
    page = (tmp_path / "staging-tests" / "report.md").read_text()
    assert page.startswith(f"# passed: {CHECKS} of {CHECKS} checks")
    assert f"- Version: {ARN}" in page
    assert f"| {LATENCY} | passed |" in page


def test_pictures_and_junit_are_well_formed(run, tmp_path):
    run(broken(c=lambda t, k: (t.replace("0.9", "0.91"), k)))
    suite = ET.parse(tmp_path / "staging-tests" / "junit.xml").getroot()
    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", str(CHECKS), "1")
    assert [case.get("name") for case in suite if case.find("failure") is not None] == [AGREES]
    svg = ET.parse(tmp_path / "staging-tests" / "report.svg").getroot()
    names = [element.tag.rpartition("}")[2] for element in svg.iter()]
    assert (names.count("circle"), names.count("rect")) == (4, 30)


def test_a_picture_of_nothing(run, tmp_path):
    run(Staging(registry=Registry(status="Failed")))
    assert "nothing was measured" in (tmp_path / "staging-tests" / "report.svg").read_text()


def test_the_approver_gets_everything_in_one_text(run, tmp_path):
    run()
    text = (tmp_path / "test-variables.sh").read_text()
    shell = subprocess.run(
        ["sh", "-c", f'{text}\nprintf %s "$APPROVAL_TEXT"'], capture_output=True, text=True, check=True
    )
    said = shell.stdout
    assert said.startswith("Version 7 of demo-churn. Registered: auc 0.9800, accuracy 0.5000. Staging passed: 12 of 12")
    assert "Production is watched by data_quality hourly. " in said
    assert "Commit abc123. Report: s3://demo-bucket/demo/staging-tests/run-1/report.md" in said
    assert len(said) <= 1000


@pytest.mark.parametrize(
    ("region", "start"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com/s3/"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/s3/"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/s3/"),
    ],
)
def test_the_link_of_each_partition(region, start):
    assert staging_tests.link(region, "b", "p").startswith(start)


@pytest.mark.parametrize("name", ["staging-config-export.json", "promotion.json"])
def test_files_of_the_build_that_are_missing(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    for each in {"staging-config-export.json", "promotion.json"} - {name}:
        (tmp_path / each).write_text('{"Parameters": {}}')
    assert staging_tests.main([], {"ARTIFACT_BUCKET": "b"}, Staging().world) == 2
    assert f"{name}: No such file or directory; slipway.deploy.build writes it" in capsys.readouterr().err


def test_the_bucket_must_be_given(capsys):
    assert staging_tests.main([], {}) == 2
    assert "--s3-bucket or $ARTIFACT_BUCKET" in capsys.readouterr().err


def test_the_program_needs_nothing_that_codebuild_has_to_install():
    code = "import sys, slipway.deploy.staging_tests; print(sorted({'pydantic', 'yaml', 'numpy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
