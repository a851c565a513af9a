"""A state that changes while it is saved."""

import pytest

from loopback.adapter.state import steady


def test_a_state_that_changes_while_it_is_copied_is_copied_again() -> None:
    tries = []

    def get_state() -> dict[str, int]:
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("dictionary changed size during iteration")
        return {"a": 1}

    assert steady(get_state)() == {"a": 1}
    assert len(tries) == 3


def test_a_state_that_cannot_be_copied_is_not_kept_quiet() -> None:
    def get_state() -> None:
        raise RuntimeError("always")

    with pytest.raises(RuntimeError, match="always"):
        steady(get_state, tries=2)()
