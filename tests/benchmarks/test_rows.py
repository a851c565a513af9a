from collections.abc import Iterator

import pytest

from benchmarks.rows import Goal, Row, measure_in_turns, median


def scripted(name: str, values: list[float], calls: list[str]):
    left: Iterator[float] = iter(values)

    def measure() -> float:
        calls.append(name)
        return next(left)

    return measure


def test_ours_and_floor_take_turns_and_medians_are_taken():
    calls: list[str] = []
    said: list[str] = []
    ours, floor = measure_in_turns(
        scripted("ours", [9.0, 1.0, 2.0], calls), scripted("floor", [4.0, 3.0, 100.0], calls), 3, said.append
    )
    assert (ours, floor) == (2.0, 4.0)
    assert calls == ["ours", "floor"] * 3
    assert said[0] == "round 1 of 3, ours"
    assert said[-1] == "round 3 of 3, floor"


def test_median_of_an_even_count_is_between_the_middle_two():
    said: list[str] = []
    assert median(scripted("it", [1.0, 10.0, 3.0, 2.0], []), 4, said.append) == 2.5
    assert len(said) == 4


@pytest.mark.parametrize(
    ("goal", "ours", "floor", "met"),
    [
        (Goal("ratio", 1.2), 1.2, 1.0, True),
        (Goal("ratio", 1.2), 1.21, 1.0, False),
        (Goal("ours", 3.0), 3.0, 0.001, True),
        (Goal("ours", 3.0), 3.001, 100.0, False),
        (Goal("ours", 0.3, below=True), 0.3, None, False),
        (Goal("ours", 0.3, below=True), 0.299, None, True),
        (Goal("ours", 5000.0, least=True), 5000.0, None, True),
        (Goal("ours", 5000.0, least=True), 4999.0, None, False),
    ],
)
def test_a_goal_is_kept_or_not(goal: Goal, ours: float, floor: float | None, met: bool):
    assert Row("it", "s", ours, goal, floor).met is met


def test_a_goal_for_a_ratio_needs_a_floor():
    with pytest.raises(ValueError, match="it: a goal for the ratio, which was not measured"):
        Row("it", "s", 1.0, Goal("ratio", 1.2)).met


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        (Goal("ratio", 1.05), "ratio <= 1.05"),
        (Goal("ours", 250, below=True), "< 250 MB"),
        (Goal("ours", 3.0), "<= 3 MB"),
        (Goal("ours", 5000.0, least=True), ">= 5000 MB"),
    ],
)
def test_a_goal_as_text(goal: Goal, text: str):
    assert goal.text("MB") == text


def test_a_row_as_json():
    row = Row("five steps", "s", 1.23456789, Goal("ratio", 1.2), 2.0, note="why")
    assert row.document() == {
        "name": "five steps",
        "unit": "s",
        "ours": 1.235,
        "floor": 2.0,
        "peer": None,
        "ratio": 0.6173,
        "goal": "ratio <= 1.2",
        "met": True,
        "note": "why",
    }
