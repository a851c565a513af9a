"""`slipway upgrade`: bring a project's clone to another version of the template and its library.

Files that the team has not touched change, are added or go. What it has touched stays as it is, and the template's
change of it is shown.
"""

import difflib
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.cli import git, merging, screen
from slipway.cli.archive import MANIFEST, content_id, manifest, manifest_of
from slipway.cli.checkout import Checkout
from slipway.cli.target import UserError, WrongUsage
from slipway.cli.template import find_in_checkout, find_in_wheel, find_installed, project_files

REQUIREMENTS = "requirements.txt"
FOLDER = "vendor"
WHEEL = re.compile(r"slipway-([^-]+)-py3-none-any\.whl")
LIBRARY = re.compile(r"^\./vendor/slipway-(\S+)-py3-none-any\.whl.*$", re.MULTILINE)
OWN_CODE = ("pipelines", "tests")  # folders with a team's own Python
LONGEST = 60  # lines of a difference that are shown


@dataclass(frozen=True)
class Upgrade:
    """What changes in a project; `files` has the new content of what is written."""

    before: str
    after: str
    files: Mapping[str, bytes]
    deleted: tuple[str, ...]
    kept: Mapping[str, str]  # the team's own versions: the template's change, as a difference
    stale: tuple[str, ...]  # places of the team's code that import what goes


def upgrade(checkout: Checkout, template: Path | None, wheel: Path | None = None, *, dry: bool, as_json: bool) -> int:
    """Carry it out; 1 when something is left for the team to do. Raises UserError, having changed nothing.

    A `wheel` of slipway carries a template of its version; of a project's own wheel the project takes the library, and
    no other file.
    """
    if checkout.is_template:
        raise WrongUsage(f"{checkout.root} is the template; upgrade works in a clone of a project's repository")
    if wheel and template:
        raise WrongUsage("--to is a wheel and --template a checkout: give one of them")
    found = _plan(checkout.root, template, wheel)
    _require_clean_checkout(checkout.root)
    if not dry:
        _write(checkout.root, found)
    _show(checkout, found, dry=dry, as_json=as_json)
    return 1 if found.kept or found.stale else 0


def _plan(root: Path, checkout: Path | None, wheel: Path | None) -> Upgrade:
    if wheel:
        content = _wheel(wheel)
        carried = find_in_wheel(wheel)
        return plan_upgrade(root, project_files(carried)) if carried else plan_library(root, wheel.name, content)
    template = find_in_checkout(checkout) if checkout else find_installed()
    if template is None:
        raise WrongUsage(f"{checkout} is no checkout of the template; name one, or a wheel of slipway with --to")
    return plan_upgrade(root, project_files(template))


def plan_upgrade(root: Path, new: Mapping[str, bytes]) -> Upgrade:
    """What the template's files `new` change in the project of a folder. Raises UserError."""
    base = _base(root)
    theirs = {name: (root / name).read_bytes() for name in {*base, *new} if (root / name).is_file()}
    ids = {name: content_id(content) for name, content in theirs.items()}
    plan = merging.changes(base, ids, {name: content_id(content) for name, content in new.items()})
    written = {name: new[name] for name in plan.written}
    conflicts = list(plan.conflicts)
    if REQUIREMENTS in conflicts and (line := _with_library(theirs.get(REQUIREMENTS, b""), new[REQUIREMENTS])):
        written[REQUIREMENTS] = line  # the team's lines stay, the library's follows its wheel
        conflicts.remove(REQUIREMENTS)
    gone = {name for name in {*plan.deleted, *conflicts} if name not in new}
    return Upgrade(
        _version(theirs.get(REQUIREMENTS, b"")),
        _version(new.get(REQUIREMENTS, b"")),
        {**written, MANIFEST: manifest(new)},
        plan.deleted,
        {name: _difference(root, base.get(name), theirs.get(name, b""), new.get(name)) for name in conflicts},
        tuple(_stale(root, gone, {*plan.deleted, *written})),
    )


def plan_library(root: Path, name: str, content: bytes) -> Upgrade:
    """What another version of the library changes in a project: its wheel, and the line that names it.

    Raises UserError in a project that has the library as files.
    """
    base, place = _base(root), f"{FOLDER}/{name}"
    theirs = (root / REQUIREMENTS).read_bytes() if (root / REQUIREMENTS).is_file() else b""
    line = f"./{place} --hash=sha256:{hashlib.sha256(content).hexdigest()}\n".encode()
    written = _with_library(theirs, line)
    if written is None:
        raise UserError(
            f"{root / REQUIREMENTS} does not name a wheel of the library in {FOLDER}/, once: bring the project to this "
            "version with the template first, slipway upgrade"
        )
    before = f"{FOLDER}/slipway-{_version(theirs)}-py3-none-any.whl"
    gone = (before,) if before != place and (root / before).is_file() else ()
    ids = {path: known for path, known in base.items() if path != before} | {place: content_id(content)}
    if base.get(REQUIREMENTS) == content_id(theirs):  # the team has changed nothing in it, so it stays the template's
        ids[REQUIREMENTS] = content_id(written)
    files = {} if written == theirs else {place: content, REQUIREMENTS: written, MANIFEST: manifest_of(ids)}
    return Upgrade(_version(theirs), _version(line), files, gone, {}, ())


def _wheel(path: Path) -> bytes:
    """The bytes of a wheel of the library. Raises WrongUsage for another file."""
    named = WHEEL.fullmatch(path.name)
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            described = archive.read(f"slipway-{named[1]}.dist-info/METADATA").decode() if named else ""
    except (OSError, zipfile.BadZipFile, KeyError) as fault:
        raise WrongUsage(f"{path} is no wheel of the library: {fault}") from None
    if named is None or f"\nVersion: {named[1]}\n" not in described:
        raise WrongUsage(f"{path} is no wheel of the library: its name is slipway-VERSION-py3-none-any.whl")
    return content


def _base(root: Path) -> dict[str, str]:
    """The files that the template last put into a project, by their ids."""
    try:
        return merging.ids_in((root / MANIFEST).read_bytes())
    except OSError:
        raise UserError(
            f"{root} has no {MANIFEST}, which says which files are the template's: it was launched before there was "
            "one. Ship once from the template's checkout, `slipway ship --merge`, which adds it"
        ) from None


def _require_clean_checkout(root: Path) -> None:
    """What is changed can then be looked at, and taken back, with git."""
    if changed := git.answers(root, "status", "--porcelain", "--untracked-files=no", "--", "."):
        lines = screen.first_lines([line[2:].strip() for line in changed.splitlines()])
        raise UserError("\n".join(["There are changes that are no commit; commit or stash them first:", *lines]))


def _with_library(theirs: bytes, new: bytes) -> bytes | None:
    """A team's requirements with the template's line for the library; None where they have none to replace."""
    line = LIBRARY.search(new.decode())
    text, times = LIBRARY.subn(lambda _: line[0] if line else "", theirs.decode(errors="replace"))
    return text.encode() if times == 1 and line else None


def _version(requirements: bytes) -> str:
    """The library's version; "" of a project that has it as files."""
    line = LIBRARY.search(requirements.decode(errors="replace"))
    return line[1] if line else ""


def _difference(root: Path, base: str | None, theirs: bytes, new: bytes | None) -> str:
    """What the template changed since it last wrote a file, or how the file differs from it where that is not known."""
    if new is None:
        return "the template no longer has it"
    if b"\0" in theirs or b"\0" in new:
        return "not text"
    known = git.answers(root, "cat-file", "blob", base) if base else None
    old, label = (theirs.decode(errors="replace"), "yours") if known is None else (known + "\n", "template, before")
    lines = difflib.unified_diff(
        old.splitlines(), new.decode(errors="replace").splitlines(), label, "template, now", lineterm="", n=2
    )
    return "\n".join(screen.first_lines(list(lines), LONGEST))


def _stale(root: Path, gone: set[str], changed: set[str]) -> Iterator[str]:
    """Places of code that stays which import modules that go."""
    modules = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in gone if name.endswith(".py")
    }
    for path in sorted(path for folder in OWN_CODE for path in (root / folder).rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if name in changed or name in gone:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            words = re.match(r"\s*from ([\w.]+) import ([\w, ]+)|\s*import ([\w.]+)", line)
            if words is None:
                continue
            module = words[1] or words[3]
            asked = {module, *(f"{module}.{part.split()[0]}" for part in (words[2] or "").split(",") if part.split())}
            if asked & modules:
                yield f"{name}:{number}: {line.strip()}"


def _write(root: Path, found: Upgrade) -> None:
    for name in found.deleted:
        (root / name).unlink()
        for folder in (root / name).relative_to(root).parents:
            if folder.name and (root / folder).is_dir() and not any((root / folder).iterdir()):
                (root / folder).rmdir()
    for name, content in found.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def _show(checkout: Checkout, found: Upgrade, *, dry: bool, as_json: bool) -> None:
    written = sorted(name for name in found.files if name != MANIFEST)
    if as_json:
        screen.show_json(
            {
                "project": str(checkout.root),
                "library": {"before": found.before, "after": found.after},
                "written": written,
                "deleted": list(found.deleted),
                "kept": dict(found.kept),
                "stale": list(found.stale),
                "dry": dry,
            }
        )
        return
    would = "would be " if dry else ""
    screen.say(f"project {checkout.root}")
    screen.say(f"library {found.before or 'as files of the project'} -> {found.after}")
    for title, names in ((f"{would}written", written), (f"{would}deleted", list(found.deleted))):
        if names:
            screen.say(f"\n{title}: {len(names)}")
            screen.say("\n".join(screen.first_lines(names, 15)))
    for name, difference in found.kept.items():
        screen.say(f"\nyours, left as it is: {name}\n{difference}")
    if found.stale:
        screen.say(
            "\nyours, and imports what has moved into the library (slipway.build, slipway.tabular, slipway.deploy):"
        )
        screen.say("\n".join(f"  {place}" for place in found.stale))
    if not written and not found.deleted and not found.kept:
        screen.say("\nnothing to change")
    elif not dry:
        screen.say("\nsee it with git diff; commit it, and slipway ship")
