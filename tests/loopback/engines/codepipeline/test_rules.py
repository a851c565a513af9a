import pytest

from loopback.engines.codepipeline.rules import alarm_states, compare


@pytest.mark.parametrize(
    ("operator", "variable", "value", "found"),
    [
        ("EQ", "a", "a", True),
        ("EQ", "a", "A", False),
        ("NE", "a", "b", True),
        ("CONTAINS", "an update", "update", True),
        ("CONTAINS", "", "update", False),
        ("MATCHES", "v1.2", r"v\d+\.\d+", True),
        ("MATCHES", "v1.2-rc", r"v\d+\.\d+", False),  # Java's matches: all of it
        ("MATCHES", "Ärger", r"\p{Lu}.*", True),
    ],
)
def test_what_a_variable_is_compared_with(operator: str, variable: str, value: str, found: bool) -> None:
    assert compare(operator, variable, value) is found


def test_a_pattern_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ValueError, match=r"'\(' is not a regular expression"):
        compare("MATCHES", "a", "(")


def test_states_of_an_alarm() -> None:
    assert alarm_states("") == ("ALARM",)
    assert alarm_states("ALARM, INSUFFICIENT_DATA") == ("ALARM", "INSUFFICIENT_DATA")
    with pytest.raises(ValueError, match="'Red'; expected ALARM"):
        alarm_states("Red")
