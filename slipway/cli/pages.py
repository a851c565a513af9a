"""Pages of commands: written whole, and opened where somebody sits before a screen."""

import os
import sys
from pathlib import Path

from slipway.cli import screen
from slipway.cli.target import UserError


def write(path: Path, text: str) -> Path:
    """Write a page. Raises UserError when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise UserError(f"The page {path} cannot be written: {fault.strerror}") from None
    return path


def offer(path: Path, *, opens: bool) -> None:
    """Say where the page is, and open it if that is wanted and there is a desktop."""
    screen.say(f"\npage  {path}")
    if opens and _has_desktop():
        import webbrowser

        webbrowser.open(path.resolve().as_uri())


def _has_desktop() -> bool:
    """Without one, opening a page starts a browser in the terminal."""
    graphical = sys.platform == "darwin" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return screen.console.is_terminal and graphical
