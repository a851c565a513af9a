"""A coding assistant's client, the protocol's own SDK, with `slipway mcp`."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

pytestmark = pytest.mark.journey


def test_a_client_lists_the_tools_and_asks(shared: Any, step: Any, tmp_path: Path) -> None:
    execution = shared.run({"Steps": [step("Hello", "raise SystemExit('no column age')")]})
    pipeline, name = execution.arn.partition(":pipeline/")[2].split("/execution/")
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "slipway", "mcp"], env=shared.environ, cwd=str(tmp_path)
    )

    async def talk() -> tuple[dict[str, Any], list[Any]]:
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            asked = [
                await session.call_tool("steps", {"pipeline": pipeline, "execution": name}),
                await session.call_tool("steps", {"pipeline": "nobody"}),
                await session.call_tool("approve", {"number": "1"}),
            ]
            return tools, asked

    tools, (steps, nobody, approve) = asyncio.run(talk())
    assert tools["steps"].annotations.read_only_hint
    assert "approve" not in tools  # nothing that changes something, unasked
    (failed,) = json.loads(steps.content[0].text)
    assert "no column age" in json.dumps(failed)
    assert nobody.is_error
    assert "There is no pipeline nobody" in nobody.content[0].text
    assert approve.is_error
