"""The report of a run: Markdown without the account's number, to be attached to an issue as it is."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from slipway.cli import screen
from slipway.cli.conformance.rows import Answer, Unasked

_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_MASK = "ACCOUNT"


def render(answers: Sequence[Answer], unasked: Iterable[Unasked], where: str, began: datetime, version: str) -> str:
    """The whole report."""
    lines = [
        "# What AWS answered",
        "",
        f"slipway {version}, {where}, {began:%Y-%m-%d %H:%M} UTC. Numbers of accounts are masked.",
        "",
        "| question | assumed | answer | verdict |",
        "|---|---|---|---|",
    ]
    for answer in answers:
        probe = answer.probe
        cells = (probe.question, probe.assumed or "nothing", answer.finding.answer, answer.verdict)
        lines.append(f"| {' | '.join(_cell(text) for text in cells)} |")
    for answer in answers:
        lines += ["", f"## {answer.probe.question}", "", answer.probe.matters, ""]
        if answer.finding.detail:
            lines += [f"> {_line(answer.finding.detail)}", ""]
        lines += [f"- {call.operation}: {_line(call.outcome)}" for call in answer.calls]
    lines += ["", "## Not asked: a call alone does not answer it", ""]
    lines += [f"- {row.question} Answered by: {row.answered_by}" for row in unasked]
    return mask("\n".join(lines)) + "\n"


def mask(text: str) -> str:
    """The same without numbers of accounts."""
    return _ACCOUNT.sub(_MASK, text)


def _line(text: str) -> str:
    return " ".join(screen.plain(text).split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
