"""The batch of a buildspec, from text to values. Every key is known or refused by its name and line. Pure.

Source of the rules: the CodeBuild guide's batch build buildspec reference.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from loopback.engines.codebuild.batch import Batch, Task
from loopback.runtimes.codebuild import yaml_tree
from loopback.runtimes.codebuild.walker import BuildspecError, Walker

KINDS = ("build-list", "build-graph", "build-matrix")
ENVIRONMENT = {"compute-type": "computeType", "image": "image", "type": "type"}  # to members of a build's environment
_IDENTIFIER = re.compile(r"[A-Za-z0-9_]{1,128}")
_ENV = (*ENVIRONMENT, "privileged-mode", "variables")
_TASK = ("identifier", "buildspec", "debug-session", "env", "ignore-failure")


def parse(text: str) -> Batch:
    """Raises BuildspecError."""
    return _BatchReader(text).batch()


class _BatchReader(Walker):
    def batch(self) -> Batch:
        """The batch of a buildspec. Raises BuildspecError, which says where."""
        top = self.map(self.tree.value, (), None, noun="buildspec")
        if not top.get("batch"):
            raise BuildspecError(
                f"the buildspec has no batch; a batch build needs batch with one of {', '.join(KINDS)}"
            )
        given = self.map(top["batch"], ("batch",), ("fast-fail", *KINDS, "build-fanout"), noun="key of batch")
        if "build-fanout" in given:
            raise BuildspecError("batch.build-fanout shares tests out with codebuild-tests-run, which is not here")
        kinds = [kind for kind in KINDS if kind in given]
        if len(kinds) != 1:
            raise BuildspecError(f"batch has {' and '.join(kinds) or 'no builds'}; expected one of {', '.join(KINDS)}")
        tasks = (
            self._matrix(given[kinds[0]]) if kinds == ["build-matrix"] else self._build_list(given[kinds[0]], kinds[0])
        )
        _check(tasks)
        return Batch(tuple(tasks), self.flag(given, "fast-fail", ("batch",)))

    def _build_list(self, given: Any, kind: str) -> list[Task]:
        path = ("batch", kind)
        if not isinstance(given, list) or not given:
            raise BuildspecError(f"batch.{kind}{self.tree.where(path)}: expected a list of builds")
        keys = (*_TASK, "depend-on") if kind == "build-graph" else _TASK
        return [self._task(one, (*path, str(index)), keys, f"build{index}") for index, one in enumerate(given)]

    def _task(self, given: Any, path: yaml_tree.Path, keys: tuple[str, ...], otherwise: str) -> Task:
        found = self.map(given, path, keys, noun="key of a build")
        identifier = self.text(found, "identifier", path)
        if "depend-on" in keys and not identifier:
            raise BuildspecError(f"{'.'.join(path)}{self.tree.where(path)}: a build of build-graph needs an identifier")
        if identifier and not _IDENTIFIER.fullmatch(identifier):
            where = self.tree.where((*path, "identifier"))
            raise BuildspecError(f"identifier {identifier!r}{where}: letters, digits and underscores, at most 128")
        if self.flag(found, "debug-session", path):
            raise BuildspecError(f"debug-session{self.tree.where((*path, 'debug-session'))}: there is no session here")
        env = self.map(found.get("env") or {}, (*path, "env"), _ENV, noun="key of env")
        return Task(
            identifier or otherwise,
            self.text(found, "buildspec", path),
            self._environment(env, (*path, "env")),
            self.variables(env.get("variables"), (*path, "env", "variables")),
            self.texts(found.get("depend-on"), (*path, "depend-on")),
            self.flag(found, "ignore-failure", path),
        )

    def _environment(self, env: Mapping[str, Any], path: yaml_tree.Path) -> dict[str, Any]:
        found: dict[str, Any] = {ENVIRONMENT[key]: self.text(env, key, path) for key in ENVIRONMENT if key in env}
        if "privileged-mode" in env:
            found["privilegedMode"] = self.flag(env, "privileged-mode", path)
        return found

    def _matrix(self, given: Any) -> list[Task]:
        """One build for each combination of what is dynamic."""
        path = ("batch", "build-matrix")
        found = self.map(given, path, ("static", "dynamic"), noun="key of build-matrix")
        static = self._task(found.get("static") or {}, (*path, "static"), _TASK[1:], "build")
        axes = list(self._axes(found.get("dynamic") or {}, (*path, "dynamic")))
        if not axes:
            raise BuildspecError(f"batch.build-matrix{self.tree.where(path)} has nothing in dynamic")
        combined = itertools.product(*([(key, value) for value in values] for key, values in axes))
        return [_matrix_task(static, f"build{index}", dict(one)) for index, one in enumerate(combined)]

    def _axes(self, given: Any, path: yaml_tree.Path) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
        """What varies, as the way to it, and its values."""
        found = self.map(given, path, ("buildspec", "env"), noun="key of dynamic")
        env = self.map(
            found.get("env") or {}, (*path, "env"), ("compute-type", "image", "variables"), noun="key of env"
        )
        if "buildspec" in found:
            yield ("buildspec",), self.texts(found["buildspec"], (*path, "buildspec"))
        for key in ("compute-type", "image"):
            if key in env:
                yield ("environment", ENVIRONMENT[key]), self.texts(env[key], (*path, "env", key))
        place = (*path, "env", "variables")
        for name, values in self.map(env.get("variables") or {}, place, None, noun="variable").items():
            self.variable(name, place)
            yield ("variables", name), self.texts(values, (*place, name))


def _matrix_task(static: Task, identifier: str, values: Mapping[tuple[str, ...], str]) -> Task:
    environment, variables, buildspec = dict(static.environment), dict(static.variables), static.buildspec
    for way, value in values.items():
        if way[0] == "environment":
            environment[way[1]] = value
        elif way[0] == "variables":
            variables[way[1]] = value
        else:
            buildspec = value
    return replace(static, identifier=identifier, environment=environment, variables=variables, buildspec=buildspec)


def _check(tasks: list[Task]) -> None:
    """Names that occur once, and dependencies that lead somewhere."""
    depends: dict[str, tuple[str, ...]] = {}
    for task in tasks:
        if task.identifier in depends:
            raise BuildspecError(f"batch has the identifier {task.identifier!r} twice")
        depends[task.identifier] = task.depends
    for task in tasks:
        if strange := [name for name in task.depends if name not in depends]:
            raise BuildspecError(
                f"the build {task.identifier} depends on {strange[0]!r}, which is no build of the batch"
            )
    left = dict(depends)
    while free := [name for name, needed in left.items() if not any(other in left for other in needed)]:
        for name in free:
            del left[name]
    if left:
        raise BuildspecError(f"the builds {', '.join(left)} depend on each other")
