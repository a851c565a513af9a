"""`slipway mcp`: the verbs as tools of a coding assistant, over the Model Context Protocol on stdin and stdout.

Each tool is a verb with `--json`, run as a process of its own. Those that change something are there when asked for.
"""

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, get_args

import typer.main
from typer.core import TyperArgument

from slipway.cli.target import UserError
from slipway.cli.verbs import app

READING = (
    *("status", "executions", "steps", "logs", "versions", "version", "diff"),
    *("endpoints", "stacks", "deliveries", "stages", "drift", "iam", "doctor"),
)
CHANGING = ("run", "resume", "approve", "reject", "promote", "rollback")
UNOFFERED = (
    "as_json",
    "follow",
    "exit_code",
    "page",
    "open_nothing",
)  # JSON is always asked for and says what differs; a tool has to end, and writes no pages
LONGEST = 3600  # seconds
INSTRUCTIONS = (
    "Slipway's verbs on SageMaker pipelines, model versions, endpoints and stages, on AWS or on the AWS of this "
    "machine (`slipway local up --detach` starts it). Names may be left out where there is only one. Of a failed "
    "execution ask steps, then logs of the step that failed."
)
TYPES: Mapping[Any, str] = {int: "integer", float: "number", bool: "boolean"}  # the others are texts


def tools(*, changes: bool) -> dict[str, Any]:
    """The verbs that are offered, as click's commands, by name."""
    group: Any = typer.main.get_command(app)
    commands: Mapping[str, Any] = group.commands
    return {name: commands[name] for name in [*READING, *(CHANGING if changes else [])]}


def schema(command: Any) -> dict[str, Any]:
    """The JSON schema of what a verb takes."""
    properties = {parameter.name: _property(parameter) for parameter in tool_parameters(command)}
    required = [parameter.name for parameter in tool_parameters(command) if parameter.required]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def tool_parameters(command: Any) -> list[Any]:
    """Arguments and options of a verb that a tool has."""
    return [parameter for parameter in command.params if parameter.name not in UNOFFERED]


def _property(parameter: Any) -> dict[str, Any]:
    annotation = parameter.type_descriptor.annotation
    told = {"description": parameter.help or parameter.name}
    bounds = {
        key: value for key, value in (("minimum", parameter.min), ("maximum", parameter.max)) if value is not None
    }
    if parameter.multiple:
        return told | {"type": "array", "items": {"type": "string"}}
    kinds = [TYPES[kind] for kind in (annotation, *get_args(annotation)) if kind in TYPES]  # of `int | None`, int
    return told | {"type": kinds[0] if kinds else "string"} | bounds


def command_line(name: str, command: Any, given: Mapping[str, Any]) -> list[str]:
    """The words of a verb's command line. A value can't be taken for an option. Raises UserError."""
    known = {parameter.name: parameter for parameter in tool_parameters(command)}
    if unknown := sorted(set(given) - set(known)):
        raise UserError(f"{name} takes no {', '.join(unknown)}; it takes: {', '.join(known) or 'nothing'}")
    options: list[str] = []
    arguments: list[str] = []
    for parameter in known.values():
        value = given.get(parameter.name)
        if value is None:
            continue
        if isinstance(parameter, TyperArgument):
            arguments.append(str(value))
        elif parameter.is_flag:
            options += [parameter.opts[0]] if value else parameter.secondary_opts[:1]
        else:
            options += [f"{_long(parameter)}={each}" for each in (value if parameter.multiple else [value])]
    return [name, "--json", *options, *(["--", *arguments] if arguments else [])]


def _long(parameter: Any) -> str:
    return str(max(parameter.opts, key=len))


def run(words: Sequence[str]) -> tuple[bool, str]:
    """Run a verb; whether it failed, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "slipway", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    return done.returncode != 0, "\n".join(filter(None, (done.stdout.strip(), done.stderr.strip())))


def serve(*, changes: bool) -> None:
    """Answer until standard input ends."""
    try:
        from mcp.server.stdio import stdio_server
    except ImportError:
        raise UserError("slipway mcp needs the package mcp: pip install 'slipway[mcp]'") from None
    server = _server(tools(changes=changes))

    async def answer() -> None:
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    asyncio.run(answer())


def _server(commands: Mapping[str, Any]) -> Any:
    from mcp import types
    from mcp.server.lowlevel import Server

    async def list_tools(_context: Any, _request: Any) -> Any:
        """The tools, those that only read marked as such."""
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=name,
                    description=command.help,
                    input_schema=schema(command),
                    annotations=types.ToolAnnotations(read_only_hint=name in READING),
                )
                for name, command in commands.items()
            ]
        )

    async def call_tool(_context: Any, request: Any) -> Any:
        """What a verb has printed, or why it can't be run."""
        try:
            if request.name not in commands:
                raise UserError(f"there is no tool {request.name}; there are: {', '.join(commands)}")
            words = command_line(request.name, commands[request.name], request.arguments or {})
            failed, text = await asyncio.to_thread(run, words)
        except UserError as fault:
            failed, text = True, str(fault)
        return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=failed)

    return Server(
        "slipway",
        version=metadata.version("slipway"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
