"""The rows of `slipway conformance`: what is asked, what is to be taken away again, what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.cli.conformance.calls import Calls

AS_ASSUMED, DIFFERS, RECORDED, NOT_ASKED = "as assumed", "differs", "recorded", "not asked"


@dataclass(frozen=True)
class Probe:
    """One question to an account. `assumed` is the answer that the local AWS gives; "" where it assumes none.

    `cleanup` says what is taken away and what stays; `dollars` is the most that an account is billed for it.
    """

    name: str
    question: str
    matters: str
    assumed: str
    operations: tuple[str, ...]
    cleanup: str
    look: Callable[[Calls], Finding]
    dollars: float = 0.0


@dataclass(frozen=True)
class Unasked:
    """A question that no cheap call answers, and what would."""

    question: str
    answered_by: str


@dataclass(frozen=True)
class Finding:
    """A probe's answer in one or two words, and AWS's own."""

    answer: str
    detail: str = ""


@dataclass(frozen=True)
class Call:
    """One call as it was made: SERVICE:OPERATION, and what came of it."""

    operation: str
    outcome: str


@dataclass(frozen=True)
class Answer:
    """What has become of a probe."""

    probe: Probe
    verdict: str
    finding: Finding
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True)
class Undo:
    """The call that takes away again what another one makes."""

    service: str
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def judge(probe: Probe, finding: Finding) -> str:
    """Whether AWS answers as the local AWS does; "recorded" where that assumes nothing."""
    if not probe.assumed:
        return RECORDED
    return AS_ASSUMED if finding.answer == probe.assumed else DIFFERS


class NotAsked(Exception):
    """A probe that cannot be made in this account; the message says what it lacks."""
