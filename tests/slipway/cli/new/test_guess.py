"""What columns are for, as far as their names and cells tell."""

import pytest

from slipway.cli.new.guess import guess
from slipway.cli.new.table import Column
from slipway.cli.target import WrongUsage


def column(name, *cells, times=1):
    import pyarrow as pa

    made = Column(name)
    made.add(pa.array(list(cells) * times))
    return made


LABEL = column("label", "yes", "no", times=15)
NUMBERS = [str(number) for number in range(30)]

KINDS = {
    "numbers": (column("age", *NUMBERS), "number", "30 values"),
    "numbers with gaps": (column("age", "1.5", "", "NA", times=10), "number", "20 of 30 missing"),
    "a number of each row, and its name": (column("customer_id", *NUMBERS), "identifier", "of its own in each row"),
    "camel case": (column("userID", *NUMBERS), "identifier", "of its own"),
    "a measure whose name ends alike": (column("acid", *NUMBERS), "number", "30 values"),
    "a number that repeats": (column("shop_id", "1", "2", "3", times=10), "number", "3 values"),
    "few texts": (column("colour", "red", "blue", "green", times=10), "category", "3 values: blue, green, red"),
    "many texts": (column("name", *(f"name {n}" for n in NUMBERS)), "identifier", "text, 30 values: too many"),
    "dates": (column("day", "2026-01-01", "2026-01-02", "2026-01-03", times=10), "identifier", "dates"),
    "dates of Germany": (column("day", "1.2.2026", "03.02.26 10:00", times=15), "identifier", "dates"),
    "nothing": (column("x", "", "?", times=15), "identifier", "empty"),
}


@pytest.mark.parametrize(("made", "kind", "why"), KINDS.values(), ids=KINDS)
def test_what_a_column_is_for(made, kind, why):
    other = column("other", *NUMBERS)
    found = {purpose.name: purpose for purpose in guess([made, other, LABEL]).columns}[made.name]
    assert found.kind == kind
    assert why in found.why


LABELS = {
    "the last one": (["a", "b"], "b"),
    "one that is called so": (["target", "b"], "target"),
    "of several the last": (["y", "b", "Churn?", "c"], "Churn?"),
}


@pytest.mark.parametrize(("names", "label"), LABELS.values(), ids=LABELS)
def test_which_column_is_predicted(names, label):
    assert guess([column(name, *NUMBERS) for name in names]).label.name == label


def test_or_the_one_that_is_named():
    columns = [column("Day Mins", *NUMBERS), column("b", *NUMBERS)]
    assert guess(columns, label="day_mins").label.name == "Day Mins"
    with pytest.raises(WrongUsage, match="no such column; there are Day Mins, b"):
        guess(columns, label="nope")


CLASSES = {
    "a word for yes": (("no", "yes", "yes"), "", "yes", "no"),
    "numbers": (("1", "0", "1"), "", "1", "0"),
    "spellings": (("True.", "False.", "True."), "", "True.", "False."),
    "what is rarer": (("cat", "dog", "dog"), "", "cat", "dog"),
    "as it is said": (("cat", "dog", "dog"), "dog", "dog", "cat"),
}


@pytest.mark.parametrize(("cells", "positive", "yes", "no"), CLASSES.values(), ids=CLASSES)
def test_which_of_two_labels_means_yes(cells, positive, yes, no):
    found = guess([column("a", *NUMBERS), column("label", *cells, times=10)], positive=positive)
    assert (found.positive, found.negative, found.problem) == (yes, no, "binary")


def test_a_number_is_predicted_as_one():
    found = guess([column("a", *NUMBERS), column("label", *NUMBERS)])
    assert (found.problem, found.columns[-1].why) == ("regression", "a number to predict (30 different)")
    few = guess([column("a", *NUMBERS), column("label", "3", "4", "5", times=10)])
    assert few.columns[-1].why == "a number to predict; its 3 values are classes: --problem multiclass"


SEVERAL = {
    "texts": (("c", "A", "b, d"), "", ("A", "b, d", "c")),
    "numbers from 0 on": (("2", "0", "1"), "", ("0", "1", "2")),
    "numbers from 1 on, as decimals": (("3.0", "1.0", "2.0"), "", ("1", "2", "3")),
    "other numbers, as it is said": (("10", "-1", "9.5"), "multiclass", ("-1", "9.5", "10")),
}


@pytest.mark.parametrize(("cells", "problem", "classes"), SEVERAL.values(), ids=SEVERAL)
def test_one_of_several_classes(cells, problem, classes):
    found = guess([column("a", *NUMBERS), column("label", *cells, times=10)], problem=problem)
    assert (found.problem, found.classes) == ("multiclass", classes)
    assert found.columns[-1].why.startswith("one of 3 classes, the rarest")


def test_numbers_that_may_be_classes_are_a_number_if_it_is_said():
    columns = [column("a", *NUMBERS), column("label", "0", "1", "2", times=10)]
    assert "a number: --problem regression" in guess(columns).columns[-1].why
    assert guess(columns, problem="regression").problem == "regression"


REFUSED = {
    "a rare class": (
        [column("a", *NUMBERS, "7"), column("label", *("x", "y", "z") * 10, "w")],
        {},
        "fewer than 5 rows of 'w': each class needs",
    ),
    "texts of all kinds": (
        [column("a", *NUMBERS * 4), column("label", *map("n{}".format, range(120)))],
        {},
        "too many",
    ),
    "texts as numbers": ([column("a", *NUMBERS), LABEL], {"problem": "regression"}, "holds other than numbers"),
    "three as two": (
        [column("a", *NUMBERS), column("label", "x", "y", "z", times=10)],
        {"problem": "binary"},
        "has 3 values, not two",
    ),
    "two as several": (
        [column("a", *NUMBERS), LABEL],
        {"problem": "multiclass"},
        "has two values, of which one is yes",
    ),
    "one class": ([column("a", *NUMBERS), column("label", "x", times=30)], {}, "are equal"),
    "a missing label": ([column("a", *NUMBERS), column("label", "1", "0", "", times=10)], {}, "missing in 10 of 30"),
    "a class that is not there": ([column("a", *NUMBERS), LABEL], {"positive": "perhaps"}, "has yes and no"),
    "a class of a number": ([column("a", *NUMBERS), column("y", *NUMBERS)], {"positive": "1"}, "of two values"),
    "decimal commas": ([column("a", "1,5", "2", times=15), LABEL], {}, "'a' writes decimals with a comma"),
    "nothing to learn from": ([column("id", *NUMBERS), LABEL], {}, "no column is left to learn from: id:"),
}


@pytest.mark.parametrize(("columns", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_learned(columns, options, message):
    with pytest.raises(WrongUsage, match=message):
        guess(columns, **options)
