"""Where the base runs other people's programs (Lambda functions, Glue scripts): in rooms, with a /tmp of their own.

A function sees its code and its layers, which lie in one folder, what is installed here, and none of the user's files.
"""

import importlib
import os
import shutil
import subprocess
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopback.core.settings import Settings
from loopback.sandbox import confine
from loopback.sandbox.environment import own_environment, program_folders
from loopback.sandbox.plan import Show, show_paths

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.core.lambda_runtime": ("subprocess",),
    "ministack.core.node_pool": ("subprocess",),
    "ministack.services.lambda_svc": ("subprocess",),
    "ministack.services.glue": ("subprocess",),
}
HOME = "/tmp"  # noqa: S108 - the only folder that a function on AWS may write to


def install(settings: Settings) -> None:
    """Let the base start programs in rooms. Once, before the base serves."""
    for name in HOOKS:
        module: Any = importlib.import_module(name)
        module.subprocess = Confined(settings)


class Confined(types.ModuleType):
    """The module `subprocess`, whose programs run in rooms."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("subprocess")
        self.__dict__.update(vars(subprocess))
        self._settings = settings
        self.Popen, self.run = self._start, self._run

    def _start(self, argv: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
        return subprocess.Popen(*self._confine(argv, options), **options)

    def _run(self, argv: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[Any]":
        return subprocess.run(*self._confine(argv, options), check=options.pop("check", False), **options)

    def _confine(self, argv: Sequence[str], options: dict[str, Any]) -> tuple[list[str]]:
        """The command line in a room; `options` get the environment that goes with it."""
        program = shutil.which(argv[0])
        if program is None:  # the base has its own words for what is not there
            return (list(argv),)
        folder = Path(options["cwd"]).parent if options.get("cwd") else None
        options["env"] = environment(options.get("env") or os.environ)
        shows = (*places(folder), *show_paths((*own_environment(), *program_folders(program), *scripts(argv))))
        readable = show_paths([str(self._settings.sdk_config)])
        return (confine.command(argv, self._settings.state, (*shows, *readable)),)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The variables of a function: its home is its temporary folder."""
    return {**given, "HOME": HOME, "TMPDIR": HOME}


def places(folder: Path | None) -> tuple[Show, ...]:
    """What a function's own folder is to it: itself, and its /tmp."""
    if folder is None:
        return ()
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    real = os.path.realpath(temporary)
    return (
        *show_paths([str(folder)], writable=True),
        *(Show(path, real, writable=True) for path in (HOME, "/var/tmp")),  # noqa: S108
    )


def scripts(argv: Sequence[str]) -> list[str]:
    """The files that a command line names by their whole paths."""
    return [word for word in argv[1:] if os.path.isabs(word) and os.path.isfile(word)]
