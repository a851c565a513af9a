"""The variables of a build: the machine's, AWS's, the buildspec's, the project's, in that order. Pure."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from loopback.sandbox.environment import own_environment
from loopback.sandbox.plan import Show, show_paths

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Folders:
    """A build's places on this machine."""

    root: Path

    @property
    def src(self) -> Path:
        """CODEBUILD_SRC_DIR."""
        return self.root / "src"

    @property
    def home(self) -> Path:
        """HOME."""
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        """TMPDIR."""
        return self.root / "tmp"

    @property
    def log(self) -> Path:
        """The whole output."""
        return self.root / "log"

    def secondary(self, name: str) -> Path:
        """CODEBUILD_SRC_DIR_<name>."""
        return self.root / "secondary" / name


def places(folders: Folders, machine: Path, python: str) -> tuple[Show, ...]:
    """What a build sees of `machine`, the folder of all builds: its own part and pip's to write, the tools to read."""
    temporary = os.path.realpath(folders.tmp)
    return (
        *show_paths([str(folders.root), str(machine / "pip")], writable=True),
        *(Show(path, temporary, writable=True) for path in ("/tmp", "/var/tmp")),  # noqa: S108
        *show_paths([str(machine / "tools"), *own_environment(python)]),
    )


def machine(folders: Folders, pip_cache: Path) -> dict[str, str]:
    """What any program on the build machine sees. Nothing comes from the environment of this process."""
    return {
        "PATH": f"{folders.root}/python/bin:{folders.root}/tools:{SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(folders.home),
        "TMPDIR": str(folders.tmp),
        "PIP_CACHE_DIR": str(pip_cache),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "CI": "true",
    }


# AWS's own, which signs for hosts of AWS only unless it is told otherwise; it knows that word for `get` alone.
HELPER = '!f() { test "$1" != get || aws codecommit credential-helper get --ignore-host-check; }; f'


def git(url: str, region: str, home: Path, *, credentials: bool) -> dict[str, str]:
    """Settings that make git find AWS's repositories in this loopback, at `url`, and nobody's own configuration."""
    entries = [
        (f"url.{url}/git-http/.insteadOf", f"https://{host}.{region}.amazonaws.com/git-http/")
        for host in ("codeconnections", "codestar-connections")
    ]
    entries.append((f"url.{url}/v1/repos/.insteadOf", f"https://git-codecommit.{region}.amazonaws.com/v1/repos/"))
    if credentials:
        entries.append(("credential.helper", HELPER))
        entries.append(("credential.UseHttpPath", "true"))
    variables = {
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(entries)),
    }
    for number, (key, value) in enumerate(entries):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def source_variable(name: str) -> str:
    """The variable that names a secondary source's folder.

    >>> source_variable("Build-Artifact")
    'CODEBUILD_SRC_DIR_Build_Artifact'
    """
    return "CODEBUILD_SRC_DIR_" + re.sub(r"[^A-Za-z0-9_]", "_", name)


def merge(layers: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Later layers win; a value without its end of text (NUL) is all that a process can be given."""
    found: dict[str, str] = {}
    for layer in layers:
        found |= {name: value.replace("\0", "") for name, value in layer.items()}
    return found


def exported_values(names: Iterable[str], shell: Mapping[str, str], secret: Iterable[str]) -> dict[str, str]:
    """The values of exported variables. Those that come from Parameter Store or Secrets Manager are not exported."""
    hidden = set(secret)
    return {name: shell[name] for name in names if name in shell and name not in hidden and not _is_reserved(name)}


def _is_reserved(name: str) -> bool:
    return name.startswith(("AWS_", "CODEBUILD_"))


def shell(name: str) -> list[str]:
    """The program and the options that env.shell stands for."""
    if name == "bash":
        found = next(
            (path for path in ("/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash") if os.path.exists(path)), ""
        )
        return [found or "/bin/sh", *(["--noprofile", "--norc"] if found else [])]
    return ["/bin/sh"]
