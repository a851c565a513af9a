"""The help of the command line: whole sentences, and examples that the command line takes."""

import shlex

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from slipway.cli import verbs

ROOT = get_command(verbs.app)


def each(group=ROOT, path=("slipway",)):
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from each(command, (*path, name))


def lines(command):
    """Its example command lines, without the explanations beside them."""
    return [line.strip().partition("  ")[0] for line in (command.epilog or "").splitlines() if line.startswith("  ")]


EXAMPLES = [line for _, command in each() for line in lines(command)]


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_is_a_command_line_that_parses(line):
    words = shlex.split(line.removeprefix('eval "$(').removesuffix(')"'))
    while "=" in words[0]:  # a variable before the command
        words.pop(0)
    assert words.pop(0) == "slipway"
    command, context = ROOT, ROOT.make_context("slipway", list(words))
    while hasattr(command, "commands"):
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, list(words))
    assert command.callback


@pytest.mark.parametrize(("path", "command"), [pytest.param(p, c, id=" ".join(p)) for p, c in each()])
def test_every_verb_has_a_sentence(path, command):
    assert (command.help or "").strip().endswith("."), path


def test_every_verb_of_slipway_itself_has_an_example():
    assert [name for name, command in ROOT.commands.items() if not lines(command)] == []


def test_the_list_of_verbs_is_whole_and_in_sections():
    shown = CliRunner().invoke(verbs.app, ["--help"], terminal_width=110).stdout
    assert [line for line in shown.splitlines()[1:] if line.endswith("...")] == []
    for heading in (verbs.TRAIN, verbs.PROMOTE, verbs.OPERATE, verbs.PROJECTS, verbs.LOCAL):
        assert f"\n{heading}:\n" in shown
    for name, command in ROOT.commands.items():
        assert f"\n  {name} " in shown
        assert command.help.partition(". ")[0].split(":")[0] in shown
