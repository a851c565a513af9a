"""The secret of the account's own key: made with the state folder, kept in it, for its owner's eyes."""

import os
import secrets
from pathlib import Path

FILE = "account-secret"


def account_secret(state: Path) -> str:
    """The secret access key of the account; made now where the state has none yet."""
    path = state / FILE
    if found := _read(path):
        return found
    part = path.with_suffix(f".{os.getpid()}")
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(30))
    try:
        os.link(part, path)  # the first of two that start at once has made it
    except FileExistsError:
        pass
    finally:
        part.unlink()
    return _read(path)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""
