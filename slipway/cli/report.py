"""The reading verbs: fetch, then print a table or JSON."""

from datetime import UTC, datetime
from typing import Any

from slipway.cli import executions, names, screen, versions, watch
from slipway.cli.target import Target, UserError, WrongUsage


def status(target: Target, *, as_json: bool) -> None:
    """Every pipeline of the account, its last execution and newest version; then the groups that none of them has."""
    rows = [_pipeline_row(target, name) for name in names.pipelines(target)]
    used = {row["group"] for row in rows}
    alone = [_version_row(target, name) for name in names.groups(target) if name not in used]
    if as_json:
        screen.show_json(rows + alone)
        return
    screen.say(f"on {target.title}\n")
    if not rows and not alone:
        screen.say("no pipeline yet; make one with: slipway run")
        return
    now = datetime.now(UTC)
    if rows:
        shown = [
            (
                *(row[c] for c in ("pipeline", "execution", "status")),
                _age(row["started"], now),
                row["version"],
                row["approval"],
            )
            for row in rows
        ]
        screen.console.print(screen.table(("pipeline", "execution", "status", "started", "version", "approval"), shown))
    if alone:
        screen.say("\nother model package groups\n" if rows else "")
        others = [(row["group"], row["version"], row["approval"]) for row in alone]
        screen.console.print(screen.table(("group", "version", "approval"), others))


def _age(moment: datetime | None, now: datetime) -> str:
    return screen.ago(moment, now) if moment else ""


def _pipeline_row(target: Target, name: str) -> dict[str, Any]:
    last = (executions.executions(target, name, most=1) or [{}])[0]
    arn = last.get("PipelineExecutionArn", "")
    version = _version_row(target, name)
    if version["version"] is None and arn:  # it registers into a group of another name, or into none
        registered = next(
            filter(None, (executions.registered_version(step) for step in executions.steps(target, arn))), ""
        )
        version = _version_row(target, registered.partition("/")[2].partition("/")[0]) if registered else version
    return {
        "pipeline": name,
        "execution": arn.rpartition("/")[2],
        "status": last.get("PipelineExecutionStatus"),
        "started": last.get("StartTime"),
        **version,
    }


def _version_row(target: Target, group: str) -> dict[str, Any]:
    """The newest version of a group; without a version where there is none, or no such group."""
    client = target.client("sagemaker")
    try:
        answer = client.list_model_packages(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
        )
    except client.exceptions.ClientError:
        answer = {"ModelPackageSummaryList": []}
    newest = (answer["ModelPackageSummaryList"] or [{}])[0]
    return {
        "group": group,
        "version": newest.get("ModelPackageVersion"),
        "approval": newest.get("ModelApprovalStatus"),
    }


def executions_table(target: Target, pipeline: str, last: int, *, as_json: bool) -> None:
    """The newest executions."""
    found = executions.executions(target, names.pipeline(target, pipeline), last)
    if as_json:
        screen.show_json(found)
        return
    now = datetime.now(UTC)
    rows = [
        (
            e["PipelineExecutionArn"].rpartition("/")[2],
            e["PipelineExecutionStatus"],
            _age(e.get("StartTime"), now),
            (e.get("PipelineExecutionFailureReason") or "")[:120],
        )
        for e in found
    ]
    screen.console.print(screen.table(("execution", "status", "started", "reason"), rows))


def steps_table(target: Target, pipeline: str, execution: str, *, as_json: bool) -> None:
    """The steps of one execution."""
    arn = executions.execution_arn(target, pipeline, execution)
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
    arn = executions.execution_arn(target, pipeline, execution)
    lines = executions.log_lines(target, arn, step, follow=follow)
    if as_json:
        screen.show_json(list(lines))
        return
    for line in lines:
        screen.write(line)


def versions_table(target: Target, pipeline: str, last: int, *, as_json: bool) -> None:
    """The newest versions of one group."""
    found = versions.newest(target, names.group(target, pipeline), last)
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


def version_page(target: Target, pipeline: str, version: str, *, as_json: bool) -> None:
    """Everything that a reviewer needs."""
    show_version(target, _package(target, pipeline, version), as_json=as_json)


def _package(target: Target, pipeline: str, version: str) -> dict[str, Any]:
    """A version by its ARN, or by its number in a group."""
    if version.startswith("arn:"):
        found: dict[str, Any] = target.client("sagemaker").describe_model_package(ModelPackageName=version)
        return found
    if not version.isdecimal():
        raise WrongUsage(f"{version!r} is neither the number of a version nor the ARN of one")
    return versions.version(target, names.group(target, pipeline), int(version))


def _title(package: dict[str, Any]) -> str:
    """`version 3 of demo-churn`; a package that is in no group has a name alone."""
    if "ModelPackageVersion" not in package:
        return f"model package {package['ModelPackageArn'].rpartition('/')[2]}"
    return f"version {package['ModelPackageVersion']} of {package['ModelPackageGroupName']}"


def show_version(target: Target, package: dict[str, Any], *, as_json: bool) -> None:
    """The page of a version that has been read."""
    try:
        document, unread = versions.report(target, package), ""
    except UserError as fault:
        document, unread = {}, str(fault)
    gates = versions.gate_verdicts(target, package)
    saved = versions.pictures(target, package)
    lineage = versions.lineage(package) | versions.tuned_hyperparameters(target, package)
    if as_json:
        facts = {"package": package, "evaluation": document, "gates": [gate.dump() for gate in gates]}
        screen.show_json({**facts, "lineage": lineage, "pictures": saved})
        return
    screen.say(f"{_title(package)}: ", end="")
    screen.console.print(screen.cell(package.get("ModelApprovalStatus")))
    if package.get("ApprovalDescription"):
        screen.say(f"  {package['ApprovalDescription']}")
    screen.say()
    if versions.metrics(document):
        screen.console.print(_metrics_table(document))
    else:
        screen.say(unread or f"no figures in {versions.report_uri(package) or 'its model metrics'}")
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
    rows_of_facts = [*lineage.items(), *(("picture", str(path)) for path in saved)]
    width = max((len(name) for name, _ in rows_of_facts), default=0) + 3
    for name, value in rows_of_facts:
        screen.say(f"  {name:<{width}}{value}")


def _metrics_table(document: dict[str, Any]) -> Any:
    champion = _mapping(document.get("champion"))
    rows = []
    for name, entry in versions.metrics(document).items():
        interval = f"{screen.number(entry['low'])} to {screen.number(entry['high'])}" if "low" in entry else ""
        compared = (
            screen.number(champion["value"]) if champion.get("compared") and champion.get("metric") == name else ""
        )
        rows.append((name, screen.number(entry["value"]), interval, compared))
    columns = ("metric", "value", "95 % of resamples", _champion_title(champion))
    return screen.table(columns, rows, right=columns[1:])


def _champion_title(champion: dict[str, Any]) -> str:
    if "model_package_arn" not in champion:
        return "champion (none)"
    if not champion.get("compared"):
        return "champion (not compared)"
    return f"champion (version {champion['model_package_arn'].rpartition('/')[2]})"


def _mapping(value: Any) -> dict[str, Any]:
    """What is one; of anything else, which another team's report may have under that name, nothing."""
    return value if isinstance(value, dict) else {}


def _slices_table(document: dict[str, Any]) -> Any | None:
    """The headline metric by slice, with the rows of each: where a model is weak."""
    names = list(versions.metrics(document))
    rows = [
        (
            f"{column} = {value}",
            figures.get("rows"),
            *(screen.number(figures[n]) if n in figures else "" for n in names),
        )
        for column, values in _mapping(document.get("slices")).items()
        for value, figures in _mapping(values).items()
        if isinstance(figures, dict)
    ]
    return screen.table(("slice", "rows", *names), rows, right=("rows", *names)) if rows else None


def decide(target: Target, pipeline: str, version: str, status: str, reason: str, *, as_json: bool) -> None:
    """Approve or reject."""
    package = versions.decide(target, _package(target, pipeline, version), status, reason)
    if as_json:
        screen.show_json(package)
        return
    screen.say(f"{_title(package)}: ", end="")
    screen.console.print(screen.cell(package["ModelApprovalStatus"]))


def diff(target: Target, pipeline: str, first: str, second: str, *, as_json: bool) -> None:
    """Two versions side by side."""
    found = versions.compare(target, *(_package(target, pipeline, version) for version in (first, second)))
    if as_json:
        screen.show_json(
            {
                section: {name: {first: a, second: b} for name, (a, b) in pairs.items()}
                for section, pairs in found.items()
            }
        )
        return
    for section, pairs in found.items():
        if not pairs:
            screen.say(f"{section}: the same\n")
            continue
        columns = [section, first, second]
        rows = [
            [name, *(screen.number(side) if side is not None else "" for side in pair)] for name, pair in pairs.items()
        ]
        if section == "metrics":
            columns.append("change")
            for row, pair in zip(rows, pairs.values(), strict=True):
                row.append(f"{pair[1] - pair[0]:+.4f}" if None not in pair else "")
        screen.console.print(screen.table(columns, rows, right=columns[1:] if section == "metrics" else ()))
        screen.say()
