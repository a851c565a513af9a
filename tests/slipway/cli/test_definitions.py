"""`slipway diff` of two pipeline definitions: where they come from, what is shown, how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

RECORDED = Path(__file__).parent / "definitions"
SDK_2, SDK_3 = (str(RECORDED / f"churn_sdk_{version}.json") for version in (2, 3))
PIPELINE = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/demo-churn"
EXECUTION = f"{PIPELINE}/execution/abc"


def definition(depth: Any, *more: str) -> str:
    steps = [{"Name": "Train", "Type": "Training", "Arguments": {"HyperParameters": {"max_depth": depth}}}]
    steps += [{"Name": name, "Type": "Processing", "Arguments": {}} for name in more]
    return json.dumps({"Version": "2020-12-01", "Steps": steps})


@pytest.fixture
def pipelines(aws):
    aws.answers["ListPipelines"] = {"PipelineSummaries": [{"PipelineName": "demo-churn"}]}
    aws.answers["DescribePipeline"] = {"PipelineDefinition": definition("5", "Explain")}
    aws.answers["DescribePipelineDefinitionForExecution"] = {"PipelineDefinition": definition(4)}
    return aws


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "before.json").write_text(definition("4"))
    monkeypatch.chdir(tmp_path)
    return "before.json"


@pytest.mark.parametrize("name", ["demo-churn", "churn", PIPELINE])
def test_a_file_and_a_pipeline(command, pipelines, before, name):
    code, out, _ = command("diff", before, name)
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert ["Explain", "-", "Processing"] in lines
    assert ["Train.Arguments.HyperParameters.max_depth", "4", "5"] in lines
    assert pipelines.asked("DescribePipeline")[0]["PipelineName"] == "demo-churn"


def test_an_execution_for_a_program(command, pipelines, before):
    code, out, _ = command("diff", before, EXECUTION, "--json", "--exit-code")
    assert code == 0
    assert pipelines.asked("DescribePipelineDefinitionForExecution") == [{"PipelineExecutionArn": EXECUTION}]
    found = json.loads(out)
    [member] = found.pop("written")
    assert found == {"first": before, "second": EXECUTION, "removed": {}, "added": {}, "changed": [], "files": []}
    assert (member["path"], member["first"], member["second"]) == ("Train.Arguments.HyperParameters.max_depth", "4", 4)


def test_values_that_look_alike_are_told_apart(command, pipelines, before):
    _, out, _ = command("diff", before, EXECUTION)
    assert "both run the same" in out
    assert '"4"' in out


def test_columns_align(command, before):
    _, out, _ = command("diff", SDK_2, SDK_3)
    table = out.partition("\n\n")[0].splitlines()
    at = table[0].index(SDK_3)
    assert table[0].startswith("what changes the run")
    assert [line[at] for line in table[1:3]] == ["-", "-"]
    assert out.index("files of another hash") < out.index("written differently, the same")


@pytest.mark.parametrize(
    ("second", "options", "code"),
    [(SDK_3, (), 0), (SDK_3, ("--exit-code",), 1), (SDK_2, ("--exit-code",), 0)],
)
def test_the_exit_code_is_asked_for(command, second, options, code):
    assert command("diff", SDK_2, second, *options)[0] == code


def test_two_files_need_no_aws(command, monkeypatch):
    monkeypatch.setattr("slipway.cli.target.Target.find", lambda: pytest.fail("nothing is asked of AWS"))
    assert "the same, member for member" in command("diff", SDK_2, SDK_2)[1]


def test_what_describe_pipeline_printed_is_a_definition(command, before):
    Path("described.json").write_text(json.dumps({"PipelineName": "x", "PipelineDefinition": definition("4")}))
    assert "the same, member for member" in command("diff", before, "described.json")[1]


BAD_FILES = {
    "no JSON": ("steps: []", "bad.json is not JSON"),
    "no definition": ('{"a": 1}', "bad.json has no Steps; expected a pipeline definition"),
    "a list": ("[1]", "bad.json has no Steps"),
    "a step without a name": ('{"Steps": [{"Type": "Fail"}]}', "bad.json: step 1 has no Name"),
    "two of one name": (
        '{"Steps": [{"Name": "A", "Arguments": {"IfSteps": [{"Name": "A"}]}}]}',
        "two steps are called A",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_definition(command, before, name):
    content, said = BAD_FILES[name]
    Path("bad.json").write_text(content)
    code, out, err = command("diff", before, "bad.json")
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("levels", [900, 100_000])
def test_a_file_that_is_nested_deeply(command, before, levels):
    for name, value in (("a.json", "1"), ("b.json", "2")):
        steps = f'[{{"Name": "A", "Arguments": {"[" * levels}{value}{"]" * levels}}}]'
        Path(name).write_text(f'{{"Steps": {steps}}}')
    code, out, err = command("diff", "a.json", "b.json")
    assert (code, out) == (2, "")
    assert "nested too deeply" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("before.json", "after.json"), 2, "after.json cannot be read: No such file or directory"),
        (("before.json", "wine"), 1, "There is no pipeline wine on AWS; it has: demo-churn"),
        (("before.json", f"{PIPELINE}x"), 1, "There is no pipeline"),
        (("before.json", "3"), 2, "3 is a version, and the other argument is none"),
        (("1", "2", "--exit-code"), 2, "--exit-code is for pipeline definitions"),
        (("before.json", "churn", "-p", "churn"), 2, "--pipeline is for versions"),
    ],
)
def test_what_is_not_there(command, pipelines, before, arguments, code, said):
    ended, out, err = command("diff", *arguments)
    assert (ended, out) == (code, "")
    assert said in " ".join(err.split())
