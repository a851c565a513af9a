"""endpoint.yml: what each choice in a stage's file makes of it."""

import json
import re
import textwrap

import pytest
import yaml

from loopback.engines.cloudwatch.dashboards import body_fault
from slipway.deploy import parameters, stage
from slipway.deploy.parameters import Release

from .resolved import ROOT, TEMPLATE, Loader, Stack, template

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/demo-churn/7"
OTHER = ARN.replace("/7", "/6")
RELEASE = Release("demo", "p-1", "arn:aws:iam::123456789012:role/Serve", "demo-bucket", ARN)
TOPIC = "arn:aws:sns:us-east-1:123456789012:on-call"

STAGES = {
    "nothing": "{}",
    "scaled": """
        instances: {type: ml.c5.large}
        autoscaling: {min: 2, max: 6, invocations_per_instance: 1200, cpu_percent: 70}""",
    "scheduled": """
        autoscaling:
          {min: 1, max: 2, schedule: {peak: "cron(0 7 * * ? *)", quiet: "cron(0 19 * * ? *)",
           peak_min: 3, peak_max: 9, timezone: Europe/Berlin}}""",
    "canary": """
        instances: {count: 4}
        traffic: {shift: canary, percent: 10, wait_seconds: 300, termination_wait_seconds: 60}""",
    "linear": "{instances: {count: 4}, traffic: {shift: linear, percent: 25, wait_seconds: 180}}",
    "rolling": "{instances: {count: 4}, traffic: {shift: rolling, percent: 50, wait_seconds: 180, rollback: false}}",
    "captured": "{capture: {sampling_percent: 30}, kms: {capture: alias/c, volume: alias/v}}",
    "serverless": "{serverless: {memory_mb: 4096, max_concurrency: 20, provisioned_concurrency: 2}, dashboard: false}",
    "asynchronous": f"""
        asynchronous: {{max_concurrent_per_instance: 8, success_topic: "{TOPIC}", error_topic: "{TOPIC}"}}
        autoscaling: {{min: 1, max: 4, backlog_per_instance: 5}}
        kms: {{asynchronous: alias/a}}""",
    "ab": "{ab: {version: 6, percent: 20}, autoscaling: {min: 1, max: 4, invocations_per_instance: 600}}",
    "ab with cpu": """
        ab: {version: 6, percent: 20}
        autoscaling: {min: 1, max: 4, invocations_per_instance: 9, cpu_percent: 60}""",
    "shadow": "{shadow: {version: 6, sampling_percent: 50}}",
    "network": "{vpc: {subnets: [subnet-1, subnet-2], security_groups: [sg-1]}, tags: {team: risk}}",
    "alarms": f"""
        alarms: {{error_rate_percent: 0.5, latency_ms: 80, latency_statistic: Average, memory_percent: 70,
                 period_seconds: 120, periods: 5, no_traffic_minutes: 30, topic: "{TOPIC}"}}""",
}


@pytest.fixture
def made(tmp_path):
    def make(name):
        path = tmp_path / "stage.yml"
        path.write_text(textwrap.dedent(STAGES[name]))
        return parameters.configuration(stage.load(path), "prod", RELEASE, {6: OTHER})

    return make


@pytest.fixture
def stack(made):
    return lambda name: Stack(made(name)["Parameters"])


def variants(stack):
    return stack.properties("EndpointConfig")["ProductionVariants"]


def test_the_linter_has_nothing_to_say():
    from cfnlint.api import ManualArgs, lint  # importing it takes seconds

    config = ManualArgs(regions=["us-east-1", "eu-west-1"], include_checks=["I"])
    assert [str(match) for match in lint(TEMPLATE.read_text(), config=config)] == []


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_the_shipped_stages_fit_the_template(name):
    settings = stage.load(ROOT / stage.STAGES / f"{name}.yml")
    found = Stack(parameters.configuration(settings, name, RELEASE, {})["Parameters"])
    assert found.properties("Endpoint")["EndpointName"] == f"demo-{name}"
    assert found.outputs["DataCaptureUri"]["Value"] == f"s3://demo-bucket/datacapture-{name}/demo-{name}"
    assert ("ScalableTarget" in found.resources) == (name == "prod")


def test_every_condition_is_seen_both_ways(stack):
    seen = [stack(name).conditions for name in STAGES]
    assert [c for c in seen[0] if {one[c] for one in seen} != {True, False}] == []


def test_every_parameter_is_set_by_some_stage(made):
    missing = set(template()["Parameters"]) - {key for name in STAGES for key in made(name)["Parameters"]}
    assert missing == set()


def test_the_least_stage(stack):
    found = stack("nothing")
    assert variants(found) == [
        {
            "VariantName": "AllTraffic",
            "ModelName": "<Model.ModelName>",
            "InitialVariantWeight": "1",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": "1",
        }
    ]
    assert found.properties("Model") == {
        "ExecutionRoleArn": RELEASE.role,
        "Containers": [{"ModelPackageName": ARN}],
    }
    endpoint = found.properties("Endpoint")
    assert endpoint["RetainAllVariantProperties"] is False, "the file decides the count"
    assert endpoint["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
    assert endpoint["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"] == [
        {"AlarmName": "<ErrorAlarm>"},
        {"AlarmName": "<LatencyAlarm>"},
        {"AlarmName": "<MemoryAlarm>"},
    ]
    alarms = {"ErrorAlarm", "LatencyAlarm", "MemoryAlarm"}
    assert set(found.resources) == {"Model", "EndpointConfig", "Endpoint", *alarms, "Dashboard"}


def test_models_and_configurations_have_no_names_that_would_collide():
    for name, resource in template()["Resources"].items():
        if resource["Type"].endswith(("::Model", "::EndpointConfig")):
            assert not {"ModelName", "EndpointConfigName"} & set(resource["Properties"]), name


def test_autoscaling_survives_updates(stack):
    found = stack("scaled")
    endpoint, target = found.properties("Endpoint"), found.resources["ScalableTarget"]
    assert endpoint["RetainAllVariantProperties"] is True
    assert "ExcludeRetainedVariantProperties" not in endpoint
    assert target["DependsOn"] == "Endpoint"
    assert target["Properties"]["ResourceId"] == "endpoint/demo-prod/variant/AllTraffic"
    assert (target["Properties"]["MinCapacity"], target["Properties"]["MaxCapacity"]) == ("2", "6")
    assert variants(found)[0]["InitialInstanceCount"] == "2"
    requests = found.properties("RequestScaling")["TargetTrackingScalingPolicyConfiguration"]
    assert requests["TargetValue"] == "1200"
    assert found.properties("CpuScaling")["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == "70"


def test_scheduled_capacity(stack):
    found = stack("scheduled")
    peak, quiet = found.properties("ScalableTarget")["ScheduledActions"]
    assert peak["ScalableTargetAction"] == {"MinCapacity": "3", "MaxCapacity": "9"}
    assert quiet["ScalableTargetAction"] == {"MinCapacity": "1", "MaxCapacity": "2"}
    assert peak["Timezone"] == "Europe/Berlin"
    assert "RequestScaling" not in found.resources


SIZE = {"Type": "CAPACITY_PERCENT"}
SHIFTS = {
    "canary": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": "300",
            "CanarySize": SIZE | {"Value": "10"},
        },
        "TerminationWaitInSeconds": "60",
        "MaximumExecutionTimeoutInSeconds": "1800",
    },
    "linear": {
        "TrafficRoutingConfiguration": {
            "Type": "LINEAR",
            "WaitIntervalInSeconds": "180",
            "LinearStepSize": SIZE | {"Value": "25"},
        },
        "TerminationWaitInSeconds": "0",
        "MaximumExecutionTimeoutInSeconds": "1800",
    },
}


@pytest.mark.parametrize("name", SHIFTS)
def test_shifting(stack, name):
    assert stack(name).properties("Endpoint")["DeploymentConfig"]["BlueGreenUpdatePolicy"] == SHIFTS[name]


def test_rolling_without_rollback(stack):
    assert stack("rolling").properties("Endpoint")["DeploymentConfig"] == {
        "RollingUpdatePolicy": {
            "MaximumBatchSize": SIZE | {"Value": "50"},
            "WaitIntervalInSeconds": "180",
            "MaximumExecutionTimeoutInSeconds": "1800",
        }
    }


def test_capture(stack):
    config = stack("captured").properties("EndpointConfig")
    assert config["KmsKeyId"] == "alias/v"
    assert config["DataCaptureConfig"] == {
        "EnableCapture": True,
        "InitialSamplingPercentage": "30",
        "DestinationS3Uri": "s3://demo-bucket/datacapture-prod",
        "KmsKeyId": "alias/c",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
    }
    assert "DataCaptureConfig" not in stack("nothing").properties("EndpointConfig")


def test_serverless(stack):
    found = stack("serverless")
    assert variants(found) == [
        {
            "VariantName": "AllTraffic",
            "ModelName": "<Model.ModelName>",
            "InitialVariantWeight": "1",
            "ServerlessConfig": {"MemorySizeInMB": "4096", "MaxConcurrency": "20", "ProvisionedConcurrency": "2"},
        }
    ]
    assert "DeploymentConfig" not in found.properties("Endpoint")
    assert "Dashboard" not in found.resources


def test_asynchronous(stack):
    found = stack("asynchronous")
    assert found.properties("EndpointConfig")["AsyncInferenceConfig"] == {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": "8"},
        "OutputConfig": {
            "S3OutputPath": "s3://demo-bucket/async-prod/output",
            "S3FailurePath": "s3://demo-bucket/async-prod/failures",
            "KmsKeyId": "alias/a",
            "NotificationConfig": {"SuccessTopic": TOPIC, "ErrorTopic": TOPIC},
        },
    }
    metric = found.properties("BacklogScaling")["TargetTrackingScalingPolicyConfiguration"][
        "CustomizedMetricSpecification"
    ]
    assert metric["Dimensions"] == [{"Name": "EndpointName", "Value": "demo-prod"}]


def test_two_variants_by_weight(stack):
    found = stack("ab")
    assert [(v["VariantName"], v["InitialVariantWeight"]) for v in variants(found)] == [
        ("AllTraffic", "80"),
        ("Challenger", "20"),
    ]
    endpoint = found.properties("Endpoint")
    assert endpoint["ExcludeRetainedVariantProperties"] == [{"VariantPropertyType": "DesiredWeight"}]
    assert {"AlarmName": "<ChallengerErrorAlarm>"} in endpoint["DeploymentConfig"]["AutoRollbackConfiguration"][
        "Alarms"
    ]
    assert found.properties("ChallengerModel")["Containers"] == [{"ModelPackageName": OTHER}]
    assert found.properties("ChallengerScalableTarget")["ResourceId"] == "endpoint/demo-prod/variant/Challenger"


def test_shadow(stack):
    (shadow,) = stack("shadow").properties("EndpointConfig")["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["InitialVariantWeight"]) == ("Shadow", "0.5")
    assert "Challenger" not in json.dumps(stack("shadow").resources)


def test_network_and_tags(stack, made):
    assert stack("network").properties("Model")["VpcConfig"] == {
        "Subnets": ["subnet-1", "subnet-2"],
        "SecurityGroupIds": ["sg-1"],
    }
    assert made("network")["Tags"] == {
        "team": "risk",
        "sagemaker:deployment-stage": "prod",
        "sagemaker:project-id": "p-1",
        "sagemaker:project-name": "demo",
    }


def test_alarms(stack):
    found = stack("alarms")
    error, latency, silence = map(found.properties, ("ErrorAlarm", "LatencyAlarm", "NoTrafficAlarm"))
    assert (error["Threshold"], error["Period"], error["EvaluationPeriods"]) == ("0.005", "120", "5")
    assert (latency["Threshold"], latency["Statistic"]) == ("80000", "Average")
    assert "ExtendedStatistic" not in latency
    memory = found.properties("MemoryAlarm")
    assert (memory["Threshold"], memory["Statistic"], memory["EvaluationPeriods"]) == ("70", "Maximum", "5")
    assert stack("nothing").properties("LatencyAlarm")["ExtendedStatistic"] == "p95"
    assert silence["EvaluationPeriods"] == "30"
    assert silence["TreatMissingData"] == "breaching"
    assert all(alarm["AlarmActions"] == [TOPIC] for alarm in (error, latency, silence))
    rollback = found.properties("Endpoint")["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert {"AlarmName": "<NoTrafficAlarm>"} not in rollback, "a new endpoint has had no traffic"
    assert "NoTrafficAlarm" not in stack("nothing").resources


def test_alarms_close_no_circle():
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            text = json.dumps(resource)
            assert '"Endpoint"' not in text, name
            assert "Endpoint." not in text, name


@pytest.mark.parametrize("name", STAGES)
def test_alarms_watch_dimensions_that_sagemaker_publishes(stack, name):
    for resource in stack(name).resources.values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            names = [dimension["Name"] for dimension in resource["Properties"]["Dimensions"]]
            assert names == ["EndpointName", "VariantName"]


def test_the_dashboard_is_json(stack):
    text = stack("nothing").properties("Dashboard")["DashboardBody"]
    assert body_fault(text) == ""
    body = json.loads(text)
    assert [widget["type"] for widget in body["widgets"]] == ["alarm", "metric", "metric", "metric"]
    assert "demo-prod" in json.dumps(body)


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (0.00001, "0.00001"), (1.0, "1"), (500000.0, "500000")])
def test_values_are_text_that_cloudformation_reads(value, text):
    assert parameters.text(value) == text


def test_names_stay_within_what_sagemaker_allows(made):
    longest = made("nothing")["Parameters"] | {"SageMakerProjectName": "p" * 32, "StageName": "s" * 16}
    assert len(Stack(longest).properties("Endpoint")["EndpointName"]) <= 63


@pytest.mark.parametrize("name", ["endpoint.yml", "monitoring.yml"])
def test_an_alarm_s_message_has_the_command_to_type_next(name):
    """CloudWatch sends AlarmDescription with each change, beside the figures in NewStateReason."""
    from slipway.cli import verbs

    commands = {found.name or found.callback.__name__ for found in verbs.app.registered_commands}
    commands |= {found.name for found in verbs.app.registered_groups}
    resources = yaml.load((ROOT / "deploy" / name).read_text(), Loader)["Resources"]
    alarms = {key: r["Properties"] for key, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert len(alarms) >= 2
    for key, properties in alarms.items():
        said = re.search(r" Next: slipway (\w+)", properties["AlarmDescription"]["Fn::Sub"])
        assert said is not None, key
        assert said[1] in commands, key
        assert "OKActions" in properties, key
