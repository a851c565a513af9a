"""pip for builds. What is installed already is told at once; anything else is pip's own work.

pip takes seconds to find out that a lock file of two hundred packages asks for nothing new. `pip install -r FILE` whose
lines are all `name==version`, all of them here, with all that they depend on, needs nothing of it. Run as a program by
the Python of a build, so it imports nothing of loopback.
"""

import os
import re
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

Installed = dict[str, Path]  # normalized name -> its dist-info folder, the first on the path
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)")
_FLAGS = frozenset({"-q", "--quiet", "--no-input", "--disable-pip-version-check"})


def normal(name: str) -> str:
    """A package's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def files_of(arguments: list[str]) -> list[str] | None:
    """The files of `install -r FILE ...`, or None when anything else is asked for."""
    if arguments[:1] != ["install"]:
        return None
    files, rest = [], [item for item in arguments[1:] if item not in _FLAGS]
    while rest:
        option, *rest = rest
        if option not in ("-r", "--requirement") or not rest:
            return None
        files.append(rest.pop(0))
    return files or None


def pins(text: str) -> dict[str, str] | None:
    """Version by name, or None when a line is anything but `name==version`."""
    found = {}
    for line in text.splitlines():
        plain = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if plain:
            pin = _PIN.fullmatch(plain)
            if pin is None:
                return None
            found[normal(pin[1])] = pin[2]
    return found


def installed(path: list[str]) -> Installed:
    """What the folders of a path have."""
    found: Installed = {}
    for folder in path:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if name.endswith(".dist-info"):
                found.setdefault(normal(name.rsplit("-", 2)[0]), Path(folder, name))
    return found


def satisfied(wanted: dict[str, str], here: Installed) -> bool:
    """Whether all of it is here in these versions, and all that it depends on."""
    from packaging.requirements import Requirement

    for name, version in wanted.items():
        place = here.get(name)
        if place is None or _version(place) != version:
            return False
        for text in PathDistribution(place).requires or ():
            need = Requirement(text)
            if need.marker is not None and not need.marker.evaluate({"extra": ""}):
                continue
            other = here.get(normal(need.name))
            if other is None or not need.specifier.contains(_version(other), prereleases=True):
                return False
            if need.extras and normal(need.name) not in wanted:  # what an extra adds is not looked into
                return False
    return True


def _version(place: Path) -> str:
    return place.name.removesuffix(".dist-info").rpartition("-")[2]


def nothing_to_do(arguments: list[str]) -> list[str] | None:
    """What pip would say when there is nothing to install; None when that is not certain."""
    try:
        files = files_of(arguments)
        if files is None:
            return None
        wanted: dict[str, str] = {}
        for file in files:
            found = pins(Path(file).read_text())
            if found is None or any(wanted.get(name, version) != version for name, version in found.items()):
                return None
            wanted |= found
        here = installed(sys.path)
        if not satisfied(wanted, here):
            return None
        return [f"Requirement already satisfied: {name}=={v} in {here[name].parent}" for name, v in wanted.items()]
    except Exception:  # noqa: BLE001 - pip has better words for whatever is wrong
        return None


def main() -> int:
    """The exit status."""
    told = nothing_to_do(sys.argv[1:])
    if told is not None:
        quiet = {"-q", "--quiet"} & set(sys.argv)
        print("\n".join([] if quiet else told))
        return 0
    from pip._internal.cli.main import main as pip

    return int(pip())


if __name__ == "__main__":
    sys.exit(main())
