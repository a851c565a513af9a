"""Typed parameter values."""

import pytest

from loopback.engines.pipelines.definition import InvalidDefinition
from loopback.engines.pipelines.parameters import InvalidParameters, bind


def _parameter(name, kind, **more):
    return {"Name": name, "Type": kind, **more}


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("String", "x", "x"),
        ("Integer", "-3", -3),
        ("Float", "0.5", 0.5),
        ("Float", "2", 2.0),
        ("Boolean", "True", True),
        ("Boolean", "false", False),
    ],
)
def test_text_becomes_the_declared_type(define, step, kind, given, value):
    definition = define(step("S"), parameters=[_parameter("P", kind)])
    bound = bind(definition, {"P": given})
    assert bound == {"P": value}
    assert type(bound["P"]) is type(value)


def test_all_faults_are_told_at_once(define, step):
    definition = define(
        step("S"),
        parameters=[
            _parameter("Depth", "Integer"),
            _parameter("Size", "String", DefaultValue="s", EnumValues=["s", "m"]),
            _parameter("Needed", "Float"),
            _parameter("Flag", "Boolean", DefaultValue=True),
        ],
    )
    with pytest.raises(InvalidParameters) as caught:
        bind(definition, {"Depth": "1.5", "Size": "l", "Flag": "1", "Extra": ""})
    assert str(caught.value) == (
        "Extra: is not a parameter of this pipeline; it has: Depth, Size, Needed, Flag; "
        "Depth: '1.5' is not of type Integer; Size: 'l' is not one of: s, m; "
        "Needed: has no default, so a value must be given; Flag: '1' is not of type Boolean"
    )


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (_parameter("P", "Date"), "allowed: String"),
        (_parameter("", "String"), "1 to 256"),
        (_parameter("P", "Integer", DefaultValue="many"), "DefaultValue 'many' is not of type Integer"),
        (_parameter("P", "Float", DefaultValue=float("inf")), "is not of type Float"),
        (_parameter("P", "String", DefaultValue="z", EnumValues=["a"]), "is not one of: a"),
        (_parameter("P", "Integer", EnumValues=["1"]), "for a String only"),
        (_parameter("P", "String", EnumValues=[1]), "must be a list of texts"),
    ],
)
def test_a_declaration_is_checked(define, step, entry, told):
    with pytest.raises(InvalidDefinition, match=told):
        define(step("S"), parameters=[entry])


def test_a_parameter_is_declared_once(define, step):
    with pytest.raises(InvalidDefinition, match="declared twice"):
        define(step("S"), parameters=[_parameter("P", "String")] * 2)
