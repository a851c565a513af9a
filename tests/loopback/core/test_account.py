"""The secret of the account's own key."""

from pathlib import Path

from loopback.core.account import FILE, account_secret


def test_a_state_folder_keeps_the_secret_that_was_made_for_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    secret = account_secret(state)
    assert len(secret) >= 40
    assert account_secret(state) == secret
    assert account_secret(tmp_path / "other") != secret
    assert [path.name for path in state.iterdir()] == [FILE]
    assert (state / FILE).stat().st_mode & 0o777 == 0o600
