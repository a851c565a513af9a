"""Requests for endpoints where nothing serves: at once the refusal of AWS, or patience with a data plane to come.

The words are those that callers of AWS report: `Endpoint x of account 111122223333 not found.`
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from loopback.core.arn import Place
from loopback.runtimes.endpoints import front
from loopback.runtimes.endpoints.front import DataPlaneProxy
from loopback.runtimes.endpoints.http1 import Answer, Server


async def ask(proxy: DataPlaneProxy) -> tuple[int, dict[str, str]]:
    """The status and the document that a caller of the endpoint `x` gets."""
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"body": b"1,2", "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        said.append(event)

    path = "/endpoints/x/invocations"
    await proxy({"method": "POST", "path": path, "raw_path": path.encode(), "headers": []}, receive, send)
    return said[0]["status"], json.loads(said[1]["body"])


def proxy(folder: Path, *, needed: bool) -> DataPlaneProxy:
    return DataPlaneProxy(str(folder / "sock"), Place(), lambda: needed)


def test_without_endpoints_it_is_not_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "PATIENCE_SECONDS", float("inf"))
    status, document = asyncio.run(ask(proxy(tmp_path, needed=False)))
    assert (status, document) == (400, {"Message": "Endpoint x of account 000000000000 not found."})


def test_a_data_plane_that_does_not_come_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "PATIENCE_SECONDS", 0.0)
    status, document = asyncio.run(ask(proxy(tmp_path, needed=True)))
    assert (status, document) == (503, {"Message": "The data plane is not there; try again"})


def test_one_that_is_being_started_is_waited_for(tmp_path: Path) -> None:
    async def story() -> tuple[int, dict[str, str]]:
        asked = asyncio.create_task(ask(proxy(tmp_path, needed=True)))
        await asyncio.sleep(0)
        server = await asyncio.get_running_loop().create_unix_server(
            lambda: Server(lambda _request, reply: reply(Answer(200, b'{"by": "the model"}'))), str(tmp_path / "sock")
        )
        async with server:
            return await asked

    assert asyncio.run(story()) == (200, {"by": "the model"})
