"""Made-up customers of a telephone company: 21 columns, label `churn` last; the same rows for the same seed."""

from pathlib import Path
from typing import Any

STATES = [a + b for a in "ACDFGHIKLM" for b in "AEIOU"]  # 50 names
CALLS = (
    ("day", 180.0, 54.0, 0.17),
    ("eve", 200.0, 50.0, 0.085),
    ("night", 200.0, 50.0, 0.045),
    ("intl", 10.2, 2.8, 0.27),
)


def make(rows: int, seed: int = 7) -> Any:
    """A pandas.DataFrame of customers whose churn depends on minutes, plans and service calls, with noise."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(seed)
    international, voice_mail = random.random(rows) < 0.1, random.random(rows) < 0.28
    columns = {
        "state": np.array(STATES)[random.integers(0, len(STATES), rows)],
        "account_length": random.integers(1, 240, rows),
        "area_code": random.choice([408, 415, 510], rows, p=[0.25, 0.5, 0.25]),
        "phone": [f"{number // 10000}-{number % 10000:04}" for number in random.integers(3_000_000, 4_300_000, rows)],
        "intl_plan": np.where(international, "yes", "no"),
        "vmail_plan": np.where(voice_mail, "yes", "no"),
        "vmail_message": np.where(voice_mail, random.integers(5, 52, rows), 0),
    }
    for name, mean, spread, rate in CALLS:
        minutes = np.clip(random.normal(mean, spread, rows), 0, None).round(1)
        columns[f"{name}_mins"] = minutes
        columns[f"{name}_calls"] = random.poisson(4.5 if name == "intl" else 100, rows)
        columns[f"{name}_charge"] = (minutes * rate).round(2)
    columns["custserv_calls"] = random.poisson(1.56, rows)
    effects = 0.022 * (columns["day_mins"] - 180) + 0.008 * (columns["eve_mins"] - 200) - 3.1
    effects += 2.1 * international - voice_mail + 0.9 * np.maximum(columns["custserv_calls"] - 2, 0)
    columns["churn"] = (random.random(rows) < 1 / (1 + np.exp(-effects))).astype(int)
    return pd.DataFrame(columns)


def write(path: Path, rows: int) -> Path:
    """A CSV file with a header."""
    make(rows).to_csv(path, index=False)
    return path
