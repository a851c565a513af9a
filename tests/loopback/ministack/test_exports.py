"""What a stack may export in place of what it exported. The words are CloudFormation's."""

import pytest

from loopback.ministack.exports import changed_export, stack_of

ARN = "arn:aws:cloudformation:us-east-1:000000000000:stack/other/1"
OWN = {"a": {"Value": "1"}, "b": {"Value": "2"}}


@pytest.mark.parametrize(
    ("new", "fault"),
    [
        ({"a": "1", "b": "2"}, ""),
        ({"a": "1", "b": "3"}, ""),  # nobody imports it
        ({"a": "1"}, ""),
        ({"a": "9", "b": "2"}, "Export a cannot be updated as it is in use by one, two"),
        ({"b": "2"}, "Export a cannot be deleted as it is in use by one, two"),
        ({"a": "1", "taken": "1"}, "Export with name taken is already exported by stack other"),
    ],
)
def test_exports_that_change(new: dict[str, str], fault: str) -> None:
    importers = {"a": ["two", "one"]}
    wanted = {name: {"Value": value} for name, value in new.items()}
    assert changed_export(OWN, wanted, {"taken": ARN}, lambda name: importers.get(name, [])) == fault


def test_the_name_in_an_id() -> None:
    assert (stack_of(ARN), stack_of("other")) == ("other", "other")
