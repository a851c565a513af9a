"""The verbs of `slipway`, in the order of its help."""

from slipway.cli.command_line import LOCAL, OPERATE, PROJECTS, PROMOTE, TRAIN, app

from slipway.cli.verbs import train, promote, operate, projects, local  # isort: skip

__all__ = ["LOCAL", "OPERATE", "PROJECTS", "PROMOTE", "TRAIN", "app"]
__all__ += ["local", "operate", "projects", "promote", "train"]
