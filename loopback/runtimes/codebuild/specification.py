"""A buildspec as values: what a build has to do. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

COMMAND_PHASES = ("INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD")


@dataclass(frozen=True)
class OnFailure:
    """What follows a failed phase. `attempts` counts the repetitions, `pattern` is searched in the phase's output."""

    action: str
    attempts: int = 0
    pattern: str | None = None


@dataclass(frozen=True)
class Phase:
    """The commands of one phase."""

    commands: tuple[str, ...] = ()
    lastly: tuple[str, ...] = ()  # `finally`
    on_failure: OnFailure | None = None


@dataclass(frozen=True)
class FilePatterns:
    """Which files become an artifact or a report; `format` is that of a report's files."""

    files: tuple[str, ...]
    base_directory: str = ""
    exclude: tuple[str, ...] = ()
    discard_paths: bool = False
    symlinks: bool = False
    name: str = ""
    s3_prefix: str = ""
    format: str = ""


@dataclass(frozen=True)
class Cache:
    """What is kept from build to build. Keys may hold shell expressions. `action` is restore, save or both ("")."""

    paths: tuple[str, ...]
    key: str = ""
    fallback_keys: tuple[str, ...] = ()
    action: str = ""


@dataclass(frozen=True)
class Buildspec:
    """A whole buildspec."""

    phases: Mapping[str, Phase] = field(default_factory=dict)
    runtimes: Mapping[str, str] = field(default_factory=dict)
    shell: str = "bash"
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    git_credentials: bool = False
    artifacts: FilePatterns | None = None
    secondary: Mapping[str, FilePatterns] = field(default_factory=dict)
    reports: Mapping[str, FilePatterns] = field(default_factory=dict)
    cache: Cache | None = None
