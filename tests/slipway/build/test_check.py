"""Planted faults in a definition: each is named. The real definitions have none."""

import copy
import json

import pytest

from slipway.build import check, compiled
from tests.slipway.conftest import ROOT


@pytest.fixture(scope="module")
def definition(compiled_churn):
    return json.loads(compiled_churn.text)


def at(definition, name):
    return next(s for s in check._walk(definition["Steps"]) if s["Name"] == name)


def _set(step, path, value):
    def plant(definition):
        node = at(definition, step)
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = value

    return plant


def _many_parameters(definition):
    definition["Parameters"] += [{"Name": f"P{n}", "Type": "String"} for n in range(200)]


def _many_steps(definition):
    definition["Steps"] += [{"Name": f"S{n}", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}} for n in range(50)]


def _undeclared(definition):
    definition["Parameters"] = [p for p in definition["Parameters"] if p["Name"] != "CommitId"]


CASES = {
    "a bad name": (_set("Train", ["Name"], "a b!"), "step name 'a b!': letters, digits"),
    "a name used twice": (_set("Baseline", ["Name"], "Train"), "step name 'Train' is used 2 times"),
    "a cycle": (_set("Prepare", ["DependsOn"], ["Evaluate"]), "steps wait for each other: Prepare"),
    "a cycle through a branch": (_set("Train", ["DependsOn"], ["Register"]), "steps wait for each other: Train"),
    "an unknown dependency": (_set("Train", ["DependsOn"], ["Nobody"]), "DependsOn names 'Nobody'"),
    "an undeclared parameter": (_undeclared, "step Register: parameter 'CommitId' is not declared"),
    "an unknown step": (
        _set("Prepare", ["Arguments", "RoleArn"], {"Get": "Steps.Nobody.X"}),
        "there is no step 'Nobody'",
    ),
    "a bad duration": (_set("Train", ["CacheConfig", "ExpireAfter"], "30 days"), "cache duration '30 days'"),
    "an empty duration": (_set("Train", ["CacheConfig", "ExpireAfter"], "PT"), "cache duration 'PT'"),
    "no property file": (
        _set("Evaluate", ["PropertyFiles"], []),
        "Evaluate declares no property file 'EvaluationReport'",
    ),
    "a property file elsewhere": (
        _set("Evaluate", ["PropertyFiles", 0, "OutputName"], "out"),
        "is in output 'out', not in",
    ),
    "an unknown member": (_set("Train", ["Arguments", "HyperParameter"], {}), "HyperParameter"),
    "a wrong type": (
        _set("Train", ["Arguments", "StoppingCondition", "MaxRuntimeInSeconds"], "1h"),
        "MaxRuntimeInSeconds",
    ),
    "a missing member": (_set("Train", ["Arguments", "OutputDataConfig"], {}), "S3OutputPath"),
    "an unknown instance type": (
        _set("Prepare", ["Arguments", "ProcessingResources", "ClusterConfig", "InstanceType"], "ml.huge"),
        ".InstanceType: 'ml.huge' is not one of",
    ),
    "too many parameters": (_many_parameters, "parameters; SageMaker allows 200"),
    "too many steps": (_many_steps, "steps; SageMaker allows 50"),
    "too many bytes": (_set("Fail", ["Arguments", "ErrorMessage"], "x" * 2**20), "bytes; SageMaker allows 1048576"),
}


@pytest.mark.parametrize(("plant", "message"), CASES.values(), ids=CASES)
def test_fault_is_named(definition, plant, message):
    broken = copy.deepcopy(definition)
    plant(broken)
    assert message in "\n".join(check.faults(json.dumps(broken)))


def test_the_real_definitions_have_no_fault(compiled_churn, compiled_abalone):
    assert check.faults(compiled_churn.text) == check.faults(compiled_abalone.text) == []


@pytest.mark.parametrize("good", ["P30D", "P1Y2M3W4DT5H6M7S", "PT16M"])
def test_good_durations(definition, good):
    changed = copy.deepcopy(definition)
    _set("Train", ["CacheConfig", "ExpireAfter"], good)(changed)
    assert check.faults(json.dumps(changed)) == []


def test_compiling_refuses_an_invalid_definition(monkeypatch, project):
    monkeypatch.setattr(check, "faults", lambda _: ["something"])
    with pytest.raises(compiled.UsageError, match="something"):
        compiled.build("pipelines.churn.pipeline", project.arguments, ROOT)
