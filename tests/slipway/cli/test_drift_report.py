"""Documents in; distances, words, rows and since-when out."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from loopback.images.model_monitor.analyzer import main as analyze
from slipway.build import sample_data
from slipway.cli.drift_report import distances, distributions, executions, report, sparklines, wording
from slipway.cli.drift_report.distances import Distance
from slipway.cli.drift_report.distributions import Feature, Sketch
from slipway.cli.drift_report.executions import Execution, Since
from slipway.cli.drift_report.report import Documents

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def violation(name: str = "age", check: str = "baseline_drift_check", told: str = "") -> dict[str, str]:
    return {"feature_name": name, "constraint_check_type": check, "description": told}


def execution(hours_ago: int, *violations: dict[str, str], status: str = "") -> Execution:
    status = status or ("CompletedWithViolations" if violations else "Completed")
    return Execution(NOW - timedelta(hours=hours_ago), status, f"arn:j/{hours_ago}", violations=violations)


DRIFTED, OTHER = violation(), violation("job")


@pytest.mark.parametrize(
    ("history", "found"),
    [
        ([execution(0, DRIFTED), execution(1)], Since(NOW, 1, at_least=False)),
        (
            [execution(0, DRIFTED), execution(1, OTHER, DRIFTED), execution(2, OTHER)],
            Since(NOW - timedelta(hours=1), 2, at_least=False),
        ),
        ([execution(1, DRIFTED), execution(0, DRIFTED)], Since(NOW - timedelta(hours=1), 2, at_least=True)),
        (
            [execution(0, DRIFTED), execution(1, status="Failed"), execution(2, DRIFTED), execution(3)],
            Since(NOW - timedelta(hours=2), 2, at_least=False),
        ),
        ([execution(0), execution(1, DRIFTED)], None),
        ([], None),
    ],
)
def test_since_when(history: list[Execution], found: Since | None) -> None:
    assert executions.since(executions.key(DRIFTED), history) == found


def test_marks_are_in_the_order_of_time() -> None:
    history = [execution(0, DRIFTED), execution(1, status="Failed"), execution(2)]
    assert executions.marks(("age", "baseline_drift_check"), history) == [False, None, True]


LIVE = Feature("f", "String", 96, 4, categories={"a": 90.0, "b": 4.0, "n/a": 2.0})
CONSTRAINT = {"name": "f", "completeness": 1.0, "string_constraints": {"domains": ["a"]}}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (violation(told="Baseline drift distance: 0.31 exceeds threshold: 0.1"), "drift distance 0.31 above 0.1"),
        (
            violation(told="Numerical distance: 3.1e-1 exceeds numerical threshold: 0.1"),
            "drift distance 0.31 above 0.1",
        ),
        (
            violation(told="Chi-squared p-value: 0.0004 is below threshold: 0.05"),
            "categories drift: chi-squared p-value 0.0004 below 0.05",
        ),
        (violation(told="it is different"), "it is different"),
        (violation(check="completeness_check"), "4 % missing where 0 % is allowed"),
        (
            violation(check="data_type_check", told="Observed: Only 97.9% of data is Integral."),
            'wrong type: 2.1 % of the values are not whole numbers: "a" (90, 94 %), "b" (4, 4.2 %), "n/a" (2, 2.1 %)',
        ),
        (violation(check="categorical_values_check"), 'new categories "b" (4, 4.2 %), "n/a" (2, 2.1 %)'),
        (violation(check="missing_column_check"), "column missing"),
        (violation(check="extra_column_check"), "column that the baseline does not have"),
        (violation(check="a_check_of_tomorrow", told="said by the monitor"), "said by the monitor"),
        (violation(check="silent"), "silent"),
    ],
)
def test_a_violation_in_plain_words(given: dict[str, str], words: str) -> None:
    assert wording.in_words(given, LIVE, CONSTRAINT, None) == words


@pytest.mark.parametrize(
    ("share", "told"),
    [(0, "0 %"), (0.00001, "under 0.01 %"), (0.004, "0.4 %"), (0.05, "5 %"), (0.1234, "12 %"), (1, "100 %")],
)
def test_shares_are_told_as_percent(share: float, told: str) -> None:
    assert wording.percent(share) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0732, "0.0732"), (5.0, "5"), (1234567.0, "1 234 567"), (1234.5, "1234"), (1e20, "1e+20"), (None, "")],
)
def test_figures_have_three_digits(value: float | None, told: str) -> None:
    assert wording.figure(value) == told


def numbers(values: Any) -> Feature:
    sketch = Sketch.read({"sketch": {"data": [list(map(float, values))]}})
    return Feature("x", "Fractional", len(values), 0, sketch)


def test_the_distance_of_numbers_is_that_of_kolmogorov_and_smirnov() -> None:
    chance = np.random.default_rng(1)
    first, second = chance.normal(0, 1, 500), chance.normal(0.4, 1, 300)
    found = distances.measure(numbers(first), numbers(second), {"comparison_method": "Simple"})
    assert found is not None
    assert found.gap == found.distance == pytest.approx(stats.ks_2samp(first, second).statistic)
    # the critical value at 99.9 %, with scipy's asymptotic distribution as the witness
    scale = ((500 + 300) / (500 * 300)) ** 0.5
    assert found.chance / scale == pytest.approx(stats.kstwobign.ppf(0.999), rel=1e-3)
    robust = distances.measure(numbers(first), numbers(second), {"comparison_method": "Robust"})
    assert robust is not None
    assert robust.distance == pytest.approx(found.gap - 1.8 * scale)


def test_chance_alone_rarely_puts_categories_so_far_apart() -> None:
    chance = np.random.default_rng(2)
    pairs = [(np.bincount(chance.choice(5, 400)), np.bincount(chance.choice(5, 200))) for _ in range(300)]
    for first, second in pairs:
        counts = (dict(zip("abcde", map(float, side), strict=True)) for side in (first, second))
        sides = [Feature("c", "String", 1, 0, categories=count) for count in counts]
        found = distances.measure(*sides, {})
        assert found is not None
        assert found.gap < found.chance


def test_a_sketch_weighs_its_levels() -> None:
    sketch = Sketch.read({"sketch": {"data": [[3.0], [1.0, 2.0]]}})
    assert (sketch.count, sketch.below(2, including=True), sketch.below(2, including=False)) == (5, 4, 2)
    assert (sketch.quantile(0), sketch.quantile(0.5), sketch.quantile(1)) == (1, 2, 3)


def test_buckets_do_where_there_is_no_sketch() -> None:
    bucket = {"lower_bound": 0.0, "upper_bound": 10.0, "count": 20.0}
    assert Sketch.read({"buckets": [bucket]}).count == pytest.approx(20)


def test_one_value_far_out_leaves_the_others_apart() -> None:
    found = distributions.histogram(numbers(range(1000)), numbers([*range(999), 1e9]))
    assert found is not None
    assert found.edges[-1] < 1001
    assert sum(found.live or ()) == pytest.approx(1)


def test_whole_numbers_have_a_bin_each() -> None:
    side = Feature("n", "Integral", 4, 0, Sketch((0.0, 1.0, 2.0, 3.0), (1.0,) * 4))
    found = distributions.histogram(side, None)
    assert found is not None
    assert (found.edges, found.baseline, found.live) == ((-0.5, 0.5, 1.5, 2.5, 3.5), (0.25,) * 4, None)


def test_new_categories_come_first_and_the_rest_is_one() -> None:
    before, after = dict.fromkeys("abcdefghijk", 10.0), {"a": 99.0, "new": 1.0}
    found = distributions.bars(before, after, most=3)
    assert [(bar.name, bar.new, bar.others) for bar in found][:2] == [("new", True, 0), ("a", False, 0)]
    assert (found[-1].others, len(found)) == (9, 4)
    assert sum(bar.baseline or 0 for bar in found) == pytest.approx(1)


def test_thresholds_of_a_feature_come_before_those_of_the_file() -> None:
    common = {"monitoring_config": {"distribution_constraints": {"comparison_threshold": 0.2}}}
    own = {"monitoringConfigOverrides": {"distribution_constraints": {"comparison_threshold": 0.5}}}
    assert distances.distribution_rules(common, {})["comparison_threshold"] == 0.2
    assert distances.distribution_rules(common, own)["comparison_threshold"] == 0.5


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Documents, list[dict[str, str]]]:
    """What the analyzer writes about drifted requests with a column renamed."""
    folder = tmp_path_factory.mktemp("churn")

    def run(name: str, rows: int, drift: float, rename: str = "", **more: str) -> Path:
        table = next(sample_data.tables("churn", rows, 5, drift)).to_pandas()
        (folder / name).mkdir()
        table.rename(columns={rename: f"{rename} 2"}).to_csv(folder / name / "in.csv", index=False)
        environ = {"SAGEMAKER_BASE_DIR": str(folder / "ml"), "dataset_format": '{"csv": {"header": true}}'}
        environ |= {"dataset_source": str(folder / name), "output_path": str(folder / f"{name}-out"), **more}
        assert analyze(environ) == 0
        return folder / f"{name}-out"

    base = run("base", 2000, 0)
    names = {"baseline_statistics": "statistics.json", "baseline_constraints": "constraints.json"}
    live = run("live", 600, 0.8, "Day Calls", **{key: str(base / name) for key, name in names.items()})
    paths = (live / "statistics.json", *(base / file for file in names.values()))
    statistics, *baseline = [json.loads(path.read_text()) for path in paths]
    violations = json.loads((live / "constraint_violations.json").read_text())["violations"]
    return Documents(statistics, {}, *baseline), violations


def test_distances_agree_with_the_monitor(churn: tuple[Documents, list[dict[str, str]]]) -> None:
    documents, violations = churn
    newest = execution(0, *violations)
    made = report.data_quality("s", newest, [newest], documents)
    rows = {row.name: row for row in made.rows}
    drifted = [one for one in violations if one["constraint_check_type"] == "baseline_drift_check"]
    assert len(drifted) > 2
    for one in drifted:
        measured = rows[one["feature_name"]].distance
        assert measured is not None
        assert wording.in_words(one, None, None, None).endswith(f"above {wording.figure(measured.threshold)}")
        assert float(re.findall(r"distance: (\S+)", one["description"])[0]) == pytest.approx(measured.distance)
    assert {row.name for row in made.rows if row.distance and row.distance.distance > row.distance.threshold} == {
        one["feature_name"] for one in drifted
    }
    assert [bool(row.findings) for row in made.rows] == sorted((bool(row.findings) for row in made.rows), reverse=True)
    words = {finding.subject: finding.words for finding in made.findings}
    assert words["Day Calls"] == "column missing"
    assert words["Day Calls 2"] == "column that the baseline does not have"
    assert made.counted == 600
    assert json.loads(json.dumps(made.dump(), default=str))["violations"][0]["since"]["executions"] == 1


def test_a_sparkline_is_ten_letters_on_one_scale(churn: tuple[Documents, list[dict[str, str]]]) -> None:
    newest = execution(0)
    for row in report.data_quality("s", newest, [newest], churn[0]).rows:
        pair = sparklines.pair(row)
        assert max(map(len, pair)) <= sparklines.WIDTH
        assert "█" in "".join(pair) or not (row.distance or any(pair))
    assert sparklines.line([0, 0.1, 1], 1) == " ▁█"


def test_figures_of_the_model_against_their_bounds() -> None:
    told = {"metric_name": "f2", "constraint_check_type": "LessThanThreshold", "description": "too low"}
    newest = execution(0, told)
    documents = Documents(
        {
            "dataset": {"item_count": 300},
            "binary_classification_metrics": {
                "confusion_matrix": {"0": {}},
                "auc": {"value": 0.9, "standard_deviation": "NaN"},
                "f2": {"value": 0.43, "standard_deviation": 0.02},
            },
        },
        {},
        {},
        {"binary_classification_constraints": {"f2": {"threshold": 0.9, "comparison_operator": "LessThanThreshold"}}},
    )
    made = report.model_quality("s", newest, [newest], documents)
    assert [(m.name, m.deviation, m.bound) for m in made.metrics] == [("f2", 0.02, 0.9), ("auc", None, None)]
    assert [(f.subject, f.words, f.how_sure) for f in made.findings] == [
        ("f2", "0.43 is below 0.9", "standard deviation 0.02")
    ]


def test_how_sure_names_sizes_and_test() -> None:
    told = wording.how_sure(Distance(0.27, 0.2, 0.1, "Robust", 0.07, "Kolmogorov-Smirnov", 3333, 900))
    assert told == "900 live, 3 333 baseline values; gap 0.27, by chance alone under 0.07 (99.9 %, Kolmogorov-Smirnov)"
