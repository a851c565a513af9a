"""Text from outside is shown and never obeyed: by no terminal, and not as markup either."""

import io
import json

import pytest
from rich.console import Console

from slipway.cli import screen, watch

HARMLESS = {
    "plain": ("Zeichen, 中文, 👩‍🔬, é", "Zeichen, 中文, 👩‍🔬, é"),
    "lines and tabs": ("a\n\tb\r\nc", "a\n\tb\nc"),
    "a progress bar": ("10 %\r20 %", "10 % 20 %"),
    "colour": ("\x1b[31mred\x1b[0m", "red"),
    "a cleared screen": ("\x1b[2J\x1b[Hgone", "gone"),
    "a hidden cursor": ("\x1b[?25lx", "x"),
    "a title": ("\x1b]0;owned\x07x", "x"),
    "a link": ("\x1b]8;;http://evil\x1b\\text\x1b]8;;\x1b\\", "text"),
    "a clipboard": ("\x1b]52;c;ZWNobw==\x07x", "x"),
    "a device string": ("\x1bP1$r\x1b\\x", "x"),
    "a reset": ("\x1bcx", "x"),
    "another character set": ("\x1b(0x", "x"),
    "8-bit controls": ("\x9b31mx \x9d0;t\x9c y \x85", "x  y "),
    "a sequence without an end": ("\x1b]0;title", "0;title"),
    "an escape alone": ("x\x1b", "x"),
    "bells, backspaces, deletes": ("a\x07b\x08c\x7fd\x00e", "abcde"),
    "letters turned round": ("safe\u202etxt.exe\u202c \u2066a\u2069 \u200fb\u061c", "safetxt.exe a b"),
    "line separators": ("a\u2028b\u2029c", "abc"),
    "half a character": ("a\ud800b", "a\ufffdb"),
    "sequences within sequences": ("\x1b[\x1b[31m31mx", "31mx"),
}


@pytest.mark.parametrize(("text", "shown"), HARMLESS.values(), ids=HARMLESS)
def test_nothing_is_a_command_to_the_terminal(text, shown):
    assert screen.plain(text) == shown
    assert "\x1b" not in screen.plain(text)


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns."""
    made = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None, highlight=False)
    monkeypatch.setattr(screen, "console", made)
    return made.file


EVIL = "\x1b[2J[/red] [bold]not bold[/bold] \u202e\x07[link=http://evil]x"
TAME = "[/red] [bold]not bold[/bold] [link=http://evil]x"


def test_lines_are_neither_obeyed_nor_read_as_markup(terminal, capsys):
    screen.say(EVIL)
    screen.say_styled(f"[bold]{screen.escape_markup(EVIL)}[/bold]")
    assert terminal.getvalue() == f"{TAME}\n{TAME}\n"
    screen.write(EVIL)
    assert capsys.readouterr().out == f"{TAME}\n"


def test_tables_neither(terminal):
    screen.console.print(screen.table((EVIL, "b"), [(EVIL, EVIL[:5])]))
    assert terminal.getvalue().count("[bold]not bold[/bold]") == 2
    assert "\x1b" not in terminal.getvalue()


def test_a_steps_failure_neither(terminal, capsys):
    step = {"StepName": "Train", "StepStatus": "Failed", "FailureReason": EVIL}
    screen.console.print(watch.progress({"PipelineExecutionArn": "arn:p/execution/e"}, [step]))
    assert TAME.split()[1] in terminal.getvalue()
    watch._say_changes([step], {})
    assert capsys.readouterr().out.endswith(f"{TAME}\n")


def test_json_escapes_by_itself(capsys):
    screen.show_json({"a": EVIL})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"a": EVIL}


@pytest.mark.parametrize(("term", "live"), [("xterm-256color", True), ("dumb", False), ("unknown", False)])
def test_a_terminal_that_cannot_move_its_cursor_gets_lines(term, live, monkeypatch):
    made = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": term})
    monkeypatch.setattr(screen, "console", made)
    assert screen.is_live() is live


ROW = ("slipway-run-churn-customers-europe", "aj9bcfbn6q4c", "Executing", "just now", 12, "PendingManualApproval")


def test_a_narrow_terminal_cuts_nothing_off(terminal):
    columns = ("pipeline", "execution", "status", "started", "version", "approval")
    screen.console.print(screen.table(columns, [ROW]))
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    heading = lines[0]
    assert [column for column in columns if column not in heading] == []
    cells = {
        column: "".join(line[heading.index(column) :][: len(str(value))].split("  ")[0] for line in lines[1:])
        for column, value in zip(columns, ROW, strict=True)
    }
    assert cells["pipeline"].replace(" ", "") == ROW[0]
    assert cells["approval"].replace(" ", "") == ROW[-1]
