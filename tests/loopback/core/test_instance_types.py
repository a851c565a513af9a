"""Instance types whose figures AWS publishes."""

import pytest

from loopback.core.instance_types import GIB, Capacity, capacity


@pytest.mark.parametrize(
    ("name", "cpus", "gib"),
    [
        ("ml.t2.medium", 2, 4),
        ("ml.t3.2xlarge", 8, 32),
        ("ml.m4.10xlarge", 40, 160),
        ("ml.m5.large", 2, 8),
        ("ml.m5d.24xlarge", 96, 384),
        ("ml.m6g.medium", 1, 4),
        ("ml.c4.large", 2, 3.75),
        ("ml.c5.9xlarge", 36, 72),
        ("ml.c7g.xlarge", 4, 8),
        ("ml.r5.large", 2, 16),
        ("ml.g4dn.xlarge", 4, 16),
        ("ml.g5.12xlarge", 48, 192),
    ],
)
def test_what_a_type_has(name, cpus, gib):
    assert capacity(name) == Capacity(cpus, int(gib * GIB))


@pytest.mark.parametrize("name", ["ml.p3.2xlarge", "ml.inf2.xlarge", "ml.trn1.2xlarge", "", "m5.large", "ml.m5.huge"])
def test_a_type_that_is_not_known_has_what_the_machine_has(name):
    assert capacity(name) == Capacity()
