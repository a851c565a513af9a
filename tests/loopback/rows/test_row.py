"""Typed rows: what is read is what was written, and only what is declared can be changed."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loopback.core.kinds import STEP
from loopback.core.store import Store
from loopback.rows.row import Json, Result, changes, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown(Result):
    outcome: Json = field(default_factory=dict, metadata=document("result"))
    height: int = 0
    rings: tuple[int, ...] = field(default=(), metadata=key("Rings", tuple, list))
    felled: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree(Grown):
    KIND = STEP

    request: Json = field(metadata=document())
    species: str
    place: str | None = field(default=None, metadata=key("where"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.db", now=lambda: 7.0)


def test_is_read_as_it_was_written(store: Store) -> None:
    made = Tree(request={"Tags": []}, species="oak", place="hill", rings=(1, 2)).create(store, "t", "wood")
    assert made == Tree.get(store, "t")
    assert (made.name, made.parent, made.status, made.created) == ("t", "wood", "Starting", 7.0)
    assert (made.species, made.place, made.rings, made.height, made.felled) == ("oak", "hill", (1, 2), 0, None)
    row = store.get(STEP, "t")
    assert row.doc == {"Tags": [], "species": "oak", "where": "hill"}
    assert row.result == {"Rings": [1, 2]}


def test_changes_only_what_is_named(store: Store) -> None:
    Tree(request={}, species="oak").create(store, "t")
    Tree.amend(store, "t", "grow", result=changes(Grown, height=3, rings=(1,)))
    grown = Tree.fire(store, "t", "begin", changes(Grown, felled=9.0))
    assert (grown.height, grown.rings, grown.felled, grown.status) == (3, (1,), 9.0, "Executing")
    assert Tree.amend(store, "t", "stand", result=changes(Grown, felled=None)).felled is None


def test_null_is_the_default(store: Store) -> None:
    store.create(STEP, "t", {"species": "oak", "where": None}, result={"height": None})
    assert (Tree.get(store, "t").place, Tree.get(store, "t").height) == (None, 0)


def test_documents_are_shared_and_not_copied(store: Store) -> None:
    row = store.create(STEP, "t", {"species": "oak"}, result={"height": 1})
    tree = Tree.from_row(row)
    assert tree.request is row.doc
    assert tree.outcome is row.result


@pytest.mark.parametrize("name", ["species", "status", "weight"])
def test_refuses_to_change_what_is_no_result(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        changes(Tree, **{name: 1})  # type: ignore[arg-type]


def test_refuses_to_change_a_whole_document() -> None:
    with pytest.raises(TypeError, match="outcome"):
        changes(Grown, outcome={})


def test_a_record_without_a_member_that_it_must_have_is_refused(store: Store) -> None:
    store.create(STEP, "t", {})
    with pytest.raises(TypeError, match="species"):
        Tree.get(store, "t")
