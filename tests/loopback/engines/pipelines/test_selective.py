"""Selections of steps."""

import pytest

from loopback.engines.pipelines.selective import InvalidSelection, check, sources


@pytest.fixture
def definition(define, step, gate):
    register = step("Register", "RegisterModel", "Eval")
    return define(
        step("Prep"),
        step("Other"),
        step("Train", "Training", "Prep"),
        step("Eval", "Processing", "Train"),
        gate("Gate", 1, 2, [register], [], "Eval"),
    )


@pytest.mark.parametrize(
    ("selected", "upstream"),
    [
        (["Train"], {"Prep"}),
        (["Train", "Eval"], {"Prep"}),
        (["Eval", "Gate", "Register"], {"Train"}),
        (["Register"], {"Eval"}),
        (["Prep"], set()),
    ],
)
def test_what_can_be_selected(definition, selected, upstream):
    check(definition, selected)
    assert sources(definition, selected) == upstream


@pytest.mark.parametrize(
    ("selected", "told"),
    [
        ([], "0 steps are selected"),
        (["Nope"], "cannot be: Nope; steps: Prep"),
        (["Prep", "Eval"], "leaves out steps between selected ones: Train"),
        (["Prep", "Other"], "must be connected; Prep are not with Other"),
    ],
)
def test_what_cannot(definition, selected, told):
    with pytest.raises(InvalidSelection, match=told):
        check(definition, selected)
