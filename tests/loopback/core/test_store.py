import subprocess
import sys
from pathlib import Path

import pytest

from loopback.core.errors import ResourceInUse, ResourceNotFound
from loopback.core.kinds import MODEL, PACKAGE, PROCESSING_JOB
from loopback.core.states import IllegalTransition
from loopback.core.store import Store

ROOT = Path(__file__).resolve().parents[3]


def test_a_row_keeps_the_request_as_it_came(store: Store) -> None:
    request = {"ModelName": "m", "Tags": [{"Key": "a", "Value": "ü"}], "Number": 0.1}
    assert store.create(MODEL, "m", request).doc == request
    assert store.get(MODEL, "m").status == "Completed"


def test_a_name_is_taken_once(store: Store) -> None:
    store.create(MODEL, "m", {})
    with pytest.raises(ResourceInUse, match="A model named m already exists"):
        store.create(MODEL, "m", {})
    store.delete(MODEL, "m")
    with pytest.raises(ResourceNotFound, match="There is no model named m"):
        store.get(MODEL, "m")


def test_a_change_and_its_event_are_one(store: Store) -> None:
    store.create(PROCESSING_JOB, "j", {})
    with pytest.raises(IllegalTransition):
        store.fire(PROCESSING_JOB, "j", "complete")
    store.fire(PROCESSING_JOB, "j", "lease", {"a": 1}, lease="worker")
    row = store.fire(PROCESSING_JOB, "j", "fail", {"b": 2})
    assert (row.status, row.result) == ("Failed", {"a": 1, "b": 2})
    assert [(e.event, e.old, e.new) for e in store.events(0)] == [
        ("create", "", "Queued"),
        ("lease", "Queued", "InProgress"),
        ("fail", "InProgress", "Failed"),
    ]


def test_a_transaction_is_kept_whole_or_not_at_all(store: Store) -> None:
    def half() -> None:
        with store.transaction():
            store.create(MODEL, "a", {})
            with store.transaction():
                store.create(MODEL, "b", {})
            raise RuntimeError("cut off")

    with pytest.raises(RuntimeError):
        half()
    assert store.find(MODEL) == []
    assert store.events(0) == []


def test_numbers_are_never_given_twice(store: Store) -> None:
    assert [store.next_number("g") for _ in range(3)] == [1, 2, 3]
    assert store.counter("g") == 3
    assert store.counter("other") == 0


def test_children_come_in_the_order_they_were_made(store: Store, clock: object) -> None:
    for version in (1, 2, 10):
        clock.now += 1  # type: ignore[attr-defined]
        store.create(PACKAGE, f"g/{version}", {}, parent="g")
    store.create(PACKAGE, "h/1", {}, parent="h")
    assert [row.name for row in store.find(PACKAGE, parent="g")] == ["g/1", "g/2", "g/10"]


TAKE_ALL = """
import sys
from pathlib import Path
from loopback.core.kinds import PROCESSING_JOB
from loopback.core.store import Store
store = Store(Path(sys.argv[1]))
while (row := store.lease(PROCESSING_JOB, "worker")) is not None:
    print(row.name)
"""
WRITE_ON = """
import sys
from pathlib import Path
from loopback.core.kinds import MODEL
from loopback.core.store import Store
store, number = Store(Path(sys.argv[1])), 0
while True:
    store.create(MODEL, f"m{number}", {})
    print(number, flush=True)
    number += 1
"""


def start(program: str, path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_processes_that_race_for_jobs_take_each_once(store: Store, tmp_path: Path) -> None:
    for number in range(60):
        store.create(PROCESSING_JOB, f"j{number}", {})
    workers = [start(TAKE_ALL, tmp_path / "loopback.db") for _ in range(2)]
    taken = [name for worker in workers for name in worker.communicate()[0].split()]
    assert sorted(taken) == sorted(f"j{number}" for number in range(60))


def test_what_was_committed_survives_kill_9(tmp_path: Path) -> None:
    writer = start(WRITE_ON, tmp_path / "x.db")
    assert writer.stdout is not None
    last = max(int(writer.stdout.readline()) for _ in range(25))
    writer.kill()
    writer.communicate()
    store = Store(tmp_path / "x.db")
    assert {f"m{n}" for n in range(last + 1)} <= {row.name for row in store.find(MODEL)}
    store.close()


def test_a_reserve_is_taken_and_used_up_before_the_file_grows(store: Store, tmp_path: Path) -> None:
    store.reserve()
    sizes = [path.stat().st_size for path in (tmp_path / "loopback.db", tmp_path / "loopback.db-wal")]
    assert min(sizes) >= 4 << 20
    for number in range(300):
        store.create(MODEL, f"m{number}", {"text": "x" * 2000})
    assert [path.stat().st_size for path in (tmp_path / "loopback.db", tmp_path / "loopback.db-wal")] == sizes
