"""The base that is installed is the one that this package was written for."""

from pathlib import Path

import pytest

from loopback.adapter import modules
from loopback.core.settings import Settings


def test_a_base_that_lacks_a_hook_is_named_at_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(modules.os, "environ", {})
    hooks = [{"json": ("loads",)}, {"json": ("no_such_hook",)}]
    with pytest.raises(modules.BrokenBase, match=r"lacks json\.no_such_hook; install ministack==1\.5\.33"):
        modules.load(Settings(tmp_path), hooks)
