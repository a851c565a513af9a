"""Which names a queue of SQS may have."""

import pytest

from loopback.ministack.queue_names import FIFO_RULE, STANDARD_RULE, name_fault


@pytest.mark.parametrize(
    ("name", "is_fifo", "fault"),
    [
        ("orders", False, ""),
        ("Orders_1-a", False, ""),
        ("x" * 80, False, ""),
        ("x" * 81, False, STANDARD_RULE),
        ("bad name", False, STANDARD_RULE),
        ("../up", False, STANDARD_RULE),
        ("größe", False, STANDARD_RULE),
        ("line\n", False, STANDARD_RULE),
        ("a.fifo", False, STANDARD_RULE),
        ("a.fifo", True, ""),
        ("x" * 75 + ".fifo", True, ""),
        ("x" * 76 + ".fifo", True, FIFO_RULE),
        ("a", True, FIFO_RULE),
        (".fifo", True, FIFO_RULE),
        ("a b.fifo", True, FIFO_RULE),
    ],
)
def test_names(name: str, is_fifo: bool, fault: str) -> None:
    assert name_fault(name, is_fifo=is_fifo) == fault
