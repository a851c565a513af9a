import pytest

from loopback.core import kinds, states


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.slug)
def test_every_lifecycle_is_closed_and_reachable(kind: kinds.Kind) -> None:
    table = kind.lifecycle
    reached, ahead = set(), [kind.first]
    while ahead:
        status = ahead.pop()
        reached.add(status)
        ahead += [new for new in table[status].values() if new not in reached]
    assert reached == set(table)


def test_only_what_the_table_says_can_happen() -> None:
    assert states.advance(states.JOB, "InProgress", "stop") == "Stopping"
    with pytest.raises(states.IllegalTransition, match="'lease' in status 'Completed'; allowed: nothing"):
        states.advance(states.JOB, "Completed", "lease")
    with pytest.raises(states.IllegalTransition, match="allowed: lease, lose, stop"):
        states.advance(states.JOB, "Queued", "complete")


@pytest.mark.parametrize(
    ("table", "final"),
    [
        (states.JOB, {"Completed", "Failed", "Stopped"}),
        (states.EXECUTION, {"Succeeded", "Failed", "Stopped"}),
        (states.STEP, {"Succeeded", "Failed", "Stopped"}),
    ],
)
def test_final_is_what_only_a_retry_leaves(table: states.Table, final: set[str]) -> None:
    assert {status for status in table if states.is_final(table, status)} == final
