"""`slipway --help`: the verbs under the heading of the task that they serve, each with its whole sentence."""

from typing import Any

from typer.core import TyperGroup

WHOLE = 200  # characters: no sentence is cut off
AS_IT_IS = "\b"  # what click does not wrap begins with this


def examples(*lines: str) -> str:
    """The end of a help text: command lines, each on a line of its own."""
    return "\n".join((AS_IT_IS, "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)))


class Sections(TyperGroup):
    """A group of commands that lists them by their `rich_help_panel`, in the order in which they were added."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's signature
        """Write a list for each heading."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            heading = str(getattr(command, "rich_help_panel", None) or "Commands")
            sections.setdefault(heading, []).append((name, command.get_short_help_str(WHOLE)))
        widest = max(len(name) for name in self.commands)
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), told) for name, told in rows])
