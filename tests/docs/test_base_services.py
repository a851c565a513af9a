"""The page of what the base carries out is what the control plane lets through; the names are botocore's."""

import json
from pathlib import Path

import botocore.session
import pytest

from loopback.ministack.carried_out import table

PAGE = Path(__file__).parents[2] / "docs" / "base-services.md"
SESSION = botocore.session.get_session()


def page(found: dict[str, object]) -> str:
    """The page's tables, as they have to be."""
    services = json.loads(json.dumps(found["services"]))
    lines = ["| service | operations |", "|---|---|"]
    lines += [f"| {name} | {', '.join(one['operations'])} |" for name, one in services.items()]
    lines += ["", "## Resource types", ""]
    by_service: dict[str, list[str]] = {}
    for kind in json.loads(json.dumps(found["types"])):
        _, service, noun = kind.split("::")
        by_service.setdefault(service, []).append(noun)
    lines += ["| AWS:: | types |", "|---|---|"]
    lines += [f"| {service} | {', '.join(nouns)} |" for service, nouns in by_service.items()]
    lines += ["", "## Properties that are refused", "", "| type | properties |", "|---|---|"]
    refused = json.loads(json.dumps(found["refused properties"]))
    lines += [f"| {kind} | {', '.join(names)} |" for kind, names in refused.items()]
    return "\n".join(lines) + "\n"


def test_the_page_is_what_is_let_through() -> None:
    text = PAGE.read_text()
    assert text[text.index("| service |") :] == page(table()), "write the tables of docs/base-services.md anew"


@pytest.mark.parametrize("service", table()["services"])
def test_operations_are_the_services_own(service: str) -> None:
    found = table()["services"][service]
    known = {name for model in found["model"] for name in SESSION.get_service_model(model).operation_names}
    assert set(found["operations"]) <= known
    assert found["operations"] == sorted(found["operations"])


def test_types_are_published() -> None:
    from loopback.engines.cloudformation.schemas import schema

    for kind in table()["types"]:
        assert schema(kind) is not None or kind == "AWS::CDK::Metadata", kind
    for kind, names in table()["refused properties"].items():
        assert set(names) <= set((schema(kind) or {})["properties"]), kind
