"""Parts: started and recovered in one order, closed in the reverse, told of the kinds that they name."""

import importlib
import inspect
import pkgutil
import threading
from collections.abc import Sequence
from typing import Any

import pytest

import loopback.runtimes
import loopback.services
from loopback.core.kinds import BUILD, ENDPOINT, Kind
from loopback.core.part import Loop, Part, Parts


class Noted(Part):
    def __init__(self, name: str, said: list[str]) -> None:
        self.name, self.said = name, said
        self.ran = threading.Event()

    @property
    def loops(self) -> Sequence[Loop]:
        return (self.ran.set,)

    def on_change(self, kind: str, name: str) -> None:
        self.said.append(f"{self.name} {kind} {name}")

    def recover(self) -> None:
        self.said.append(f"{self.name} recovers")

    def close(self) -> None:
        self.said.append(f"{self.name} closes")


class Endpoints(Noted):
    kinds = (ENDPOINT,)


class Both(Noted):
    kinds = (BUILD, ENDPOINT)


def test_one_order_and_its_reverse() -> None:
    said: list[str] = []
    first, second = Endpoints("first", said), Both("second", said)
    parts = Parts((first, second))
    parts.on_change(ENDPOINT.slug, "before the start")
    parts.start()
    assert first.ran.wait(30)
    assert second.ran.wait(30)
    parts.recover()
    parts.on_change(ENDPOINT.slug, "e")
    parts.on_change(BUILD.slug, "b")
    parts.close()
    assert said == [
        "first recovers",
        "second recovers",
        "first endpoint e",
        "second endpoint e",
        "second build b",
        "second closes",
        "first closes",
    ]


def test_a_kind_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="finished"):
        Parts(()).on_change("finished", "x")


def workers() -> list[type[Any]]:
    """The classes of services and runtimes that are told of changes, recover, or have a loop."""
    found = set()
    for package in (loopback.services, loopback.runtimes):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for _, each in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if each.__module__ == module.name and {"on_change", "recover", "loop"} & vars(each).keys():
                    found.add(each)
    return sorted(found, key=lambda each: each.__name__)


def test_every_worker_is_a_part_of_the_table() -> None:
    from loopback import app

    found = workers()
    assert [each.__name__ for each in found if Part not in each.__mro__] == []
    table = inspect.getsource(app.Control._in_order)
    assert table.count("self.") == len(found), "each is in the table of app.py, once"


@pytest.mark.parametrize("each", workers(), ids=lambda each: each.__name__)
def test_a_part_hears_of_what_it_acts_on(each: type[Part]) -> None:
    assert all(isinstance(kind, Kind) for kind in each.kinds)
    assert bool(each.kinds) == ("on_change" in vars(each)), "it names the kinds that `on_change` acts on"
