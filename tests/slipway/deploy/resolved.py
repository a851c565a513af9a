"""CloudFormation's own reading of a template, as far as endpoint.yml needs it: parameters, conditions, functions."""

import re
from pathlib import Path

import yaml

from slipway.deploy import build

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / build.TEMPLATE


NOTHING = object()


class Loader(yaml.SafeLoader):
    pass


def _tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _tag)


def template():
    return yaml.load(TEMPLATE.read_text(), Loader)


def check(name, rule, value):
    """What CloudFormation refuses before it starts."""
    assert isinstance(value, str), f"{name} must be a string"
    if allowed := rule.get("AllowedValues"):
        assert value in map(str, allowed), f"{name}: {value}"
    if pattern := rule.get("AllowedPattern"):
        assert re.fullmatch(pattern, value), f"{name}: {value}"
    if rule["Type"] == "Number":
        number = float(value)
        assert rule.get("MinValue", number) <= number <= rule.get("MaxValue", number), f"{name}: {value}"
    assert rule.get("MinLength", 0) <= len(value) <= rule.get("MaxLength", len(value)), f"{name}: {value}"


class Stack:
    """The resources and outputs that a set of parameters makes."""

    def __init__(self, parameters):
        self.source = template()
        rules = self.source["Parameters"]
        assert not set(parameters) - set(rules), "parameters that the template does not have"
        for name, value in parameters.items():
            check(name, rules[name], value)
        given = {name: str(rule["Default"]) for name, rule in rules.items() if "Default" in rule} | parameters
        assert not set(rules) - set(given), "parameters without a value"
        self.parameters = {n: v.split(",") if rules[n]["Type"] == "CommaDelimitedList" else v for n, v in given.items()}
        self.conditions = {name: self.resolve(body) for name, body in self.source["Conditions"].items()}
        self.resources = self._part("Resources")
        self.outputs = self._part("Outputs")

    def _part(self, name):
        return {
            key: self.resolve({k: v for k, v in body.items() if k != "Condition"})
            for key, body in self.source[name].items()
            if "Condition" not in body or self.conditions[body["Condition"]]
        }

    def properties(self, name):
        return self.resources[name]["Properties"]

    def resolve(self, node):
        if isinstance(node, list):
            return [value for value in map(self.resolve, node) if value is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, body), *_ = node.items()
            if name in FUNCTIONS:
                return FUNCTIONS[name](self, body)
        values = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not NOTHING}

    def ref(self, name):
        if name == "AWS::NoValue":
            return NOTHING
        return self.parameters.get(name, f"<{name}>")

    def condition(self, name):
        return self.resolve(self.source["Conditions"][name])

    def choose(self, body):
        condition, yes, no = body
        return self.resolve(yes if self.conditions[condition] else no)

    def substitute(self, text):
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(self.ref(found.group(1))), text)


FUNCTIONS = {
    "Ref": Stack.ref,
    "Condition": Stack.condition,
    "Fn::If": Stack.choose,
    "Fn::Sub": Stack.substitute,
    "Fn::GetAtt": lambda _, body: f"<{body}>",
    "Fn::Equals": lambda stack, body: stack.resolve(body[0]) == stack.resolve(body[1]),
    "Fn::Not": lambda stack, body: not stack.resolve(body[0]),
    "Fn::And": lambda stack, body: all(stack.resolve(part) for part in body),
    "Fn::Or": lambda stack, body: any(stack.resolve(part) for part in body),
    "Fn::Select": lambda stack, body: stack.resolve(body[1])[body[0]],
}
