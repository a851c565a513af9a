"""What a benchmark is given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import Row


@dataclass(frozen=True)
class Bench:
    """`folder` is the benchmark's own and deleted after it; `progress` shows a person what happens now."""

    folder: Path
    quick: bool
    progress: Callable[[str], None]
    long: bool = False

    @property
    def rounds(self) -> int:
        """How often something that takes seconds is measured."""
        return 3 if self.quick else 9


Benchmark = Callable[[Bench], Iterator[Row]]
