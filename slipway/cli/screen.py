"""What commands print: tables for people, JSON for programs. Colours go when the output is piped or NO_COLOR is set."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

COLOURS = {
    "Succeeded": "green",
    "Completed": "green",
    "InService": "green",
    "OK": "green",
    "Approved": "green",
    "pass": "green",
    "Executing": "cyan",
    "Starting": "cyan",
    "InProgress": "cyan",
    "PendingManualApproval": "yellow",
    "Waiting": "yellow",
    "Updating": "cyan",
    "RollingBack": "red",
    "ALARM": "red",
    "Stopping": "yellow",
    "Stopped": "yellow",
    "Skipped": "dim",
    "Failed": "red",
    "Rejected": "red",
    "FAIL": "red",
    "CREATE_COMPLETE": "green",
    "UPDATE_COMPLETE": "green",
    "CREATE_FAILED": "red",
    "UPDATE_FAILED": "red",
    "DELETE_FAILED": "red",
    "ROLLBACK_COMPLETE": "red",
    "ROLLBACK_FAILED": "red",
    "UPDATE_ROLLBACK_COMPLETE": "red",
    "UPDATE_ROLLBACK_FAILED": "red",
}

PIPED_WIDTH = 240  # a program that reads a table wants whole lines

console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


# What a terminal obeys instead of showing it (ECMA-48), and what turns the order of letters round (Unicode TR 9).
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, the cursor, clearing
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, ...: titles, links
    r"|\x1b[ -/]*[0-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")  # halves of characters, which cannot be printed


def plain(value: Any) -> str:
    """Text from outside as a terminal may be given it: nothing in it is a command to the terminal."""
    text = _CONTROLS.sub("", _SEQUENCES.sub("", str(value)).replace("\r\n", "\n").replace("\r", " "))
    return _SURROGATES.sub("\ufffd", text)


def escape_markup(value: Any) -> str:
    """Text from outside as a part of a styled line."""
    return escape(plain(value))


def say(text: str = "", **style: Any) -> None:
    """A line of text, never broken: a path that is cut in two cannot be copied."""
    console.print(plain(text), soft_wrap=True, markup=False, **style)


def say_styled(markup: str) -> None:
    """The same with `[bold]` and colours; what comes from outside goes in as `escaped`."""
    console.print(plain(markup), soft_wrap=True)


def write(text: str, file: TextIO | None = None) -> None:
    """A line for a log or a pipe, at once."""
    print(plain(text), file=file or sys.stdout, flush=True)


def is_live() -> bool:
    """Whether what is shown can be drawn over: a terminal that can move its cursor."""
    return console.is_terminal and not console.is_dumb_terminal


def show_json(value: Any) -> None:
    """One JSON document; dates as ISO 8601."""
    print(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> Table:
    """A plain table: headings and columns that align, no boxes. On a narrow terminal the widest columns break."""
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(Text(plain(column)), justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def cell(value: Any) -> Text:
    """Text, in the colour of its meaning when it has one."""
    shown = "" if value is None else plain(value)
    return Text(shown, style=COLOURS.get(shown, ""))


def first_lines(rows: Sequence[str], most: int = 10) -> list[str]:
    """Lines of a message: the first rows, and how many more there are."""
    more = [f"  and {len(rows) - most} more"] if len(rows) > most else []
    return [*(f"  {row}" for row in rows[:most]), *more]


def number(value: Any) -> str:
    """A figure as one reads it: four significant digits after the point."""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12.0 s`, `3 min 05 s`."""
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, in one unit."""
    seconds = (now - moment).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return "just now"
