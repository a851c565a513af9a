"""CloudWatch of the base: GetMetricData with metric math, and dashboards whose bodies are looked into.

The base answers InternalError for every expression, gives the oldest data first, and keeps any text as a dashboard.
"""

import importlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from loopback.core.errors import ValidationException
from loopback.engines.cloudwatch import dashboards, metric_data
from loopback.ministack.alarms import Alarms
from loopback.wire import model, query

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudwatch": (
        "_get_metric_data",
        "_put_dashboard",
        "cloudformation_put_dashboard",
        "_cbor_metric_data_result",
        "_cbor_ok",
        "_json_ok",
        "_xml",
        "_error",
        "_parse_ts",
    ),
}
Answer = tuple[int, dict[str, str], bytes]


def install(alarms: Alarms) -> None:
    """Once, before the base serves."""
    (cloudwatch,) = (importlib.import_module(name) for name in HOOKS)
    module: Any = cloudwatch
    keep = module.cloudformation_put_dashboard

    def get_metric_data(params: Any, body: Any, is_cbor: bool, is_json: bool = False) -> Answer:
        try:
            request = _request(params, body, "GetMetricData", modelled=is_cbor or is_json)
            span = metric_data.Span(module._parse_ts(request["StartTime"]), module._parse_ts(request["EndTime"]))
            answer = metric_data.answer(request, span, lambda key: alarms.points(key, span.start - 86_400))
        except ValidationException as fault:
            refusal: Answer = module._error("ValidationError", str(fault), 400, use_json=is_json, use_cbor=is_cbor)
            return refusal
        return _render(module, answer, is_cbor, is_json)

    def put_checked_dashboard(name: str, body: str) -> Any:
        """What stacks and PutDashboard both call."""
        if fault := dashboards.name_fault(name) or dashboards.body_fault(body):
            raise ValueError(fault)
        return keep(name, body)

    put = module._put_dashboard

    def put_dashboard(params: Any, body: Any, is_cbor: bool, is_json: bool = False) -> Answer:
        try:
            _request(params, body, "PutDashboard", modelled=is_cbor or is_json)
            answer: Answer = put(params, body, is_cbor, is_json)
        except (ValidationException, ValueError) as fault:
            answer = module._error("InvalidParameterInput", str(fault), 400, use_json=is_json, use_cbor=is_cbor)
        return answer

    module._get_metric_data, module._put_dashboard = get_metric_data, put_dashboard
    module.cloudformation_put_dashboard = put_checked_dashboard


def _request(params: Any, body: Mapping[str, Any], operation: str, *, modelled: bool) -> dict[str, Any]:
    """The request, whichever protocol it came in, checked against the service model. Raises ValidationException."""
    shape = model.operation("cloudwatch", operation).input_shape
    given = {key: value for key, value in body.items() if value is not None} if modelled else query.parse(params, shape)
    model.check(given, shape)
    return given


def _render(module: Any, answer: Mapping[str, Any], is_cbor: bool, is_json: bool) -> Answer:
    results = [
        result | {"Timestamps": [_iso(start) for start in result["Timestamps"]]}
        for result in answer["MetricDataResults"]
    ]
    whole = {**answer, "MetricDataResults": results}
    found: Answer
    if is_cbor:
        whole["MetricDataResults"] = [module._cbor_metric_data_result(result) for result in results]
        found = module._cbor_ok(whole)
    elif is_json:
        found = module._json_ok(whole)
    else:
        found = module._xml(200, "GetMetricDataResponse", _xml_of(whole))
    return found


def _iso(start: float) -> str:
    return datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _xml_of(whole: Mapping[str, Any]) -> str:
    members = "".join(
        f"<member><Id>{escape(result['Id'])}</Id><Label>{escape(result['Label'])}</Label>"
        f"<StatusCode>{result['StatusCode']}</StatusCode>"
        f"<Timestamps>{_members(result['Timestamps'])}</Timestamps><Values>{_members(result['Values'])}</Values></member>"
        for result in whole["MetricDataResults"]
    )
    token = f"<NextToken>{whole['NextToken']}</NextToken>" if "NextToken" in whole else ""
    return f"<GetMetricDataResult><MetricDataResults>{members}</MetricDataResults>{token}</GetMetricDataResult>"


def _members(values: list[Any]) -> str:
    return "".join(f"<member>{value}</member>" for value in values)
