"""Which version an invocation of an alias goes to."""

import asyncio
import importlib
from typing import Any

import pytest

from loopback.ministack import aliases


@pytest.mark.parametrize(
    ("weights", "chance", "version"),
    [
        ({}, 0.0, ""),
        ({"2": 0.1}, 0.0, "2"),
        ({"2": 0.1}, 0.0999, "2"),
        ({"2": 0.1}, 0.1, ""),
        ({"2": 1.0}, 0.9999, "2"),
        ({"2": 0.0}, 0.0, ""),
        ({"2": 0.25, "3": 0.25}, 0.3, "3"),
        ({"2": 0.25, "3": 0.25}, 0.5, ""),
    ],
)
def test_chance_decides_by_the_weights(weights: dict[str, float], chance: float, version: str) -> None:
    assert aliases.pick_version(weights, chance) == version


@pytest.mark.parametrize(
    ("path", "query", "headers", "chance", "goes"),
    [
        ("live", {}, {}, 0.05, "2"),
        ("live", {}, {}, 0.5, "live"),
        (None, {"Qualifier": ["live"]}, {}, 0.05, "2"),
        (None, {}, {"x-amz-qualifier": "live"}, 0.05, "2"),
        ("1", {"Qualifier": ["live"]}, {}, 0.05, "1"),
        ("steady", {}, {}, 0.05, "steady"),
        (None, {}, {}, 0.05, None),
    ],
)
def test_an_invocation_follows_the_weights(
    monkeypatch: pytest.MonkeyPatch, path: Any, query: Any, headers: Any, chance: float, goes: str | None
) -> None:
    module = importlib.import_module("ministack.services.lambda_svc")

    async def invoke(_name: str, _event: Any, _headers: Any, qualifier: Any, _query: Any) -> Any:
        return qualifier

    live = {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}
    functions = {"f": {"aliases": {"live": live, "steady": {"FunctionVersion": "1"}}}}
    monkeypatch.setattr(module, "_invoke", invoke)
    monkeypatch.setattr(module, "_functions", functions)
    aliases.install(lambda: chance)
    assert asyncio.run(module._invoke("f", {}, headers, path, query)) == goes
    assert asyncio.run(module._invoke("missing", {}, headers, path, query)) == path
