"""Stories of the analyzer: baselines, checks, every input format, and bad input."""

import base64
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.tables import table
from tests.work import calls

CHURN = table("churn")
HEADER = {"csv": {"header": True}}
PLAIN = {"csv": {"header": False}}
CAPTURE = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
ROWS = [(n % 60 + 18, n / 10, "clerk" if n % 4 else "smith") for n in range(400)]


def _checks(violations):
    return [(entry["feature_name"], entry["constraint_check_type"]) for entry in violations]


def _record(request, response, encoding="CSV", **more):
    def side(data, mode):
        return {"observedContentType": f"text/{encoding.lower()}", "mode": mode, "data": data, "encoding": encoding}

    data = {"endpointInput": side(request, "INPUT"), "endpointOutput": side(response, "OUTPUT")}
    return json.dumps({"captureData": data, "eventMetadata": {"eventId": "e"}, "eventVersion": "0", **more})


@pytest.fixture
def baseline(analysis, csv_text):
    """An analysis that has left the baseline of ROWS in `out`."""
    analysis.put("base/a.csv", csv_text("age,income,job", *ROWS))
    assert analysis.run("base", HEADER) == "Completed: Job completed successfully with no violations."
    return analysis


def test_a_baseline_suggests_what_its_data_meets(baseline, csv_text):
    constraints = baseline.document("out/constraints.json")
    assert constraints["version"] == 0.0
    assert constraints["features"] == [
        {"name": "age", "inferred_type": "Integral", "completeness": 1.0, "num_constraints": {"is_non_negative": True}},
        {
            "name": "income",
            "inferred_type": "Fractional",
            "completeness": 1.0,
            "num_constraints": {"is_non_negative": True},
        },
        {
            "name": "job",
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {"domains": ["clerk", "smith"]},
        },
    ]
    assert constraints["monitoring_config"]["distribution_constraints"]["comparison_method"] == "Robust"
    assert not (baseline.base / "out" / "constraint_violations.json").exists()
    assert baseline.check("base", HEADER) == []


def test_churn_meets_its_own_baseline(analysis):
    analysis.put("base/churn.csv", CHURN.read_bytes())
    analysis.run("base", HEADER)
    assert analysis.check("base", HEADER) == []
    assert len(analysis.document("now/statistics.json")["features"]) == 21


@pytest.mark.parametrize(
    ("header", "rows", "found"),
    [
        (
            "age,income,job",
            [(f"{a}.5" if i < 4 else a, b, c) for i, (a, b, c) in enumerate(ROWS)],
            [("age", "data_type_check")],
        ),
        (
            "age,income,job",
            [(a, "" if i < 4 else b, c) for i, (a, b, c) in enumerate(ROWS)],
            [("income", "completeness_check")],
        ),
        ("age,income,job", [(a + 20, b, c) for a, b, c in ROWS], [("age", "baseline_drift_check")]),
        (
            "age,income,job",
            [(a, b, "nurse" if i < 4 else c) for i, (a, b, c) in enumerate(ROWS)],
            [("job", "categorical_values_check")],
        ),
        ("age,income,job", [(a, b, "clerk") for a, b, _ in ROWS], [("job", "baseline_drift_check")]),
        ("age,income", [(a + 20, b) for a, b, _ in ROWS], [("Missing columns", "missing_column_check")]),
        ("age,income,job,new", [(a + 20, b, c, 1) for a, b, c in ROWS], [("Extra columns", "extra_column_check")]),
        ("age,income,work", ROWS, [("job", "missing_column_check"), ("work", "extra_column_check")]),
        (
            "age,income,job",
            [(a, b, a) for a, b, _ in ROWS],
            [("job", "data_type_check"), ("job", "categorical_values_check")],
        ),
        (
            "age,income,job",
            [(a + 30.5, b + 60, c) for a, b, c in ROWS],
            [("age", "data_type_check"), ("income", "baseline_drift_check")],
        ),
    ],
)
def test_each_departure_is_one_violation(baseline, csv_text, header, rows, found):
    baseline.put("new/a.csv", csv_text(header, *rows))
    assert _checks(baseline.check("new", HEADER)) == found


def test_the_texts_that_consumers_read(baseline, csv_text):
    """Of committed reports: amazon-sagemaker-examples' introduction (types), AAI-540-FinalProject (columns)."""
    rows = [(f"{a}.5" if i < 4 else a, "" if i < 1 else b + 60, c) for i, (a, b, c) in enumerate(ROWS)]
    baseline.put("new/a.csv", csv_text("age,income,job", *rows))
    kind, complete, drift = (entry["description"] for entry in baseline.check("new", HEADER))
    assert kind == (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only 99.0% of data is Integral."
    )
    assert complete == "Data completeness requirement is not met. Expected: 100.0%. Observed: Only 99.75%."
    assert drift.startswith("Baseline drift distance: 0.")
    assert drift.endswith(" exceeds threshold: 0.1")
    baseline.put("more/a.csv", csv_text("age,income,job,new", *[(*row, 1) for row in ROWS]))
    (columns,) = (entry["description"] for entry in baseline.check("more", HEADER))
    assert columns == (
        "There are extra columns in current dataset. Number of columns in current dataset: 4, "
        "Number of columns in baseline constraints: 3"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"monitoring_config": {"evaluate_constraints": "Disabled"}},
        {"monitoring_config": {"distribution_constraints": {"perform_comparison": "Disabled"}}},
        {"monitoring_config": {"distribution_constraints": {"comparison_threshold": 0.9}}},
        {"monitoringConfigOverrides": {"distribution_constraints": {"comparison_threshold": 0.9}}},
        {"num_constraints": {"monitoring_config_overrides": {"evaluate_constraints": "Disabled"}}},
    ],
)
def test_settings_of_the_constraints_file(baseline, csv_text, change):
    path = baseline.base / "out" / "constraints.json"
    constraints = json.loads(path.read_text())
    (constraints if "monitoring_config" in change else constraints["features"][0]).update(change)
    path.write_text(json.dumps(constraints))
    baseline.put("new/a.csv", csv_text("age,income,job", *[(a + 20, b, c) for a, b, c in ROWS]))
    assert baseline.check("new", HEADER) == []


def test_drift_by_chi_squared(analysis, csv_text):
    analysis.put("base/a.csv", csv_text("job", *[("clerk" if n % 4 else "smith",) for n in range(400)]))
    analysis.put("new/a.csv", csv_text("job", *[("clerk" if n % 2 else "smith",) for n in range(400)]))
    analysis.run("base", HEADER, categorical_drift_method="ChiSquared")
    assert analysis.check("base", HEADER) == []
    (found,) = analysis.check("new", HEADER)
    assert found["description"].startswith("Chi-squared p-value: ")


def test_excluded_features_are_neither_analyzed_nor_missed(baseline, csv_text):
    baseline.put("new/a.csv", csv_text("age,income,job", *[(a + 20, b, c) for a, b, c in ROWS]))
    assert baseline.check("new", HEADER, exclude_features_attribute="age") == []


def test_metrics_are_left_for_cloudwatch(baseline):
    names = {"sagemaker_endpoint_name": "ep1", "sagemaker_monitoring_schedule_name": "s1"}
    baseline.check("base", HEADER, publish_cloudwatch_metrics="Enabled", **names)
    lines = (baseline.base / "output/metrics/cloudwatch/metrics.jsonl").read_text().splitlines()
    found = {entry["MetricName"]: entry for entry in map(json.loads, lines)}
    assert found["feature_baseline_drift_age"]["Value"] == 0.0
    assert found["feature_non_null_job"]["Value"] == 1.0
    assert found["feature_data_age"]["StatisticValues"]["SampleCount"] == 400
    assert found["feature_data_age"]["Dimensions"] == [
        {"Name": "Endpoint", "Value": "ep1"},
        {"Name": "MonitoringSchedule", "Value": "s1"},
    ]


def test_files_without_header_take_the_names_of_the_baseline(baseline, csv_text):
    baseline.put("new/sub/a.csv", csv_text("", *ROWS[:200]))
    baseline.put("new/sub/b.csv", csv_text("", *ROWS[200:]))
    baseline.put("new/_SUCCESS", "x")
    assert baseline.check("new", PLAIN) == []


def test_json_lines_and_parquet(baseline):
    rows = [{"age": a, "income": b, "job": c} for a, b, c in ROWS]
    baseline.put("lines/a.jsonl", "\n".join(map(json.dumps, rows)))
    assert baseline.check("lines", {"json": {"lines": True}}) == []
    baseline.put("table/a.parquet", b"")
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), baseline.base / "table" / "a.parquet")
    assert baseline.check("table", {"parquet": {}}) == []


def test_nested_json_becomes_columns(analysis):
    analysis.put("base/a.json", json.dumps([{"a": {"b": 1}, "c": [1.5, "x"]}, {"a": {"b": 2}}]))
    analysis.run("base", {"json": {"lines": False}})
    features = analysis.document("out/statistics.json")["features"]
    assert [(f["name"], f["inferred_type"]) for f in features] == [
        ("a.b", "Integral"),
        ("c.0", "Fractional"),
        ("c.1", "String"),
    ]


def test_captured_responses_come_before_requests(analysis, csv_text):
    analysis.put("base/a.csv", csv_text("score,age,job", *[(n / 400, *row[::2]) for n, row in enumerate(ROWS)]))
    analysis.run("base", HEADER)
    lines = [_record(f"{a},{job}", f"{n / 400}\n") for n, (a, _, job) in enumerate(ROWS)]
    analysis.put("capture/ep/AllTraffic/2024/05/01/07/x.jsonl", "\n".join(lines))
    assert analysis.check("capture", CAPTURE) == []


@pytest.mark.parametrize(
    "record",
    [
        _record("1,a\n2,b", "0.5\n0.6"),
        _record("1,a\n2,b", "0.5,0.6"),
        _record(base64.b64encode(b"1,a\n2,b").decode(), base64.b64encode(b"0.5\n0.6").decode(), "BASE64"),
    ],
)
def test_a_captured_batch_is_as_many_rows(analysis, record):
    analysis.put("capture/x.jsonl", record)
    analysis.run("capture", CAPTURE)
    document = analysis.document("out/statistics.json")
    assert document["dataset"]["item_count"] == 2
    types = [feature["inferred_type"] for feature in document["features"]]
    assert types == ["Fractional", "Integral", "String"]


def test_captured_json_is_named_by_its_keys(analysis):
    analysis.put("capture/x.jsonl", _record('{"age": 3}', '{"score": 0.5}', "JSON"))
    analysis.run("capture", CAPTURE)
    features = analysis.document("out/statistics.json")["features"]
    assert [feature["name"] for feature in features] == ["age", "score"]


def test_scripts_of_the_user(analysis):
    before = analysis.put(
        "code/before.py",
        "def preprocess_handler(inference_record, logger):\n"
        "    values = inference_record.endpoint_input.data.split(',')\n"
        "    assert inference_record.ground_truth is None\n"
        "    return [] if values[0] == '0' else {str(i).zfill(2): v for i, v in enumerate(values)}\n",
    )
    mark = analysis.base / "mark"
    after = analysis.put("code/after.py", f"def postprocess_handler():\n    open({str(mark)!r}, 'w').close()\n")
    analysis.put("capture/x.jsonl", "\n".join([_record("0,1", "1"), _record("5,6", "1")]))
    analysis.run("capture", CAPTURE, record_preprocessor_script=before, post_analytics_processor_script=after)
    document = analysis.document("out/statistics.json")
    assert document["dataset"]["item_count"] == 1
    assert [feature["name"] for feature in document["features"]] == ["00", "01"]
    assert mark.exists()


@pytest.mark.parametrize(
    ("files", "kind", "environ", "told"),
    [
        ({}, PLAIN, {}, "dataset_source .* does not exist"),
        ({"in/a.csv": ""}, PLAIN, {}, "there is no data: .* holds no file that is not empty"),
        ({"in/a.csv": "a,b\n"}, HEADER, {}, "there is no data: .* holds no rows"),
        (
            {"in/a.csv": "a,b\n1,2\n", "in/b.csv": "a,c\n1,2\n"},
            HEADER,
            {},
            r"b.csv has the columns a, c \(2\); a.csv has a, b",
        ),
        ({"in/a.csv": "a,b\n1,2\n1,2,3\n"}, HEADER, {}, "a.csv is not CSV with 2 columns: .*got 3"),
        ({"in/a.csv": "1,1\n1,2\n"}, HEADER, {}, "column '1' twice; is its first line really a header"),
        ({"in/a.csv": "\n1,2\n"}, PLAIN, {}, "a.csv begins with an empty line"),
        ({"in/a.csv": b"\xff\xfe\x00"}, HEADER, {}, "a.csv is not CSV: it is not UTF-8"),
        ({"in/a.jsonl": '{"a": 1}\n{"a"'}, {"json": {"lines": True}}, {}, "a.jsonl, line 2 is not JSON"),
        ({"in/a.jsonl": "3"}, {"json": {"lines": True}}, {}, "line 1 is not a JSON object"),
        ({"in/a.parquet": "no"}, {"parquet": {}}, {}, "a.parquet is not Parquet"),
        (
            {"in/a.jsonl": "{}"},
            CAPTURE,
            {},
            "line 1: the record has no captureData with endpointInput or endpointOutput",
        ),
        ({"in/a.jsonl": _record("1\n2\n3", "1\n2")}, CAPTURE, {}, "the request has 3 rows and the response 2"),
        ({"in/a.jsonl": _record("x", "x", "XML")}, CAPTURE, {}, "captured as XML; CSV, JSON and BASE64"),
        ({"in/a.csv": "1"}, {"orc": {}}, {}, "its only key must be one of: csv, json, parquet"),
        ({"in/a.csv": "1"}, PLAIN, {"dataset_format": "csv"}, "dataset_format is 'csv'; write for example"),
        ({"in/a.csv": "1"}, PLAIN, {"dataset_source": ""}, "environment variable dataset_source is not set"),
        ({"in/a.csv": "1"}, PLAIN, {"baseline_statistics": "x"}, "must be set both or neither"),
        ({"in/a.csv": "1"}, PLAIN, {"categorical_drift_method": "X"}, "allowed: LInfinity, ChiSquared"),
        ({"in/a.csv": "1"}, PLAIN, {"analysis_type": "BIAS"}, "loopback runs DATA_QUALITY, MODEL_QUALITY and GROUND"),
        (
            {"in/a.csv": "1", "b.json": "{}"},
            PLAIN,
            {"baseline_statistics": "/opt/ml/b.json", "baseline_constraints": "/opt/ml/b.json"},
            "b.json has no 'features'",
        ),
        (
            {"in/a.csv": "1", "b.json": '{"features": [{"name": "x"}]}'},
            PLAIN,
            {"baseline_statistics": "/opt/ml/b.json", "baseline_constraints": "/opt/ml/b.json"},
            "has a feature without name or inferred_type",
        ),
        (
            {"in/a.jsonl": _record("1", "1"), "p.py": "x = 1"},
            CAPTURE,
            {"record_preprocessor_script": "/opt/ml/p.py"},
            "p.py defines no function preprocess_handler",
        ),
        (
            {"in/a.jsonl": _record("1", "1"), "p.py": "def preprocess_handler(r): 1 / 0"},
            CAPTURE,
            {"record_preprocessor_script": "/opt/ml/p.py"},
            "p.py raised ZeroDivisionError: division by zero",
        ),
    ],
)
def test_bad_input_is_one_message_and_exit_code_1(analysis, files, kind, environ, told):
    for name, content in files.items():
        analysis.put(name, content)
    message = analysis.run("in", kind, **environ)
    assert analysis.code == 1
    assert "\n" not in message
    with pytest.raises(ValueError, match=told):
        raise ValueError(message)


def test_the_package_is_imported_without_loading_arrow():
    code = "import sys, loopback.images.model_monitor.analyzer; sys.exit(bool({'pyarrow', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_python_runs_for_each_row(analysis):
    """More rows are more blocks of them, which cost less than a call for every ten rows."""
    chance = np.random.default_rng(0)
    made = []
    for rows in (1_000, 100_000):
        table = pa.table({f"f{n}": chance.normal(size=rows) for n in range(10)})
        analysis.put("big/a.csv", b"")
        pa.csv.write_csv(table, analysis.base / "big" / "a.csv")
        made.append(calls(lambda: analysis.run("big", HEADER)))
        assert analysis.document("out/statistics.json")["dataset"]["item_count"] == rows
    assert made[1] - made[0] < 10_000, made
