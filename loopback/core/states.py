"""Lifecycle of every resource, as tables. No clock, no store, no process: see `workers` for those.

Rule 1: a status changes only through `advance`.
Rule 2: a table row is the whole truth; a transition that is not written here cannot happen.
"""

from collections.abc import Mapping

Table = Mapping[str, Mapping[str, str]]

JOB: Table = {
    "Queued": {"lease": "InProgress", "stop": "Stopped", "lose": "Failed"},
    "InProgress": {
        "complete": "Completed",
        "fail": "Failed",
        "stop": "Stopping",
        "halt": "Stopped",
        "lose": "Failed",
    },
    "Stopping": {"complete": "Stopped", "fail": "Stopped", "halt": "Stopped", "lose": "Stopped"},
    "Completed": {},
    "Failed": {},
    "Stopped": {},
}
TUNING: Table = {  # and a training job of a tuning job
    "InProgress": {"complete": "Completed", "fail": "Failed", "stop": "Stopping", "halt": "Stopped"},
    "Stopping": {"complete": "Completed", "fail": "Failed", "halt": "Stopped"},
    "Completed": {},
    "Failed": {},
    "Stopped": {},
}
EXECUTION: Table = {
    "Executing": {"succeed": "Succeeded", "fail": "Failed", "stop": "Stopping"},
    "Stopping": {"succeed": "Stopped", "fail": "Failed", "halt": "Stopped"},
    "Failed": {"retry": "Executing"},
    "Stopped": {"retry": "Executing"},
    "Succeeded": {},
}
STEP: Table = {
    "Starting": {
        "begin": "Executing",
        "succeed": "Succeeded",
        "fail": "Failed",
        "stop": "Stopping",
        "halt": "Stopped",
    },
    "Executing": {
        "succeed": "Succeeded",
        "fail": "Failed",
        "stop": "Stopping",
        "halt": "Stopped",
        "again": "Starting",
    },
    "Stopping": {"succeed": "Succeeded", "fail": "Failed", "halt": "Stopped"},
    "Failed": {"again": "Starting"},
    "Stopped": {"again": "Starting"},
    "Succeeded": {},
}
ENDPOINT: Table = {
    "Creating": {"serve": "InService", "fail": "Failed"},
    "InService": {"update": "Updating", "delete": "Deleting"},
    "Updating": {"serve": "InService", "roll_back": "RollingBack"},
    "RollingBack": {"serve": "InService", "fail": "Failed"},
    "Failed": {"delete": "Deleting"},
    "Deleting": {},
}
BUILD: Table = {
    "IN_PROGRESS": {
        "succeed": "SUCCEEDED",
        "fail": "FAILED",
        "fault": "FAULT",
        "time_out": "TIMED_OUT",
        "stop": "STOPPED",
    },
    "SUCCEEDED": {},
    "FAILED": {},
    "FAULT": {},
    "TIMED_OUT": {},
    "STOPPED": {},
}
DELIVERY: Table = {  # an execution of CodePipeline
    "InProgress": {
        "succeed": "Succeeded",
        "fail": "Failed",
        "stop": "Stopping",
        "halt": "Stopped",
        "supersede": "Superseded",
    },
    "Stopping": {"succeed": "Succeeded", "fail": "Failed", "halt": "Stopped"},
    "Failed": {"retry": "InProgress"},
    "Stopped": {"retry": "InProgress"},
    "Succeeded": {},
    "Superseded": {},
}
DELIVERY_STAGE: Table = {
    "InProgress": {
        "succeed": "Succeeded",
        "skip": "Skipped",
        "fail": "Failed",
        "stop": "Stopping",
        "halt": "Stopped",
    },
    "Stopping": {"succeed": "Succeeded", "fail": "Failed", "halt": "Stopped"},
    "Failed": {"retry": "InProgress"},
    "Stopped": {"retry": "InProgress"},
    "Succeeded": {},
    "Skipped": {},
}
DELIVERY_ACTION: Table = {  # and a rule of a condition
    "InProgress": {"succeed": "Succeeded", "fail": "Failed", "abandon": "Abandoned"},
    "Succeeded": {},
    "Failed": {},
    "Abandoned": {},
}
MONITORING_SCHEDULE: Table = {
    "Pending": {"schedule": "Scheduled", "fail": "Failed", "stop": "Stopped"},
    "Scheduled": {"update": "Pending", "stop": "Stopped", "fail": "Failed"},
    "Failed": {"update": "Pending", "start": "Pending", "stop": "Stopped"},
    "Stopped": {"start": "Pending"},
}
MONITORING_EXECUTION: Table = {
    "Pending": {"begin": "InProgress", "fail": "Failed"},
    "InProgress": {
        "complete": "Completed",
        "violate": "CompletedWithViolations",
        "fail": "Failed",
        "stop": "Stopping",
        "halt": "Stopped",
    },
    "Stopping": {"halt": "Stopped", "fail": "Failed"},
    "Completed": {},
    "CompletedWithViolations": {},
    "Failed": {},
    "Stopped": {},
}
ALERT_CHANGE: Table = {"InAlert": {"clear": "OK"}, "OK": {}}  # of a monitoring alert, which went into that status
STACK_OPERATION: Table = {  # one change of a stack on behalf of a project or a provisioned product
    "CREATED": {"begin": "IN_PROGRESS", "fail": "FAILED"},
    "IN_PROGRESS": {"roll_back": "IN_PROGRESS_IN_ERROR", "succeed": "SUCCEEDED", "fail": "FAILED"},
    "IN_PROGRESS_IN_ERROR": {"succeed": "SUCCEEDED", "fail": "FAILED"},
    "SUCCEEDED": {},
    "FAILED": {},
}
PROJECT: Table = {
    "Pending": {"begin": "CreateInProgress", "fail": "CreateFailed"},
    "CreateInProgress": {"succeed": "CreateCompleted", "fail": "CreateFailed"},
    "CreateCompleted": {"update": "UpdateInProgress", "delete": "DeleteInProgress"},
    "CreateFailed": {"delete": "DeleteInProgress"},
    "UpdateInProgress": {"succeed": "UpdateCompleted", "fail": "UpdateFailed"},
    "UpdateCompleted": {"update": "UpdateInProgress", "delete": "DeleteInProgress"},
    "UpdateFailed": {"update": "UpdateInProgress", "delete": "DeleteInProgress"},
    "DeleteInProgress": {"succeed": "DeleteCompleted", "fail": "DeleteFailed"},
    "DeleteFailed": {"delete": "DeleteInProgress"},
    "DeleteCompleted": {},
}
PROVISIONED_PRODUCT: Table = {  # one that is terminated is gone: its row is deleted
    "UNDER_CHANGE": {"succeed": "AVAILABLE", "taint": "TAINTED", "fail": "ERROR"},
    "AVAILABLE": {"change": "UNDER_CHANGE"},
    "TAINTED": {"change": "UNDER_CHANGE"},
    "ERROR": {"change": "UNDER_CHANGE"},
}
SCALING_ACTIVITY: Table = {
    "InProgress": {"succeed": "Successful", "fail": "Failed"},
    "Successful": {},
    "Failed": {},
}
DEPLOYMENT: Table = {  # of CodeDeploy; a rollback is a deployment of its own
    "Created": {"begin": "InProgress", "fail": "Failed", "stop": "Stopped"},
    "InProgress": {"succeed": "Succeeded", "fail": "Failed", "stop": "Stopped"},
    "Succeeded": {},
    "Failed": {},
    "Stopped": {},
}
PIPELINE: Table = {"Active": {"delete": "Deleting"}, "Deleting": {}}
PRESENT: Table = {"Completed": {}}  # what is whole as soon as its row is: models, groups, packages, trials


class IllegalTransition(Exception):
    """The event cannot happen in that status."""


def advance(table: Table, status: str, event: str) -> str:
    """Return the status that follows `event`, or raise IllegalTransition."""
    try:
        return table[status][event]
    except KeyError:
        allowed = ", ".join(sorted(table.get(status, {}))) or "nothing (final)"
        raise IllegalTransition(f"{event!r} in status {status!r}; allowed: {allowed}") from None


def is_final(table: Table, status: str) -> bool:
    """Whether nothing but a retry can happen any more."""
    return set(table[status]) <= {"retry", "again"}
