"""buildspec 0.2 from text to values. Every key is known or refused by its name and line. Pure.

Source of the rules: the CodeBuild guide's build specification reference.
"""

import re
from collections.abc import Mapping
from typing import Any

from loopback.runtimes.codebuild import yaml_tree
from loopback.runtimes.codebuild.formats.table import FORMATS
from loopback.runtimes.codebuild.specification import COMMAND_PHASES, Buildspec, Cache, FilePatterns, OnFailure, Phase
from loopback.runtimes.codebuild.walker import VARIABLE, BuildspecError, Walker

SHELLS = ("bash", "/bin/sh")
RETRIES = 3  # attempts of RETRY without a number
MOST_RETRIES = 100
_MOST_REPORTS = 5


def parse(text: str) -> Buildspec:
    """Raises BuildspecError."""
    return _BuildspecReader(text).buildspec()


class _BuildspecReader(Walker):
    def buildspec(self) -> Buildspec:
        """The buildspec. Raises BuildspecError, which says where."""
        top = self.map(
            self.tree.value,
            (),
            ("version", "run-as", "env", "phases", "reports", "artifacts", "cache", "batch", "proxy"),
            noun="buildspec",
        )
        self._version(top)
        self._run_as(top, ())
        self._proxy(top.get("proxy") or {})
        if not top.get("phases"):
            raise BuildspecError(
                "the buildspec has no phases; expected at least one of install, pre_build, build, post_build"
            )
        names = tuple(name.lower() for name in COMMAND_PHASES)
        phases = self.map(top["phases"], ("phases",), names, noun="phase")
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
            raise BuildspecError(f"version is {version!r}{self.tree.where(('version',))}; expected 0.2")

    def _run_as(self, given: Mapping[str, Any], path: yaml_tree.Path) -> None:
        user = given.get("run-as")
        if user not in (None, "root"):  # root is what CodeBuild runs commands as when nothing is said
            where = self.tree.where((*path, "run-as"))
            raise BuildspecError(f"run-as {user!r}{where}: builds run as the user who started loopback; leave it out")

    def _proxy(self, given: Any) -> None:
        """How a build behind a proxy server reaches AWS: no build here is behind one."""
        keys = ("upload-artifacts", "logs")
        proxy = self.map(given, ("proxy",), keys, noun="key of proxy")
        for key in keys:
            self.flag(proxy, key, ("proxy",))

    def _env(self, given: Any) -> dict[str, Any]:
        keys = (
            "shell",
            "variables",
            "parameter-store",
            "secrets-manager",
            "exported-variables",
            "git-credential-helper",
        )
        env = self.map(given, ("env",), keys, noun="key of env")
        shell = env.get("shell", "bash")
        if shell not in SHELLS:
            where = self.tree.where(("env", "shell"))
            raise BuildspecError(f"env.shell is {shell!r}{where}; builds here run one of {', '.join(SHELLS)}")
        return {
            "shell": shell,
            "variables": self.variables(env.get("variables"), ("env", "variables")),
            "parameters": self.variables(env.get("parameter-store"), ("env", "parameter-store")),
            "secrets": self.variables(env.get("secrets-manager"), ("env", "secrets-manager")),
            "exported": self._exported_names(env),
            "git_credentials": self.flag(env, "git-credential-helper", ("env",)),
        }

    def _exported_names(self, env: Mapping[str, Any]) -> tuple[str, ...]:
        names = self.texts(env.get("exported-variables"), ("env", "exported-variables"))
        for name in names:
            if not VARIABLE.fullmatch(name) or name.startswith("AWS_"):
                raise BuildspecError(f"env.exported-variables: {name!r} cannot be exported")
        return names

    def _runtimes(self, phases: Mapping[str, Any]) -> dict[str, str]:
        install = phases.get("install")
        given = (install.get("runtime-versions") if isinstance(install, dict) else None) or {}
        path = ("phases", "install", "runtime-versions")
        found = self.map(given, path, None, noun="runtime")
        for name, version in found.items():
            if not isinstance(version, str):
                raise BuildspecError(f"runtime-versions.{name}{self.tree.where((*path, name))}: expected a version")
        return found

    def _phase(self, name: str, given: Any) -> Phase:
        path = ("phases", name)
        keys: tuple[str, ...] = ("run-as", "on-failure", "commands", "finally")
        if name == "install":
            keys = (*keys, "runtime-versions")
        phase = self.map(given, path, keys, noun=f"key of phase {name}")
        self._run_as(phase, path)
        on_failure = self.text(phase, "on-failure", path)
        return Phase(
            commands=self.texts(phase.get("commands"), (*path, "commands")),
            lastly=self.texts(phase.get("finally"), (*path, "finally")),
            on_failure=parse_on_failure(on_failure, f"phases.{name}.on-failure") if on_failure else None,
        )

    def _files(self, given: Any, path: yaml_tree.Path, *, primary: bool) -> FilePatterns:
        keys = ("files", "name", "base-directory", "discard-paths", "exclude-paths", "enable-symlinks", "s3-prefix")
        allowed = (*keys, "secondary-artifacts") if primary else keys
        dotted = ".".join(path)
        found = self.map(given, path, allowed, noun=f"key of {dotted}")
        if not found.get("files"):
            raise BuildspecError(f"{dotted}{self.tree.where(path)} has no files; expected a list of patterns")
        return FilePatterns(
            files=self.texts(found["files"], (*path, "files")),
            base_directory=self.text(found, "base-directory", path),
            exclude=self.texts(found.get("exclude-paths"), (*path, "exclude-paths")),
            discard_paths=self.flag(found, "discard-paths", path),
            symlinks=self.flag(found, "enable-symlinks", path),
            name=self.text(found, "name", path),
            s3_prefix=self.text(found, "s3-prefix", path),
        )

    def _secondary(self, artifacts: Any) -> dict[str, FilePatterns]:
        given = (artifacts or {}).get("secondary-artifacts") or {}
        path = ("artifacts", "secondary-artifacts")
        found = self.map(given, path, None, noun="artifact")
        return {name: self._files(one, (*path, name), primary=False) for name, one in found.items()}

    def _reports(self, given: Any) -> dict[str, FilePatterns]:
        groups = self.map(given, ("reports",), None, noun="report group")
        if len(groups) > _MOST_REPORTS:
            raise BuildspecError(f"reports has {len(groups)} groups; at most {_MOST_REPORTS}")
        return {name: self._report(name, one) for name, one in groups.items()}

    def _report(self, name: str, given: Any) -> FilePatterns:
        path = ("reports", name)
        keys = ("files", "file-format", "base-directory", "discard-paths")
        found = self.map(given, path, keys, noun=f"key of reports.{name}")
        shape = self.text(found, "file-format", path) or "JUNITXML"
        if shape.upper() not in FORMATS:
            raise BuildspecError(
                f"reports.{name}.file-format is {shape!r}{self.tree.where((*path, 'file-format'))}; "
                f"expected one of {', '.join(FORMATS)}"
            )
        if not found.get("files"):
            raise BuildspecError(f"reports.{name}{self.tree.where(path)} has no files; expected a list of patterns")
        return FilePatterns(
            files=self.texts(found["files"], (*path, "files")),
            base_directory=self.text(found, "base-directory", path),
            discard_paths=self.flag(found, "discard-paths", path),
            format=shape.upper(),
        )

    def _cache(self, given: Any) -> Cache:
        found = self.map(given, ("cache",), ("paths", "key", "fallback-keys", "action"), noun="key of cache")
        action = self.text(found, "action", ("cache",))
        if action not in ("", "restore", "save"):
            raise BuildspecError(f"cache.action is {action!r}; expected restore or save")
        return Cache(
            paths=self.texts(found.get("paths"), ("cache", "paths")),
            key=self.text(found, "key", ("cache",)),
            fallback_keys=self.texts(found.get("fallback-keys"), ("cache", "fallback-keys")),
            action=action,
        )


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
