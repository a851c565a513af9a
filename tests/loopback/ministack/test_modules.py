"""The base that is installed is the one that this package was written for."""

import pytest

from loopback.ministack import modules


def test_a_base_that_lacks_a_hook_is_named_at_start() -> None:
    hooks = [{"json": ("loads",)}, {"json": ("no_such_hook",)}]
    with pytest.raises(modules.BrokenBase, match=r"lacks json\.no_such_hook; install ministack==1\.5\.33"):
        modules.load(hooks)
