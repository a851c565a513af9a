"""How one cell and one name are read: in training files, requests and captured requests alike.

A value that has several spellings (408 and 408.0, True and TRUE, white space around it, the words for a missing one)
is one value. Standard library only, and between the two marks for Python 3.7: `slipway/deploy/monitor_preprocessor.py`,
which a container of AWS's runs alone, has the same lines, and a test holds them equal.
"""

import math
import re
import unicodedata
from collections.abc import Collection
from typing import Any

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

INTEGER = re.compile("-?([2-9]|[1-9][0-9]{1,14})")  # but for 0 and 1, which Python takes for booleans

# -- the same in slipway/deploy/monitor_preprocessor.py ----------------------------------------------------------------
BLANKS = " \t\r\n\v\f\u00a0"
MISSING = ("", "?", "na", "n/a", "nan", "null", "none")  # in any case
WHOLE = re.compile(r"(-?)(0|[1-9][0-9]*)(\.0*)?")
OTHER_BOOLEAN = {"true": "1", "1": "true", "false": "0", "0": "false"}


def text_of(cell: str) -> str:
    """What a cell of CSV says: without blanks around it, and without quotes that stand behind a blank."""
    text = cell.strip(BLANKS)
    if len(text) > 1 and text[0] == text[-1] == '"' and cell[0] in BLANKS:
        return text[1:-1].replace('""', '"').strip(BLANKS)
    return text


def category(value: Any, missing: Collection[str] = MISSING) -> str | None:
    """The one spelling of a category, whichever it came in; None for a missing value."""
    if isinstance(value, str):
        text = text_of(value)
        if text.casefold() in missing:
            return None
        if text.lower() in ("true", "false"):
            return text.lower()
        whole = WHOLE.fullmatch(text)
        if whole is None:
            return text
        return whole.group(2) if whole.group(2) == "0" else whole.group(1) + whole.group(2)
    if value is None or value != value:  # noqa: PLR0124  it is NaN
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    raise TypeError(f"{value!r} is not a category")


def spelling(name: str) -> str:
    """What tells one column name from another: its letters and digits, of any script and case.

    `Int'l Plan` is `intl_plan`. A name of other signs only, as %, is told by those.
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join(sign for sign in plain if unicodedata.category(sign)[0] in "LMN") or plain.strip()


# -- end of the same ---------------------------------------------------------------------------------------------------


def number(value: Any, missing: Collection[str] = MISSING) -> float:
    """The number of a cell or of a JSON value, NaN for a missing one. Raises ValueError for what is none."""
    if isinstance(value, str):
        text = text_of(value)
        if NUMBER.fullmatch(text):
            return float(text)
        folded = text.casefold()
        if folded in missing or folded == "nan":
            return math.nan
    elif value is None:
        return math.nan
    elif isinstance(value, int | float):
        return float(value)
    raise ValueError(f"{value!r} is not a number")


def label(value: str) -> str:
    """The one spelling of a label: `True.`, `true` and `TRUE` are the same, and so are 1 and 1.0."""
    return (category(value, ()) or "").rstrip(".").casefold()


def words(configured: Collection[str] | None) -> tuple[str, ...]:
    """The words for a missing value, as `data.missing` of config.yml has them, ready to compare with."""
    if configured is None:
        return MISSING
    return tuple(dict.fromkeys(("", *(text_of(word).casefold() for word in configured))))


class Places(dict[Any, float]):
    """The place of each category of a feature; NaN for a missing value, and for one that training has not seen.

    A value in its one spelling is found at once, any other by what it means. Where training saw booleans, 1 and 0 are
    those, and the other way round.
    """

    def __init__(self, categories: Collection[str], missing: Collection[str] = MISSING) -> None:
        super().__init__()
        self._missing = missing
        self._numbers: dict[float, float] = {}
        for place, text in enumerate(categories):
            self.setdefault(category(text, ()) or "", float(place))
            if NUMBER.fullmatch(text):
                self._numbers[float(text)] = math.nan if float(text) in self._numbers else float(place)
        self.update(self._booleans())
        self.update({int(text): self[text] for text in [*self] if INTEGER.fullmatch(text)})  # as JSON sends them

    def _booleans(self) -> dict[str, float]:
        """The places of the other spellings of booleans."""
        known = {text for text in OTHER_BOOLEAN if text in self}
        if (known <= {"1", "0"} and len(known) < len(self)) or any(OTHER_BOOLEAN[text] in known for text in known):
            return {}
        return {OTHER_BOOLEAN[text]: self[text] for text in known}

    def __missing__(self, value: Any) -> float:
        """What is asked for most is answered without coming here."""
        text = category(value, self._missing)
        if text is None:
            return math.nan
        if text not in self and isinstance(value, float):
            return self._numbers.get(value, math.nan)
        return self.get(text, math.nan)
