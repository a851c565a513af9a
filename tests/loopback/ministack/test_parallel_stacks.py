"""What of a stack is made and changed at once, and in which order the base hears of it."""

from typing import Any

import pytest

from loopback.ministack.parallel_deletions import Deletion
from loopback.ministack.parallel_stacks import ProvisionedResource, Provisioning

NEEDS: dict[str, set[str]] = {"A": set(), "B": set(), "C": {"A"}, "D": {"A", "B"}}


def work(*made: str, **more: Any) -> Provisioning:
    found = Provisioning("s", "id", {}, list(NEEDS), NEEDS, **more)
    found.outcomes.update(dict.fromkeys(made, ProvisionedResource(("id", {}), "")))
    return found


def test_what_needs_nothing_is_begun_at_once() -> None:
    assert work().ready(set()) == ["A", "B"]


def test_each_is_begun_as_soon_as_what_it_needs_is_there() -> None:
    assert work("A").ready({"A", "B"}) == ["C"]
    assert work("A", "B").ready({"A", "B", "C"}) == ["D"]


@pytest.mark.parametrize("ended", [{"failed": "B"}, {"cancel": ""}])
def test_after_a_failure_or_a_cancel_nothing_is_begun(ended: dict[str, str]) -> None:
    assert work("A", **ended).ready({"A", "B"}) == []


def test_the_base_goes_through_what_was_made_then_what_failed() -> None:
    assert work("B", "A", failed="C").repeated_order() == ["B", "A", "C", "D"]


def test_what_an_update_adds_is_created() -> None:
    """As AWS's events of an update say (CloudFormation User Guide, "View stack events")."""
    update = work(updates=True, before={"A": {}})
    assert [update.verb(name) for name in "AB"] == ["UPDATE", "CREATE"]
    update.hide("B", "COMPLETE")
    assert update.told == [("B", "UPDATE_COMPLETE")]  # the base calls it so


BEFORE: dict[str, set[str]] = {"A": {"C", "D"}, "B": {"D"}, "C": set(), "D": set()}  # those that must be gone first


def deletion(**ended: Exception | None) -> Deletion:
    return Deletion("s", "id", {name: {} for name in BEFORE}, BEFORE, dict(ended))


def test_dependents_go_first_and_at_once() -> None:
    assert deletion().ready(set()) == ["C", "D"]
    assert deletion(D=None).ready({"C", "D"}) == ["B"]
    assert deletion(C=None, D=None).ready({"B", "C", "D"}) == ["A"]


def test_what_cannot_go_holds_nothing_up() -> None:
    assert deletion(C=ValueError(), D=None).ready({"B", "C", "D"}) == ["A"]
