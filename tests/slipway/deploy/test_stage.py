"""A wrong stage's file is refused with file, line, what was found and what is allowed."""

import subprocess
import sys
from pathlib import Path

import pytest

from slipway.build import config
from slipway.build.project import UsageError
from slipway.deploy import stage

ROOT = Path(__file__).resolve().parents[3]

TEXT = (ROOT / stage.STAGES / "prod.yml").read_text()


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_the_shipped_files_are_valid(name):
    path = ROOT / stage.STAGES / f"{name}.yml"
    stage.load(path)
    assert path.read_text().splitlines()[0] == "# yaml-language-server: $schema=stage.schema.json"


def test_the_published_schema_is_current():
    assert (ROOT / stage.SCHEMA).read_text() == stage.schema(), "run python -m slipway.deploy.stage schema"


def test_the_staging_test_may_ask_for_any_metric_of_a_gate():
    assert stage.Metric == config.Metric


def line_of(text, part):
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


CASES = {
    "a misspelt key": ("  percent: 10", "  precent: 10", "unknown key 'traffic.precent' (did you mean 'percent'?)"),
    "a misspelt section": ("capture:", "captures:", "unknown key 'captures' (did you mean 'capture'?)"),
    "a misspelt value": ("shift: canary", "shift: canery", "traffic.shift: found 'canery' (did you mean 'canary'?)"),
    "too much for a canary": ("  percent: 10", "  percent: 51", "traffic.percent: found 51"),
    "text for a number": ("  max: 6", "  max: many", "autoscaling.max: found 'many'"),
    "no instance type": ("{type: ml.m5.large", "{type: m5.large", "instances.type: found 'm5.large'"),
    "a wrong frequency": ("model_quality: off", "model_quality: weekly", "monitor.model_quality: found 'weekly'"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_key_or_value(tmp_path, case):
    old, new, message = CASES[case]
    assert old in TEXT
    text = TEXT.replace(old, new)
    path = tmp_path / "prod.yml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        stage.load(path)
    assert f"{path}:{line_of(text, new)}: {message}" in str(error.value)


TWO = "instances: {count: 2}\n"
RULES = {
    "serverless and instances": (TWO + "serverless: {}", 1, "instances: not with serverless"),
    "serverless and scaling": (
        "serverless: {}\nautoscaling: {min: 1, max: 2, cpu_percent: 50}",
        2,
        "autoscaling: not with serverless",
    ),
    "serverless and capture": ("serverless: {}\ncapture: {sampling_percent: 1}", 2, "capture: not with serverless"),
    "serverless and vpc": (
        "serverless: {}\nvpc: {subnets: [subnet-1], security_groups: [sg-1]}",
        2,
        "vpc: not with serverless",
    ),
    "serverless and shifting": (
        "serverless: {}\ntraffic: {shift: canary, percent: 9, wait_seconds: 300}",
        2,
        "traffic: not with serverless",
    ),
    "serverless and a volume's key": ("serverless: {}\nkms: {volume: k}", 2, "kms.volume: not with serverless"),
    "more kept warm than allowed": (
        "serverless: {max_concurrency: 2, provisioned_concurrency: 3}",
        1,
        "serverless.provisioned_concurrency: must not be above",
    ),
    "serverless and asynchronous": ("serverless: {}\nasynchronous: {}", 2, "asynchronous: not with serverless"),
    "asynchronous and capture": (
        "asynchronous: {}\ncapture: {sampling_percent: 1}",
        2,
        "capture: not with asynchronous",
    ),
    "asynchronous and ab": ("asynchronous: {}\nab: {version: 1, percent: 5}", 2, "ab: not with asynchronous"),
    "shadow and ab": ("ab: {version: 1, percent: 5}\nshadow: {version: 2}", 2, "shadow: not with ab"),
    "min above max": ("autoscaling:\n  min: 3\n  max: 2\n  cpu_percent: 50", 2, "autoscaling.min: 3 is above max, 2"),
    "a count out of bounds": (
        "instances: {count: 5}\nautoscaling: {min: 1, max: 2, cpu_percent: 50}",
        1,
        "instances.count: 5 is not between",
    ),
    "scaling by nothing": ("autoscaling: {min: 1, max: 2}", 1, "autoscaling: needs invocations_per_instance"),
    "a backlog without a queue": (
        "autoscaling: {min: 1, max: 2, backlog_per_instance: 5}",
        1,
        "only asynchronous endpoints",
    ),
    "ab scaled by cpu only": (
        "ab: {version: 1, percent: 5}\nautoscaling: {min: 1, max: 2, cpu_percent: 5}",
        2,
        "autoscaling: with ab",
    ),
    "a peak above itself": (
        "autoscaling: {min: 1, max: 2, schedule: {peak: rate(1 day), quiet: rate(1 day), peak_min: 3, peak_max: 2}}",
        1,
        "autoscaling.schedule.peak_min: 3 is above peak_max",
    ),
    "percent of all at once": ("traffic: {percent: 10}", 1, "traffic.percent: not with all_at_once"),
    "a canary without a size": (
        TWO + "traffic: {shift: canary, wait_seconds: 300}",
        2,
        "traffic: canary needs percent",
    ),
    "a small linear step": (
        TWO + "traffic: {shift: linear, percent: 5, wait_seconds: 180, timeout_seconds: 9000}",
        2,
        "a linear step is 10 to 50",
    ),
    "a canary of one instance": (
        "traffic: {shift: canary, percent: 10, wait_seconds: 300}",
        1,
        "traffic.shift: canary moves part of a fleet: it needs 2 instances or more, found 1",
    ),
    "rolling and shadow": (
        TWO + "shadow: {version: 1}\ntraffic: {shift: rolling, percent: 50, wait_seconds: 180}",
        3,
        "rolling works for one variant only",
    ),
    "rolling and an old fleet": (
        TWO + "traffic: {shift: rolling, percent: 50, wait_seconds: 180, termination_wait_seconds: 1}",
        2,
        "no old fleet is left",
    ),
    "waits longer than the limit": (
        TWO + "traffic: {shift: linear, percent: 10, wait_seconds: 180}",
        2,
        "traffic.timeout_seconds: must be above the sum of all waits; found 1800, and the waits alone are 1800",
    ),
    "alarms slower than the canary": (
        TWO + "traffic: {shift: canary, percent: 10, wait_seconds: 60}",
        2,
        "traffic.wait_seconds: found 60; the alarms need 180",
    ),
    "a key for nothing": ("kms: {capture: k}", 1, "kms.capture: nothing is captured"),
    "a monitor without capture": (
        "monitor: {data_quality: hourly}",
        1,
        "monitor.data_quality: found hourly, needs capture: without it there is nothing to monitor; allowed: off",
    ),
    "bias without labels": (
        "capture: {sampling_percent: 5}\nmonitor:\n  engine: slipway\n  bias: daily",
        4,
        "monitor.bias: found daily, needs monitor.ground_truth; allowed: off, or the labels' folder",
    ),
    "an engine that there is not": (
        "monitor: {engine: evidently}",
        1,
        "monitor.engine: found 'evidently'",
    ),
    "a monitor of a capture that is off": (
        "capture: {sampling_percent: 0}\nmonitor:\n  engine: sagemaker\n  explainability: daily",
        4,
        "monitor.explainability: found daily, needs capture",
    ),
    "model quality without labels": (
        "capture: {sampling_percent: 5}\nmonitor:\n  model_quality: daily",
        3,
        "monitor.model_quality: found daily, needs monitor.ground_truth; allowed: off, or the labels' folder",
    ),
    "an estimate that nobody makes": (
        "capture: {sampling_percent: 5}\nmonitor:\n  engine: sagemaker\n  estimated_performance: {f1: 0.8}",
        4,
        "monitor.estimated_performance: data_quality with engine: slipway estimates it; switch it on",
    ),
    "an estimate of a figure that has none": (
        "monitor: {estimated_performance: {rmse: 2}}",
        1,
        "monitor.estimated_performance.rmse",
    ),
    "a reserved tag": ("tags: {'aws:x': y}", 1, "are reserved"),
}


@pytest.mark.parametrize("case", RULES)
def test_a_rule_between_sections(tmp_path, case):
    text, line, message = RULES[case]
    path = tmp_path / "staging.yml"
    path.write_text(text + "\n")
    with pytest.raises(UsageError) as error:
        stage.load(path)
    assert [f for f in str(error.value).splitlines() if f.startswith(f"{path}:{line}: ") and message in f]


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    path = tmp_path / "prod.yml"
    path.write_text("serverless: {}\nab: {version: 1, percent: 5}\ncapture: {sampling_percent: 5}\n")
    with pytest.raises(UsageError) as error:
        stage.load(path)
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(("arguments", "code"), [(["check"], 0), ([], 2), (["chek"], 2)])
def test_the_command(arguments, code):
    assert subprocess.run([sys.executable, "-m", "slipway.deploy.stage", *arguments], check=False).returncode == code
