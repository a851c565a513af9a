"""pip for builds. What is installed already is told at once, a pure wheel is unpacked; the rest is pip's own work.

pip takes seconds to find out that a lock file of two hundred packages asks for nothing new, and to compile every module
of a wheel of which a build imports a few. `pip install -r FILE` whose lines are all `name==version`, all of them here,
with all that they depend on, needs nothing of it; nor does `pip install --no-index --no-deps -r FILE` whose lines are
wheels with their hashes. Run as a program by the Python of a build, so it imports nothing of loopback.
"""

import os
import re
import sys
import sysconfig
from pathlib import Path, PurePosixPath
from typing import NamedTuple

Installed = dict[str, Path]  # normalized name -> its dist-info folder, the first on the path
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)(\s+--hash=sha256:[0-9a-f]{64})*")
_WHEEL = re.compile(
    r"(\S+/)?(?P<name>\w+)-(?P<version>[^-\s]+)-py3-none-any\.whl\s+--hash=sha256:(?P<sha256>[0-9a-f]{64})"
)
_OF_AN_EXTRA = re.compile(r""";\s*extra\s*==\s*(['"])[^'"]*\1\s*$""")
OURS = Path(__file__).parents[3]  # where loopback is installed, and slipway beside it
_FLAGS = frozenset({"-q", "--quiet", "--no-input", "--disable-pip-version-check"})
_ALONE = frozenset({"--no-index", "--no-deps"})  # what says that a wheel is all that is to be installed
_COMMAND = """#!{python}
import sys
from {module} import {imported}
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit({function}())
"""


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


def lines_of(text: str) -> list[str]:
    """The requirements of a file, each in one line, without comments."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)(^|\s)#.*$", "", text))
    return [line.strip() for line in joined.splitlines() if line.strip()]


def pins(text: str) -> dict[str, str] | None:
    """Version by name, or None when a line is anything but `name==version`, with or without hashes.

    pip compares hashes with what it downloads, and not with what is installed.
    """
    found: dict[str, str] = {}
    lines = lines_of(text)
    hashed = [line for line in lines if " --hash=" in line]
    for line in lines:
        pin = _PIN.fullmatch(line)
        if pin is None or (hashed and line not in hashed):  # pip refuses a file of which some lines have none
            return None
        found[normal(pin[1])] = pin[2]
    return found


def installed_packages(path: list[str]) -> Installed:
    """What the folders of a path have."""
    found: Installed = {}
    for folder in path:
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if name.endswith(".dist-info"):
                found.setdefault(normal(name.rsplit("-", 2)[0]), Path(folder, name))
    return found


def is_satisfied(wanted: dict[str, str], here: Installed) -> bool:
    """Whether all of it is here in these versions, and all that it depends on."""
    from packaging.requirements import Requirement

    for name, version in wanted.items():
        place = here.get(name)
        if place is None or _version(place) != version:
            return False
        for need in map(Requirement, _needs(place)):
            if need.marker is not None and not need.marker.evaluate({"extra": ""}):
                continue
            other = here.get(normal(need.name))
            if other is None or not need.specifier.contains(_version(other), prereleases=True):
                return False
            if need.extras and normal(need.name) not in wanted:  # what an extra adds is not looked into
                return False
    return True


def _needs(place: Path) -> list[str]:
    """What a package asks for, but for what an extra alone does; its other fields take longer to parse than to skip."""
    fields = (place / "METADATA").read_text().partition("\n\n")[0]
    return [text for text in re.findall(r"(?m)^Requires-Dist: (.+)$", fields) if not _OF_AN_EXTRA.search(text)]


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
        here = installed_packages(sys.path)
        if not is_satisfied(wanted, here):
            return None
        return [f"Requirement already satisfied: {name}=={v} in {here[name].parent}" for name, v in wanted.items()]
    except Exception:  # noqa: BLE001 - pip has better words for whatever is wrong
        return None


class Wheel(NamedTuple):
    """A wheel of pure Python, its bytes those that a requirement's hash names."""

    path: Path
    name: str
    version: str
    sha256: str

    @property
    def info(self) -> str:
        """The folder that describes it."""
        return f"{self.name}-{self.version}.dist-info"


def wheel_in(arguments: list[str], own: Path, here: Installed) -> Wheel | None:
    """The one wheel that is asked for; None where only pip can tell what is to be done.

    pip has the words for a hash that differs, and takes away what `own`, the packages of this Python alone, has of an
    earlier version.
    """
    files = files_of([item for item in arguments if item not in _ALONE])
    lines = [line for file in files or () for line in lines_of(Path(file).read_text())]
    asked = _WHEEL.fullmatch(lines[0]) if len(lines) == 1 and set(arguments) >= _ALONE else None
    if asked is None:
        return None
    import hashlib

    wheel = Wheel(Path(lines[0].split()[0]), asked["name"], asked["version"], asked["sha256"])
    place = here.get(normal(wheel.name))
    if place and (place.parent == own or _version(place) == wheel.version):
        return None
    return wheel if hashlib.sha256(wheel.path.read_bytes()).hexdigest() == wheel.sha256 else None


def unpack(wheel: Wheel, packages: Path, commands: Path) -> bool:
    """Put its files and its commands where pip would, compiling nothing; False, nothing done, where that takes pip."""
    import json
    import zipfile

    from packaging.specifiers import SpecifierSet

    with zipfile.ZipFile(wheel.path) as archive:
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        parts = [PurePosixPath(name).parts for name in names]
        if any(".." in part or part[0] == "/" or part[0].endswith(".data") for part in parts):
            return False
        contents = {name: archive.read(name) for name in names}
    if b"Root-Is-Purelib: true" not in contents.get(f"{wheel.info}/WHEEL", b"").splitlines():
        return False
    python = re.search(rb"(?m)^Requires-Python: (.+)$", contents[f"{wheel.info}/METADATA"])
    if python and ".".join(map(str, sys.version_info[:3])) not in SpecifierSet(python[1].decode().strip()):
        return False
    scripts = _scripts(contents.get(f"{wheel.info}/entry_points.txt", b"").decode())
    hashes = {"archive_info": {"hash": f"sha256={wheel.sha256}", "hashes": {"sha256": wheel.sha256}}}
    contents |= {
        f"{wheel.info}/INSTALLER": b"pip\n",
        f"{wheel.info}/REQUESTED": b"",
        f"{wheel.info}/direct_url.json": json.dumps({**hashes, "url": wheel.path.resolve().as_uri()}).encode(),
    }
    contents[f"{wheel.info}/RECORD"] = _record(contents, wheel.info, scripts, os.path.relpath(commands, packages))
    for name, content in contents.items():
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_bytes(content)
        if name.endswith(".py"):
            link_bytecode(packages / name, OURS / name, content)
    for name, text in scripts.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    return True


def link_bytecode(module: Path, twin: Path, content: bytes) -> None:
    """Where what is installed with loopback has the same module, and has it compiled, it need not be compiled again."""
    try:
        compiled = Path(_bytecode_of(twin))
        if twin.read_bytes() != content or not compiled.exists():
            return
        told = twin.stat()
    except OSError:
        return
    link = Path(_bytecode_of(module))
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(compiled)
    os.utime(module, ns=(told.st_atime_ns, told.st_mtime_ns))  # Python compares it with what is compiled


def _bytecode_of(module: Path) -> str:
    return f"{module.parent}/__pycache__/{module.stem}.{sys.implementation.cache_tag}.pyc"


def _scripts(entry_points: str) -> dict[str, str]:
    """The commands of a package, run by the Python that installs it."""
    import configparser

    sections = configparser.ConfigParser(delimiters=("=",))
    sections.optionxform = lambda optionstr: optionstr  # type: ignore[method-assign]  # names keep their case
    sections.read_string(entry_points)
    if not sections.has_section("console_scripts"):
        return {}
    found = {}
    for name, place in sections.items("console_scripts"):
        module, _, function = (part.strip() for part in place.partition(":"))
        imported = function.partition(".")[0]
        found[name] = _COMMAND.format(python=sys.executable, module=module, imported=imported, function=function)
    return found


def _record(contents: dict[str, bytes], info: str, scripts: dict[str, str], commands: str) -> bytes:
    """The list of what was installed, with hashes, as a wheel has one itself."""
    import base64
    import hashlib

    def digest(content: bytes) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()

    every = {**contents, **{f"{commands}/{name}": text.encode() for name, text in scripts.items()}}
    every.pop(f"{info}/RECORD", None)
    lines = [f"{name},sha256={digest(content)},{len(content)}" for name, content in sorted(every.items())]
    return "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()


def install_pure_wheel(arguments: list[str]) -> list[str] | None:
    """Unpack a pure wheel into this Python; what pip would say of it, or None where that is pip's own work."""
    try:
        packages, commands = (Path(sysconfig.get_path(name)) for name in ("purelib", "scripts"))
        wheel = wheel_in(arguments, packages, installed_packages(sys.path))
        if wheel is None or not unpack(wheel, packages, commands):
            return None
    except Exception:  # noqa: BLE001 - pip has better words for whatever is wrong
        return None
    return [f"Successfully installed {wheel.name}-{wheel.version}"]


def main() -> int:
    """The exit status."""
    told = nothing_to_do(sys.argv[1:])
    if told is None:
        told = install_pure_wheel(sys.argv[1:])
    if told is not None:
        quiet = {"-q", "--quiet"} & set(sys.argv)
        print("\n".join([] if quiet else told))
        return 0
    from pip._internal.cli.main import main as pip

    return int(pip())


if __name__ == "__main__":
    sys.exit(main())
