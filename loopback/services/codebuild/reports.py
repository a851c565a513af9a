"""Report groups and reports: made by builds, shown here."""

from typing import Any

from loopback.core.errors import ResourceInUse
from loopback.core.kinds import REPORT, REPORT_GROUP
from loopback.core.store import Resource
from loopback.services.codebuild import tags
from loopback.services.codebuild.errors import (
    InvalidInputException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from loopback.services.codebuild.paging import page
from loopback.services.registry import Context, Request, Response, handles

MOST = 100  # a page


@handles("CreateReportGroup", service="codebuild")
def create_group(request: Request, context: Context) -> Response:
    """A group of test reports. Reports stay here: they are not exported to S3."""
    if request["type"] != "TEST":
        raise InvalidInputException(f"loopback does not carry out report groups of type {request['type']}")
    if request["exportConfig"].get("exportConfigType", "NO_EXPORT") != "NO_EXPORT":
        raise InvalidInputException("loopback does not carry out the export of reports; use NO_EXPORT")
    doc = {key: value for key, value in request.items() if key != "tags"}
    with context.store.transaction():
        try:
            row = context.store.create(REPORT_GROUP, request["name"], doc)
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
            found.append(_group(context.store.get(REPORT_GROUP, name), context))
        else:
            missing.append(arn)
    return {"reportGroups": found, "reportGroupsNotFound": missing}


@handles("ListReportGroups", service="codebuild")
def list_groups(request: Request, context: Context) -> Response:
    """ARNs, in the order asked for."""
    keys = {"NAME": lambda row: row.name, "LAST_MODIFIED_TIME": lambda row: row.changed}
    rows = sorted(
        context.store.find(REPORT_GROUP),
        key=keys.get(request.get("sortBy", ""), lambda row: row.created),
        reverse=request.get("sortOrder", "DESCENDING") == "DESCENDING",
    )
    return page([_arn(row, context) for row in rows], request, "reportGroups", MOST)


@handles("DeleteReportGroup", service="codebuild")
def delete_group(request: Request, context: Context) -> Response:
    """A group; with reports in it only when `deleteReports` says so. One that is not there is no error."""
    name = context.place.name_in(request["arn"], "report-group")
    if not context.store.exists(REPORT_GROUP, name):
        return {}
    with context.store.transaction():
        reports = context.store.find(REPORT, parent=name)
        if reports and not request.get("deleteReports"):
            raise InvalidInputException(f"Report group {name} has {len(reports)} reports; give deleteReports")
        for report in reports:
            context.store.delete(REPORT, report.name)
        context.store.delete(REPORT_GROUP, name)
        context.store.untag(request["arn"])
    return {}


@handles("ListReports", service="codebuild")
def list_reports(request: Request, context: Context) -> Response:
    """ARNs of all reports."""
    return _listed(context.store.find(REPORT), request)


@handles("ListReportsForReportGroup", service="codebuild")
def list_reports_of_group(request: Request, context: Context) -> Response:
    """ARNs of a group's reports."""
    name = context.place.name_in(request["reportGroupArn"], "report-group")
    if not context.store.exists(REPORT_GROUP, name):
        raise ResourceNotFoundException(f"There is no report group {request['reportGroupArn']}")
    return _listed(context.store.find(REPORT, parent=name), request)


@handles("BatchGetReports", service="codebuild")
def get_reports(request: Request, context: Context) -> Response:
    """Reports by ARN; those that are not there are listed."""
    found, missing = [], []
    for arn in request["reportArns"]:
        name = context.place.name_in(arn, "report")
        if context.store.exists(REPORT, name):
            row = context.store.get(REPORT, name)
            found.append(row.doc | {"created": row.created})
        else:
            missing.append(arn)
    return {"reports": found, "reportsNotFound": missing}


@handles("DescribeTestCases", service="codebuild")
def describe_cases(request: Request, context: Context) -> Response:
    """The test cases of a report, of one status or with a word in their name if asked."""
    name = context.place.name_in(request["reportArn"], "report")
    if not context.store.exists(REPORT, name):
        raise ResourceNotFoundException(f"There is no report {request['reportArn']}")
    row, wanted = context.store.get(REPORT, name), request.get("filter", {})
    cases = [
        case | {"reportArn": row.doc["arn"], "expired": row.doc["expired"]}
        for case in row.result["cases"]
        if wanted.get("status", case["status"]) == case["status"] and wanted.get("keyword", "") in case["name"]
    ]
    return page(cases, request, "testCases", MOST)


def _listed(rows: list[Resource], request: Request) -> Response:
    status = request.get("filter", {}).get("status")
    arns: list[Any] = [row.doc["arn"] for row in rows if status in (None, row.doc["status"])]
    if request.get("sortOrder", "DESCENDING") == "DESCENDING":
        arns.reverse()
    return page(arns, request, "reports", MOST)


def _arn(row: Resource, context: Context) -> str:
    return context.place.arn(f"report-group/{row.name}", "codebuild")


def _group(row: Resource, context: Context) -> Response:
    arn = _arn(row, context)
    times = {"created": row.created, "lastModified": row.changed}
    return row.doc | times | {"arn": arn, "status": "ACTIVE", "tags": tags.shown(arn, context)}
