"""The files that a verb works on: the template's or a project's checkout that the working folder lies in."""

from dataclasses import dataclass
from pathlib import Path

from slipway.cli.target import WrongUsage


@dataclass(frozen=True)
class Checkout:
    """A folder with a project's files; the template's has the seed code, too."""

    root: Path

    @property
    def is_template(self) -> bool:
        """Whether projects are made from it, rather than that it is one."""
        return (self.root / "seed_code" / "seed.py").is_file()

    @property
    def pipelines(self) -> list[str]:
        """The folders of pipelines/ that are pipelines."""
        return sorted(path.parent.name for path in self.root.glob("pipelines/*/pipeline.py"))

    def need(self, pipeline: str) -> None:
        """Raises WrongUsage when there is no such pipeline."""
        if pipeline not in self.pipelines:
            known = ", ".join(self.pipelines) or "none"
            raise WrongUsage(f"There is no pipeline {pipeline} in {self.root / 'pipelines'}; there is: {known}")

    def only_pipeline(self) -> str:
        """The one that needs no name. Raises WrongUsage when there are several."""
        if len(self.pipelines) == 1:
            return self.pipelines[0]
        known = ", ".join(self.pipelines) or "none"
        raise WrongUsage(f"Which pipeline? {self.root / 'pipelines'} has: {known}")


def enter(folder: Path | None = None) -> Checkout:
    """The checkout of a folder, by default the working one; its pipelines are what is imported from now on.

    Raises WrongUsage outside of any, so that no verb works on the files beside an installed slipway unasked.
    """
    from slipway.build import working_folder
    from slipway.build.project import UsageError

    try:
        root = working_folder.require_project(folder or Path.cwd())
    except UsageError as fault:
        raise WrongUsage(f"slipway works on the project of the working folder: {fault}") from None
    working_folder.enter(root)
    return Checkout(root)
