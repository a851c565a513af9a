"""monitoring.yml and the script beside it: what choices make of it, what its functions do, whose its images are."""

import json
import sys
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import pytest
import sagemaker.core
import yaml

from . import resolved
from .resolved import Loader, Stack

TEMPLATE = Path(__file__).resolve().parents[3] / "deploy/monitoring.yml"
LONGEST = {"SageMakerProjectName": "p" * 32, "StageName": "s" * 16}
GIVEN = {
    "SageMakerProjectName": "demo",
    "StageName": "prod",
    "ReportPath": "s3://bucket/monitoring/prod",
    "PreprocessorUri": "s3://bucket/code/abc/monitor_preprocessor.py",
    "DataQualityStatisticsUri": "s3://bucket/base/statistics.json",
    "DataQualityConstraintsUri": "s3://bucket/base/constraints.json",
}
RETRAIN = {"RetrainPipelineArn": "arn:aws:codepipeline:us-east-1:111122223333:demo-modelbuild"}
HOURLY = "cron(0 * ? * * *)"
EVERYTHING = {
    "ModelQualitySchedule": "cron(0 6 ? * * *)",
    "ModelQualityConstraintsUri": "s3://bucket/base/mq.json",
    "BiasSchedule": HOURLY,
    "AttributionSchedule": HOURLY,
}


def source():
    return yaml.load(TEMPLATE.read_text(), Loader)


class Monitors(Stack):
    """With the functions that endpoint.yml has no use for."""

    def resolve(self, node):
        (name, body), *_ = node.items() if isinstance(node, dict) and len(node) == 1 else [(None, None)]
        if name == "Fn::Sub" and isinstance(body, list):
            text, names = body
            for key, value in self.resolve(names).items():
                text = text.replace(f"${{{key}}}", str(value))
            return self.substitute(text)
        if name == "Fn::Split":
            return str(self.resolve(body[1])).split(body[0])
        if name == "Fn::Join":
            return body[0].join(self.resolve(body[1]))
        if name == "Fn::FindInMap":
            return f"<{body[2]}>"
        return super().resolve(node)


@pytest.fixture
def stack(monkeypatch):
    monkeypatch.setattr(resolved, "template", source)
    return lambda **more: Monitors(GIVEN | more)


def test_cfn_lint_finds_nothing():
    from cfnlint.api import ManualArgs, lint  # importing it takes seconds

    assert not lint(TEMPLATE.read_text(), config=ManualArgs(regions=["us-east-1", "eu-central-1"]))


def test_accounts_are_the_sdk_s():
    folder = Path(sagemaker.core.__file__).parent / "image_uri_config"
    analyzer = json.loads((folder / "model-monitor.json").read_text())["versions"][""]["registries"]
    clarify = json.loads((folder / "clarify.json").read_text())["processing"]["versions"]["1.0"]["registries"]
    wanted = {region: {"Analyzer": analyzer[region], "Clarify": clarify.get(region, "none")} for region in analyzer}
    lines = [
        f'    {region}: {{Analyzer: "{a["Analyzer"]}", Clarify: "{a["Clarify"]}"}}' for region, a in wanted.items()
    ]
    assert source()["Mappings"]["Accounts"] == wanted, "write this block:\n" + "\n".join(lines)


def test_every_parameter_is_described():
    told = {name.strip() for names in source()["Metadata"]["Parameters"] for name in names.split(",")}
    silent = {name for name, rule in source()["Parameters"].items() if "Description" not in rule} - told
    assert silent == {
        "InstanceType",
        "VolumeSizeInGB",
    }  # say it by name
    assert told <= set(source()["Parameters"])


@pytest.mark.parametrize("name", ["MonitoringScheduleName", "FunctionName", "Name", "AlarmName"])
def test_names_fit_their_limits(stack, name):
    limits = {"MonitoringScheduleName": 63, "FunctionName": 64, "Name": 64, "AlarmName": 255}
    made = stack(**(LONGEST | EVERYTHING | RETRAIN))
    names = [r["Properties"][name] for r in made.resources.values() if name in r["Properties"]]
    assert names
    assert max(map(len, names)) <= limits[name]


def test_definitions_have_no_names_so_that_an_update_can_replace_them(stack):
    made = stack(**EVERYTHING)
    definitions = [r for r in made.resources.values() if r["Type"].endswith("JobDefinition")]
    assert len(definitions) == 4
    assert not [d for d in definitions if "JobDefinitionName" in d["Properties"]]


def test_an_empty_schedule_leaves_a_monitor_out(stack):
    kinds = [r["Type"] for r in stack(DataQualitySchedule="").resources.values()]
    assert not [kind for kind in kinds if kind.endswith(("JobDefinition", "MonitoringSchedule"))]
    assert "RetrainFunction" not in stack().resources


def test_without_a_monitor_what_is_left_costs_nothing(stack):
    left = stack(DataQualitySchedule="", **RETRAIN)
    assert {name: body["Type"] for name, body in left.resources.items()} == {"LastRetraining": "AWS::SSM::Parameter"}
    assert not left.outputs


@pytest.mark.parametrize(
    ("job", "hears"),
    [  # the first three as recorded in apmalinsky/AAI-540-FinalProject, 05_ModelMonitoring.ipynb, and before it
        ("model-monitoring-202510180400-0a1b2c3d4e5f60718293a4b5", True),
        ("model-quality-monitoring-202510180400-0a1b2c3d4e5f60718293a4b5", True),
        ("groundtruth-merge-202510180400-0a1b2c3d4e5f60718293a4b5", True),
        ("model-bias-monitoring-202510180400-0a1b2c3d4e5f60718293a4b5", True),
        ("model-explainability-monitoring-202510180400-0a1b2c3d4e5f60718293a4b5", True),
        ("pipelines-p1x2y3-Prepare-abc", False),
    ],
)
def test_the_end_of_every_monitors_job_is_heard(stack, job, hears):
    detail = stack().resources["JobEndedRule"]["Properties"]["EventPattern"]["detail"]
    wanted = [next(iter(choice.values())) for choice in detail["ProcessingJobName"]]
    patterns = [text if "*" in text else f"{text}*" for text in wanted]
    assert any(fnmatch(job, pattern) for pattern in patterns) == hears


OWN = {"Engine": "slipway", "DataQualitySchedule": "cron(15 * ? * * *)"}


@pytest.mark.parametrize(
    ("pipeline", "status", "hears"),
    [
        ("demo-prod-data-quality", "Succeeded", True),
        ("demo-prod-model-quality", "Failed", True),
        ("demo-prod-data-quality", "Executing", False),
        ("demo-churn", "Succeeded", False),
    ],
)
def test_the_end_of_a_pipeline_of_our_own_is_heard(stack, pipeline, status, hears):
    pattern = stack(**OWN).resources["JobEndedRule"]["Properties"]["EventPattern"]
    assert pattern["detail-type"] == ["SageMaker Model Building Pipeline Execution Status Change"]
    start = pattern["detail"]["pipelineArn"][0]["prefix"]["equals-ignore-case"].rpartition("/")[2]
    assert (pipeline.startswith(start) and status in pattern["detail"]["currentPipelineExecutionStatus"]) == hears


def test_an_engine_makes_its_own_resources_and_the_same_alarms(stack):
    own, aws = set(stack(**OWN, **RETRAIN).resources), set(stack(**RETRAIN).resources)
    assert own - aws == {"DataQualityPipeline", "DataQualityTimer"}
    assert aws - own == {"DataQualityJobDefinition", "DataQualityMonitor"}


def test_an_execution_that_could_not_begin_in_its_hour_is_given_up(stack):
    timer = stack(**OWN).properties("DataQualityTimer")
    assert timer["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] < 45 * 60  # begun at a quarter past
    assert timer["Name"] == "<DataQualityPipeline>"


def test_it_makes_no_role(stack):
    assert not [r for r in stack(**EVERYTHING, **RETRAIN).resources.values() if r["Type"].startswith("AWS::IAM")]


def test_data_are_encrypted_between_machines_and_on_their_disks(stack):
    made = stack(**EVERYTHING, VolumeKmsKeyId="k")
    definitions = [r["Properties"] for r in made.resources.values() if r["Type"].endswith("JobDefinition")]
    assert [d["NetworkConfig"] for d in definitions] == [{"EnableInterContainerTrafficEncryption": True}] * 4
    assert {d["JobResources"]["ClusterConfig"]["VolumeKmsKeyId"] for d in definitions} == {"k"}


def test_the_probability_or_the_prediction_is_judged(stack):
    for kind, named in (("BinaryClassification", "ProbabilityAttribute"), ("Regression", "InferenceAttribute")):
        made = stack(ModelQualitySchedule=HOURLY, ProblemType=kind)
        given = made.properties("ModelQualityJobDefinition")["ModelQualityJobInput"]["EndpointInput"]
        assert [key for key in given if key.endswith("Attribute") and "Threshold" not in key] == [named]


class Function:
    """The inline code of a function, with services that are dictionaries of answers."""

    def __init__(self, name, monkeypatch, services, **environ):
        self.code = source()["Resources"][name]["Properties"]["Code"]["ZipFile"]
        for key, value in environ.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=services.__getitem__))
        self.module = {}
        exec(self.code, self.module)
        self.module["time"] = SimpleNamespace(sleep=lambda _seconds: None, time=lambda: self.now)
        self.now = 1_000_000

    def __call__(self):
        return self.module["handler"]({}, None)


@pytest.mark.parametrize("name", ["WatchFunction", "RetrainFunction"])
def test_inline_code_fits(name):
    assert len(source()["Resources"][name]["Properties"]["Code"]["ZipFile"].encode()) <= 4096


class TestWatch:
    """The figures that the two alarms look at."""

    @pytest.fixture
    def watch(self, monkeypatch):
        def make(*answers):
            self.put, pages = [], {"a": [], "b": []}
            for schedule, statuses in answers:
                pages[schedule].append(statuses)

            def listed(MonitoringScheduleName, **_more):  # noqa: N803 - AWS's names
                page = pages[MonitoringScheduleName]
                statuses = page.pop(0) if len(page) > 1 else page[0] if page else []
                moment = SimpleNamespace(isoformat=lambda: "t")
                return {
                    "MonitoringExecutionSummaries": [
                        {"MonitoringExecutionStatus": status, "ScheduledTime": moment} for status in statuses
                    ]
                }

            services = {
                "sagemaker": SimpleNamespace(list_monitoring_executions=listed),
                "cloudwatch": SimpleNamespace(put_metric_data=lambda **request: self.put.append(request)),
            }
            return Function(
                "WatchFunction", monkeypatch, services, ENDPOINT="demo-prod", SCHEDULES="a,b", ENGINE="sagemaker"
            )

        return make

    @pytest.mark.parametrize(
        ("answers", "told"),
        [
            ([("a", ["Completed"]), ("b", ["Completed"])], {"Violated": False, "Failed": False}),
            ([("a", ["Completed"]), ("b", ["CompletedWithViolations"])], {"Violated": True, "Failed": False}),
            ([("a", ["Failed", "Completed"])], {"Failed": True}),
            ([("a", ["InProgress"]), ("a", ["CompletedWithViolations"])], {"Violated": True, "Failed": False}),
            ([("a", ["InProgress", "Completed"])], {"Violated": False, "Failed": False}),
            ([("a", ["Pending"])], {}),
            ([], {}),
        ],
    )
    def test_the_latest_execution_that_ended_counts(self, watch, answers, told):
        assert watch(*answers)() == told
        found = {entry["MetricName"]: bool(entry["Value"]) for request in self.put for entry in request["MetricData"]}
        assert found == told


class TestWatchOfOurOwn:
    """The same figures, from the executions of pipelines."""

    @pytest.fixture
    def watch(self, monkeypatch):
        def make(*answers):
            pages = {"a": [], "b": []}
            for pipeline, executions in answers:
                pages[pipeline].append(executions)
            messages = {}

            def listed(PipelineName, **_more):  # noqa: N803 - AWS's names
                page, found = pages[PipelineName], []
                executions = page.pop(0) if len(page) > 1 else page[0] if page else []
                for number, (status, message, *name) in enumerate(executions):
                    arn = f"{PipelineName}-{len(page)}-{number}"
                    messages[arn] = message
                    shown = {"PipelineExecutionDisplayName": name[0]} if name else {}
                    found.append({"PipelineExecutionArn": arn, "PipelineExecutionStatus": status, **shown})
                return {"PipelineExecutionSummaries": found}

            def steps(PipelineExecutionArn):  # noqa: N803
                job = {"ProcessingJob": {"Arn": f"arn:job/{PipelineExecutionArn}"}}
                return {"PipelineExecutionSteps": [{"Metadata": job}]}

            sagemaker = SimpleNamespace(
                list_pipeline_executions=listed,
                list_pipeline_execution_steps=steps,
                describe_processing_job=lambda ProcessingJobName: {"ExitMessage": messages[ProcessingJobName]},  # noqa: N803
            )
            self.put = []
            services = {
                "sagemaker": sagemaker,
                "cloudwatch": SimpleNamespace(put_metric_data=lambda **request: self.put.append(request)),
            }
            return Function(
                "WatchFunction", monkeypatch, services, ENDPOINT="demo-prod", SCHEDULES="a,b", ENGINE="slipway"
            )

        return make

    GOOD = ("Succeeded", "Completed: Job completed successfully with no violations.")
    BAD = ("Succeeded", "CompletedWithViolations: Job completed successfully with 2 violations.")
    IDLE = ("Succeeded", "NoData: demo-prod captured nothing")
    BROKEN, RUNNING = ("Failed", ""), ("Executing", "")

    @pytest.mark.parametrize(
        ("answers", "told"),
        [
            ([("a", [GOOD]), ("b", [GOOD])], {"Violated": False, "Failed": False}),
            ([("a", [GOOD]), ("b", [BAD, GOOD])], {"Violated": True, "Failed": False}),
            ([("a", [GOOD, BAD])], {"Violated": False, "Failed": False}),
            ([("a", [BROKEN, GOOD])], {"Failed": True}),
            ([("a", [IDLE, BAD])], {"Failed": True}),  # an hour without requests says nothing of drift
            ([("a", [RUNNING]), ("a", [BAD])], {"Violated": True, "Failed": False}),
            ([("a", [RUNNING, GOOD])], {"Violated": False, "Failed": False}),
            ([("a", [(*BAD, "asked-20261130-081500"), GOOD])], {"Violated": False, "Failed": False}),
            ([], {}),
        ],
    )
    def test_the_latest_execution_that_ended_counts(self, watch, answers, told):
        assert watch(*answers)() == told

    def test_the_figure_is_how_many_violations_there_are(self, watch):
        watch(("a", [self.BAD]), ("b", [(self.BAD[0], self.BAD[1].replace("2", "11"))]))()
        assert [entry["Value"] for request in self.put for entry in request["MetricData"]] == [13.0, 0.0]


class TestRetrain:
    """One drift, one retraining."""

    @pytest.fixture
    def retrain(self, monkeypatch):
        self.parameter, self.started, self.fails = {"Value": "0", "Version": 1}, [], False

        def put(Value, **_more):  # noqa: N803 - AWS's names
            self.parameter = {"Value": Value, "Version": self.parameter["Version"] + 1}
            return {"Version": self.parameter["Version"]}

        def start(name):
            if self.fails:
                raise RuntimeError("throttled")
            self.started.append(name)
            return {"pipelineExecutionId": "x"}

        services = {
            "ssm": SimpleNamespace(get_parameter=lambda **_: {"Parameter": self.parameter}, put_parameter=put),
            "codepipeline": SimpleNamespace(start_pipeline_execution=start),
        }
        return Function("RetrainFunction", monkeypatch, services, PIPELINE="p", LAST="l", COOL_DOWN_HOURS="2")

    def test_within_the_cool_down_nothing_is_started(self, retrain):
        for second, count in ((0, 1), (1, 1), (7199, 1), (7200, 2)):
            retrain.now = 1_000_000 + second
            retrain()
            assert len(self.started) == count

    def test_of_two_at_once_one_starts_it(self, retrain):
        before = self.parameter
        retrain()
        retrain.module["ssm"].get_parameter = lambda **_: {"Parameter": before}  # read before the first one wrote
        assert retrain() == {"started": None}
        assert self.started == ["p"]

    def test_a_start_that_failed_can_be_tried_again(self, retrain):
        self.fails = True
        with pytest.raises(RuntimeError):
            retrain()
        self.fails = False
        assert retrain() == {"started": "x"}
