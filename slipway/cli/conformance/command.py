"""`slipway conformance`: says what it asks and what that costs, asks, takes away what it made, and writes a report."""

import secrets
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from slipway.cli import screen
from slipway.cli.conformance import report
from slipway.cli.conformance.calls import Calls, hold_interrupts
from slipway.cli.conformance.probes import PROBES, UNASKED
from slipway.cli.conformance.rows import DIFFERS, NOT_ASKED, Answer, Finding, NotAsked, Probe, judge
from slipway.cli.target import Target, UserError, WrongUsage

FOLDER = Path(".slipway/conformance")
_PREFIX = "slipway-conformance-"


@dataclass(frozen=True)
class Wishes:
    """What is to be asked, and where the report goes; `plan` alone asks nothing."""

    only: Sequence[str] = ()
    page: Path | None = None
    yes: bool = False
    plan: bool = False


def conformance(target: Target, wishes: Wishes, confirm: Callable[[str], bool], *, as_json: bool) -> int:
    """Exit code: 0 when each answer is the assumed one or only recorded, 1 when one differs or something is left."""
    probes = choose(wishes.only)
    if wishes.page and wishes.page.exists():
        raise WrongUsage(f"{wishes.page} is there already; name another file")
    if not as_json:
        _show_plan(target, probes)
    if wishes.plan:
        if as_json:
            screen.show_json([_plan_row(probe) for probe in probes])
        return 0
    if not wishes.yes and not confirm("Ask?"):
        raise UserError("nothing was asked")
    say = _keep_silent if as_json else screen.say
    whole = _clean_earlier(target, say)
    began = datetime.now(UTC)
    prefix = f"{_PREFIX}{secrets.token_hex(4)}"
    calls = Calls(target, prefix, FOLDER / f"{prefix}.json")
    answers: list[Answer] = []
    try:
        with _sigterm_as_interrupt():
            for probe in probes:
                answers.append(found := answer(probe, calls))
                say(f"  {found.verdict:<11} {probe.name}: {found.finding.answer} {found.finding.detail}")
    finally:
        with hold_interrupts():
            say("taking away what was made")
            whole = calls.clean(screen.say if not as_json else _complain) and whole
            page = _write_report(target, wishes, answers, began)
    _show_end(answers, page, whole=whole, as_json=as_json)
    return 0 if whole and not any(found.verdict == DIFFERS for found in answers) else 1


def choose(only: Sequence[str]) -> tuple[Probe, ...]:
    """The probes of these names, or all. Raises WrongUsage."""
    if unknown := sorted(set(only) - {probe.name for probe in PROBES}):
        raise WrongUsage(f"there is no question {unknown[0]!r}; there is: {', '.join(probe.name for probe in PROBES)}")
    return tuple(probe for probe in PROBES if not only or probe.name in only)


def answer(probe: Probe, calls: Calls) -> Answer:
    """What becomes of one probe; one that cannot be made keeps none of the others from it."""
    from botocore.exceptions import BotoCoreError, ClientError

    first = len(calls.made)
    try:
        finding = probe.look(calls)
    except (NotAsked, ClientError, BotoCoreError) as fault:
        return Answer(probe, NOT_ASKED, Finding("", report.mask(str(fault))), tuple(calls.made[first:]))
    masked = Finding(finding.answer, report.mask(finding.detail))
    return Answer(probe, judge(probe, finding), masked, tuple(calls.made[first:]))


def _clean_earlier(target: Target, say: Callable[[str], None]) -> bool:
    """Take away what earlier runs were cut off before they had; whether nothing of it is left."""
    whole = True
    for journal in sorted(FOLDER.glob(f"{_PREFIX}*.json")):
        say(f"an earlier run was cut off: taking away what {journal} names")
        whole = Calls.resume(target, journal).clean(say) and whole
    return whole


def _keep_silent(text: str) -> None:
    """Say nothing: JSON is all that a program reads."""
    del text


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """End by an exception, as Ctrl-C does, so that what was made is taken away."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _complain(text: str) -> None:
    screen.write(text, sys.stderr)


def _show_plan(target: Target, probes: Sequence[Probe]) -> None:
    screen.say(f"{len(probes)} questions to {target.title}; all that is made begins with {_PREFIX}\n")
    rows = [(probe.name, probe.question, _price(probe.dollars), probe.cleanup) for probe in probes]
    screen.console.print(screen.table(("name", "question", "at most", "taken away"), rows))
    screen.say(f"\nAltogether at most {_price(sum(probe.dollars for probe in probes))}.")


def _price(dollars: float) -> str:
    return f"{dollars:.2f} USD" if dollars else "nothing"


def _plan_row(probe: Probe) -> dict[str, object]:
    return {
        "name": probe.name,
        "question": probe.question,
        "matters": probe.matters,
        "assumed": probe.assumed,
        "operations": probe.operations,
        "cleanup": probe.cleanup,
        "dollars": probe.dollars,
    }


def _write_report(target: Target, wishes: Wishes, answers: Sequence[Answer], began: datetime) -> Path:
    page = wishes.page or FOLDER / f"{began:%Y-%m-%dT%H-%M-%S}.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    where = f"the AWS of a machine, {target.region}" if target.local else f"AWS, {target.region}"
    page.write_text(report.render(answers, UNASKED, where, began, metadata.version("slipway")))
    return page


def _show_end(answers: Sequence[Answer], page: Path, *, whole: bool, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "name": found.probe.name,
                "verdict": found.verdict,
                "assumed": found.probe.assumed,
                "answer": found.finding.answer,
                "detail": found.finding.detail,
            }
            for found in answers
        ]
        screen.show_json({"answers": rows, "report": str(page), "clean": whole})
        return
    screen.say(f"\n{page}: read it, and attach it to an issue")
