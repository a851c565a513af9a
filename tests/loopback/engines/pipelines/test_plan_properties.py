"""What holds for every execution, whatever its graph and however its steps end."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from loopback.engines.pipelines.definition import parse
from loopback.engines.pipelines.plan import EndExecution, ExecutionFacts, StartStep, StepFact, plan, record

TRIGGERS = ["Completed", "Failed", "Stopped", "Any"]
KINDS = [None, "Step.THROTTLING"]


def _work(draw, name, known):
    names = draw(st.lists(st.sampled_from(known), unique=True, max_size=3)) if known else []
    triggers = [{"Step": upstream, "Trigger": draw(st.sampled_from(TRIGGERS))} for upstream in names]
    return {"Name": name, "Type": "Processing", "Arguments": {}, "DependsOn": triggers}


@st.composite
def documents(draw):
    steps, known = [], []
    for index in range(draw(st.integers(1, 7))):
        made = _work(draw, f"S{index}", known)
        shape = draw(st.sampled_from(["work", "gate", "loop"]))
        inner = [_work(draw, f"I{index}a", known), _work(draw, f"I{index}b", known)]
        if shape == "gate":
            side = draw(st.booleans())
            conditions = [{"Type": "Equals", "LeftValue": side, "RightValue": True}]
            made |= {"Type": "Condition"}
            made["Arguments"] = {"Conditions": conditions, "IfSteps": inner[:1], "ElseSteps": inner[1:]}
            known.extend(step["Name"] for step in inner)
        elif shape == "loop":
            inner[1]["DependsOn"].append(inner[0]["Name"])
            items = list(range(draw(st.integers(1, 3))))
            arguments = {"IterableItems": items, "MaxConcurrency": draw(st.integers(1, 3)), "ForEachBody": inner}
            made |= {"Type": "ForEach", "Arguments": arguments}
        known.append(made["Name"])
        steps.append(made)
    return json.dumps({"Version": "2020-12-01", "Steps": steps})


@settings(max_examples=150, deadline=None)
@given(documents(), st.data(), st.sampled_from([None, 1, 2]), st.booleans())
def test_every_execution_ends_and_no_step_runs_early_or_twice(document, data, limit, may_stop):
    definition = parse(document, 500)
    steps, attempts, now, stopping = {}, {}, 0.0, False
    for _ in range(400):
        actions = plan(
            definition, ExecutionFacts(steps=steps, stopping=stopping, max_parallel=limit), {}.__getitem__, now
        )
        for action in actions:
            if isinstance(action, EndExecution):
                assert action is actions[-1]
                assert all(fact.ended for fact in steps.values())
                return
            if isinstance(action, StartStep):
                assert not stopping
                assert action.attempt == attempts.get(action.name, 0) + 1
                attempts[action.name] = action.attempt
                for upstream in action.step.dependencies:
                    own = f"{upstream}-{action.iteration}"
                    assert steps[own if own in steps else upstream].ended
            steps[action.name] = record(steps.get(action.name), action, now)
        facts = ExecutionFacts(steps=steps, stopping=stopping, max_parallel=limit)
        assert plan(definition, facts, {}.__getitem__, now) == []
        running = [n for n, f in steps.items() if n in attempts and f.status in ("Starting", "Executing", "Stopping")]
        assert limit is None or len(running) <= limit
        if running:
            name = data.draw(st.sampled_from(running))
            status = data.draw(st.sampled_from(["Succeeded", "Succeeded", "Failed", "Stopped"]))
            kind = data.draw(st.sampled_from(KINDS)) if status == "Failed" else None
            steps[name] = StepFact(status, attempts=attempts[name], failure_kind=kind, first_started=0.0)
        else:
            now = min(fact.retry_at for fact in steps.values() if fact.waiting)
        stopping = stopping or (may_stop and data.draw(st.integers(0, 9)) == 0)
    raise AssertionError("the execution does not end")
