"""Histories of executions: what is done after each event."""

import json

import pytest

from loopback.engines.pipelines.definition import parse
from loopback.engines.pipelines.plan import EndExecution, ExecutionFacts, plan
from tests.work import calls


def test_steps_follow_their_dependencies(run, step):
    execution = run(step("A"), step("B", "Training", "A"), step("C", "Model", "A"), step("D", "Transform", "B", "C"))
    assert execution.go() == ["StartStep A"]
    assert execution.go() == []
    assert execution.end("A") == ["StartStep B", "StartStep C"]
    assert execution.end("C") == []
    assert execution.end("B") == ["StartStep D"]
    assert execution.end("D") == ["EndExecution Succeeded"]


def test_arguments_are_resolved_and_typed_for_the_service(step):
    arguments = {
        "HyperParameters": {"depth": {"Get": "Parameters.Depth"}, "flag": True},
        "InstanceCount": {"Get": "Parameters.Depth"},
        "AppSpecification": {"ContainerArguments": ["--n", 3]},
        "Environment": {"RUN": {"Get": "Execution.PipelineExecutionId"}},
        "KmsKeyId": None,
    }
    document = {"Parameters": [{"Name": "Depth", "Type": "Integer"}], "Version": "2020-12-01"}
    document["Steps"] = [step("T", "Training", Arguments=arguments)]
    definition = parse(json.dumps(document))
    facts = ExecutionFacts({"Depth": 5}, {"PipelineExecutionId": "e1"})
    (start,) = plan(definition, facts, {}.__getitem__, 0.0)
    assert start.arguments == {
        "HyperParameters": {"depth": "5", "flag": "true"},
        "InstanceCount": 5,
        "AppSpecification": {"ContainerArguments": ["--n", "3"]},
        "Environment": {"RUN": "e1"},
    }


def test_a_payload_stays_as_it_is_and_the_envelope_is_resolved(run, step):
    made = step("L", "Lambda", Arguments={"a": None, "n": 1}, FunctionArn={"Get": "Execution.PipelineName"})
    execution = run(made, variables={"PipelineName": "arn:f"})
    execution.go()
    assert execution.started[0].arguments == {"a": None, "n": 1}
    assert execution.started[0].envelope == {"FunctionArn": "arn:f"}


@pytest.mark.parametrize(("value", "taken", "left"), [(0.9, "Good", "Bad"), (0.1, "Bad", "Good")])
def test_a_condition_takes_one_branch(run, step, gate, value, taken, left):
    report = {"Std:JsonGet": {"S3Uri": "s3://r", "Path": "auc"}}
    after = step("AfterGood", "Processing", "Good")
    execution = run(
        step("A"),
        gate("Gate", report, 0.5, [step("Good")], [step("Bad")], "A"),
        after,
        documents={"s3://r": {"auc": value}},
    )
    assert execution.go() == ["StartStep A"]
    assert execution.end("A") == ["EndStep Gate", f"StartStep {taken}"]
    assert execution.steps["Gate"].properties == {"Outcome": str(value > 0.5)}
    assert execution.end(taken) == (["StartStep AfterGood"] if taken == "Good" else ["EndExecution Succeeded"])
    assert left not in execution.steps


def test_the_outcome_of_a_condition_is_a_boolean_within_a_text(run, step, gate):
    """Source: the SDK's integration test of Fail steps, in which AWS writes `false`."""
    join = {"Std:Join": {"On": " ", "Values": ["outcome", {"Get": "Steps.Gate.Outcome"}]}}
    bad = step("Bad", "Fail", "Gate", Arguments={"ErrorMessage": join})
    execution = run(gate("Gate", 1, 2, [step("Then")], [bad]))
    execution.go()
    assert execution.finish == EndExecution("Failed", "outcome false")


def test_whoever_waits_for_a_condition_runs_whatever_its_outcome(run, step, gate):
    execution = run(gate("Gate", 1, 2, [step("Then")], []), step("After", "Processing", "Gate"))
    assert execution.go() == ["EndStep Gate", "StartStep After"]


def test_a_fail_step_waits_for_what_runs_and_gives_the_reason(run, step, gate):
    bad = step("Bad", "Fail", Arguments={"ErrorMessage": {"Std:Join": {"On": " ", "Values": ["AUC below", 0.75]}}})
    execution = run(step("Slow"), gate("Gate", 1, 2, [], [bad]), step("Late", "Processing", "Slow"))
    assert execution.go() == ["StartStep Slow", "EndStep Gate", "EndStep Bad"]
    assert execution.end("Slow") == ["EndExecution Failed"]
    assert execution.finish == EndExecution("Failed", "AUC below 0.75")


def test_a_failure_lets_running_steps_finish_and_starts_none(run, step):
    execution = run(step("A"), step("B"), step("C", "Processing", "B"))
    execution.go()
    assert execution.end("A", "Failed", failure_reason="AlgorithmError: exit code 1") == []
    assert execution.end("B") == ["EndExecution Failed"]
    reason = "Step failure: One or multiple steps failed. A failed: AlgorithmError: exit code 1"
    assert execution.finish == EndExecution("Failed", reason)


def test_a_step_that_was_stopped_from_outside_fails_the_execution(run, step):
    execution = run(step("A"), step("B", "Processing", "A"))
    execution.go()
    assert execution.end("A", "Stopped") == ["EndExecution Failed"]
    assert execution.finish.failure_reason.endswith("A stopped")


@pytest.mark.parametrize(
    ("trigger", "status", "goes_on"),
    [
        ("Failed", "Failed", True),
        ("Failed", "Stopped", False),
        ("Stopped", "Stopped", True),
        ("Any", "Failed", True),
        ("Any", "Succeeded", True),
        ("Completed", "Succeeded", True),
        ("Failed", "Succeeded", False),
    ],
)
def test_triggers(run, step, trigger, status, goes_on):
    execution = run(step("A"), step("Notify", "Processing", {"Step": "A", "Trigger": trigger}))
    execution.go()
    done = execution.end("A", status)
    if goes_on:
        assert done == ["StartStep Notify"]
        done = execution.end("Notify")
    assert done == [f"EndExecution {'Succeeded' if status == 'Succeeded' else 'Failed'}"]
    if status != "Succeeded" and goes_on:
        assert execution.finish.failure_reason.startswith("Completed with failures. A ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"X": {"Get": "Steps.A.Missing"}}, "ClientError: Steps.A.Missing: there is no 'Missing'"),
        ({"X": {"Std:JsonGet": {"S3Uri": "s3://none", "Path": "a"}}}, "ClientError: Std:JsonGet cannot read s3://none"),
    ],
)
def test_a_step_whose_arguments_have_no_value_fails(run, step, arguments, told):
    execution = run(step("A"), step("B", "Processing", "A", Arguments=arguments))
    execution.go()
    assert execution.end("A") == ["EndStep B", "EndExecution Failed"]
    assert execution.steps["B"].failure_reason.startswith(told)


def test_a_condition_of_unlike_types_fails(run, gate):
    execution = run(gate("Gate", "0.7", 0.5, [], []))
    assert execution.go() == ["EndStep Gate", "EndExecution Failed"]
    assert 'cannot compare "0.7" (str) with 0.5 (float)' in execution.finish.failure_reason


def test_the_parallelism_limit(run, step, gate):
    execution = run(step("A"), step("B"), step("C"), gate("Gate", 1, 2, [], []), max_parallel=2)
    assert execution.go() == ["StartStep A", "StartStep B", "EndStep Gate"]
    assert execution.end("B") == ["StartStep C"]


def test_stopping(run, step):
    execution = run(step("A"), step("B"), step("C", "Processing", "A"))
    execution.go()
    execution.facts["stopping"] = True
    assert execution.end("A") == ["StopStep B"]
    assert execution.go() == []
    assert execution.end("B", "Stopped") == ["EndExecution Stopped"]


def test_a_step_that_fails_while_stopping_fails_the_execution(run, step):
    execution = run(step("A", "Lambda", FunctionArn="f"))
    execution.go()
    execution.facts["stopping"] = True
    execution.go()
    assert execution.end("A", "Failed", failure_reason="timed out") == ["EndExecution Failed"]


def test_a_retry_waits_then_starts_again(run, step):
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 60, "MaxAttempts": 1}
    execution = run(step("A", RetryPolicies=[policy]), step("B", "Processing", "A"))
    execution.go()
    assert execution.end("A", "Failed", failure_kind="SageMaker.CAPACITY_ERROR") == ["RetryStep A"]
    assert execution.steps["A"].retry_at == 1060.0
    assert execution.go() == []
    execution.now = 1060.0
    assert execution.go() == ["StartStep A"]
    assert (execution.started[-1].attempt, execution.steps["A"].attempts) == (2, 2)
    assert execution.steps["A"].first_started == 1000.0
    assert execution.end("A", "Failed", failure_kind="SageMaker.CAPACITY_ERROR") == ["EndExecution Failed"]


def test_a_retry_is_given_up_when_the_execution_stops(run, step):
    execution = run(step("A"))
    execution.go()
    assert execution.end("A", "Failed", failure_kind="Step.THROTTLING") == ["RetryStep A"]
    execution.facts["stopping"] = True
    assert execution.go() == ["EndStep A", "EndExecution Stopped"]


def test_a_step_that_will_be_retried_does_not_halt_the_others(run, step):
    execution = run(step("A"), step("B"), step("C", "Processing", "B"))
    execution.go()
    execution.end("A", "Failed", failure_kind="Step.SERVICE_FAULT")
    assert execution.end("B") == ["StartStep C"]


def test_selected_steps_borrow_from_the_reference_execution(run, step, gate):
    use = step("Eval", "Processing", "Train", Arguments={"M": {"Get": "Steps.Prep.Uri"}})
    execution = run(
        step("Prep"),
        step("Train", "Training", "Prep"),
        use,
        gate("Gate", 1, 2, [], [step("Else")], "Eval"),
        selected=frozenset({"Eval", "Gate"}),
        source={"Prep": {"Uri": "s3://old"}},
    )
    assert execution.go() == ["StartStep Eval"]
    assert execution.started[0].arguments == {"M": "s3://old"}
    assert execution.end("Eval") == ["EndStep Gate", "EndExecution Succeeded"]


def test_a_selected_branch_step_runs_without_its_condition(run, step, gate):
    execution = run(gate("Gate", 1, 2, [step("Then")], []), selected=frozenset({"Then"}))
    assert execution.go() == ["StartStep Then"]


def test_a_moment_is_the_callers(run, step):
    execution = run(step("A", Arguments={"T": {"Get": "Execution.CurrentDateTime"}}))
    execution.go()
    assert execution.started[0].arguments == {"T": "1970-01-01T00:16:40Z"}


@pytest.mark.parametrize("shape", ["fan", "chain"])
def test_a_plan_looks_at_each_step_a_few_times(run, step, shape):
    """There is one plan at each step's end: four times the steps are sixteen times the work, and no more."""

    def planned(number):
        names = [f"S{n}" for n in range(number)]
        parents = ["S0"] * number if shape == "fan" else ["", *names]
        execution = run(step("S0"), *(step(name, "Processing", parents[n + 1]) for n, name in enumerate(names[1:])))

        def story():
            execution.go()
            for name in names:
                execution.end(name)

        made = calls(story)
        assert execution.finish == EndExecution("Succeeded")
        return made

    few, many = planned(50), planned(200)
    assert many < 18 * few, (few, many)
