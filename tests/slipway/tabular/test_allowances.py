"""Limits with room for chance: hours like training violate rarely, hours unlike it always."""

import json
import random

import pytest
from scipy.stats import betabinom

from loopback.images.model_monitor import analyzer
from slipway.tabular.allowances import largest_likely_count, widen

HOURS = 120


@pytest.mark.parametrize(("seen", "rows", "hour"), [(0, 3500, 100), (175, 3500, 300), (1, 60, 10), (60, 60, 10)])
@pytest.mark.parametrize("chance", [0.01, 1e-4])
def test_the_room_is_the_quantile_of_a_beta_binomial(seen, rows, hour, chance):
    found = largest_likely_count(seen, rows, hour, chance)
    exceeded = betabinom(hour, seen + 0.5, rows - seen + 0.5).sf
    assert exceeded(found) <= chance * 1.0001
    assert found == 0 or exceeded(found - 1) > chance


def analyzed(source, output, lines, **against):
    source.mkdir(exist_ok=True)
    (source / "a.csv").write_text("\n".join(["a,b,town,n", *lines]) + "\n")
    given = {"dataset_source": str(source), "output_path": str(output), "SAGEMAKER_BASE_DIR": str(output)}
    assert analyzer.main({**given, "dataset_format": '{"csv": {"header": true}}', **against}) == 0
    return output


def lines(count, chance, gaps=0.05, fractions=0.0):
    """Two numbers of which one has gaps, a category with a long tail, an integer that seldom is none."""
    for _ in range(count):
        a = "" if chance.random() < gaps else f"{chance.random():.4f}"
        n = chance.randint(0, 9) + (0.5 if chance.random() < fractions else 0)
        yield f"{a},{chance.random():.4f},town {min(int(chance.expovariate(0.25)), 60)},{n}"


class Monitor:
    """The baseline of 2,000 rows with its widened limits."""

    def __init__(self, folder, hour_rows=100):
        self.folder, self.chance = folder, random.Random(7)
        made = analyzed(folder / "training", folder / "baseline", lines(2000, self.chance))
        self.statistics, constraints = (
            json.loads((made / f"{n}.json").read_text()) for n in ("statistics", "constraints")
        )
        self.constraints, self.allowed = widen(self.statistics, constraints, hour_rows)
        (made / "constraints.json").write_text(json.dumps(self.constraints))
        self.against = {f"baseline_{name}": str(made / f"{name}.json") for name in ("statistics", "constraints")}

    def violations(self, rows, **unlike):
        found = analyzed(
            self.folder / "hour", self.folder / "found", lines(rows, self.chance, **unlike), **self.against
        )
        path = found / "constraint_violations.json"
        if not path.exists():
            return set()
        document = json.loads(path.read_text())["violations"]
        path.unlink()
        return {(violation["feature_name"], violation["constraint_check_type"]) for violation in document}


@pytest.fixture(scope="module")
def monitor(tmp_path_factory):
    return Monitor(tmp_path_factory.mktemp("monitor"))


@pytest.mark.parametrize("rows", [100, 400])
def test_hours_like_training_violate_rarely(monitor, rows):
    assert sum(bool(monitor.violations(rows)) for _ in range(HOURS)) <= HOURS // 100


@pytest.mark.parametrize(
    ("unlike", "check"), [({"gaps": 0.3}, ("a", "completeness_check")), ({"fractions": 0.2}, ("n", "data_type_check"))]
)
def test_hours_unlike_training_do(monitor, unlike, check):
    assert all(check in monitor.violations(100, **unlike) for _ in range(5))


def test_what_is_allowed_is_said(monitor):
    allowed = monitor.allowed["allowed"]
    assert monitor.allowed["hour_rows"] == 100
    assert allowed["a"]["completeness"]["of"] == 2000
    assert allowed["a"]["completeness"]["allowed"] > 5
    assert set(allowed["n"]) == {"completeness", "type"}
    assert allowed["town"]["domain"]["seen"] >= 1
    feature = next(each for each in monitor.constraints["features"] if each["name"] == "a")
    assert feature["completeness"] == 1 - allowed["a"]["completeness"]["allowed"] / 100


def test_to_widen_twice_changes_nothing_more(monitor):
    assert widen(monitor.statistics, monitor.constraints, 100)[0] == monitor.constraints


def test_larger_hours_have_tighter_limits(tmp_path, monitor):
    larger = Monitor(tmp_path, hour_rows=1000).constraints["features"][0]["completeness"]
    assert monitor.constraints["features"][0]["completeness"] < larger < 0.95


def test_a_column_without_values_and_one_that_is_not_counted_keep_what_they_have():
    features = [{"name": name, "inferred_type": "Unknown", "completeness": 0.0} for name in ("empty", "other")]
    document, told = widen({"features": features[:1]}, {"features": features}, 100)
    assert (document["features"], told["allowed"]) == (features, {"empty": {}})
