"""One value has one reading, whichever spelling it comes in."""

import math

import pyarrow as pa
import pytest

from slipway.tabular import cells, typed
from slipway.tabular.cells import Places

CATEGORIES = {
    "408": ("408", "408.0", " 408 ", "408.", 408, 408.0, "\u00a0408.00", ' "408"'),
    "-7": ("-7", "-7.0", -7, -7.0),
    "0": ("0", "0.0", "-0", "-0.0", 0, -0.0),
    "true": ("true", "True", "TRUE", " true", True),
    "false": ("false", "False", "FALSE", False),
    None: ("", " ", "?", "NA", "na", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", ' "NA"', None, math.nan),
    "0408": ("0408", " 0408"),
    "1.10": ("1.10",),
    "1e3": ("1e3",),
    "0.5": ("0.5", 0.5),
    'Clerk "B"': ('Clerk "B"', ' "Clerk ""B"""'),
    '"B"': ('"B"',),
    "Manager, Sales": ("Manager, Sales", ' "Manager, Sales"'),
    "Night\nshift": ("Night\nshift",),
    "São Paulo": ("São Paulo",),
    "True.": ("True.",),
    "yes": ("yes",),
}


@pytest.mark.parametrize("expected", CATEGORIES, ids=str)
def test_a_category_has_one_spelling(expected):
    found = {cells.category(spelled) for spelled in CATEGORIES[expected]}
    assert found == {expected}


def test_many_categories_are_read_as_one_is():
    texts = [text for spelled in CATEGORIES.values() for text in spelled if isinstance(text, str)] + [None]
    found = typed.categories(pa.array(texts), typed.Spellings(cells.MISSING))
    assert found.to_pylist() == [cells.category(text) for text in texts]


NUMBERS = {
    40.0: ("40", "40.0", " 40", "40.", "+40", "4e1", "4.0E+01", "\u00a040\t", ' "40"', 40, 40.0),
    0.5: (".5", "0.5", "5e-1", 0.5),
    math.nan: ("", " ", "?", "NA", "nan", "null", None, math.nan),
    math.inf: ("inf", "Infinity", "1_000", "0x10", "\uff11\uff12", "much", "1,5", "$3", "--1", "1e", "true"),
}


@pytest.mark.parametrize("expected", NUMBERS)
def test_a_number_has_one_value_and_what_is_none_is_refused(expected):
    for spelled in NUMBERS[expected]:
        if math.isinf(expected):
            with pytest.raises(ValueError, match="is not a number"):
                cells.number(spelled)
        else:
            assert cells.number(spelled) == pytest.approx(expected, nan_ok=True), spelled


@pytest.mark.parametrize("expected", NUMBERS)
@pytest.mark.parametrize("other", ["7", "much"], ids=["as Arrow reads", "as we do where Arrow gives up"])
def test_many_numbers_are_read_as_one_is(expected, other):
    texts = [text for text in NUMBERS[expected] if isinstance(text, str)]
    found = typed.numbers(pa.array([other, *texts]), cells.MISSING).to_pylist()[1:]
    assert [math.nan if number is None else number for number in found] == pytest.approx(
        [expected] * len(texts), nan_ok=True
    )


@pytest.mark.parametrize(
    ("spelled", "label"), [("True.", "true"), (" TRUE ", "true"), ("1.0", "1"), ("1", "1"), ("No", "no"), ("?", "?")]
)
def test_a_label_has_one_spelling(spelled, label):
    assert cells.label(spelled) == label


@pytest.mark.parametrize(
    ("categories", "places"),
    [
        (("false", "true"), [("True", 1), (True, 1), ("1", 1), (1, 1), (1.0, 1), ("0.0", 0), ("yes", None), (2, None)]),
        (("0", "1"), [(True, 1), ("TRUE", 1), ("1.0", 1), (False, 0)]),
        (("1", "2", "3"), [(True, None), ("true", None), (1, 0), ("2.0", 1)]),
        (("false", "true", "unknown"), [(True, 1), ("1", 1), ("unknown", 2)]),
        (("1", "true"), [(True, 1), ("1", 0), ("0", None)]),
        (("1.1", "1.10", "2.50"), [("1.1", 0), ("1.10", 1), (2.5, 2), ("2.5", None), (1.1, 0)]),
        (("408.0", "True"), [(408, 0), ("408", 0), ("true", 1)]),
        (("FL",), [("FL", 0), (" FL ", 0), ("fl", None), ("", None), (None, None), ("NA", None)]),
    ],
    ids=str,
)
def test_where_a_category_is(categories, places):
    known = Places(categories)
    found = [(value, known[value]) for value, _ in places]
    assert [(value, None if math.isnan(place) else place) for value, place in found] == places


@pytest.mark.parametrize("value", [[], {}, [1]])
def test_what_is_neither_text_nor_number_is_no_category(value):
    with pytest.raises(TypeError):
        Places(("a",))[cells.category(value)]


def test_words_for_a_missing_value_are_those_of_config_yml():
    missing = cells.words(["-", "Unknown"])
    assert [cells.category(text, missing) for text in ("-", "UNKNOWN", "", "NA")] == [None, None, None, "NA"]
    assert math.isnan(cells.number("-", missing))
    with pytest.raises(ValueError, match="'NA' is not a number"):
        cells.number("NA", missing)


NAMES = [
    ("Int'l Plan", "intl_plan"),
    ("1stFlrSF", "1stflrsf"),
    ("Größe", "GRÖSSE"),
    ("Gro\u0308ße", "größe"),
    ("Size [m²]", "size_m2"),
    ("\uff05", "%"),
    ("年齢", "年齢"),
]


@pytest.mark.parametrize(("one", "other"), NAMES)
def test_names_that_are_one(one, other):
    assert cells.spelling(one) == cells.spelling(other)


def test_names_that_are_not():
    names = ["%", "#", "कि", "का", "a", "ä", "年", "齢"]
    assert len({cells.spelling(name) for name in names}) == len(names)
