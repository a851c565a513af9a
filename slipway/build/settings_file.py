"""Settings in YAML, held against a model: what is wrong is told with file, line, what was found, what is allowed."""

import difflib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from slipway.build.project import UsageError

DIALECT = "https://json-schema.org/draft/2020-12/schema"  # what pydantic writes

Disagreement = tuple[tuple[str, ...], str]  # a place in the document, and what is wrong there


class Section(BaseModel):
    """A part of a settings file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def disagreements(self) -> Iterator[Disagreement]:
        """What is wrong between sections, each with its place in the document; asked of a whole file only."""
        yield from ()


Whole = TypeVar("Whole", bound=Section)


def load(path: Path, model: type[Whole], also: Callable[[Whole], Iterable[Disagreement]] = lambda _: ()) -> Whole:
    """Read and validate a file; everything that is wrong with it is in one UsageError.

    `also` are disagreements with what is beside the file.
    """
    try:
        text = path.read_text()
        node = yaml.compose(text)
        document = yaml.safe_load(text)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{path}:{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:  # bytes, characters and dates that are none
        raise UsageError(f"{path}:1: not YAML: {' '.join(str(error).split())}") from None
    try:
        whole = model.model_validate(document)
    except ValidationError as error:
        lines = sorted((_line(node, fault["loc"]), _explain(fault, model)) for fault in error.errors())
        raise UsageError("\n".join(f"{path}:{line}: {text}" for line, text in lines)) from None
    found = [*whole.disagreements(), *also(whole)]
    if lines := sorted((_line(node, place), f"{'.'.join(place) or 'the file'}: {text}") for place, text in found):
        raise UsageError("\n".join(f"{path}:{line}: {text}" for line, text in lines))
    return whole


def schema(model: type[Section]) -> str:
    """The JSON Schema of a model, as the published file holds it."""
    return json.dumps({"$schema": DIALECT, **model.model_json_schema()}, indent=1) + "\n"


def nearest(word: str, allowed: list[str]) -> str:
    """`(did you mean ...?)`, or nothing when no allowed word is near."""
    near = difflib.get_close_matches(word, allowed, 1, 0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _explain(fault: Any, model: type[Section]) -> str:
    where = ".".join(str(part) for part in fault["loc"] if str(part) not in {"balanced", "[key]"}) or "the file"
    kind, context, found = fault["type"], fault.get("ctx", {}), fault["input"]
    if kind == "extra_forbidden":
        allowed = _keys_at(fault["loc"][:-1], model)
        return f"unknown key {where!r}{nearest(str(fault['loc'][-1]), allowed)}; allowed: {', '.join(allowed)}"
    if kind == "missing":
        return f"key {where!r} is missing"
    if kind == "literal_error":
        near = nearest(str(found), [part.strip(" '") for part in context["expected"].replace(" or ", ",").split(",")])
        return f"{where}: found {found!r}{near}; allowed: {context['expected']}"
    if kind == "string_type" and not isinstance(found, list | dict) and found is not None:
        return f"{where}: found {found!r}, which YAML reads as no text; write it in quotes"
    if kind == "value_error":
        return f"{where}: {context['error']}"
    return f"{where}: found {found!r}; {fault['msg']}"


def _keys_at(location: tuple[Any, ...], model: type[BaseModel]) -> list[str]:
    """The keys that the model has at a place of the document."""
    for part in location:
        annotation = model.model_fields[part].annotation
        options = getattr(annotation, "__args__", ()) or (annotation,)
        model = next(o for o in options if isinstance(o, type) and issubclass(o, BaseModel))
    return list(model.model_fields)


def _line(node: Any, location: tuple[Any, ...]) -> int:
    """The line of the innermost key on the way to a place of the document."""
    line = node.start_mark.line + 1 if node else 1
    for part in location:
        step = next(((k, v) for k, v in _children(node) if (k.value if hasattr(k, "value") else k) == part), None)
        if step is None:
            return line
        key, node = step
        line = (key if hasattr(key, "start_mark") else node).start_mark.line + 1
    return line


def _children(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def command(program: str, arguments: list[str], model: type[Section], published: Path, files: Iterable[Path]) -> int:
    """`schema` writes the JSON Schema to `published`; `check` reads every file. 0 fine, 2 wrong file or usage."""
    found = sorted(files)
    if not found:
        print(f"there is nothing to check in {Path.cwd()}: change to the project's folder", file=sys.stderr)
        return 2
    if arguments == ["schema"]:
        published.write_text(schema(model))
        return 0
    if arguments != ["check"]:
        print(f"usage: python -m {program} schema | check", file=sys.stderr)
        return 2
    faults = []
    for path in found:
        try:
            load(path, model)
        except UsageError as error:
            faults.append(str(error))
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    return 2 if faults else 0
