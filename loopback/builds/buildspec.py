"""buildspec 0.2 from text to values. Every key is known or refused by its name and line. Pure.

Source of the rules: the CodeBuild guide's build specification reference.
"""

import re
from collections.abc import Mapping
from typing import Any

from loopback.builds import yaml_tree
from loopback.builds.formats.table import FORMATS
from loopback.builds.specification import COMMAND_PHASES, Buildspec, Cache, Files, OnFailure, Phase

SHELLS = ("bash", "/bin/sh")
RETRIES = 3  # attempts of RETRY without a number
MOST_RETRIES = 100
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_YES = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_MOST_REPORTS = 5


class BuildspecError(Exception):
    """What CodeBuild calls YAML_FILE_ERROR: the message names key, place and what is allowed."""


def parse(text: str) -> Buildspec:
    """Raises BuildspecError."""
    try:
        return _Reader(yaml_tree.read(text)).buildspec()
    except yaml_tree.NotYaml as fault:
        raise BuildspecError(f"the buildspec is not YAML: {fault}") from None


class _Reader:
    """Walks the tree; `path` is the way to what is read."""

    def __init__(self, tree: yaml_tree.Tree) -> None:
        self._tree = tree

    def buildspec(self) -> Buildspec:
        top = self._map(
            self._tree.value,
            (),
            ("version", "run-as", "env", "phases", "reports", "artifacts", "cache", "batch"),
            noun="buildspec",
        )
        self._version(top)
        self._run_as(top, ())
        if not top.get("phases"):
            raise BuildspecError(
                "the buildspec has no phases; expected at least one of install, pre_build, build, post_build"
            )
        names = tuple(name.lower() for name in COMMAND_PHASES)
        phases = self._map(top["phases"], ("phases",), names, noun="phase")
        runtimes = self._runtimes(phases)
        artifacts = top.get("artifacts")
        return Buildspec(
            phases={name.upper(): self._phase(name, phases[name]) for name in names if phases.get(name)},
            runtimes=runtimes,
            artifacts=self._files(artifacts, ("artifacts",), primary=True) if artifacts else None,
            secondary=self._secondary(artifacts),
            reports=self._reports(top.get("reports") or {}),
            cache=self._cache(top["cache"]) if top.get("cache") else None,
            **self._env(top.get("env") or {}),
        )

    def _version(self, top: Mapping[str, Any]) -> None:
        version = top.get("version")
        if version == "0.1":
            raise BuildspecError("version 0.1 runs every command in a shell of its own; loopback runs version 0.2")
        if version != "0.2":
            raise BuildspecError(f"version is {version!r}{self._tree.where(('version',))}; expected 0.2")

    def _run_as(self, given: Mapping[str, Any], path: yaml_tree.Path) -> None:
        user = given.get("run-as")
        if user not in (None, "root"):  # root is what CodeBuild runs commands as when nothing is said
            where = self._tree.where((*path, "run-as"))
            raise BuildspecError(f"run-as {user!r}{where}: builds run as the user who started loopback; leave it out")

    def _env(self, given: Any) -> dict[str, Any]:
        keys = (
            "shell",
            "variables",
            "parameter-store",
            "secrets-manager",
            "exported-variables",
            "git-credential-helper",
        )
        env = self._map(given, ("env",), keys, noun="key of env")
        shell = env.get("shell", "bash")
        if shell not in SHELLS:
            where = self._tree.where(("env", "shell"))
            raise BuildspecError(f"env.shell is {shell!r}{where}; builds here run one of {', '.join(SHELLS)}")
        return {
            "shell": shell,
            "variables": self._variables(env, "variables"),
            "parameters": self._variables(env, "parameter-store"),
            "secrets": self._variables(env, "secrets-manager"),
            "exported": self._exported(env),
            "git_credentials": self._flag(env, "git-credential-helper", ("env",)),
        }

    def _variables(self, env: Mapping[str, Any], member: str) -> dict[str, str]:
        path = ("env", member)
        found = self._map(env.get(member) or {}, path, None, noun="variable")
        for name, value in found.items():
            where = self._tree.where((*path, name))
            if not VARIABLE.fullmatch(name):
                raise BuildspecError(f"env.{member}.{name}{where}: a variable has letters, digits and underscores")
            if name.startswith("CODEBUILD_"):
                raise BuildspecError(f"env.{member}.{name}{where}: names that begin with CODEBUILD_ are reserved")
            if not isinstance(value, str):
                raise BuildspecError(f"env.{member}.{name}{where}: expected text, found {_noun(value)}")
        return found

    def _exported(self, env: Mapping[str, Any]) -> tuple[str, ...]:
        names = self._texts(env.get("exported-variables"), ("env", "exported-variables"))
        for name in names:
            if not VARIABLE.fullmatch(name) or name.startswith("AWS_"):
                raise BuildspecError(f"env.exported-variables: {name!r} cannot be exported")
        return names

    def _runtimes(self, phases: Mapping[str, Any]) -> dict[str, str]:
        install = phases.get("install")
        given = (install.get("runtime-versions") if isinstance(install, dict) else None) or {}
        path = ("phases", "install", "runtime-versions")
        found = self._map(given, path, None, noun="runtime")
        for name, version in found.items():
            if not isinstance(version, str):
                raise BuildspecError(f"runtime-versions.{name}{self._tree.where((*path, name))}: expected a version")
        return found

    def _phase(self, name: str, given: Any) -> Phase:
        path = ("phases", name)
        keys: tuple[str, ...] = ("run-as", "on-failure", "commands", "finally")
        if name == "install":
            keys = (*keys, "runtime-versions")
        phase = self._map(given, path, keys, noun=f"key of phase {name}")
        self._run_as(phase, path)
        on_failure = phase.get("on-failure")
        if not isinstance(on_failure, str | None):
            raise BuildspecError(f"phases.{name}.on-failure: expected text, found {_noun(on_failure)}")
        return Phase(
            commands=self._texts(phase.get("commands"), (*path, "commands")),
            lastly=self._texts(phase.get("finally"), (*path, "finally")),
            on_failure=parse_on_failure(on_failure, f"phases.{name}.on-failure") if on_failure else None,
        )

    def _files(self, given: Any, path: yaml_tree.Path, *, primary: bool) -> Files:
        keys = ("files", "name", "base-directory", "discard-paths", "exclude-paths", "enable-symlinks", "s3-prefix")
        allowed = (*keys, "secondary-artifacts") if primary else keys
        dotted = ".".join(path)
        found = self._map(given, path, allowed, noun=f"key of {dotted}")
        if not found.get("files"):
            raise BuildspecError(f"{dotted}{self._tree.where(path)} has no files; expected a list of patterns")
        return Files(
            files=self._texts(found["files"], (*path, "files")),
            base_directory=self._text(found, "base-directory", path),
            exclude=self._texts(found.get("exclude-paths"), (*path, "exclude-paths")),
            discard_paths=self._flag(found, "discard-paths", path),
            symlinks=self._flag(found, "enable-symlinks", path),
            name=self._text(found, "name", path),
            s3_prefix=self._text(found, "s3-prefix", path),
        )

    def _secondary(self, artifacts: Any) -> dict[str, Files]:
        given = (artifacts or {}).get("secondary-artifacts") or {}
        path = ("artifacts", "secondary-artifacts")
        found = self._map(given, path, None, noun="artifact")
        return {name: self._files(one, (*path, name), primary=False) for name, one in found.items()}

    def _reports(self, given: Any) -> dict[str, Files]:
        groups = self._map(given, ("reports",), None, noun="report group")
        if len(groups) > _MOST_REPORTS:
            raise BuildspecError(f"reports has {len(groups)} groups; at most {_MOST_REPORTS}")
        return {name: self._report(name, one) for name, one in groups.items()}

    def _report(self, name: str, given: Any) -> Files:
        path = ("reports", name)
        keys = ("files", "file-format", "base-directory", "discard-paths")
        found = self._map(given, path, keys, noun=f"key of reports.{name}")
        shape = self._text(found, "file-format", path) or "JUNITXML"
        if shape.upper() not in FORMATS:
            raise BuildspecError(
                f"reports.{name}.file-format is {shape!r}{self._tree.where((*path, 'file-format'))}; "
                f"expected one of {', '.join(FORMATS)}"
            )
        if not found.get("files"):
            raise BuildspecError(f"reports.{name}{self._tree.where(path)} has no files; expected a list of patterns")
        return Files(
            files=self._texts(found["files"], (*path, "files")),
            base_directory=self._text(found, "base-directory", path),
            discard_paths=self._flag(found, "discard-paths", path),
            format=shape.upper(),
        )

    def _cache(self, given: Any) -> Cache:
        found = self._map(given, ("cache",), ("paths", "key", "fallback-keys", "action"), noun="key of cache")
        action = self._text(found, "action", ("cache",))
        if action not in ("", "restore", "save"):
            raise BuildspecError(f"cache.action is {action!r}; expected restore or save")
        return Cache(
            paths=self._texts(found.get("paths"), ("cache", "paths")),
            key=self._text(found, "key", ("cache",)),
            fallback_keys=self._texts(found.get("fallback-keys"), ("cache", "fallback-keys")),
            action=action,
        )

    def _map(self, given: Any, path: yaml_tree.Path, allowed: tuple[str, ...] | None, *, noun: str) -> dict[str, Any]:
        what = ".".join(path) or "the buildspec"
        if not isinstance(given, dict):
            raise BuildspecError(f"{what}{self._tree.where(path)}: expected keys and values, found {_noun(given)}")
        for key in given if allowed is not None else ():
            if key not in (allowed or ()):
                where = self._tree.where((*path, key))
                raise BuildspecError(f"Invalid {noun} {key!r}{where}; expected one of {', '.join(allowed or ())}")
        return given

    def _texts(self, given: Any, path: yaml_tree.Path) -> tuple[str, ...]:
        if given in (None, ""):
            return ()
        items = [given] if isinstance(given, str) else given
        if not isinstance(items, list):
            raise BuildspecError(f"{'.'.join(path)}{self._tree.where(path)}: expected a list, found {_noun(given)}")
        for index, item in enumerate(items):
            if not isinstance(item, str):
                where = self._tree.where((*path, str(index)))
                raise BuildspecError(
                    f"{'.'.join(path)}[{index}]{where}: expected text, found {_noun(item)}; "
                    f"put quotes around text that contains a colon and a space"
                )
        return tuple(items)

    def _text(self, given: Mapping[str, Any], key: str, path: yaml_tree.Path) -> str:
        value = given.get(key, "")
        if not isinstance(value, str):
            where = self._tree.where((*path, key))
            raise BuildspecError(f"{'.'.join((*path, key))}{where}: expected text, found {_noun(value)}")
        return value

    def _flag(self, given: Mapping[str, Any], key: str, path: yaml_tree.Path) -> bool:
        value = given.get(key, "no")
        if not isinstance(value, str) or value.lower() not in _YES:
            where = self._tree.where((*path, key))
            raise BuildspecError(f"{'.'.join((*path, key))} is {value!r}{where}; expected yes or no")
        return _YES[value.lower()]


def parse_on_failure(text: str, where: str) -> OnFailure:
    """ABORT, CONTINUE, RETRY, RETRY-n, RETRY-regex or RETRY-n-regex. Raises BuildspecError.

    >>> parse_on_failure("RETRY-2-time.*out", "x")
    OnFailure(action='RETRY', attempts=2, pattern='time.*out')
    """
    if text in ("ABORT", "CONTINUE"):
        return OnFailure(text)
    found = re.fullmatch(r"RETRY(?:-(\d+)(?=-|$))?(?:-(.+))?", text, re.DOTALL)
    if found is None:
        raise BuildspecError(
            f"{where} is {text!r}; expected ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex or RETRY-count-regex"
        )
    attempts = int(found[1]) if found[1] else RETRIES
    if attempts > MOST_RETRIES:
        raise BuildspecError(f"{where} asks for {attempts} attempts; at most {MOST_RETRIES}")
    if found[2]:
        try:
            re.compile(found[2])
        except re.error as fault:
            raise BuildspecError(f"{where}: {found[2]!r} is not a regular expression: {fault}") from None
    return OnFailure("RETRY", attempts, found[2])


def _noun(value: Any) -> str:
    if isinstance(value, str):
        return repr(value) if value else "nothing"
    return "keys and values" if isinstance(value, dict) else "a list" if isinstance(value, list) else "nothing"
