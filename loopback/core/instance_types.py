"""What an ML instance type has, from its name: SageMaker lists the same sizes as EC2 (AWS: "Amazon SageMaker pricing").

Families whose memory does not grow with their processors (accelerated ones, mostly) are unknown here.
"""

import re
from dataclasses import dataclass

GIB = 1 << 30
MIB = 1 << 20
_NAME = re.compile(r"ml\.([a-z]+)([0-9]+)([a-z]*)\.(medium|large|(?:([0-9]+))?xlarge)")
_GIB_PER_CPU = {"t": 4.0, "m": 4.0, "c": 2.0, "r": 8.0, "g": 4.0}
_EXCEPTIONS = {"c4": 1.875}
_SMALL_BURSTABLE = 2.0


@dataclass(frozen=True)
class Capacity:
    """Processors and bytes of memory; 0 is as many, and as much, as the machine has."""

    cpus: int = 0
    memory: int = 0


def capacity(instance_type: str) -> Capacity:
    """Of an instance type such as ml.m5.large.

    >>> capacity("ml.m5.large") == Capacity(2, 8 * GIB), capacity("ml.c5.4xlarge") == Capacity(16, 32 * GIB)
    (True, True)
    >>> capacity("ml.p3.2xlarge")
    Capacity(cpus=0, memory=0)
    """
    found = _NAME.fullmatch(instance_type)
    if found is None or found[1] not in _GIB_PER_CPU:
        return Capacity()
    burstable = found[1] == "t"
    cpus = {"medium": 2 if burstable else 1, "large": 2}.get(found[4]) or 4 * int(found[5] or 1)
    each = _EXCEPTIONS.get(found[1] + found[2], _GIB_PER_CPU[found[1]])
    if burstable and found[4] == "medium":
        each = _SMALL_BURSTABLE
    return Capacity(cpus, int(cpus * each * GIB))
