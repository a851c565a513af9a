"""One measured figure beside the least that the same work costs, and what the goal says of it. Pure."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Measure = Callable[[], float]


@dataclass(frozen=True)
class Goal:
    """The most that `of` ("ours" or "ratio") may be; `below` when the limit itself is too much.

    With `least` it is what it has to be at least.
    """

    of: str
    limit: float
    below: bool = False
    least: bool = False

    def is_met_by(self, row: "Row") -> bool:
        """Whether a row that has been measured keeps to it."""
        value = row.ours if self.of == "ours" else row.ratio
        if value is None:
            raise ValueError(f"{row.name}: a goal for the {self.of}, which was not measured")
        if self.least:
            return value >= self.limit
        return value < self.limit if self.below else value <= self.limit

    def text(self, unit: str) -> str:
        """`ratio <= 1.2`, `< 0.3 s`, `>= 5000 requests/s`."""
        sign = ">=" if self.least else "<" if self.below else "<="
        return f"{sign} {self.limit:g} {unit}" if self.of == "ours" else f"ratio {sign} {self.limit:g}"


@dataclass(frozen=True)
class Row:
    """A line of the table. `floor` and `peer` are None when there is nothing to compare with on this machine.

    `details` are printed below it.
    """

    name: str
    unit: str
    ours: float
    goal: Goal
    floor: float | None = None
    peer: float | None = None
    note: str = ""
    details: Sequence[str] = ()

    @property
    def ratio(self) -> float | None:
        """How many times the floor ours is."""
        return self.ours / self.floor if self.floor else None

    @property
    def met(self) -> bool:
        """Whether the goal is kept."""
        return self.goal.is_met_by(self)

    def document(self) -> dict[str, str | float | bool | None]:
        """The row as JSON; figures have four significant digits."""
        figures = {"ours": self.ours, "floor": self.floor, "peer": self.peer, "ratio": self.ratio}
        return {
            "name": self.name,
            "unit": self.unit,
            **{key: None if value is None else float(f"{value:.4g}") for key, value in figures.items()},
            "goal": self.goal.text(self.unit),
            "met": self.met,
            "note": self.note,
            **({"details": list(self.details)} if self.details else {}),
        }


def measure_in_turns(
    ours: Measure, floor: Measure, rounds: int, progress: Callable[[str], None]
) -> tuple[float, float]:
    """The medians of measuring ours, floor, ours, floor, ...: what disturbs the machine disturbs both."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(1, rounds + 1):
        for kind, measure, values in zip(("ours", "floor"), (ours, floor), found, strict=True):
            progress(f"round {number} of {rounds}, {kind}")
            values.append(measure())
    return statistics.median(found[0]), statistics.median(found[1])


def median(measure: Measure, rounds: int, progress: Callable[[str], None]) -> float:
    """The median of measuring several times."""
    values: list[float] = []
    for number in range(1, rounds + 1):
        progress(f"round {number} of {rounds}")
        values.append(measure())
    return statistics.median(values)


def all_met(rows: Sequence[Row]) -> bool:
    """Whether every goal is kept."""
    return all(row.met for row in rows)
