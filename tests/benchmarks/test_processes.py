import os
import sys

import pytest

from benchmarks import processes
from benchmarks.local_aws import Failed


def test_a_tree_is_a_process_and_all_below_it():
    assert sorted(processes.tree(1, {1: 0, 2: 1, 3: 2, 4: 0, 5: 4})) == [1, 2, 3]


def test_memory_and_time_of_this_process_are_more_than_nothing():
    assert processes.pss_mb([os.getpid()]) > 5
    assert processes.cpu_seconds([os.getpid()]) > 0


def test_what_has_ended_has_no_memory():
    assert processes.pss_mb([2**22 + 1]) == 0


def test_a_failing_process_is_reported_with_what_it_said():
    with pytest.raises(Failed, match="ended with 3: the reason"):
        processes.run([sys.executable, "-S", "-c", "print('the reason', end=''); raise SystemExit(3)"])
