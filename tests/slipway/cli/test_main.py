"""What comes of an interruption, at whatever moment it comes."""

import signal
import sys
from types import ModuleType

import pytest

from slipway import __main__


class Interrupted(ModuleType):
    def __getattr__(self, name):
        raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def interruptible():
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("module", ["slipway.cli.target", "slipway.cli.verbs"])
def test_interrupted_while_it_loads(module, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, Interrupted(module))
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")
