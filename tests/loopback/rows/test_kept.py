"""Records that an older loopback has left are read with types, and written again they say the same."""

import importlib
import json
import pkgutil
import sqlite3
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

import loopback.rows
from loopback.core.kinds import BY_SLUG, JOBS
from loopback.core.queries import Selection
from loopback.core.store import Store
from loopback.rows.jobs import JobRow
from loopback.rows.row import Row, _shape

KEPT = Path(__file__).parents[1] / "core" / "schema_1.sql"  # a state folder of 0.1.0


def typed() -> Iterator[type[Row]]:
    """Every class of a kind of record."""
    for module in pkgutil.iter_modules(loopback.rows.__path__):
        for found in vars(importlib.import_module(f"loopback.rows.{module.name}")).values():
            if isinstance(found, type) and issubclass(found, Row) and hasattr(found, "KIND"):
                yield found


MOVED = {"trials"}  # of a trial component: rows of their own since schema 2
CLASSES = {found.KIND.slug: found for found in typed()} | {kind.slug: JobRow for kind in JOBS}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("kept") / "loopback.db"
    db = sqlite3.connect(path)
    db.executescript(KEPT.read_text())
    db.close()
    return Store(path)


def members(row: Row) -> dict[str, object]:
    """Its fields without whole documents, which have them as JSON."""
    return {each.name: getattr(row, each.name) for each in fields(row) if "document" not in each.metadata}


@pytest.mark.parametrize("slug", sorted(CLASSES))
def test_is_read_and_written_as_it_was(slug: str, store: Store) -> None:
    of = CLASSES[slug]
    for row in store.scan(Selection(BY_SLUG[slug])):
        doc, result = json.loads(json.dumps(of.from_row(row).to_row()))
        assert members(of.from_row(replace(row, doc=doc, result=result))) == members(of.from_row(row))


@pytest.mark.parametrize("slug", sorted(CLASSES))
def test_has_a_field_for_every_member(slug: str, store: Store) -> None:
    of = CLASSES[slug]
    for row in store.scan(Selection(BY_SLUG[slug])):
        for members, source in zip((_shape(of).doc, _shape(of).result), (row.doc, row.result), strict=True):
            known = {member.key for member in members}
            if None not in known:  # not the whole of an AWS document
                assert {name for name, value in source.items() if value is not None} - MOVED <= known


def test_most_kinds_are_kept(store: Store) -> None:
    kept = [slug for slug in CLASSES if store.first(Selection(BY_SLUG[slug]))]
    assert len(kept) > 15
