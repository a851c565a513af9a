"""Made-up customers and shells: as many rows as wanted, the same columns as the real files, seeded, with a drift dial.

`python -m slipway.build.sample_data churn --rows 100000 --seed 1 --drift 0.5 --out churn.csv`
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

ROWS_AT_A_TIME = 100_000
STATES = (
    "AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV NY OH OK OR"
    " PA RI SC SD TN TX UT VA VT WA WI WV WY"
)
CHURN_HEADER = (
    "State,Account Length,Area Code,Phone,Int'l Plan,VMail Plan,VMail Message,Day Mins,Day Calls,Day Charge,Eve Mins,"
    "Eve Calls,Eve Charge,Night Mins,Night Calls,Night Charge,Intl Mins,Intl Calls,Intl Charge,CustServ Calls,Churn?"
)

Chance = np.random.Generator
Table = tuple[list[str], list[pa.Array]]


def churn(chance: Chance, rows: int, drift: float) -> Table:
    """Customers. About half leave: for little evening use, many service calls, an international plan that is unused.

    Drift moves the use of the phone up and customers to the international plan; why they leave stays the same.
    """
    states = STATES.split()
    mins = {part: np.maximum(chance.normal(5 + drift * 2, 1.8, rows), 0) for part in ("Day", "Eve", "Night", "Intl")}
    calls = {part: chance.poisson(4 if part != "Intl" else 6, rows) for part in mins}
    charge = {part: np.maximum(minutes * 0.9 + chance.normal(2, 1.2, rows), 0) for part, minutes in mins.items()}
    abroad = chance.random(rows) < min(0.5 + 0.3 * drift, 0.95)
    mail = chance.random(rows) < 0.5
    messages = np.where(mail, chance.integers(0, 9, rows) * 100, 0)
    service = chance.poisson(5, rows)
    leaning = (
        1.1 * (service - 5)
        - 1.3 * (mins["Eve"] - 5)
        + 1.6 * np.where(abroad, 1, -1) * (calls["Intl"] < 6)
        + 0.9 * np.abs(mins["Day"] - 5)
        - 1.2
    )
    leaves = chance.random(rows) < 1 / (1 + np.exp(-2.2 * leaning))
    use = [
        column
        for part in mins
        for column in (_round_values(mins[part]), pa.array(calls[part]), _round_values(charge[part]))
    ]
    phone = chance.integers(1_000_000, 9_999_999, rows).astype(str)
    arrays = [
        _pick_values(chance.integers(0, len(states), rows), states),
        pa.array(chance.integers(1, 200, rows)),
        pa.array(chance.choice([408, 415, 510, 657, 676, 707, 736, 778, 806, 836, 848, 858, 866, 878], rows)),
        pa.array([f"{number[:3]}-{number[3:]}" for number in phone.tolist()]),
        _pick_values(abroad.astype(np.int64), ["no", "yes"]),
        _pick_values(mail.astype(np.int64), ["no", "yes"]),
        pa.array(messages),
        *use,
        pa.array(service),
        _pick_values(leaves.astype(np.int64), ["False.", "True."]),
    ]
    return CHURN_HEADER.split(","), arrays


def abalone(chance: Chance, rows: int, drift: float) -> Table:
    """Shells: size follows age, levelling off; weight follows size. Drift makes them heavier for their age."""
    rings = np.clip(np.rint(chance.gamma(9, 1.1, rows)), 1, 29).astype(np.int64)
    size = 0.68 * (1 - np.exp(-0.24 * rings)) * chance.normal(1, 0.09, rows)
    length = np.clip(size * (1 + 0.1 * drift), 0.07, 0.85)
    diameter = length * chance.normal(0.8, 0.02, rows)
    height = np.maximum(length * chance.normal(0.265, 0.02, rows), 0.01)
    whole = 7.2 * length**3 * chance.normal(1, 0.1, rows) * (1 + 0.3 * drift)
    shell = whole * np.clip(0.22 + 0.006 * (rings - 9) + chance.normal(0, 0.02, rows), 0.05, 0.6)
    shucked = whole * np.clip(0.46 - 0.008 * (rings - 9) + chance.normal(0, 0.03, rows), 0.05, 0.6)
    viscera = whole * chance.normal(0.22, 0.02, rows)
    young = chance.random(rows) < 1 / (1 + np.exp(0.9 * (rings - 8)))
    sex = np.where(young, 1, np.where(chance.random(rows) < 0.5, 0, 2))
    sizes = [length, diameter, height, whole, shucked, viscera, shell]
    return [], [
        _pick_values(sex, ["F", "I", "M"]),
        *(_round_values(np.maximum(values, 0.001)) for values in sizes),
        pa.array(rings),
    ]


NOT_ASKED = {"churn": (3, 20), "abalone": (8,)}  # places of what no request has: identifiers, the label
KINDS: dict[str, Callable[[Chance, int, float], Table]] = {"churn": churn, "abalone": abalone}


def tables(kind: str, rows: int, seed: int, drift: float) -> Iterator[pa.RecordBatch]:
    """The rows in batches; a longer file starts with the rows of a shorter one."""
    for number, start in enumerate(range(0, rows, ROWS_AT_A_TIME)):
        names, arrays = KINDS[kind](np.random.default_rng([seed, number]), ROWS_AT_A_TIME, drift)
        count = min(ROWS_AT_A_TIME, rows - start)
        names = names or [f"c{place}" for place in range(len(arrays))]
        yield pa.record_batch([array.slice(0, count) for array in arrays], names=names)


def requests(kind: str, rows: int, seed: int, drift: float) -> list[str]:
    """Rows as an endpoint is asked them: CSV lines of the columns that a model knows."""
    batch = next(tables(kind, rows, seed, drift))
    columns = [column.to_pylist() for place, column in enumerate(batch.columns) if place not in NOT_ASKED[kind]]
    return [",".join(map(str, row)) for row in zip(*columns, strict=True)]


def write(kind: str, rows: int, seed: int, drift: float, path: Path) -> None:
    """Write a CSV file: churn with a header, abalone without, as the real ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = pacsv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        if kind == "churn":
            file.write(CHURN_HEADER.encode() + b"\n")
        for batch in tables(kind, rows, seed, drift):
            pacsv.write_csv(pa.Table.from_batches([batch]), file, options)


def _pick_values(places: NDArray[np.int64], values: list[str]) -> pa.Array:
    return pa.array(values).take(pa.array(places))


def _round_values(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(np.round(values, 4))


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser("python -m slipway.build.sample_data", description=__doc__)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drift", type=float, default=0.0, help="0 none, 1 strong")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    if given.rows < 1:
        parser.error("--rows must be at least 1")
    write(given.kind, given.rows, given.seed, given.drift, given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
