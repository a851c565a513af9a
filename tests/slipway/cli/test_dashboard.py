"""A dashboard: its body read as CloudWatch reads it, drawn, and shown for a stage."""

import json
import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from slipway.cli.dashboard_report.body import Panel, panels
from slipway.cli.dashboard_report.chart import Line, Span, axis, figure, sparkline, svg
from slipway.cli.dashboard_report.page import Board, Picture, page

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
SPAN = Span(NOON, NOON + timedelta(hours=1), 60)
ONE = {"title": "One", "stat": "Sum", "period": 60, "metrics": [["N", "M", "D", "v"]]}


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def body(*widgets):
    return json.dumps({"widgets": list(widgets)})


def metric(metrics, **properties):
    return {"type": "metric", "properties": {"metrics": metrics, **properties}}


ROWS = {
    "plain": ([["N", "M"]], [("M", "N", "M", {}, "Average")]),
    "dimensions": ([["N", "M", "A", "1", "B", "2"]], [("M", "N", "M", {"A": "1", "B": "2"}, "Average")]),
    "dots": (
        [["N", "M", "A", "1"], [".", "O", ".", "."], [".", ".", ".", "2"]],
        [
            ("M", "N", "M", {"A": "1"}, "Average"),
            ("O", "N", "O", {"A": "1"}, "Average"),
            ("O", "N", "O", {"A": "2"}, "Average"),
        ],
    ),
    "an ellipsis": (
        [["N", "M", "A", "1", {"stat": "p50"}], ["...", {"stat": "p95"}], ["...", "2", {"label": "two"}]],
        [
            ("M p50", "N", "M", {"A": "1"}, "p50"),
            ("M p95", "N", "M", {"A": "1"}, "p95"),
            ("two", "N", "M", {"A": "2"}, "Average"),
        ],
    ),
}


@pytest.mark.parametrize(("rows", "expected"), ROWS.values(), ids=ROWS)
def test_rows_of_metrics(rows, expected):
    (panel,) = panels(body(metric(rows)))
    found = []
    for series in panel.series:
        measured = series.query["MetricStat"]["Metric"]
        dimensions = {each["Name"]: each["Value"] for each in measured["Dimensions"]}
        stat = series.query["MetricStat"]["Stat"]
        found.append((series.label, measured["Namespace"], measured["MetricName"], dimensions, stat))
    assert found == expected
    ids = [query["Id"] for query in panel.queries(3)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z][a-zA-Z0-9_]*", name) for name in ids)


def test_an_expression_and_what_it_is_made_of():
    rows = [["N", "A", {"id": "a", "visible": False}], [{"expression": "a * 2", "label": "twice"}]]
    (panel,) = panels(body(metric(rows, period=60)))
    hidden, twice = panel.queries(1)
    assert (hidden["Id"], hidden["ReturnData"], hidden["MetricStat"]["Period"]) == ("a", False, 60)
    assert (twice["Expression"], twice["Period"], twice["ReturnData"]) == ("a * 2", 60, True)
    assert [one.label for one in panel.series] == ["A", "twice"]


@pytest.mark.parametrize(("hours", "period"), [(1, 60), (6, 60), (24, 300), (24 * 7, 3600), (24 * 30, 21600)])
def test_more_hours_have_coarser_points(hours, period):
    assert Panel("", period=60).coarse(hours) == period


def test_widgets_in_the_order_of_reading():
    where = ((0, 6), (12, 0), (0, 0))
    found = panels(body(*({"type": "text", "x": x, "y": y, "properties": {"title": f"{x},{y}"}} for x, y in where)))
    assert [panel.title for panel in found] == ["0,0", "12,0", "0,6"]
    assert all("CloudWatch console" in panel.note for panel in found)


@pytest.mark.parametrize("text", ["", "[]", '{"widgets": 3}'])
def test_what_is_no_dashboard(text):
    with pytest.raises(ValueError):
        panels(text)


@pytest.mark.parametrize(
    ("value", "marks"),
    [
        (0, [0, 0.25, 0.5, 0.75, 1]),
        (1, [0, 0.25, 0.5, 0.75, 1]),
        (13, [0, 5, 10, 15, 20]),
        (240, [0, 50, 100, 150, 200, 250]),
        (0.03, [0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        (9999, [0, 2500, 5000, 7500, 10000]),
    ],
)
def test_an_axis_ends_at_a_round_number(value, marks):
    assert axis(value) == pytest.approx(marks)


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.25, "0.25"), (12, "12"), (1051, "1.05k"), (2.5e6, "2.5M"), (3e9, "3G")]
)
def test_figures_are_short(value, shown):
    assert figure(value) == shown


def paths(drawn):
    root = ET.fromstring(drawn)
    return [path.get("d") for path in root.iter("{http://www.w3.org/2000/svg}path")]


def test_a_line_breaks_where_a_point_is_missing():
    line = Line("l", ((at(0), 0.0), (at(1), 1.0), (at(10), 1.0)))
    (drawn,) = paths(svg([line], SPAN, "t"))
    assert (drawn.count("M"), drawn.count("L")) == (2, 1)


def test_points_lie_where_they_belong():
    (drawn,) = paths(svg([Line("l", ((at(0), 0.0), (at(60), 1.0)))], Span(NOON, at(60), 3600), "t"))
    assert drawn == "M52.0 198.0h0.01 L560.0 8.0"


def test_sparklines_have_the_highest_value_of_each_part():
    line = Line("l", ((at(0), 1.0), (at(1), 8.0), (at(59), 4.0)))
    assert sparkline(line, SPAN, 4) == "█  ▅"
    assert sparkline(Line("l", ((at(0), 0.0),)), SPAN, 4) == "▁   "


def test_the_page_escapes_what_it_is_given():
    alarm = {"AlarmName": "<a>", "StateValue": "ALARM", "StateReason": "<script>"}
    pictures = [Picture("<b>", alarms=(alarm,)), Picture("<i>", (Line("<u>", ()),)), Picture("<p>", note="<q>")]
    made = page(Board("prod", "<e>", SPAN, pictures, NOON))
    assert not re.findall("<(a|script|b|i|u|q|e)>", made)
    assert "&lt;a&gt; in alarm" in made
    assert "no data" in made


def answers(request):
    assert request["EndTime"] - request["StartTime"] == timedelta(hours=2)
    results = []
    for query in request["MetricDataQueries"]:
        values = {"Timestamps": [request["StartTime"]], "Values": [7.0]} if query["ReturnData"] else {}
        results.append({"Id": query["Id"], "Label": "", "StatusCode": "Complete", **values})
    return {"MetricDataResults": results}


@pytest.fixture
def stage(aws, monkeypatch):
    from slipway.cli import projects

    project = projects.Project("demo", "p-1", {"StagingStackName": "demo-staging", "ProdStackName": "demo-prod"})
    monkeypatch.setattr(projects, "require", lambda target: project)
    alarms = {"type": "alarm", "properties": {"alarms": ["arn:aws:cloudwatch:eu-west-1:1:alarm:demo-prod-latency"]}}
    shown = {"type": "metric", "y": 9, "properties": ONE}
    aws.answers |= {
        "GetDashboard": {"DashboardBody": body(shown, alarms)},
        "DescribeAlarms": {"MetricAlarms": [{"AlarmName": "demo-prod-latency", "StateValue": "OK"}]},
        "GetMetricData": answers,
    }
    return aws


def test_a_stage_is_shown(stage, command, tmp_path):
    path = tmp_path / "d" / "page.html"
    code, out, _ = command("dashboard", "prod", "--hours", "2", "--page", str(path))
    assert code == 0
    assert re.search(r"demo-prod-latency +OK", out)
    assert re.search(r"M +█ +7 +7 +7", out)
    assert "prod: no alarm" in path.read_text()
    assert stage.asked("GetDashboard") == [{"DashboardName": "demo-prod"}]
    assert stage.asked("DescribeAlarms") == [{"AlarmNames": ["demo-prod-latency"]}]


def test_an_alarm_is_its_exit_code(stage, command, tmp_path):
    stage.answers["DescribeAlarms"] = {"MetricAlarms": [{"AlarmName": "demo-prod-latency", "StateValue": "ALARM"}]}
    code, out, _ = command("dashboard", "prod", "--hours", "2", "--json", "--page", str(tmp_path / "p.html"))
    found = json.loads(out)
    assert code == 1
    assert [panel["alarms"] for panel in found["panels"]] == [{"demo-prod-latency": "ALARM"}, {}]
    assert [value for _, value in found["panels"][1]["series"]["M"]] == [7.0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("ResourceNotFound: none", "prod has no dashboard demo-prod: deploy it"),
        ({"DashboardBody": "{"}, "The dashboard demo-prod cannot be read"),
        ({"DashboardBody": '{"widgets": [3]}'}, "The dashboard demo-prod cannot be read"),
        ("AccessDenied: no", "AWS refused"),
    ],
)
def test_what_cannot_be_shown_is_one_line(stage, command, answer, words):
    stage.answers["GetDashboard"] = answer
    code, _, told = command("dashboard", "prod")
    assert (code, words in told, told.count("\n")) == (1, True, 1)


def test_a_stage_that_no_project_has(stage, command):
    assert command("dashboard", "moon")[0] == 2
