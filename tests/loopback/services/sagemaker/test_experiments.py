"""Which trials and components a list shows."""

from typing import Any

import pytest

from loopback.core.errors import ValidationException


@pytest.fixture
def tracked(sagemaker: Any, clock: Any) -> None:
    """Trials t and u of experiment e, v of f; a is in t and v, b in u, c in none."""
    for experiment, trials in (("e", "tu"), ("f", "v")):
        sagemaker("CreateExperiment", ExperimentName=experiment)
        for trial in trials:
            clock.now += 1
            sagemaker("CreateTrial", TrialName=trial, ExperimentName=experiment)
    for name, trials in (("a", "tv"), ("b", "u"), ("c", "")):
        clock.now += 1
        sagemaker("CreateTrialComponent", TrialComponentName=name)
        for trial in trials:
            sagemaker("AssociateTrialComponent", TrialName=trial, TrialComponentName=name)


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, "cba"),
        ({"TrialName": "t"}, "a"),
        ({"TrialName": "v", "SortBy": "Name"}, "a"),
        ({"TrialName": "u", "CreatedAfter": 2_000_000_000}, ""),
        ({"ExperimentName": "e"}, "ba"),
        ({"ExperimentName": "f", "SortOrder": "Ascending"}, "a"),
        ({"SourceArn": "arn:aws:sagemaker:us-east-1:000000000000:training-job/x"}, ""),
    ],
)
def test_components_are_listed_by_trial_and_experiment(sagemaker: Any, request_: dict[str, Any], expected: str) -> None:
    found = sagemaker("ListTrialComponents", **request_)["TrialComponentSummaries"]
    assert "".join(each["TrialComponentName"] for each in found) == expected


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, "vut"),
        ({"ExperimentName": "e"}, "ut"),
        ({"TrialComponentName": "a"}, "vt"),
        ({"TrialComponentName": "a", "ExperimentName": "f"}, "v"),
        ({"TrialComponentName": "c"}, ""),
    ],
)
def test_trials_are_listed_by_experiment_and_component(sagemaker: Any, request_: dict[str, Any], expected: str) -> None:
    assert "".join(each["TrialName"] for each in sagemaker("ListTrials", **request_)["TrialSummaries"]) == expected


@pytest.mark.usefixtures("tracked")
def test_a_component_is_associated_once(sagemaker: Any) -> None:
    sagemaker("AssociateTrialComponent", TrialName="t", TrialComponentName="a")
    assert len(sagemaker("ListTrialComponents", TrialName="t")["TrialComponentSummaries"]) == 1


def test_a_trial_and_an_experiment_do_not_go_together(sagemaker: Any) -> None:
    with pytest.raises(ValidationException, match="either TrialName or ExperimentName"):
        sagemaker("ListTrialComponents", TrialName="t", ExperimentName="e")


@pytest.mark.parametrize("member", ["WarmPoolStatusEquals", "TrainingPlanArnEquals"])
def test_a_filter_that_is_not_carried_out_is_refused_by_name(sagemaker: Any, member: str) -> None:
    value = "Available" if member.startswith("Warm") else "arn:aws:sagemaker:us-east-1:000000000000:training-plan/p"
    with pytest.raises(ValidationException, match=f"{member}: loopback has no"):
        sagemaker("ListTrainingJobs", **{member: value})


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("DeleteExperiment", {"ExperimentName": "e"}),
        ("DeleteTrial", {"TrialName": "t"}),
        ("DeleteTrialComponent", {"TrialComponentName": "a"}),
    ],
)
def test_what_still_holds_something_is_not_deleted(sagemaker: Any, operation: str, request_: dict[str, str]) -> None:
    """As AWS documents DeleteExperiment, DeleteTrial and DeleteTrialComponent."""
    with pytest.raises(ValidationException, match="take that away first"):
        sagemaker(operation, **request_)


@pytest.mark.usefixtures("tracked")
def test_an_experiment_is_deleted_from_its_components_up(sagemaker: Any) -> None:
    for trial, component in (("t", "a"), ("v", "a"), ("u", "b")):
        sagemaker("DisassociateTrialComponent", TrialName=trial, TrialComponentName=component)
    sagemaker("DeleteTrialComponent", TrialComponentName="a")
    for trial in "tu":
        sagemaker("DeleteTrial", TrialName=trial)
    sagemaker("DeleteExperiment", ExperimentName="e")
    assert [each["ExperimentName"] for each in sagemaker("ListExperiments")["ExperimentSummaries"]] == ["f"]
    assert [each["TrialName"] for each in sagemaker("ListTrials")["TrialSummaries"]] == ["v"]
    assert "a" not in {e["TrialComponentName"] for e in sagemaker("ListTrialComponents")["TrialComponentSummaries"]}
