"""ForEach steps."""

import pytest

ITEM = {"Get": "ForEach.CurrentItem"}


def test_one_start_an_item_within_the_limit(run, step, loop):
    body = step("Body", Arguments={"X": ITEM})
    execution = run(loop("Each", ["a", "b", "c"], [body], most=2), step("After", "Processing", "Each"))
    assert execution.go() == ["OpenForEach Each", "StartStep Body-0", "StartStep Body-1"]
    assert [(start.arguments["X"], start.iteration) for start in execution.started] == [("a", 0), ("b", 1)]
    assert execution.end("Body-1") == ["StartStep Body-2"]
    assert execution.end("Body-0") == []
    assert execution.end("Body-2") == ["EndStep Each", "StartStep After"]


def test_the_outputs_of_the_iterations(run, step, loop):
    selector = {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.Body.Score"}}
    uses = {
        "Second": {"Get": "Steps.Each.IterationOutputs[1].Body.Score"},
        "Best": {"Get": "Steps.Each.Selected.Name"},
        "Count": {"Get": "Steps.Each.SucceededStepCount"},
    }
    execution = run(loop("Each", [1, 2], [step("Body")], Selector=selector), step("Use", Arguments=uses))
    execution.go()
    execution.end("Body-0", properties={"Score": 9, "Name": "first"})
    execution.end("Body-1", properties={"Score": 10, "Name": "second"})
    assert execution.started[-1].arguments == {"Second": 10, "Best": "second", "Count": 2}


@pytest.mark.parametrize(("pick", "name"), [("MaxBy", "b"), ("MinBy", "a")])
def test_the_selector_takes_the_first_among_equals(run, step, loop, pick, name):
    selector = {"Pick": pick, "Field": {"Get": "IterationOutput.Body.Score"}}
    execution = run(loop("Each", [1, 2, 3], [step("Body")], Selector=selector))
    execution.go()
    for index, (label, score) in enumerate([("a", 1), ("b", 2), ("c", 2 if pick == "MaxBy" else 1)]):
        execution.end(f"Body-{index}", properties={"Score": score, "Name": label})
    assert execution.steps["Each"].properties["Selected"]["Name"] == name


def test_a_selector_without_its_field_fails(run, step, loop):
    selector = {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.Body.Score"}}
    execution = run(loop("Each", [1], [step("Body")], Selector=selector))
    execution.go()
    assert execution.end("Body-0") == ["EndStep Each", "EndExecution Failed"]
    assert "there is no 'Score'" in execution.finish.failure_reason


def test_body_steps_see_their_own_iteration(run, step, loop):
    second = step("Second", Arguments={"X": {"Get": "Steps.First.Uri"}})
    execution = run(loop("Each", [1, 2], [step("First"), second]))
    assert execution.go() == ["OpenForEach Each", "StartStep First-0", "StartStep First-1"]
    assert execution.end("First-1", properties={"Uri": "s3://1"}) == ["StartStep Second-1"]
    assert execution.started[-1].arguments == {"X": "s3://1"}
    assert execution.end("First-0", properties={"Uri": "s3://0"}) == ["StartStep Second-0"]


def test_a_body_waits_for_steps_outside(run, step, loop):
    execution = run(step("Slow"), loop("Each", [1], [step("Body", "Processing", "Slow")]))
    assert execution.go() == ["StartStep Slow", "OpenForEach Each"]
    assert execution.end("Slow") == ["StartStep Body-0"]


def test_a_body_whose_branch_is_not_taken_never_runs(run, step, gate, loop):
    body = step("Body", "Processing", "Then")
    execution = run(gate("Gate", 1, 2, [step("Then")], []), loop("Each", [1], [body]))
    assert execution.go() == ["EndStep Gate", "OpenForEach Each", "EndStep Each", "EndExecution Succeeded"]


@pytest.mark.parametrize(("items", "count"), [('["a", "b"]', 2), ("[]", 0)])
def test_items_come_as_json_text(run, step, loop, items, count):
    reference = {"Get": "Execution.PipelineName"}
    execution = run(loop("Each", reference, [step("Body")]), variables={"PipelineName": items})
    execution.go()
    assert len(execution.started) == count
    assert execution.steps["Each"].properties["InputItemCount"] == count


@pytest.mark.parametrize("items", ["{}", "no json", "3"])
def test_what_is_no_list_fails_the_step(run, step, loop, items):
    reference = {"Get": "Execution.PipelineName"}
    execution = run(loop("Each", reference, [step("Body")]), variables={"PipelineName": items})
    assert execution.go() == ["EndStep Each", "EndExecution Failed"]
    assert "IterableItems is" in execution.finish.failure_reason


def test_a_failed_iteration_lets_the_others_run_then_fails_the_loop(run, step, loop):
    execution = run(loop("Each", [1, 2, 3], [step("Body")], most=1), step("After", "Processing", "Each"))
    execution.go()
    assert execution.end("Body-0", "Failed", failure_reason="x") == ["StartStep Body-1"]
    assert execution.end("Body-1") == ["StartStep Body-2"]
    assert execution.end("Body-2") == ["EndStep Each", "EndExecution Failed"]
    counts = {key: value for key, value in execution.steps["Each"].properties.items() if key.endswith("Count")}
    assert counts == {
        "InputItemCount": 3, "TotalStepCount": 3, "SucceededStepCount": 2, "FailedStepCount": 1, "StoppedStepCount": 0,
    }  # fmt: skip


def test_a_failure_elsewhere_keeps_iterations_from_starting(run, step, loop):
    execution = run(step("Other"), loop("Each", [1, 2], [step("Body")], most=1))
    execution.go()
    assert execution.end("Other", "Failed") == []
    assert execution.end("Body-0") == ["EndStep Each", "EndExecution Failed"]
    assert execution.steps["Each"].status == "Stopped"


def test_stopping_stops_the_iterations(run, step, loop):
    execution = run(loop("Each", [1, 2], [step("Body")], most=1))
    execution.go()
    execution.facts["stopping"] = True
    assert execution.go() == ["StopStep Body-0"]
    assert execution.end("Body-0", "Stopped") == ["EndStep Each", "EndExecution Stopped"]


def test_a_selected_loop_brings_its_body(run, step, loop):
    execution = run(step("A"), loop("Each", [1], [step("Body")], "A"), selected=frozenset({"Each"}))
    assert execution.go() == ["OpenForEach Each", "StartStep Body-0"]
    assert execution.end("Body-0") == ["EndStep Each", "EndExecution Succeeded"]
