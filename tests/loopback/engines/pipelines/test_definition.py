"""What `parse` accepts, and the message for everything else."""

import json
import os

import pytest

from loopback.engines.pipelines.definition import InvalidDefinition, parse

PREP = {
    "Name": "Prep",
    "Type": "Processing",
    "Arguments": {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "out"}]}},
    "PropertyFiles": [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "r.json"}],
}


def _get(path):
    return {"Get": path}


def _using(value, **more):
    return {"Name": "Use", "Type": "Processing", "Arguments": {"Value": value}, **more}


def _condition(*conditions, then=(), otherwise=()):
    arguments = {"Conditions": list(conditions), "IfSteps": list(then), "ElseSteps": list(otherwise)}
    return {"Name": "Gate", "Type": "Condition", "Arguments": arguments}


def _loop(*body, items=(1,), **more):
    arguments = {"IterableItems": list(items), "MaxConcurrency": 2, "ForEachBody": list(body), **more}
    return {"Name": "Each", "Type": "ForEach", "Arguments": arguments}


SDKS = "../shared/reference/examples/definition.json"  # lies beside the checkout of those who have it
TRUE = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
FAIL = {"Name": "Bad", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
BODY = {"Name": "Body", "Type": "Processing", "Arguments": {"Item": _get("ForEach.CurrentItem")}}


@pytest.mark.skipif(not os.path.exists(SDKS), reason=f"needs {SDKS}")
def test_a_definition_made_by_the_sdk_is_understood():
    with open(SDKS) as file:
        definition = parse(file.read())
    assert list(definition.steps) == [
        "Preprocess", "DataQualityBaseline", "Train", "Evaluate", "CheckAuc", "Register", "AucTooLow",
    ]  # fmt: skip
    assert definition.steps["Register"].parent == "CheckAuc"
    assert definition.steps["Register"].branch == "IfSteps"
    assert definition.steps["Train"].dependencies == {"Preprocess": "Succeeded"}
    assert definition.steps["CheckAuc"].dependencies == {"Evaluate": "Succeeded"}
    assert definition.parameters["MinAuc"].default == 0.75
    assert definition.experiment_config["ExperimentName"] == {"Get": "Execution.PipelineName"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "must be a JSON object"),
        ('{"Version": "1"}', "Version '1'; it must be '2020-12-01'"),
        ('{"Version": "2020-12-01", "Steps": []}', "no Steps"),
        ('{"Version": "2020-12-01", "Steps": [1]}', "Name None"),
        (" " * 1_048_577, "1048577 bytes"),
    ],
)
def test_a_document_of_another_kind(text, told):
    with pytest.raises(InvalidDefinition, match=told):
        parse(text)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([{"Name": "a b", "Type": "Fail"}], "Name 'a b'; allowed: 1 to 64"),
        ([{"Name": "x" * 65, "Type": "Fail"}], "allowed: 1 to 64"),
        ([{"Name": "X", "Type": "Magic"}], "step 'X' is of type Magic, which loopback does not run; it runs: Process"),
        ([{"Name": "X", "Type": "EMR"}], "EMR, which loopback does not run .there is no cluster here; run the"),
        ([{"Name": "X", "Type": "EMRServerless"}], "does not run .there is no Spark application here; run the script"),
        ([{"Name": "X", "Type": "AutoML"}], "does not run .there is no Autopilot here; use a Tuning step"),
        ([{"Name": "X", "Type": "InferenceComponent"}], "does not run .endpoints have no inference components here"),
        ([{"Name": "X", "Type": "Lineage"}], "does not run .there is no lineage here"),
        ([{"Name": "X", "Type": "Job"}], "does not run .CreateJob's families do not run here"),
        ([PREP, PREP], "'Prep' is used twice"),
        ([PREP, _condition(TRUE, then=[PREP])], "'Prep' is used twice"),
        ([_using(_get("Parameters.Nope"))], "no such parameter is declared"),
        ([_using(_get("Execution.Nope"))], "known: StartDateTime"),
        ([_using(_get("Steps.Nope.X"))], "step 'Nope', which does not exist; steps: Use"),
        ([_using(_get("Elsewhere.X"))], "starts with Parameters, Execution, Steps"),
        ([_using(_get("a..b"))], "is not a path"),
        ([_using({"Std:Join": {"On": "/"}})], "Std:Join that needs On"),
        ([PREP, _using(_get("Steps.Prep"))], "names no property"),
        ([_using(1, DependsOn=["Nope"])], "step 'Nope', which does not exist"),
        ([PREP, _using(1, DependsOn=[{"Step": "Prep", "Trigger": "Maybe"}])], "DependsOn has"),
        ([_using(_get("Steps.Use.X"))], "Use -> Use"),
        ([_condition(TRUE, otherwise=[FAIL]), _using(1, DependsOn=["Bad"])], "Use can not depends on Bad"),
        ([_using(_get("ForEach.CurrentItem"))], "only inside a ForEachBody"),
        ([_loop(BODY), _using(_get("Steps.Body.X"))], "wait for 'Each' instead"),
        ([_loop(_condition(TRUE))], "a Condition step is not allowed inside a ForEachBody"),
        ([_loop(FAIL)], "a Fail step is not allowed inside a ForEachBody"),
        ([_loop()], "ForEachBody must be a list of steps"),
        ([_loop(BODY, items=[])], "IterableItems must be a reference or a list of 1 to 100"),
        ([_loop(BODY, items=range(101))], "IterableItems must be a reference or a list of 1 to 100"),
        ([_loop(BODY, MaxConcurrency=51)], "MaxConcurrency is 51; allowed: 1 to 50"),
        ([_loop(BODY, Selector={"Pick": "First", "Field": _get("IterationOutput.Body.X")})], "Pick 'First'"),
        ([_loop(BODY, Selector={"Pick": "MaxBy", "Field": _get("IterationOutput.Other.X")})], "Selector has Field"),
        ([_loop(BODY), {**PREP, "Name": "Body-3"}], "also that of an iteration of 'Body'"),
        ([_condition()], "Conditions must be a list of 1 to 200"),
        ([_condition({"Type": "Sometimes"})], "'Sometimes' is unknown; allowed: Equals"),
        ([_condition({"Type": "Equals", "LeftValue": 1})], "needs RightValue"),
        ([_condition({"Type": "In", "QueryValue": 1})], "needs QueryValue and Values"),
        ([_condition({"Type": "Not", "Condition": {"Type": "?"}})], "is unknown"),
        ([_condition(TRUE, then=[{**_condition(TRUE), "Name": "Inner"}])], "not allowed inside another Condition"),
        ([_using(1, PropertyFiles=PREP["PropertyFiles"])], "'Report' is in output 'out'; outputs: none"),
        ([{**PREP, "Type": "Training"}], "a Training step takes no PropertyFiles"),
        ([_using(1, CacheConfig={"Enabled": "yes"})], "Enabled must be true or false"),
        ([_using(1, CacheConfig={"Enabled": True})], "without ExpireAfter"),
        ([_using(1, CacheConfig={"Enabled": True, "ExpireAfter": "soon"})], "'soon' is not a duration"),
        ([{"Name": "M", "Type": "Model", "CacheConfig": {"Enabled": True}}], "a Model step takes no CacheConfig"),
        ([_using(1, RetryPolicies=[{"ExceptionType": ["Any"]}])], "allowed: Step.SERVICE_FAULT"),
        ([{"Name": "L", "Type": "Lambda"}], "needs FunctionArn"),
        ([{"Name": "C", "Type": "Callback"}], "needs SqsQueueUrl"),
        ([{"Name": "L", "Type": "Lambda", "FunctionArn": "f", "RetryPolicies": [{}]}], "takes no RetryPolicies"),
        ([{"Name": "Q", "Type": "QualityCheck"}], "CheckType is None; allowed: DATA_QUALITY"),
        ([{"Name": "C", "Type": "ClarifyCheck", "CheckType": "DATA_QUALITY"}], "allowed: DATA_BIAS, MODEL_BIAS"),
        ([{"Name": "C", "Type": "ClarifyCheck", "CheckType": "MODEL_BIAS"}], "a MODEL_BIAS check needs ModelName"),
        ([{"Name": "C", "Type": "Cleanup"}], "Resources.S3 must be"),
        ([{"Name": "L", "Type": "Lambda", "FunctionArn": "f"}, _using(_get("Steps.L.OutputParameters['n']"))],
         "declares the outputs: none"),
        ([PREP, _using({"Std:JsonGet": {"PropertyFile": _get("Steps.Prep.PropertyFiles.Other"), "Path": "a"}})],
         "declares the property files: Report"),
        ([PREP, _using({"Std:JsonGet": {"PropertyFile": _get("Steps.Prep.PropertyFiles.Report")}})], "needs Path"),
        ([PREP, _using({"Std:JsonGet": {"PropertyFile": _get("Steps.Prep.X"), "Path": "a"}})], "PropertyFiles"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_what_is_allowed(steps, told):
    with pytest.raises(InvalidDefinition, match=told.replace("(", r"\(")):
        parse(json.dumps({"Version": "2020-12-01", "Steps": steps}))


def test_a_circle_is_shown(define, step):
    with pytest.raises(
        InvalidDefinition, match=r"steps wait for each other: (A -> B -> C -> A|B -> C -> A -> B|C -> A)"
    ):
        define(step("A", "Processing", "C"), step("B", "Processing", "A"), step("C", "Processing", "B"))


def test_a_body_that_waits_for_what_waits_for_its_loop_is_a_circle(define, step, loop):
    with pytest.raises(InvalidDefinition, match="wait for each other"):
        define(loop("Each", [1], [step("Body", "Processing", "After")]), step("After", "Processing", "Each"))


def test_a_condition_cannot_wait_for_its_branch(define, step, gate):
    with pytest.raises(InvalidDefinition, match="wait for each other"):
        define(gate("Gate", 1, 2, [step("Inner")], [], "Inner"))


def test_the_quota_of_steps_is_the_callers(define, step):
    many = [step(f"S{n}") for n in range(51)]
    assert len(define(*many, most=51).steps) == 51
    with pytest.raises(InvalidDefinition, match="51 steps; at most 50"):
        define(*many)


def test_what_a_branch_refers_to_is_not_what_its_condition_waits_for(define, step, gate):
    inner = step("Inner", Arguments={"X": {"Get": "Steps.Slow.Y"}})
    definition = define(step("Slow"), gate("Gate", 1, 2, [inner], []))
    assert definition.steps["Gate"].dependencies == {}
    assert definition.steps["Inner"].dependencies == {"Slow": "Succeeded"}


EVERY_TYPE = [
    PREP,
    {
        "Name": "Train",
        "Type": "Training",
        "Arguments": {"In": _get("Steps.Prep.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")},
        "DependsOn": ["Prep", {"Step": "Prep", "Trigger": "Any"}],
        "CacheConfig": {"Enabled": True, "ExpireAfter": "P30D"},
        "RetryPolicies": [{"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 1, "MaxAttempts": 2}],
    },
    _condition(
        {
            "Type": "Or",
            "Conditions": [{"Type": "Not", "Condition": TRUE}, {"Type": "In", "QueryValue": 1, "Values": [1]}],
        },
        {
            "Type": "Equals",
            "LeftValue": {"Std:JsonGet": {"PropertyFile": _get("Steps.Prep.PropertyFiles.Report"), "Path": "a[0]"}},
            "RightValue": {"Std:Join": {"On": "/", "Values": ["a", _get("Execution.PipelineName")]}},
        },
        otherwise=[FAIL],
    ),
    _loop(BODY, Selector={"Pick": "MaxBy", "Field": _get("IterationOutput.Body.X")}),
    {"Name": "L", "Type": "Lambda", "FunctionArn": "f", "OutputParameters": [{"OutputName": "n"}]},
    {
        "Name": "Q",
        "Type": "QualityCheck",
        "CheckType": "DATA_QUALITY",
        "Arguments": {"N": _get("Steps.L.OutputParameters['n']")},
    },
    {"Name": "B", "Type": "ClarifyCheck", "CheckType": "MODEL_BIAS", "ModelName": "m", "Arguments": {}},
    {"Name": "Clean", "Type": "Cleanup", "Arguments": {"Resources": {"S3": [{"StepName": "Train"}]}}},
]
WHOLE = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "P", "Type": "String", "DefaultValue": "a", "EnumValues": ["a"]}],
    "Steps": EVERY_TYPE,
}


def _places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*path, key))


def _replaced(value, path, junk):
    if not path:
        return junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(value[path[0]], path[1:], junk)
    return copy


def test_every_step_type_is_understood():
    assert len(parse(json.dumps(WHOLE)).steps) == 10


@pytest.mark.parametrize(
    "junk", [None, 1, True, "x", [], {}, [1], [None], {"x": 1}, {"Get": "x"}, {"Get": ""}], ids=repr
)
def test_junk_anywhere_is_accepted_or_named_but_never_a_crash(junk):
    named = 0
    for place in _places(WHOLE):
        try:
            parse(json.dumps(_replaced(WHOLE, place, junk)))
        except InvalidDefinition:
            named += 1
    assert named > 50
