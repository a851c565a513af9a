"""The templates as data, and the functions in them as modules."""

import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SEED_CODE = ROOT / "seed_code"


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms as {"Ref": ...} and {"Fn::...": ...}."""


def _short(loader: yaml.Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _short)


def template(name: str) -> dict[str, Any]:
    return yaml.load((SEED_CODE / name).read_text(), Loader)


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    return template("project.yml")


@pytest.fixture(scope="session")
def resources(project) -> dict[str, Any]:
    return project["Resources"]


@pytest.fixture(scope="session")
def roles() -> dict[str, Any]:
    """The resources of project_roles.yml."""
    found: dict[str, Any] = template("project_roles.yml")["Resources"]
    return found


def resolved(node: Any, values: dict[str, str]) -> Any:
    """Names with parameters put in; what only AWS knows stays as {...}."""
    if isinstance(node, dict) and set(node) == {"Ref"}:
        return values.get(node["Ref"], f"{{{node['Ref']}}}")
    if isinstance(node, dict) and set(node) == {"Fn::Sub"} and isinstance(node["Fn::Sub"], str):
        return re.sub(r"\$\{([^}]+)\}", lambda m: values.get(m[1], f"{{{m[1]}}}"), node["Fn::Sub"])
    if isinstance(node, dict):
        return {key: resolved(value, values) for key, value in node.items()}
    return [resolved(item, values) for item in node] if isinstance(node, list) else node


@pytest.fixture
def function(resources, monkeypatch) -> Callable[..., types.ModuleType]:
    """The code of a function as a module, with these clients in place of boto3's."""

    def load(name: str, **clients: Any) -> types.ModuleType:
        made = types.ModuleType(name)
        exec(compile(resources[name]["Properties"]["Code"]["ZipFile"], f"{name}.py", "exec"), made.__dict__)
        monkeypatch.setattr(made, "boto3", types.SimpleNamespace(client=lambda service: clients[service]))
        return made

    return load


class Pages:
    """A client whose paginated operations answer these pages, and whose calls are written down."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.calls = answers, list[tuple[str, dict[str, Any]]]()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.calls.append((operation, request))
            answer = self.answers.get(operation, {})
            if callable(answer):
                answer = answer(**request)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, operation: str) -> Any:
        def paginate(**request: Any) -> Iterator[Any]:
            self.calls.append((operation, request))
            return iter(self.answers[operation])

        return types.SimpleNamespace(paginate=paginate)


@pytest.fixture
def client() -> type[Pages]:
    return Pages


@pytest.fixture(scope="session")
def put_in() -> Callable[[Any, dict[str, str]], Any]:
    return resolved


@pytest.fixture(scope="session")
def template_of() -> Callable[[str], dict[str, Any]]:
    return template
