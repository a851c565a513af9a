"""What of a new stack is made at once, and in which order the base hears of it."""

from loopback.ministack.parallel_stacks import Creation

OUTCOME = (("id", {}), "")
NEEDS: dict[str, set[str]] = {"A": set(), "B": set(), "C": {"A"}, "D": {"A", "B"}}


def creation(*made: str, failed: str = "") -> Creation:
    found = Creation("s", "id", {}, list(NEEDS), NEEDS, failed=failed)
    found.outcomes.update(dict.fromkeys(made, OUTCOME))
    return found


def test_what_needs_nothing_is_begun_at_once() -> None:
    assert creation().ready(set()) == ["A", "B"]


def test_each_is_begun_as_soon_as_what_it_needs_is_there() -> None:
    assert creation("A").ready({"A", "B"}) == ["C"]
    assert creation("A", "B").ready({"A", "B", "C"}) == ["D"]


def test_after_a_failure_nothing_is_begun() -> None:
    assert creation("A", failed="B").ready({"A", "B"}) == []


def test_the_base_goes_through_what_was_made_then_what_failed() -> None:
    assert creation("B", "A", failed="C").repeated_order() == ["B", "A", "C", "D"]
