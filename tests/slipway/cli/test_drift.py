"""`slipway drift` on an AWS that is played: what is said and returned."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from slipway.cli import projects
from tests.slipway.cli.monitored_stage import DEFINITION, HEADED, NOW, PROJECT, execution, played


@pytest.fixture
def watched(aws: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(projects, "require", lambda _: PROJECT)
    aws.answers |= played()
    return aws


def test_drift_is_told_and_is_an_exit_code(watched: Any, command: Callable[..., Any], tmp_path: Any) -> None:
    code, out, err = command("drift", "prod")
    assert (code, err) == (1, "")
    assert "age: drift distance 0.31 above 0.1\n  since 1 Jan 11:00 UTC, 2 executions in a row\n" in out
    assert "90 live, 90 baseline values\n  gap 0.333, by chance alone under" in out
    [page] = (tmp_path / ".slipway/drift").glob("prod-*.html")
    assert out.rstrip().endswith(f"page  {page.relative_to(tmp_path)}")
    assert "model-monitoring-12/constraint_violations.json" in page.read_text()


def test_drift_for_a_program(watched: Any, command: Callable[..., Any]) -> None:
    code, out, _ = command("drift", "prod", "--json", "--page", "here/a.html")
    found = json.loads(out)
    assert (code, found["page"], found["violations"]) == (1, "here/a.html", 1)
    [violated] = found["monitors"][0]["violations"]
    assert violated["since"] == {"time": "2026-01-01T11:00:00+00:00", "executions": 2, "at_least": False}


def test_without_violations_all_is_listed_and_the_code_is_0(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["ListMonitoringExecutions"] = {"MonitoringExecutionSummaries": [execution(12, "Completed")]}
    code, out, _ = command("drift", "prod")
    assert (code, "prod is like its baseline" in out) == (0, True)
    [row] = [line for line in out.splitlines() if line.startswith("age ")]
    assert "█" in row
    assert row.split()[-4:] == ["0.07", "0.10", "0", "%"]  # 1/3 - 1.8 * sqrt(2/90)


def test_how_far_back_is_looked(watched: Any, command: Callable[..., Any]) -> None:
    _, out, _ = command("drift", "prod", "--hours", "1")
    assert "since at least 1 Jan 11:00 UTC" in out


def analysis(kind: str, value: float) -> dict[str, Any]:
    if kind == "ModelExplainability":
        shares = {"global_shap_values": {"age": value, "minutes": 1 - value}}
        return {"explanations": {"kernel_shap": {"label0": shares}}}
    metrics = [{"name": name, "description": name, "value": value} for name in ("AD", "DPPL")]
    facets = {"plan": [{"value_or_threshold": "yes", "metrics": metrics}]}
    return {"post_training_bias_metrics": {"facets": facets}}


@pytest.mark.parametrize(
    ("kind", "violation", "said", "table"),
    [
        (
            "ModelBias",
            {"facet": "plan", "facet_value": "yes", "metric_name": "DPPL", "constraint_check_type": "bias_drift_check"},
            "DPPL of plan = yes: 0.4 is farther from fair (0) than the baseline's 0.1",
            ["AD", "of", "plan", "=", "yes", "0.1", "0.4", "0"],
        ),
        (
            "ModelExplainability",
            {
                "label": "label0",
                "constraint_check_type": "feature_attribution_drift_check",
                "description": "Feature attribution drift 0.7 exceeds threshold 0.9",
            },
            "attributions of label0: features count in another order: nDCG 0.7 below 0.9; first are minutes, age",
            ["age", "10", "%", "40", "%"],
        ),
    ],
)
def test_clarify_s_figures_are_told_beside_the_baseline_s(
    watched: Any, command: Callable[..., Any], kind: str, violation: Any, said: str, table: list[str]
) -> None:
    documents = {
        "constraint_violations.json": {"violations": [violation]},
        "base/analysis.json": analysis(kind, 0.1),
        "analysis.json": analysis(kind, 0.4),
    }

    def stored(request: dict[str, Any]) -> Any:
        found = documents.get(request["Key"], documents[request["Key"].rpartition("/")[2]])
        return {"Body": io.BytesIO(json.dumps(found).encode())}

    constraints = {"ConstraintsResource": {"S3Uri": "s3://b/base/analysis.json"}}
    definition = {
        "JobDefinitionArn": DEFINITION["JobDefinitionArn"],
        "JobDefinitionName": "dq",
        "CreationTime": NOW,
        f"{kind}AppSpecification": {"ImageUri": "clarify", "ConfigUri": "s3://b/config/analysis_config.json"},
        f"{kind}BaselineConfig": constraints,
        f"{kind}JobInput": {"EndpointInput": DEFINITION["DataQualityJobInput"]["EndpointInput"]},
        f"{kind}JobOutputConfig": DEFINITION["DataQualityJobOutputConfig"],
        "JobResources": DEFINITION["JobResources"],
        "RoleArn": DEFINITION["RoleArn"],
    }
    if kind == "ModelBias":
        definition["ModelBiasJobInput"]["GroundTruthS3Input"] = {"S3Uri": "s3://b/labels"}
    watched.answers |= {
        "ListMonitoringSchedules": {"MonitoringScheduleSummaries": [HEADED | {"MonitoringType": kind}]},
        f"Describe{kind}JobDefinition": definition,
        "GetObject": stored,
    }
    code, out, err = command("drift", "prod")
    assert (code, err) == (1, "")
    assert said in " ".join(out.split())
    assert table in [line.split() for line in out.splitlines()]


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ([], "any: no execution yet. Run one now: slipway monitor run prod"),
        (
            [execution(12, "Failed", FailureReason="Job inputs had no data")],
            "the execution of 01 Jan 12:00 UTC failed: Job inputs had no data. Run one now",
        ),
        ([execution(12, "InProgress")], "the execution of 01 Jan 12:00 UTC is InProgress. Run one now"),
    ],
)
def test_no_verdict_is_one_line(watched: Any, command: Callable[..., Any], listed: list[Any], told: str) -> None:
    watched.answers["ListMonitoringExecutions"] = {"MonitoringExecutionSummaries": listed}
    code, out, err = command("drift", "prod")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert told in err


def test_a_failed_execution_does_not_hide_the_verdict_before(watched: Any, command: Callable[..., Any]) -> None:
    listed = [execution(12, "Failed", FailureReason="Job inputs had no data"), execution(11, "Completed")]
    watched.answers["ListMonitoringExecutions"] = {"MonitoringExecutionSummaries": listed}
    code, out, _ = command("drift", "prod")
    assert code == 1
    assert "execution of 01 Jan 2026 11:00 UTC" in out
    assert "the execution of 01 Jan 12:00 UTC failed: Job inputs had no data" in out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("drift", "nowhere"), 2, "There is no stage nowhere; there is: staging, prod"),
        (("monitor", "run", "nowhere"), 2, "There is no stage nowhere"),
        (("drift", "staging"), 1, "demo-staging has no monitor; set `monitor` in deploy/stages/staging.yml"),
        (("monitor", "run", "staging"), 1, "demo-staging has no monitor of data_quality or explainability"),
        (("drift", "prod", "--page", "/proc/none/a.html"), 1, "The page /proc/none/a.html cannot be written"),
    ],
)
def test_what_cannot_be_done(
    watched: Any, command: Callable[..., Any], arguments: tuple[str, ...], code: int, told: str
) -> None:
    ended, _, err = command(*arguments)
    assert (ended, err.count("\n")) == (code, 1)
    assert told in err


def test_documents_that_are_gone_are_named(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["GetObject"] = "NoSuchKey: The specified key does not exist."
    code, _, err = command("drift", "prod")
    assert code == 1
    assert "s3://b/reports/model-monitoring-12/constraint_violations.json cannot be read" in err
