"""What PutMetricAlarm and PutCompositeAlarm refuse: CloudWatch's rules, and what loopback does not evaluate."""

from collections.abc import Mapping, Sequence
from typing import Any

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch import alarms, expressions
from loopback.engines.cloudwatch.points import is_statistic
from loopback.engines.cloudwatch.series import Grid, Series

NOT_EVALUATED = (
    "ThresholdMetricId",
    "EvaluationCriteria",
    "EvaluationWindow",
    "EvaluationInterval",
    "WarmUpConfiguration",
)
NOT_SUPPRESSED = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
CARRIED_OUT = ("arn:aws:sns:", "arn:aws:lambda:", "arn:aws:autoscaling:")
LONGEST_SECONDS = 7 * 86_400  # Period times EvaluationPeriods, for periods of an hour and more
SHORTER_SECONDS = 86_400


def check_metric_alarm(request: Mapping[str, Any]) -> None:
    """Raises ValidationException for a PutMetricAlarm request that cannot be evaluated as it stands."""
    for name in NOT_EVALUATED:
        if request.get(name) is not None:
            raise ValidationException(f"loopback does not evaluate {name} of alarms")
    if request.get("EvaluateLowSampleCountPercentile") not in (None, "", "evaluate"):
        raise ValidationException("loopback does not evaluate EvaluateLowSampleCountPercentile other than evaluate")
    check_actions(request)
    for name in ("ComparisonOperator", "EvaluationPeriods", "Threshold"):
        if request.get(name) is None:
            raise ValidationException(f"The parameter {name} is required.")
    if request["ComparisonOperator"] not in alarms.COMPARISONS:
        raise ValidationException(
            f"loopback has no anomaly detection, which {request['ComparisonOperator']} compares with"
        )
    if (request.get("DatapointsToAlarm") or 1) > request["EvaluationPeriods"]:
        raise ValidationException("The parameter 'DatapointsToAlarm' must be less than or equal to 'EvaluationPeriods'")
    missing = request.get("TreatMissingData") or "missing"
    if missing not in alarms.MISSING:
        raise ValidationException(
            f"The value '{missing}' of TreatMissingData is not one of {', '.join(alarms.MISSING)}"
        )
    period = _check_queries(request) if request.get("Metrics") else _check_metric(request)
    total = period * request["EvaluationPeriods"]
    if total > (LONGEST_SECONDS if period >= 3600 else SHORTER_SECONDS):
        raise ValidationException(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400), "
            "or a week when the Period is at least 3600"
        )


def check_actions(request: Mapping[str, Any]) -> None:
    """Raises ValidationException for an action that loopback would not carry out."""
    for name in ACTIONS.values():
        for arn in request.get(name) or []:
            if not arn.startswith(CARRIED_OUT) or (":autoscaling:" in arn and ":resource/sagemaker/" not in arn):
                raise ValidationException(
                    f"loopback does not carry out the alarm action {arn}; it knows SNS topics, Lambda functions and "
                    "Application Auto Scaling policies of endpoints"
                )


def _check_metric(request: Mapping[str, Any]) -> int:
    for name in ("MetricName", "Namespace", "Period"):
        if not request.get(name):
            raise ValidationException(f"The parameter {name} is required.")
    statistic, extended = request.get("Statistic"), request.get("ExtendedStatistic")
    if bool(statistic) == bool(extended):
        raise ValidationException("Exactly one of Statistic and ExtendedStatistic must be given")
    check_statistic(str(statistic or extended))
    return check_period(request["Period"])


def check_statistic(name: str) -> None:
    """Raises ValidationException for a statistic that is not computed here."""
    if not is_statistic(name):
        raise ValidationException(
            f"loopback does not compute the statistic {name!r}; it knows the basic ones and p0 to p100"
        )


def check_period(period: int) -> int:
    """The period of an alarm's metric. Raises ValidationException for one that CloudWatch does not take."""
    if period not in (10, 20, 30) and (period <= 0 or period % 60):
        raise ValidationException("Valid values for Period are 10, 20, 30, and any multiple of 60")
    return period


def _check_queries(request: Mapping[str, Any]) -> int:
    queries: Sequence[Mapping[str, Any]] = request["Metrics"]
    beside = [
        name
        for name in ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
        if request.get(name)
    ]
    if beside:
        raise ValidationException(f"Metrics cannot be combined with {', '.join(beside)}")
    names = [query["Id"] for query in queries]
    if len(set(names)) < len(names):
        raise ValidationException("Invalid metrics list: every Id must be there once")
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        raise ValidationException("Invalid metrics list: exactly one query must have ReturnData true")
    for query in queries:
        if bool(query.get("Expression")) == bool(query.get("MetricStat")):
            raise ValidationException(f"Invalid metrics list: {query['Id']} needs one of Expression and MetricStat")
        if query.get("AccountId"):
            raise ValidationException("loopback does not read metrics of another account: AccountId")
    stats = [query["MetricStat"] for query in queries if query.get("MetricStat")]
    if not stats:
        raise ValidationException("Invalid metrics list: no query reads a metric")
    for stat in stats:
        check_statistic(stat["Stat"])
        check_period(stat["Period"])
    if len({stat["Period"] for stat in stats}) > 1:
        raise ValidationException("loopback evaluates queries of one Period together; these have several")
    _check_result(request)
    return int(stats[0]["Period"])


def _check_result(request: Mapping[str, Any]) -> None:
    """Evaluate it on nothing: what cannot be computed shows before the first data point does."""
    alarm = alarms.alarm_of(request)
    metrics: dict[str, Series] = {source.id: [None] for source in alarm.sources}
    known = alarms.evaluate_all(alarm.expressions, metrics, Grid([0.0], alarm.period))
    if not expressions.is_series(known[alarm.returned]):
        raise ValidationException(f"Invalid metrics list: {alarm.returned} must give one time series")


def check_composite_alarm(request: Mapping[str, Any]) -> None:
    """Raises ValidationException for what of a composite alarm is not carried out."""
    for name in NOT_SUPPRESSED:
        if request.get(name) is not None:
            raise ValidationException(f"loopback does not carry out {name} of composite alarms")
    check_actions(request)
