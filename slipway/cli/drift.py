"""`slipway drift`: what the monitors of a stage's endpoint found, at the terminal and as a page."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.cli import monitor_executions, pages, projects, screen, stages
from slipway.cli.drift_report import analyses, page, sparklines
from slipway.cli.drift_report import report as reports
from slipway.cli.drift_report.analyses import EXPLAINABILITY, MODEL_BIAS
from slipway.cli.drift_report.executions import Execution
from slipway.cli.drift_report.report import DATA_QUALITY, MODEL_QUALITY, Monitor, Report, Row
from slipway.cli.drift_report.wording import figure, percent
from slipway.cli.monitor_executions import Schedule
from slipway.cli.target import Target, UserError, WrongUsage

PAGES = Path(".slipway/drift")
_BUILDERS = {
    DATA_QUALITY: reports.data_quality,
    MODEL_QUALITY: reports.model_quality,
    MODEL_BIAS: analyses.model_bias,
    EXPLAINABILITY: analyses.explainability,
}
_NAME_WIDTH = 26


@dataclass(frozen=True)
class Wishes:
    """How far back from the newest execution `since` is looked for, and where the page goes."""

    hours: float = 24
    page: Path | None = None
    opens: bool = True


def drift(target: Target, stage: str, wishes: Wishes, *, as_json: bool) -> int:
    """Exit code: 0 without violations, 1 with, or when a monitor failed. Raises UserError where none ever ran."""
    project = projects.require(target)
    report = gather(target, project, stage, wishes.hours)
    return show(report, wishes, as_json=as_json)


def stage_endpoint(project: projects.Project, stage: str) -> str:
    """The endpoint of a stage. Raises WrongUsage for a stage that no project has."""
    if stage not in projects.STAGES:
        raise WrongUsage(f"There is no stage {stage}; there is: {', '.join(projects.STAGES)}")
    return project.endpoint(stage)


def gather(
    target: Target, project: projects.Project, stage: str, hours: float, asked: Mapping[str, Execution] | None = None
) -> Report:
    """Read everything; `asked` has the execution to show in place of the newest one, by schedule."""
    endpoint = stage_endpoint(project, stage)
    found = monitor_executions.schedules(target, endpoint)
    if not found:
        raise UserError(f"The endpoint {endpoint} has no monitor; set `monitor` in deploy/stages/{stage}.yml")
    monitors = tuple(_monitor(target, schedule, hours, (asked or {}).get(schedule.name)) for schedule in found)
    if not any(monitor.execution for monitor in monitors):
        told = "; ".join(f"{one.schedule}: {one.note}" for one in monitors)
        raise UserError(f"{stage} has no verdict. {told}. Run one now: slipway monitor run {stage}")
    now = stages.describe(target, project, stage)
    return Report(project.name, stage, endpoint, now.version, datetime.now(UTC), monitors)


def _monitor(target: Target, schedule: Schedule, hours: float, asked: Execution | None) -> Monitor:
    """One schedule's newest verdict, with those before it."""
    listed = monitor_executions.executions(target, schedule, hours)
    if asked is not None:
        listed = [asked, *(one for one in listed if one.at < asked.at and one.job != asked.job)]
    note = _note(listed)
    newest = next((one for one in listed if one.has_verdict), None)
    if newest is None:
        return Monitor(schedule.type, schedule.name, history=tuple(listed), note=note)
    newest = monitor_executions.read(target, newest)
    history = [newest if one.job == newest.job else monitor_executions.read_past(target, one) for one in listed]
    documents = monitor_executions.documents(target, schedule, newest)
    labels = monitor_executions.labels(target, schedule, newest)
    return replace(_BUILDERS[schedule.type](schedule.name, newest, history, documents), note=note, labels=labels)


def _note(listed: list[Execution]) -> str:
    """What is to be said of the newest executions when they have no verdict; empty when the newest has one."""
    if not listed:
        return "no execution yet"
    newest = listed[0]
    if newest.has_verdict:
        return ""
    when = f"the execution of {newest.at.astimezone(UTC):%d %b %H:%M} UTC"
    reason = f": {newest.reason}" if newest.reason else ""
    told = {"Failed": "failed", "NoData": "had no data"}.get(newest.status, f"is {newest.status}")
    return f"{when} {told}{reason.replace(': NoData:', ':')}"


def has_failed(monitor: Monitor) -> bool:
    """Whether the newest execution that has ended ended without a verdict."""
    ended = [one for one in monitor.history if one.status not in ("Pending", "InProgress", "Starting", "Stopping")]
    newest = max(ended, key=lambda one: one.at, default=None)
    return newest is not None and not newest.has_verdict


def show(report: Report, wishes: Wishes, *, as_json: bool) -> int:
    """Write the page, print the rest; the exit code."""
    path = write(report, wishes.page)
    code = 1 if report.findings or any(has_failed(monitor) for monitor in report.monitors) else 0
    if as_json:
        screen.show_json(report.dump() | {"verdict": page.verdict(report), "page": str(path)})
        return code
    say(report)
    pages.offer(path, opens=wishes.opens)
    return code


def write(report: Report, path: Path | None) -> Path:
    """The page of a report. Raises UserError when it cannot be written."""
    return pages.write(path or PAGES / f"{report.stage}-{report.made:%Y%m%d-%H%M%S}.html", page.page(report))


def say(report: Report) -> None:
    """Violations first, then everything else."""
    screen.say(page.verdict(report), style="bold red" if report.findings else "bold green")
    version = f"version {report.version}" if report.version else "version not known"
    screen.say(f"endpoint {report.endpoint}, {version}")
    for monitor in report.monitors:
        told = "; ".join(part for part in (page.describe_execution(monitor), monitor.note) if part)
        screen.say(f"{page.TITLES[monitor.type].lower()}: {told}")
    for monitor in report.monitors:
        _say_findings(monitor)
    for monitor in report.monitors:
        _say_rest(monitor)


def _say_findings(monitor: Monitor) -> None:
    for finding in monitor.findings:
        screen.say()
        screen.say(f"{finding.subject or 'data set'}: {finding.words}", style="red")
        for line in (page.lasting(finding), *finding.how_sure.split("; ")):
            if line:
                screen.say(f"  {line}")


def _say_rest(monitor: Monitor) -> None:
    rows = [_columns(row) for row in monitor.rows if not row.findings]
    if rows:
        heads = ("without violation", "baseline", "live", "distance", "limit", "missing")
        screen.say()
        screen.console.print(screen.table(heads, rows, right=heads[3:]))
    figures: list[tuple[Any, ...]] = [
        (one.name, figure(one.value), figure(one.deviation), figure(one.bound))
        for one in monitor.metrics
        if not one.findings
    ]
    if figures:
        screen.say()
        titles = ("without violation", "value", "±", "bound")
        screen.console.print(screen.table(titles, figures, right=titles[1:]))
    if monitor.estimates:
        _say_estimates(monitor)
    if monitor.pairs:
        _say_pairs(monitor)


def _say_estimates(monitor: Monitor) -> None:
    """All of them, and what they are."""
    rows = [
        (one.name, figure(one.value), f"{figure(one.low)} to {figure(one.high)}", figure(one.registered))
        for one in monitor.estimates
    ]
    heads = ("estimated", "value", "95 % interval", "test rows")
    screen.say()
    screen.console.print(screen.table(heads, rows, right=heads[1:]))
    screen.say(monitor.assumes, style="dim")


def _say_pairs(monitor: Monitor) -> None:
    """Metrics without a violation; of attributions, where a violation is about all, every feature."""
    if monitor.type == MODEL_BIAS:
        rows = [
            (f"{pair.name} of {pair.of}", figure(pair.baseline), figure(pair.live), figure(pair.fair))
            for pair in monitor.pairs
            if not pair.findings
        ]
        heads = ("without violation", "baseline", "live", "fair is")
    else:
        one = len({pair.group for pair in monitor.pairs}) == 1
        rows = [
            (pair.name, _share(pair.baseline), _share(pair.live), "" if one else pair.group) for pair in monitor.pairs
        ]
        heads = ("how much it counts", "baseline", "live", "" if one else "label")
    if rows:
        screen.say()
        screen.console.print(screen.table(heads, rows, right=heads[1:3]))


def _share(value: float | None) -> str:
    return "" if value is None else percent(value)


def _columns(row: Row) -> tuple[str, ...]:
    from slipway.cli.drift_report.drawing import shorten

    before, after = sparklines.pair(row)
    found = row.distance
    return (
        shorten(row.name, _NAME_WIDTH),
        before,
        after,
        f"{found.distance:.2f}" if found else "",
        f"{found.threshold:.2f}" if found else "",
        percent(row.live.missing_share) if row.live else "",
    )
