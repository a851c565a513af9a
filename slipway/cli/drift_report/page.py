"""The report as one HTML file: no script, nothing loaded from elsewhere, everything from data escaped."""

from collections.abc import Iterable

from slipway.cli.drift_report import cards
from slipway.cli.drift_report.analyses import EXPLAINABILITY, MODEL_BIAS
from slipway.cli.drift_report.drawing import escape, moment, timeline
from slipway.cli.drift_report.executions import Execution, marks
from slipway.cli.drift_report.report import DATA_QUALITY, MODEL_QUALITY, Finding, Monitor, Report
from slipway.cli.drift_report.style import STYLE
from slipway.cli.drift_report.wording import figure

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
TITLES = {
    DATA_QUALITY: "Data quality",
    MODEL_QUALITY: "Model quality",
    MODEL_BIAS: "Bias",
    EXPLAINABILITY: "Attributions",
}


def page(report: Report) -> str:
    """The whole file."""
    violated = bool(report.findings)
    body = [
        f'<header class="{"drifts" if violated else "fine" if _has_executions(report) else ""}">',
        f'<p class="soft">Drift report: project {escape(report.project)}</p>',
        f"<h1>{escape(verdict(report))}</h1>",
        _facts(report),
        *(f'<p class="note">{escape(_title(one))}: {escape(one.note)}</p>' for one in report.monitors if one.note),
        "</header>",
        _violations(report),
        *(_monitor(one) for one in report.monitors if one.execution),
        *(_history(one) for one in report.monitors if one.history),
        _documents(report.monitors),
    ]
    title = f"{report.stage}: {verdict(report)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _has_executions(report: Report) -> bool:
    return any(monitor.execution for monitor in report.monitors)


def verdict(report: Report) -> str:
    """In one line."""
    if not _has_executions(report):
        return f"No verdict on {report.stage}: no execution of a monitor has ended"
    findings = report.findings
    if not findings:
        return f"{report.stage} is like its baseline"
    subjects = len({finding.subject for finding in findings})
    starts = [finding.since.at for finding in findings if finding.since]
    began = f", since {moment(min(starts))} UTC" if starts else ""
    many = f"{len(findings)} violation{'s' * (len(findings) != 1)}"
    where = f"{subjects} feature{'s' * (subjects != 1)}" if _only_data(report) else f"{subjects} features and metrics"
    return f"{report.stage} drifts: {many} in {where}{began}"


def _only_data(report: Report) -> bool:
    return not any(monitor.findings for monitor in report.monitors if monitor.type != DATA_QUALITY)


def _title(monitor: Monitor) -> str:
    return TITLES.get(monitor.type, monitor.type)


def _facts(report: Report) -> str:
    facts = [
        ("endpoint", report.endpoint),
        ("model version", str(report.version) if report.version else "not known"),
        ("report of", f"{report.made:%d %b %Y %H:%M} UTC; all times are UTC"),
    ]
    facts += [
        (_title(monitor).lower(), describe_execution(monitor)) for monitor in report.monitors if monitor.execution
    ]
    return f"<dl>{_pairs(facts)}</dl>"


def describe_execution(monitor: Monitor) -> str:
    """Which execution is shown, how much it has seen, and how many of the requests had a label."""
    rows = f"{figure(monitor.counted)} rows" if monitor.counted else ""
    return ", ".join(part for part in (_name_execution(monitor.execution), rows, monitor.labels) if part)


def _name_execution(execution: Execution | None) -> str:
    if execution is None:
        return ""
    asked = ", asked for" if execution.asked else ""
    return f"execution of {execution.at:%d %b %Y %H:%M} UTC{asked}"


def _pairs(facts: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)


def _violations(report: Report) -> str:
    if not report.findings:
        return ""
    items = [_violation(finding, monitor) for monitor in report.monitors for finding in monitor.findings]
    return f'<section><h2>Violations</h2><ol class="violations">{"".join(items)}</ol></section>'


def _violation(finding: Finding, monitor: Monitor) -> str:
    history = sorted(monitor.history, key=lambda one: one.at)
    row = list(zip((one.at for one in history), marks((finding.subject, finding.check), history), strict=True))
    sure = f'<p class="soft small">{escape(finding.how_sure)}</p>' if finding.how_sure else ""
    subject = finding.subject or "data set"
    drawn = timeline(row, f"executions and {finding.check} of {subject}") if len(row) > 1 else ""
    return (
        f"<li><h3>{escape(subject)} <span class='kind'>{escape(finding.check)}</span></h3>"
        f'<p class="words">{escape(finding.words)}</p>'
        f'<p class="small">{escape(lasting(finding))}</p>{sure}{drawn}</li>'
    )


def lasting(finding: Finding) -> str:
    """Since when, in words."""
    row = finding.since
    if row is None:
        return ""
    if row.executions == 1:
        return f"in the execution of {moment(row.at)} UTC{'' if row.at_least else ', not in the one before'}"
    return f"since {'at least ' if row.at_least else ''}{moment(row.at)} UTC, {row.executions} executions in a row"


def _monitor(monitor: Monitor) -> str:
    if monitor.type == MODEL_BIAS:
        return f"<section><h2>{TITLES[MODEL_BIAS]}</h2>{cards.PAIRS}{cards.BIAS}{cards.biases(monitor.pairs)}</section>"
    if monitor.type == EXPLAINABILITY:
        drawn = f"{cards.PAIRS}{cards.ATTRIBUTIONS}{cards.attributions(monitor.pairs)}"
        return f"<section><h2>{TITLES[EXPLAINABILITY]}</h2>{drawn}</section>"
    if monitor.metrics:
        return f"<section><h2>{escape(_title(monitor))}</h2>{cards.metrics(monitor.metrics)}</section>"
    features = f"<section><h2>Features</h2>{cards.LEGEND}{cards.features(monitor.rows)}</section>"
    if not monitor.estimates:
        return features
    told = f'<p class="soft small">{escape(monitor.assumes.capitalize())}.</p>'
    return f"<section><h2>Estimated performance</h2>{told}{cards.estimates(monitor.estimates)}</section>{features}"


def _history(monitor: Monitor) -> str:
    rows = [
        f'<tr><td class="time">{moment(one.at)}</td><td>{escape(one.status)}</td>'
        f'<td class="number">{len(one.violations) if one.has_verdict else ""}</td>'
        f"<td>{escape('asked for; ' * one.asked + one.reason)}</td></tr>"
        for one in sorted(monitor.history, key=lambda one: one.at, reverse=True)
    ]
    return (
        f"<section><h2>Executions: {escape(_title(monitor).lower())}</h2>"
        f'<p class="soft small">schedule {escape(monitor.schedule)}</p><div class="wide"><table>'
        '<tr><th>time</th><th>status</th><th class="number">violations</th><th></th></tr>'
        f"{''.join(rows)}</table></div></section>"
    )


def _documents(monitors: Iterable[Monitor]) -> str:
    pairs = [(f"{_title(one)}: {name}", uri) for one in monitors for name, uri in one.uris.items()]
    if not pairs:
        return ""
    shown = "".join(f"<dt>{escape(name)}</dt><dd>{_link(uri)}</dd>" for name, uri in pairs)
    return f'<section><h2>Documents</h2><dl class="long">{shown}</dl></section>'


def _link(uri: str) -> str:
    """Only S3 addresses are links: others could be a script."""
    shown = f"<code>{escape(uri)}</code>"
    return f'<a href="{escape(uri)}">{shown}</a>' if uri.startswith("s3://") else shown
