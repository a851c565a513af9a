"""Report groups and reports: made by builds, shown here."""

from collections.abc import Callable
from functools import partial
from typing import Any

from loopback.core.errors import ResourceInUse
from loopback.core.kinds import REPORT, REPORT_GROUP
from loopback.core.queries import Selection, equals
from loopback.core.store import Resource
from loopback.rows.codebuild import ReportGroupRow, ReportRow
from loopback.services.codebuild import tags
from loopback.services.codebuild.errors import (
    InvalidInputException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from loopback.services.codebuild.paging import ITEMS_A_PAGE, ORDERS, PAGING, is_descending, list_rows
from loopback.services.registry import Context, Request, Response, handles


@handles("CreateReportGroup", service="codebuild")
def create_group(request: Request, context: Context) -> Response:
    """A group of reports of one type. Reports stay here: they are not exported to S3."""
    if request["exportConfig"].get("exportConfigType", "NO_EXPORT") != "NO_EXPORT":
        raise InvalidInputException("loopback does not carry out the export of reports; use NO_EXPORT")
    doc = {key: value for key, value in request.items() if key != "tags"}
    with context.store.transaction():
        try:
            row = ReportGroupRow(request=doc, type=doc["type"]).create(context.store, request["name"])
        except ResourceInUse:
            raise ResourceAlreadyExistsException(f"Report group already exists: {request['name']}") from None
        tags.keep(_arn(row, context), request, context)
    return {"reportGroup": _group(row, context)}


@handles("BatchGetReportGroups", service="codebuild")
def get_groups(request: Request, context: Context) -> Response:
    """Groups by ARN; those that are not there are listed."""
    found, missing = [], []
    for arn in request["reportGroupArns"]:
        name = context.place.name_in(arn, "report-group")
        if context.store.exists(REPORT_GROUP, name):
            found.append(_group(ReportGroupRow.get(context.store, name), context))
        else:
            missing.append(arn)
    return {"reportGroups": found, "reportGroupsNotFound": missing}


@handles("ListReportGroups", service="codebuild")
def list_groups(request: Request, context: Context) -> Response:
    """ARNs, in the order asked for."""
    order = ORDERS[request.get("sortBy", "CREATED_TIME")]
    ordered = Selection(REPORT_GROUP, order=order, descending=is_descending(request))
    return list_rows(ordered, partial(_arn, context=context), "reportGroups", request, context)


@handles("DeleteReportGroup", service="codebuild")
def delete_group(request: Request, context: Context) -> Response:
    """A group; with reports in it only when `deleteReports` says so. One that is not there is no error."""
    name = context.place.name_in(request["arn"], "report-group")
    if not context.store.exists(REPORT_GROUP, name):
        return {}
    with context.store.transaction():
        if context.store.first(Selection(REPORT, name)) and not request.get("deleteReports"):
            raise InvalidInputException(f"Report group {name} has reports; give deleteReports")
        for report in context.store.find(REPORT, parent=name):
            context.store.delete(REPORT, report.name)
        context.store.delete(REPORT_GROUP, name)
        context.store.untag(request["arn"])
    return {}


@handles("ListReports", service="codebuild")
def list_reports(request: Request, context: Context) -> Response:
    """ARNs of all reports."""
    return _list_reports(None, request, context)


@handles("ListReportsForReportGroup", service="codebuild")
def list_reports_of_group(request: Request, context: Context) -> Response:
    """ARNs of a group's reports."""
    name = context.place.name_in(request["reportGroupArn"], "report-group")
    if not context.store.exists(REPORT_GROUP, name):
        raise ResourceNotFoundException(f"There is no report group {request['reportGroupArn']}")
    return _list_reports(name, request, context)


@handles("BatchGetReports", service="codebuild")
def get_reports(request: Request, context: Context) -> Response:
    """Reports by ARN; those that are not there are listed."""
    found, missing = [], []
    for arn in request["reportArns"]:
        name = context.place.name_in(arn, "report")
        if context.store.exists(REPORT, name):
            row = ReportRow.get(context.store, name)
            found.append(row.report | {"created": row.created})
        else:
            missing.append(arn)
    return {"reports": found, "reportsNotFound": missing}


@handles("DescribeTestCases", service="codebuild")
def describe_cases(request: Request, context: Context) -> Response:
    """The test cases of a report, of one status or with a word in their name if asked."""
    name = context.place.name_in(request["reportArn"], "report")
    if not context.store.exists(REPORT, name):
        raise ResourceNotFoundException(f"There is no report {request['reportArn']}")
    row, wanted = ReportRow.get(context.store, name), request.get("filter", {})
    cases = [
        case | {"reportArn": row.arn} | row.marks
        for case in row.cases
        if wanted.get("status", case["status"]) == case["status"] and wanted.get("keyword", "") in case["name"]
    ]
    return PAGING.of_items(request, cases, "testCases", ITEMS_A_PAGE)


@handles("DescribeCodeCoverages", service="codebuild")
def describe_coverages(request: Request, context: Context) -> Response:
    """The files of a report, by path or by how much of their lines was run."""
    name = context.place.name_in(request["reportArn"], "report")
    if not context.store.exists(REPORT, name):
        raise InvalidInputException(f"There is no report {request['reportArn']}")
    row = ReportRow.get(context.store, name)
    least, most = request.get("minLineCoveragePercentage", 0), request.get("maxLineCoveragePercentage", 100)
    key = {"LINE_COVERAGE_PERCENTAGE": "lineCoveragePercentage"}.get(request.get("sortBy", ""), "filePath")
    found = sorted(
        (each for each in row.coverages if least <= each["lineCoveragePercentage"] <= most),
        key=lambda each: each[key],
        reverse=request.get("sortOrder") == "DESCENDING",
    )
    shown = [each | {"reportARN": row.arn} | row.marks for each in found]
    return PAGING.of_items(request, shown, "codeCoverages", ITEMS_A_PAGE)


@handles("GetReportGroupTrend", service="codebuild")
def trend(request: Request, context: Context) -> Response:
    """One figure of the newest reports of a group, the newest first, with its mean, greatest and least."""
    name = context.place.name_in(request["reportGroupArn"], "report-group")
    if not context.store.exists(REPORT_GROUP, name):
        raise ResourceNotFoundException(f"There is no report group {request['reportGroupArn']}")
    kind, field = ReportGroupRow.get(context.store, name).type, request["trendField"]
    if field not in TRENDS[kind]:
        raise InvalidInputException(f"Reports of type {kind} have no {field}; expected {', '.join(TRENDS[kind])}")
    of_group = Selection(REPORT, name, descending=True)
    newest = map(ReportRow.from_row, context.store.page(of_group, request.get("numOfReports") or ITEMS_A_PAGE).rows)
    data = [(row.arn, TRENDS[kind][field](row.report)) for row in newest]
    raw = [{"reportArn": arn, "data": _figure(value)} for arn, value in data]
    if not data:
        return {"stats": {}, "rawData": []}
    values = [value for _, value in data]
    stats = {"average": sum(values) / len(values), "max": max(values), "min": min(values)}
    return {"stats": {key: _figure(value) for key, value in stats.items()}, "rawData": raw}


def _figure(value: float) -> str:
    return f"{value:.2f}".removesuffix(".00")


def _pass_rate(doc: dict[str, Any]) -> float:
    summary = doc["testSummary"]
    return 100 * float(summary["statusCounts"]["SUCCEEDED"]) / summary["total"] if summary["total"] else 0.0


TRENDS: dict[str, dict[str, Callable[[dict[str, Any]], float]]] = {
    "TEST": {
        "PASS_RATE": _pass_rate,
        "DURATION": lambda doc: float(doc["testSummary"]["durationInNanoSeconds"]),
        "TOTAL": lambda doc: float(doc["testSummary"]["total"]),
    },
    "CODE_COVERAGE": {
        "LINE_COVERAGE": lambda doc: float(doc["codeCoverageSummary"]["lineCoveragePercentage"]),
        "LINES_COVERED": lambda doc: float(doc["codeCoverageSummary"]["linesCovered"]),
        "LINES_MISSED": lambda doc: float(doc["codeCoverageSummary"]["linesMissed"]),
        "BRANCH_COVERAGE": lambda doc: float(doc["codeCoverageSummary"]["branchCoveragePercentage"]),
        "BRANCHES_COVERED": lambda doc: float(doc["codeCoverageSummary"]["branchesCovered"]),
        "BRANCHES_MISSED": lambda doc: float(doc["codeCoverageSummary"]["branchesMissed"]),
    },
}


def _list_reports(group: str | None, request: Request, context: Context) -> Response:
    status = request.get("filter", {}).get("status")
    equal = () if status is None else (equals("status", status),)
    ordered = Selection(REPORT, group, descending=is_descending(request), equal=equal)
    return list_rows(ordered, lambda row: ReportRow.from_row(row).arn, "reports", request, context)


def _arn(row: Resource | ReportGroupRow, context: Context) -> str:
    return context.place.arn(f"report-group/{row.name}", "codebuild")


def _group(row: ReportGroupRow, context: Context) -> Response:
    arn = _arn(row, context)
    times = {"created": row.created, "lastModified": row.changed}
    return row.request | times | {"arn": arn, "status": "ACTIVE", "tags": tags.as_list(arn, context)}
