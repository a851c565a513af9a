"""What differs between two pipeline definitions: what changes the run, apart from what is only written differently.

Steps and parameters are compared by name, members by their path. Pure.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]

CHANGED, FILES, WRITTEN = "changed", "files", "written"
BRANCHES = ("IfSteps", "ElseSteps", "ForEachBody")
NAMES = ("Name", "InputName", "OutputName", "ChannelName", "PropertyFileName", "Key")  # what a list's entries go by
UNORDERED = frozenset({"DependsOn", "SecurityGroupIds", "Subnets"})
HYPERPARAMETERS = frozenset({"HyperParameters", "StaticHyperParameters"})
# (what holds the member, the member) -> what SageMaker takes where it isn't there, as its API reference says
DEFAULTS: Mapping[tuple[str, str], Any] = {
    ("ProcessingInputs", "AppManaged"): False,
    ("Outputs", "AppManaged"): False,
    ("InputDataConfig", "CompressionType"): "None",
    ("OutputDataConfig", "CompressionType"): "GZIP",
    ("StoppingCondition", "MaxRuntimeInSeconds"): 86_400,
    ("TransformInput", "CompressionType"): "None",
    ("TransformInput", "SplitType"): "None",
    ("DataProcessing", "JoinSource"): "None",
    ("DataProcessing", "InputFilter"): "$",
    ("DataProcessing", "OutputFilter"): "$",
}
# Hyperparameters of version 2 of the SDK for the toolkit in the container: its own level, and where it fetches code.
TOOLKIT = {"sagemaker_container_log_level": re.compile("20"), "sagemaker_region": re.compile(r"[a-z]+(-[a-z]+)+-\d")}
SUFFIXES = ("-RegisterModel", "-CreateModel")  # what version 2 of the SDK adds to the name of a ModelStep
_STAMPS = re.compile(r"\b[0-9a-f]{32,64}\b|\b\d{4}(-\d\d){5}(-\d{3})?\b|\b\d{14}(\d{3})?\b")  # hashes, dates of files
_PROPERTY = re.compile(r"\[\"([^\"']*)\"\]")


@dataclass(frozen=True)
class Difference:
    """What is at a path on each side, None where there is nothing. `why` says why it is the same, or may be."""

    kind: str
    path: str
    first: Any
    second: Any
    why: str = ""


@dataclass(frozen=True)
class Differences:
    """Steps of one side alone, by name, and what differs between those of both."""

    removed: Mapping[str, str]
    added: Mapping[str, str]
    members: Sequence[Difference]

    def of_kind(self, kind: str) -> list[Difference]:
        """The members of one kind."""
        return [each for each in self.members if each.kind == kind]

    @property
    def changes_the_run(self) -> bool:
        """Whether something is done otherwise, or may be."""
        return bool(self.removed or self.added or self.of_kind(CHANGED) or self.of_kind(FILES))


def compare(first: Document, second: Document) -> Differences:
    """All differences of two definitions, in the order of the first."""
    before, after = dict(_steps(first["Steps"])), dict(_steps(second["Steps"]))
    renamed = _renamed_steps(before, after)
    if renamed:
        before = {renamed.get(name, name): _with_names(step, renamed) for name, step in before.items()}
    members = [Difference(WRITTEN, new, old, new, "the SDK's name for the step") for old, new in renamed.items()]
    around = [{key: value for key, value in side.items() if key != "Steps"} for side in (first, second)]
    members += _Walk().differences((), *around)
    for name in before:
        if name in after:
            modes = tuple(_input_mode(step) for step in (before[name], after[name]))
            members += _Walk(modes).differences((name,), before[name], after[name])
    if not members and json.dumps(first) != json.dumps(second):
        members.append(Difference(WRITTEN, "(all)", None, None, "the order of members"))
    removed, added = (
        {name: str(step.get("Type")) for name, step in side.items() if name not in other}
        for side, other in ((before, after), (after, before))
    )
    return Differences(removed, added, members)


def _steps(steps: Sequence[Document], place: str = "") -> Iterator[tuple[str, Document]]:
    """Every step of a definition, by its name, with the branch that it stands in for the steps in it."""
    for step in steps:
        arguments = step.get("Arguments")
        inner = [key for key in BRANCHES if isinstance(arguments, dict) and isinstance(arguments.get(key), list)]
        own = {key: value for key, value in step.items() if key != "Name"}
        if inner:
            own["Arguments"] = {key: value for key, value in step["Arguments"].items() if key not in inner}
        yield step["Name"], {**own, **({"Branch": place} if place else {})}
        for key in inner:
            yield from _steps(step["Arguments"][key], f"{step['Name']}.{key}")


def _renamed_steps(before: Mapping[str, Document], after: Mapping[str, Document]) -> dict[str, str]:
    """Steps that have the name of the other side's but for a suffix of the SDK's: the first name to the second."""
    found: dict[str, str] = {}
    for suffix in SUFFIXES:
        for name in before:
            other = name.removesuffix(suffix) if name.endswith(suffix) else name + suffix
            alone = name not in after and other in after and other not in before
            if alone and before[name].get("Type") == after[other].get("Type"):
                found[name] = other
    return found


def _with_names(node: Any, names: Mapping[str, str]) -> Any:
    """A copy whose references go to the steps' new names."""
    if isinstance(node, list):
        return [_with_names(each, names) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _with_names(value, names) for key, value in node.items()}
    if isinstance(made.get("Get"), str) and made["Get"].startswith("Steps."):
        step, dot, rest = made["Get"].removeprefix("Steps.").partition(".")
        made["Get"] = f"Steps.{names.get(step, step)}{dot}{rest}"
    if isinstance(made.get("DependsOn"), list):
        made["DependsOn"] = [names.get(each, each) if isinstance(each, str) else each for each in made["DependsOn"]]
    return made


def _input_mode(step: Document) -> Any:
    """What the channels of a training are read by that say nothing themselves."""
    arguments = step.get("Arguments")
    algorithm = arguments.get("AlgorithmSpecification") if isinstance(arguments, dict) else None
    return algorithm.get("TrainingInputMode") if isinstance(algorithm, dict) else None


class _Walk:
    """Goes through two trees at once. `modes` are the TrainingInputMode of both sides' step."""

    def __init__(self, modes: Sequence[Any] = (None, None)) -> None:
        self._modes = modes

    def differences(self, path: tuple[str, ...], first: Any, second: Any) -> Iterator[Difference]:
        """What differs from here on down."""
        if _same(first, second):
            return
        a, b = _plain(first), _plain(second)
        if _same(a, b):
            yield Difference(WRITTEN, _text(path), first, second, "the same value")
        elif isinstance(a, dict) and isinstance(b, dict):
            yield from self._members(path, a, b)
        elif isinstance(a, list) and isinstance(b, list):
            yield from self._entries(path, a, b)
        else:
            yield from self._values(path, a, b)

    def _members(self, path: tuple[str, ...], a: Document, b: Document) -> Iterator[Difference]:
        for key in {**a, **b}:
            if key in a and key in b:
                yield from self.differences((*path, key), a[key], b[key])
            else:
                yield self._absent((*path, key), a.get(key), b.get(key), here_first=key in a)

    def _entries(self, path: tuple[str, ...], a: list[Any], b: list[Any]) -> Iterator[Difference]:
        name = next((name for name in NAMES if _go_by(name, a) and _go_by(name, b)), None)
        if name is not None:
            sides = [{str(each[name]): each for each in side} for side in (a, b)]
            yield from self._members(path, *sides)
            places = [[key for key in side if key in other] for side, other in (sides, reversed(sides))]
            if places[0] != places[1]:
                yield Difference(WRITTEN, _text(path), places[0], places[1], "the order")
        elif path[-1] in UNORDERED and sorted(map(json.dumps, a)) == sorted(map(json.dumps, b)):
            yield Difference(WRITTEN, _text(path), a, b, "the order")
        elif len(a) == len(b):
            for number, pair in enumerate(zip(a, b, strict=True)):
                yield from self.differences((*path[:-1], f"{path[-1]}[{number}]"), *pair)
        else:
            yield Difference(CHANGED, _text(path), a, b)

    def _absent(self, path: tuple[str, ...], a: Any, b: Any, *, here_first: bool) -> Difference:
        """A member that one side has and the other has not."""
        value = a if here_first else b
        holder = re.sub(r"\[\d+\]$", "", path[-2]) if len(path) > 1 else ""
        lists = {holder, path[-3] if len(path) > 2 else ""}  # the entries of a list go by a name of their own
        default = next((DEFAULTS[each, path[-1]] for each in lists if (each, path[-1]) in DEFAULTS), None)
        why = ""
        if value is None or value in ({}, []):
            why = "nothing, in either form"
        elif default is not None and _same(value, default):
            why = "SageMaker's default"
        elif path[-1] == "InputMode" and "InputDataConfig" in lists and value == self._modes[here_first]:
            why = "the TrainingInputMode, which a channel takes by default"
        elif holder in HYPERPARAMETERS and path[-1] in TOOLKIT and TOOLKIT[path[-1]].fullmatch(str(_decode(value))):
            why = "told to the toolkit in the container, which takes it anyway"
        return Difference(WRITTEN if why else CHANGED, _text(path), a, b, why)

    def _values(self, path: tuple[str, ...], a: Any, b: Any) -> Iterator[Difference]:
        if len(path) > 1 and path[-2] in HYPERPARAMETERS:
            a, b, was = _decode(a), _decode(b), (a, b)
            if _same(a, b):
                yield Difference(WRITTEN, _text(path), *was, "a hyperparameter as JSON, which the toolkits decode")
                return
        documents = [_decode(side, (dict, list)) for side in (a, b)]
        if all(isinstance(each, dict | list) for each in documents) and isinstance(a, str) and isinstance(b, str):
            if _same(*documents):
                yield Difference(WRITTEN, _text(path), a, b, "the same JSON")
                return
            yield from self.differences(path, *documents)
        elif _differ_by_stamp(a, b):
            yield Difference(FILES, _text(path), a, b, "another hash or date in its path")
        else:
            yield Difference(CHANGED, _text(path), a, b)


def _go_by(name: str, entries: list[Any]) -> bool:
    """Whether every entry of a list has a name of its own under that key."""
    found = [each.get(name) for each in entries if isinstance(each, dict)]
    return len(found) == len(entries) and all(isinstance(each, str) for each in found) and len({*found}) == len(found)


def _same(a: Any, b: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _plain(node: Any) -> Any:
    """A reference or a join in its plainest form."""
    if not isinstance(node, dict) or len(node) != 1:
        return node
    if isinstance(node.get("Get"), str):
        return {"Get": _PROPERTY.sub(r"['\1']", node["Get"])}
    join = node.get("Std:Join")
    if isinstance(join, dict) and isinstance(join.get("Values"), list):
        values = [_plain(each) for each in join["Values"]]
        if all(isinstance(each, str) for each in values):
            return str(join.get("On", "")).join(values)
    return node


def _decode(value: Any, kinds: type | tuple[type, ...] = object) -> Any:
    """What a text is as JSON, where it is one of these kinds; else the value itself."""
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, kinds) else value


def _differ_by_stamp(a: Any, b: Any) -> bool:
    """Whether two addresses in S3 differ only by hashes or dates in them."""
    if not (isinstance(a, str) and isinstance(b, str) and a.startswith("s3://") and b.startswith("s3://")):
        return False
    return _STAMPS.sub("*", a) == _STAMPS.sub("*", b)


def _text(path: Sequence[str]) -> str:
    return ".".join(path)
