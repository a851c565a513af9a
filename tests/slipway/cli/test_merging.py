"""Of a repository's files a push changes those of the template that nobody else has changed."""

import pytest

from slipway.cli.merging import Changes, changes, ids_in

CASES = {
    "nothing differs": ({"a": "1"}, {"a": "1"}, {"a": "1"}, ((), (), ())),
    "changed here": ({"a": "1"}, {"a": "1"}, {"a": "2"}, (("a",), (), ())),
    "changed there": ({"a": "1"}, {"a": "2"}, {"a": "1"}, ((), (), ())),
    "changed alike": ({"a": "1"}, {"a": "2"}, {"a": "2"}, ((), (), ())),
    "changed here and there": ({"a": "1"}, {"a": "3"}, {"a": "2"}, ((), (), ("a",))),
    "new here": ({}, {}, {"a": "1"}, (("a",), (), ())),
    "new here, and another of that name there": ({}, {"a": "9"}, {"a": "1"}, ((), (), ("a",))),
    "new there": ({}, {"b": "1"}, {}, ((), (), ())),
    "gone here": ({"a": "1"}, {"a": "1"}, {}, ((), ("a",), ())),
    "gone here, changed there": ({"a": "1"}, {"a": "2"}, {}, ((), (), ("a",))),
    "gone there": ({"a": "1"}, {}, {"a": "1"}, ((), (), ())),
    "gone there, changed here": ({"a": "1"}, {}, {"a": "2"}, ((), (), ("a",))),
    "gone here and there": ({"a": "1"}, {}, {}, ((), (), ())),
    "a folder there has the name": ({}, {"a/b": "1"}, {"a": "1"}, ((), (), ("a",))),
    "a file there has a folder's name": ({}, {"a": "1"}, {"a/b/c": "1"}, ((), (), ("a/b/c",))),
}


@pytest.mark.parametrize(("base", "theirs", "ours", "expected"), CASES.values(), ids=CASES)
def test_three_ways(base, theirs, ours, expected):
    assert changes(base, theirs, ours) == Changes(*expected)


@pytest.mark.parametrize("text", [b"", b"x", b"[]", b'{"files": 3}', b"null"])
def test_without_a_manifest_nothing_is_the_templates(text):
    assert ids_in(text) == {}
