"""References and their values."""

import pytest

from loopback.engines.pipelines.references import Scope, Unresolvable, parse_path, resolve

STEPS = {
    "Prep": {
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "train", "S3Output": {"S3Uri": "s3://b/train/"}}]},
        "ProcessingInputs": [{"InputName": "raw", "S3Input": {"S3Uri": "s3://b/raw"}}],
    },
    "Train-1": {"FinalMetricDataList": [{"MetricName": "val:acc", "Value": 0.9}], "Tags": ["a", "b"]},
    "Call": {"OutputParameters": [{"Name": "n", "Value": 3}]},
}
FILES = {"Prep": [{"PropertyFileName": "Report", "OutputName": "train", "FilePath": "r/e.json"}]}
DOCUMENTS = {"s3://b/train/r/e.json": {"a": {"b.c": [{"value": 0.75}]}}, "s3://b/x/1": {"Result": None}}


def _scope(**more):
    variables = {"PipelineExecutionId": "e1"}
    return Scope({"Depth": 5, "Flag": True, "Rate": 0.5}, variables, STEPS, DOCUMENTS.__getitem__, FILES, **more)


def _join(on, *values):
    return {"Std:Join": {"On": on, "Values": list(values)}}


def _get(path):
    return {"Get": path}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (_get("Parameters.Depth"), 5),
        (_get("Execution.PipelineExecutionId"), "e1"),
        (_get("Steps.Prep.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"), "s3://b/train/"),
        (_get("Steps.Prep.ProcessingInputs['raw'].S3Input.S3Uri"), "s3://b/raw"),
        (_get("Steps.Train-1.FinalMetricDataList['val:acc'].Value"), 0.9),
        (_get("Steps.Train-1.Tags[1]"), "b"),
        (_get("Steps.Call.OutputParameters['n'].Value"), 3),
        (_join("/", "s3://b", _get("Execution.PipelineExecutionId"), _join("-", "x", 1)), "s3://b/e1/x-1"),
        (_join(",", _get("Parameters.Flag"), _get("Parameters.Rate"), 2), "true,0.5,2"),
        ({"Std:JsonGet": {"PropertyFile": _get("Steps.Prep.PropertyFiles.Report"), "Path": "a['b.c'][0].value"}}, 0.75),
        ({"Std:JsonGet": {"S3Uri": _join("/", "s3://b", "x", 1), "Path": "Result"}}, None),
        ({"Get": 5}, {"Get": 5}),
        ({"Get": "Parameters.Depth", "More": 1}, {"Get": "Parameters.Depth", "More": 1}),
        ([{"a": [_get("Parameters.Depth")]}, "x", None], [{"a": [5]}, "x", None]),
    ],
)
def test_values(expression, value):
    assert resolve(expression, _scope()) == value


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        (_get("Parameters.Nope"), "Parameters.Nope: there is no 'Nope'; available: Depth, Flag, Rate"),
        (_get("Steps.Later.X"), "step 'Later' has no result; steps that have one: Prep, Train-1, Call"),
        (_get("Steps.Prep.ProcessingOutputConfig.Outputs['test'].S3Output"), "no 'test'; available: train"),
        (_get("Steps.Train-1.Tags[2]"), r"no \[2\]; the list has 2"),
        (_get("Steps.Train-1.Tags[0].x"), "'x' asks for a member of \"a\""),
        (_get("ForEach.CurrentItem"), "only inside a ForEachBody"),
        (_join("/", None), "null cannot become text"),
        (_join("/", _get("Steps.Train-1.Tags")), "cannot become text"),
        ({"Std:JsonGet": {"S3Uri": "s3://none", "Path": "a"}}, "cannot read s3://none"),
        ({"Std:JsonGet": {"S3Uri": "s3://b/x/1", "Path": "Other"}}, "Other in s3://b/x/1: there is no 'Other'"),
    ],
)
def test_what_has_no_value_says_what_there_is(expression, told):
    with pytest.raises(Unresolvable, match=told):
        resolve(expression, _scope())


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        ("plain", "", "plain"),
        ({"a": [1, 2]}, ".a[1]", 2),
        ('{"a": {"b": 3}}', ".a.b", 3),
        ('{"a b": 3}', "['a b']", 3),
        ('{"a": 1}', "", '{"a": 1}'),
    ],
)
def test_the_current_item(item, path, value):
    assert resolve(_get(f"ForEach.CurrentItem{path}"), _scope(item=item)) == value


def test_a_member_of_a_plain_item():
    with pytest.raises(Unresolvable, match="'plain' is not a JSON object"):
        resolve(_get("ForEach.CurrentItem.a"), _scope(item="plain"))


@pytest.mark.parametrize("text", ["", "a..b", "a[b]", "a['b", "a.", "a]"])
def test_a_path_keeps_to_its_grammar(text):
    with pytest.raises(ValueError, match="is not a path"):
        parse_path(text)
