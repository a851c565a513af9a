"""Names are guessable: a function says what it does or returns, never by a bare participle; a class is one thing."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("loopback", "slipway", "pipelines", "deploy", "codebuild", "seed_code", "benchmarks", "third_party")
IRREGULAR = re.compile(
    "begun|born|bound|brought|built|chosen|dealt|done|drawn|driven|fed|felt|forgotten|found|given|gone|grown|heard|held|"
    "hidden|kept|known|laid|led|lost|made|meant|met|said|seen|sent|shown|sought|spelt|spent|spoken|stood|taken|thought|"
    "thrown|told|undone|written"
)
NOT_PARTICIPLES = frozenset(("exceed", "feed", "need", "proceed", "seed", "shed", "speed", "succeed"))
FUNCTION = re.compile(
    r"^(?P<mark>[ \t]*@(?:\w+\.)*\w*property\n)?[ \t]*(?:async )?def _*(?P<name>[a-z0-9]+)\(", re.MULTILINE
)


def participles(text: str) -> Iterator[str]:
    """The functions of a source text that are named by one participle; a property may be, as a field may."""
    for found in FUNCTION.finditer(text):
        name = found["name"]
        if not found["mark"] and name not in NOT_PARTICIPLES and (IRREGULAR.fullmatch(name) or name.endswith("ed")):
            yield name


def test_functions_are_named_for_what_they_do_or_return() -> None:
    sources = {path: path.read_text() for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))}
    found = {str(path.relative_to(ROOT)): names for path, text in sources.items() if (names := [*participles(text)])}
    assert found == {}


def test_a_class_name_means_one_thing_in_loopback() -> None:
    """Apart from the errors of AWS's services, which several of them call the same."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "loopback").rglob("*.py")):
        for name in re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE):
            places[name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if found[1:] and not name.endswith("Exception")} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def told(self) -> str:", ["told"]),
        ("    async def _merged(one, other):", ["merged"]),
        ("class A:\n    @property\n    def used(self) -> int:", []),
        ("@cached_property\ndef used(self) -> int:", []),
        ("def feed(text):", []),
        ("def merged_rows(paths):", []),
        ("kept = 1", []),
    ],
)
def test_sees(text: str, found: list[str]) -> None:
    assert list(participles(text)) == found
