"""What the approver sees: report.md with a picture beside it, junit.xml for CodeBuild's page. Pure text."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from slipway.deploy.checks import Finding, Subject

BARS = 30
FAR = 5  # times the slowest answer
WIDTH, HEIGHT, PAD = 360, 220, 40
INK, PALE, MARK = "#37474f", "#b0bec5", "#c62828"


def verdict(findings: Sequence[Finding]) -> str:
    """One line."""
    count = {status: sum(f.status == status for f in findings) for status in ("passed", "failed", "skipped")}
    first = next((f": {f.name}: {f.said}" for f in findings if f.status == "failed"), "")
    skipped = f", {count['skipped']} not testable here" if count["skipped"] else ""
    return f"{'FAILED' if count['failed'] else 'passed'}: {count['passed']} of {len(findings)} checks{skipped}{first}"


def junit(findings: Sequence[Finding], suite: str) -> str:
    """JUnit XML, as CodeBuild's test reports read it."""
    cases = "".join(_case(finding, suite) for finding in findings)
    counts = " ".join(
        f'{name}="{sum(f.status == status for f in findings)}"'
        for name, status in (("failures", "failed"), ("skipped", "skipped"))
    )
    head = f'<testsuite name={quoteattr(suite)} tests="{len(findings)}" errors="0" {counts}>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{cases}</testsuite>\n'


def _case(finding: Finding, suite: str) -> str:
    inside = {
        "passed": f"<system-out>{escape(finding.said)}</system-out>",
        "failed": f"<failure message={quoteattr(finding.said)}/>",
        "skipped": f"<skipped message={quoteattr(finding.said)}/>",
    }[finding.status]
    return f" <testcase classname={quoteattr(suite)} name={quoteattr(finding.name)}>{inside}</testcase>\n"


def markdown(findings: Sequence[Finding], subject: Subject, registered: str) -> str:
    """The report in one page."""
    promotion: Mapping[str, Any] = subject.promotion
    facts = {
        "Version": promotion["ModelPackageArn"],
        "Endpoint": subject.endpoint,
        "Commit": promotion.get("CommitId") or "unknown",
        "Data": f"{promotion.get('InputDataUrl') or 'unknown'} (version {promotion.get('DataVersion') or 'unknown'})",
        "Registered metrics": registered or "none",
        "Production is watched by": promotion["Watched"]["prod"],
    }
    lines = [f"# {verdict(findings)}", "", *(f"- {name}: {value}" for name, value in facts.items()), ""]
    lines += ["| check | result | figures |", "|---|---|---|"]
    lines += [f"| {f.name} | {f.status} | {_cell(f.said)} |" for f in findings]
    return "\n".join([*lines, "", "![latency and predictions](report.svg)", ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def picture(subject: Subject) -> str:
    """An SVG: how long the answers took, and the answers against the evaluation's."""
    limit = None if subject.is_queued else float(subject.limits["p95_ms"])
    known = all("prediction" in row for row in subject.rows)
    pairs = [
        pair
        for rows in zip(subject.expected if known else [], subject.predictions, strict=False)
        for pair in zip(*rows, strict=False)
    ]
    left, right = _histogram(subject.latencies, limit), _scatter(pairs)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}" height="{HEIGHT}" font-family="sans-serif"'
    return f'{head} font-size="11">\n{left}\n<g transform="translate({WIDTH} 0)">\n{right}\n</g>\n</svg>\n'


def _histogram(values: Sequence[float], limit: float | None) -> str:
    if not values:
        return _title("latency: nothing was measured")
    slowest = max(values) or 1.0
    near = limit is not None and limit <= FAR * slowest  # a limit that is far away would squeeze what was measured
    top = max(slowest, limit or 0.0) if near else slowest * 1.05
    counts = [0] * BARS
    for value in values:
        counts[min(int(value / top * BARS), BARS - 1)] += 1
    wide, most = (WIDTH - 2 * PAD) / BARS, max(counts)
    parts = [_title(f"latency of {len(values)} requests, ms")]
    for place, count in enumerate(counts):
        tall = count / most * (HEIGHT - 2 * PAD)
        where = f'x="{PAD + place * wide:.1f}" y="{HEIGHT - PAD - tall:.1f}"'
        parts.append(f'<rect {where} width="{wide - 1:.1f}" height="{tall:.1f}" fill="{INK}"/>')
    if limit is not None and not near:
        said = f"limit {limit:g}, {limit / slowest:.0f} times the slowest"
        parts.append(f'<text x="{WIDTH - PAD}" y="{PAD - 4}" text-anchor="end" fill="{INK}">{said} \u2192</text>')
    elif limit is not None:
        x = PAD + limit / top * (WIDTH - 2 * PAD)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{PAD}" y2="{HEIGHT - PAD}" stroke="{MARK}"/>')
        parts.append(f'<text x="{x - 4:.1f}" y="{PAD - 4}" text-anchor="end" fill="{MARK}">limit {limit:g}</text>')
    return "\n".join([*parts, _axis(0, top)])


def _scatter(pairs: Sequence[tuple[float, float]]) -> str:
    if not pairs:
        return _title("predictions: nothing to compare")
    numbers = [number for pair in pairs for number in pair]
    low, high = min(numbers), max(numbers)
    span = (high - low) or 1.0
    wide, tall = WIDTH - 2 * PAD, HEIGHT - 2 * PAD
    start, end = f'x1="{PAD}" y1="{HEIGHT - PAD}"', f'x2="{WIDTH - PAD}" y2="{PAD}"'
    parts = [_title(f"{len(pairs)} numbers of the answers (up) against the evaluation's (right)")]
    parts.append(f'<line {start} {end} stroke="{PALE}"/>')
    for expected, found in pairs:
        x, y = PAD + (expected - low) / span * wide, HEIGHT - PAD - (found - low) / span * tall
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{INK}" fill-opacity="0.6"/>')
    return "\n".join([*parts, _axis(low, high)])


def _title(text: str) -> str:
    return f'<text x="{PAD}" y="18" fill="{INK}">{escape(text)}</text>'


def _axis(low: float, high: float) -> str:
    y = HEIGHT - PAD + 14
    right = f'<text x="{WIDTH - PAD}" y="{y}" text-anchor="end" fill="{INK}">{high:.4g}</text>'
    return f'<text x="{PAD}" y="{y}" fill="{INK}">{low:.4g}</text>{right}'
