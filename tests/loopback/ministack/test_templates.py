"""Templates as CloudFormation reads them."""

import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from loopback.ministack import templates
from loopback.ministack.templates import Templates, Text


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    modules: dict[str, Any] = {name: importlib.import_module(name) for name in templates.HOOKS}
    app = modules["ministack.app"]
    monkeypatch.setattr(app, "SERVICE_HANDLERS", dict(app.SERVICE_HANDLERS))
    for name, hooks in templates.HOOKS.items():
        for hook in hooks:
            monkeypatch.setattr(modules[name], hook, getattr(modules[name], hook))
    Templates(lambda _url: None)
    yield modules["ministack.services.cloudformation.engine"]
    for module in modules.values():
        module.__dict__.pop("str", None)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("true", "true"),
        ("True", "true"),
        ("yes", "true"),
        ("on", "true"),
        ("off", "false"),
        ("y", "y"),
        ("'true'", "true"),
        ("5", "5"),
        ("010", "8"),
        ("012345670123", "1402433619"),  # aws-cloudformation/cloudformation-coverage-roadmap#745
        ("012345678901", "012345678901"),
        ("1.0", "1.0"),
        ("1e3", "1e3"),
        ("2010-09-09", "2010-09-09"),
        ("0x10", "16"),
        ("1:30", "90"),
    ],
)
def test_a_scalar_is_its_text_everywhere(engine: Any, written: str, text: str) -> None:
    body = f"""
Parameters: {{P: {{Type: String, Default: {written}, AllowedValues: [{written}, other]}}}}
Mappings: {{M: {{{written}: {{k: {written}}}}}}}
Conditions:
  Equal: !Equals [!Ref P, {json.dumps(text)}]
  Written: !Equals [{written}, !Ref P]
Resources: {{}}
Value: !Join ["|", [!Ref P, {written}, !Sub "${{P}}", !FindInMap [M, {written}, k]]]
"""
    template = engine._parse_template(body)
    values = engine._resolve_parameters(template, [])
    assert values["P"]["Value"] == text
    assert engine._evaluate_conditions(template, values) == {"Equal": True, "Written": True}
    joined = engine._resolve_refs(template["Value"], {}, values, {}, template["Mappings"], "s", "id")
    assert joined == "|".join([text] * 4)


def test_a_value_that_is_given_is_compared_as_text(engine: Any) -> None:
    template = engine._parse_template("Parameters: {P: {Type: String, AllowedValues: [true, false]}}\nResources: {}")
    assert engine._resolve_parameters(template, [{"Key": "P", "Value": "true"}])["P"]["Value"] == "true"
    with pytest.raises(ValueError, match=r"\[true, false\]|AllowedValues"):
        engine._resolve_parameters(template, [{"Key": "P", "Value": "True"}])


LAUGHS = "\n".join(f"a{n}: &a{n} [{', '.join(['x' if n == 0 else f'*a{n - 1}'] * 9)}]" for n in range(8))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &a 1\nb: *a", "YAML aliases are not allowed in CloudFormation templates"),
        (LAUGHS, "YAML aliases are not allowed in CloudFormation templates"),
        ("[" * 30_000, "nested more than 100 levels"),
        ('{"a":' * 20_000, "nested more than 100 levels"),
        ("[1]", "Template must be a JSON or YAML mapping"),
        ("a: [", "expected.* node content"),
    ],
)
def test_what_is_no_template(engine: Any, text: str, why: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=why):
            engine._parse_template(text)


def test_outputs_are_text(engine: Any) -> None:
    template = engine._parse_template("Outputs: {A: {Value: true}, B: {Value: !If [C, on, [1, off]]}, C: {Value: 1}}")
    values = {name: output["Value"] for name, output in template["Outputs"].items()}
    assert values == {"A": "true", "B": {"Fn::If": ["C", "true", [1, "false"]]}, "C": 1}


def test_nobody_shares_a_template(engine: Any) -> None:
    engine._parse_template("a: [1]")["a"].append(2)
    assert engine._parse_template("a: [1]") == {"a": [1]}


def test_text_is_str_but_for_booleans() -> None:
    assert [Text(True), Text(1.0), Text(b"x", "ascii"), Text()] == ["true", "1.0", "x", ""]
    assert isinstance("x", Text)
    assert not isinstance(1, Text)
    assert Text.join("-", ["a", "b"]) == "a-b"
