"""Reading and writing the documents of an analysis, and the message it leaves."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

from slipway.analysis.errors import BadInput


def exit_message(violations: int) -> str:
    """The exit message of an analysis that was carried out."""
    if violations:
        return f"CompletedWithViolations: Job completed successfully with {violations} violations."
    return "Completed: Job completed successfully with no violations."


def double(value: float) -> str:
    """A number as the JVM writes it: with an exponent below a thousandth and from ten million on.

    >>> double(0.0006962471778914953), double(12.0), double(1.5e7)
    ('6.962471778914953E-4', '12.0', '1.5E7')
    """
    if not math.isfinite(value) or value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(float(value))
    digits, _, exponent = f"{Decimal(repr(float(value))).normalize():E}".partition("E")
    return f"{digits}{'' if '.' in digits else '.0'}E{int(exponent)}"


def read(path: Path, key: str) -> dict[str, Any]:
    """A baseline document, which is a file or in a folder by itself; `key` is a member it must have."""
    file = next(iter(sorted(path.glob("*.json"))), path) if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"the baseline {file} is not JSON: {error}") from error
    if not isinstance(document, dict) or key not in document:
        raise BadInput(f"the baseline {file} has no {key!r}; it must be a document that a baseline job wrote")
    return document


def read_features(path: Path) -> dict[str, Any]:
    """A statistics.json or constraints.json of data quality, whose features have a name and a type."""
    document = read(path, "features")
    for feature in document["features"]:
        if not isinstance(feature, dict) or not {"name", "inferred_type"} <= feature.keys():
            raise BadInput(f"the baseline {path} has a feature without name or inferred_type: {feature}")
    return document


def write_json(path: Path, document: Any) -> None:
    """Write a result."""
    write_text(path, json.dumps(document))


def write_text(path: Path, text: str) -> None:
    """Write a file, and the folders to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
