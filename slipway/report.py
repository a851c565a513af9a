"""The reading verbs: fetch, then print a table or JSON."""

from datetime import UTC, datetime
from typing import Any

from slipway import executions, screen, versions, watch
from slipway.target import Target


def status(target: Target, *, as_json: bool) -> None:
    """Every pipeline of the project, with its last execution and its newest version."""
    rows = []
    for pipeline in executions.pipelines(target):
        name = pipeline["PipelineName"]
        last = (executions.executions(target, name, most=1) or [{}])[0]
        newest = _newest_version(target, name)
        rows.append(
            {
                "pipeline": name.removeprefix(f"{target.project}-"),
                "execution": last.get("PipelineExecutionArn", "").rpartition("/")[2],
                "status": last.get("PipelineExecutionStatus"),
                "started": last.get("StartTime"),
                "version": newest.get("ModelPackageVersion"),
                "approval": newest.get("ModelApprovalStatus"),
            }
        )
    if as_json:
        screen.show_json(rows)
        return
    screen.say(f"on {target.title}\n")
    if not rows:
        screen.say(f"no pipeline of project {target.project} yet; make one with: slipway run")
        return
    now = datetime.now(UTC)
    shown = [
        (*list(r.values())[:3], screen.ago(r["started"], now) if r["started"] else "", r["version"], r["approval"])
        for r in rows
    ]
    screen.console.print(screen.table(("pipeline", "execution", "status", "started", "version", "approval"), shown))


def _newest_version(target: Target, name: str) -> dict[str, Any]:
    client = target.client("sagemaker")
    try:
        answer = client.list_model_packages(
            ModelPackageGroupName=name, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
        )
    except client.exceptions.ClientError:
        return {}
    newest: dict[str, Any] = (answer["ModelPackageSummaryList"] or [{}])[0]
    return newest


def executions_table(target: Target, pipeline: str, *, as_json: bool) -> None:
    """The newest executions."""
    found = executions.executions(target, pipeline)
    if as_json:
        screen.show_json(found)
        return
    now = datetime.now(UTC)
    rows = [
        (
            e["PipelineExecutionArn"].rpartition("/")[2],
            e["PipelineExecutionStatus"],
            screen.ago(e["StartTime"], now),
            (e.get("PipelineExecutionFailureReason") or "")[:120],
        )
        for e in found
    ]
    screen.console.print(screen.table(("execution", "status", "started", "reason"), rows))


def steps_table(target: Target, pipeline: str, execution: str, *, as_json: bool) -> None:
    """The steps of one execution."""
    arn = executions.execution_arn(target, pipeline, execution or None)
    found = executions.steps(target, arn)
    if as_json:
        screen.show_json(found)
        return
    description = target.client("sagemaker").describe_pipeline_execution(PipelineExecutionArn=arn)
    screen.console.print(watch.progress(description, found))
    if description.get("FailureReason"):
        screen.say(f"\n{description['FailureReason']}", style="red")


def logs(target: Target, pipeline: str, execution: str, step: str, *, follow: bool, as_json: bool) -> None:
    """The lines of one step."""
    arn = executions.execution_arn(target, pipeline, execution or None)
    lines = executions.log_lines(target, arn, step, follow=follow)
    if as_json:
        screen.show_json(list(lines))
        return
    for line in lines:
        print(line, flush=follow)


def versions_table(target: Target, pipeline: str, *, as_json: bool) -> None:
    """The versions of one group."""
    found = versions.versions(target, pipeline)
    if as_json:
        screen.show_json(found)
        return
    now = datetime.now(UTC)
    rows = [
        (v["ModelPackageVersion"], v["ModelApprovalStatus"], _stage(v), screen.ago(v["CreationTime"], now))
        for v in found
    ]
    screen.console.print(screen.table(("version", "approval", "stage", "registered"), rows, right=("version",)))


def _stage(package: dict[str, Any]) -> str:
    cycle = package.get("ModelLifeCycle")
    return f"{cycle['Stage']} {cycle['StageStatus']}" if cycle else ""


def version_page(target: Target, pipeline: str, number: int, *, as_json: bool) -> None:
    """Everything that a reviewer needs."""
    package = versions.version(target, pipeline, number)
    document = versions.report(target, package)
    gates = versions.judged(target, package)
    saved = versions.pictures(target, pipeline, package)
    if as_json:
        facts = {"package": package, "evaluation": document, "gates": [gate.dump() for gate in gates]}
        screen.show_json({**facts, "lineage": versions.lineage(package), "pictures": saved})
        return
    screen.say(f"version [bold]{number}[/bold] of {versions.group_name(target, pipeline)}: ", end="")
    screen.console.print(screen.cell(package["ModelApprovalStatus"]))
    if package.get("ApprovalDescription"):
        screen.say(f"  {package['ApprovalDescription']}")
    screen.say()
    screen.console.print(_metrics_table(document))
    slices = _slices_table(document)
    if slices is not None:
        screen.say()
        screen.console.print(slices)
    if gates:
        rows = [
            (g.metric, screen.number(g.value), f"{g.sign} {screen.number(g.bound)}", "pass" if g.holds else "FAIL")
            for g in gates
        ]
        screen.say()
        screen.console.print(screen.table(("gate", "value", "bound", "verdict"), rows, right=("value", "bound")))
    screen.say()
    rows_of_facts = [*versions.lineage(package).items(), *(("picture", str(path)) for path in saved)]
    width = max(len(name) for name, _ in rows_of_facts) + 3
    for name, value in rows_of_facts:
        screen.say(f"  {name:<{width}}{value}")


def _metrics_table(document: dict[str, Any]) -> Any:
    champion = document.get("champion") or {}
    rows = []
    for name, entry in versions.metrics(document).items():
        interval = f"{screen.number(entry['low'])} to {screen.number(entry['high'])}" if "low" in entry else ""
        compared = screen.number(champion["value"]) if champion.get("compared") and champion["metric"] == name else ""
        rows.append((name, screen.number(entry["value"]), interval, compared))
    columns = ("metric", "value", "95 % of resamples", _champion_title(champion))
    return screen.table(columns, rows, right=columns[1:])


def _champion_title(champion: dict[str, Any]) -> str:
    if not champion.get("compared"):
        return "champion (not compared)" if "model_package_arn" in champion else "champion (none)"
    return f"champion (version {champion['model_package_arn'].rpartition('/')[2]})"


def _slices_table(document: dict[str, Any]) -> Any | None:
    """The headline metric by slice, with the rows of each: where a model is weak."""
    names = list(versions.metrics(document))
    rows = [
        (f"{column} = {value}", figures["rows"], *(screen.number(figures[n]) if n in figures else "" for n in names))
        for column, values in (document.get("slices") or {}).items()
        for value, figures in values.items()
    ]
    return screen.table(("slice", "rows", *names), rows, right=("rows", *names)) if rows else None


def decide(target: Target, pipeline: str, number: int, status: str, reason: str, *, as_json: bool) -> None:
    """Approve or reject."""
    package = versions.decide(target, pipeline, number, status, reason)
    if as_json:
        screen.show_json(package)
        return
    screen.say(f"version {number} of {versions.group_name(target, pipeline)}: ", end="")
    screen.console.print(screen.cell(package["ModelApprovalStatus"]))


def diff(target: Target, pipeline: str, first: int, second: int, *, as_json: bool) -> None:
    """Two versions side by side."""
    found = versions.compare(target, pipeline, first, second)
    if as_json:
        screen.show_json(
            {
                section: {name: {str(first): a, str(second): b} for name, (a, b) in pairs.items()}
                for section, pairs in found.items()
            }
        )
        return
    for section, pairs in found.items():
        if not pairs:
            screen.say(f"{section}: the same\n")
            continue
        columns = [section, str(first), str(second)]
        rows = [
            [name, *(screen.number(side) if side is not None else "" for side in pair)] for name, pair in pairs.items()
        ]
        if section == "metrics":
            columns.append("change")
            for row, pair in zip(rows, pairs.values(), strict=True):
                row.append(f"{pair[1] - pair[0]:+.4f}" if None not in pair else "")
        screen.console.print(screen.table(columns, rows, right=columns[1:] if section == "metrics" else ()))
        screen.say()
