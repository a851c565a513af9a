"""The template that projects are made from: a checkout of it, or what a wheel of slipway carries.

The wheel has it as `slipway/template/`, which its build writes from the checkout: see setup.py.
"""

import io
import sys
import zipfile
from dataclasses import dataclass
from importlib import metadata
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Protocol

from slipway.build import working_folder
from slipway.cli.archive import MANIFEST, Archive, unpack
from slipway.cli.target import UserError, WrongUsage

PLACE = "slipway/template"  # in a wheel
PROJECT, CHECKIN = "project.zip", "checkin.zip"
TEXTS = ("project.yml", "project_roles.yml", "roles.yml", "portfolio.yml")
HERE = Path(__file__).resolve().parents[1]  # the package slipway


class Template(Protocol):
    """What all of it can be asked."""

    @property
    def where(self) -> str:
        """For a person."""

    def project(self) -> Archive:
        """The files of a new project, with their manifest."""

    def checkin(self) -> Archive:
        """The build that pushes them."""

    def text(self, name: str) -> str:
        """A CloudFormation template, one of TEXTS."""

    def tree(self) -> Traversable:
        """A folder with the files of a project, to look into."""


def project_files(template: Template) -> dict[str, bytes]:
    """What a template puts into a project, by name, but for the manifest."""
    found = unpack(template.project().content)
    return {name: content for name, content in found.items() if name != MANIFEST}


@dataclass(frozen=True)
class TemplateCheckout:
    """A folder with all of the repository."""

    root: Path

    @property
    def where(self) -> str:
        """See Template."""
        return str(self.root)

    def project(self) -> Archive:
        """See Template. Raises UserError."""
        seed = self._seed()
        try:
            made: Archive = seed.project(self.root)
        except seed.SeedError as fault:
            raise UserError(str(fault)) from None
        return made

    def checkin(self) -> Archive:
        """See Template. Raises UserError."""
        seed = self._seed()
        try:
            made: Archive = seed.checkin(self.root)
        except seed.SeedError as fault:
            raise UserError(str(fault)) from None
        return made

    def text(self, name: str) -> str:
        """See Template."""
        return (self.root / "seed_code" / name).read_text()

    def tree(self) -> Traversable:
        """See Template."""
        return self.root

    def _seed(self) -> Any:
        if str(self.root) not in sys.path:
            sys.path.append(str(self.root))  # seed_code is no part of an installed slipway
        from seed_code import seed

        return seed


@dataclass(frozen=True)
class CarriedTemplate:
    """What is in a wheel, installed or not. `name` says which, for a person."""

    folder: Traversable
    name: str

    @property
    def where(self) -> str:
        """See Template."""
        return self.name

    def project(self) -> Archive:
        """See Template."""
        return self._archive(PROJECT)

    def checkin(self) -> Archive:
        """See Template."""
        return self._archive(CHECKIN)

    def text(self, name: str) -> str:
        """See Template."""
        return (self.folder / name).read_text()

    def tree(self) -> Traversable:
        """See Template."""
        return zipfile.Path(io.BytesIO((self.folder / PROJECT).read_bytes()))

    def _archive(self, name: str) -> Archive:
        content = (self.folder / name).read_bytes()
        return Archive(content, tuple(sorted(unpack(content))))


def write_into(folder: Path, root: Path) -> None:
    """Write what a wheel carries of the template in a checkout."""
    template = TemplateCheckout(root)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PROJECT).write_bytes(template.project().content)
    (folder / CHECKIN).write_bytes(template.checkin().content)
    for name in TEXTS:
        (folder / name).write_text(template.text(name))


def find_in_checkout(folder: Path) -> TemplateCheckout | None:
    """The template whose checkout a folder is."""
    return TemplateCheckout(folder) if (folder / "seed_code" / "seed.py").is_file() else None


def find_in_wheel(path: Path) -> CarriedTemplate | None:
    """The template that a wheel carries; a project's own wheel has the library alone."""
    with zipfile.ZipFile(path) as archive:
        if f"{PLACE}/{PROJECT}" not in archive.namelist():
            return None
    return CarriedTemplate(zipfile.Path(path) / PLACE, path.name)


def find_installed() -> Template:
    """The one that this slipway came with. Raises WrongUsage in a project's library, which has none."""
    if found := find_in_checkout(HERE.parent):
        return found
    if (HERE / "template" / PROJECT).is_file():
        return CarriedTemplate(HERE / "template", f"slipway {metadata.version('slipway')}, as it is installed")
    raise WrongUsage(
        f"the slipway in {HERE} is a project's library and has no template: install slipway itself, or work in a "
        "checkout of the template"
    )


def find_tree(folder: Path) -> Traversable:
    """The files of the project that a folder lies in, else of the template that this slipway came with."""
    return working_folder.project_above(folder) or find_installed().tree()


def find_above(folder: Path) -> Template:
    """That of the checkout that a folder lies in, else the one that this slipway came with. Raises WrongUsage."""
    root = working_folder.project_above(folder)
    return (find_in_checkout(root) if root else None) or find_installed()
