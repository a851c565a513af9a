"""Verbs as tools: what a tool takes, and the command line that it becomes."""

import pytest

from slipway.cli import mcp
from slipway.cli.target import UserError

TOOLS = mcp.tools(changes=True)


@pytest.mark.parametrize("name", [*mcp.READING, *mcp.CHANGING])
def test_every_tool_speaks_json(name):
    assert "--json" in [option for parameter in TOOLS[name].params for option in parameter.opts]
    assert TOOLS[name].help


def test_what_changes_something_is_not_offered_unasked():
    assert sorted(mcp.tools(changes=False)) == sorted(mcp.READING)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("status", {}, ["status", "--json"]),
        ("diff", {"first": "1", "second": "2"}, ["diff", "--json", "--", "1", "2"]),
        ("executions", {"pipeline": "churn", "last": 3}, ["executions", "--json", "--pipeline=churn", "--last=3"]),
        ("run", {"wait": False}, ["run", "--json", "--no-wait"]),
        (
            "run",
            {"wait": True, "parameters": ["A=1", "B=2"]},
            ["run", "--json", "--parameters=A=1", "--parameters=B=2", "--wait"],
        ),
        ("logs", {"step": "--follow"}, ["logs", "--json", "--", "--follow"]),
        ("executions", {"pipeline": "--help"}, ["executions", "--json", "--pipeline=--help"]),
        ("executions", {"pipeline": "a; rm -rf b"}, ["executions", "--json", "--pipeline=a; rm -rf b"]),
    ],
)
def test_the_command_line_of_a_call(name, given, words):
    assert mcp.command_line(name, TOOLS[name], given) == words


def test_what_a_tool_does_not_take_is_refused_by_name():
    with pytest.raises(UserError, match="logs takes no follow, shell; it takes: step, execution, pipeline"):
        mcp.command_line("logs", TOOLS["logs"], {"step": "Train", "follow": True, "shell": "x"})


def test_the_schema_of_a_tool():
    made = mcp.schema(TOOLS["run"])
    assert made["additionalProperties"] is False
    assert {name: told["type"] for name, told in made["properties"].items()} == {
        "pipeline": "string",
        "data": "string",
        "parameters": "array",
        "wait": "boolean",
    }
    assert mcp.schema(TOOLS["diff"])["required"] == ["first", "second"]
    assert mcp.schema(TOOLS["executions"])["properties"]["last"]["minimum"] == 1
