"""Two pipeline definitions side by side: from files, of pipelines, of executions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slipway.cli import names, screen
from slipway.cli.definition_differences import BRANCHES, CHANGED, FILES, WRITTEN, Difference, Differences, compare
from slipway.cli.target import Target, WrongUsage

LONGEST = 140  # characters of a value in a table; --json has all of it
TITLES = {
    CHANGED: "what changes the run",
    FILES: "files of another hash or date: the same ones or not",
    WRITTEN: "written differently, the same",
}
DEFINITION = (
    "a pipeline definition: a JSON object with Steps, as `get-pipeline-definition` and DescribePipeline give it"
)


def diff(find_target: Callable[[], Target], first: str, second: str, *, as_json: bool) -> bool:
    """Show what differs; whether that changes the run. AWS is asked for what is no file."""
    sides = [_read(find_target, text) for text in (first, second)]
    try:
        found = compare(*sides)
    except RecursionError:
        raise WrongUsage(f"{first} or {second} is nested too deeply for {DEFINITION}") from None
    if as_json:
        screen.show_json(_document(found, first, second))
    else:
        _show(found, first, second)
    return found.changes_the_run


def is_version(text: str) -> bool:
    """Whether an argument is the number or the ARN of a version, not a definition."""
    return text.isdecimal() or (text.startswith("arn:") and ":model-package/" in text)


def _read(find_target: Callable[[], Target], text: str) -> dict[str, Any]:
    """The definition that an argument stands for. Raises UserError where there is none, WrongUsage."""
    path = Path(text)
    if not text.startswith("arn:") and (path.is_file() or "/" in text or path.suffix == ".json"):
        try:
            return parse(path.read_text(), text)
        except (OSError, UnicodeDecodeError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "not UTF-8"
            raise WrongUsage(f"{text} cannot be read: {reason}; expected {DEFINITION}") from None
    target = find_target()
    client = target.client("sagemaker")
    if ":pipeline/" in text and "/execution/" in text:
        answer = client.describe_pipeline_definition_for_execution(PipelineExecutionArn=text)
    else:
        answer = client.describe_pipeline(PipelineName=names.pipeline(target, text))
    return parse(answer["PipelineDefinition"], text)


def parse(text: str, source: str) -> dict[str, Any]:
    """A definition, or DescribePipeline's answer with one in it. Raises WrongUsage."""
    try:
        found = json.loads(text)
        if isinstance(found, dict) and isinstance(found.get("PipelineDefinition"), str):
            found = json.loads(found["PipelineDefinition"])
    except RecursionError:
        raise WrongUsage(f"{source} is nested too deeply for {DEFINITION}") from None
    except ValueError as fault:
        raise WrongUsage(f"{source} is not JSON ({fault}); expected {DEFINITION}") from None
    if not isinstance(found, dict) or not isinstance(found.get("Steps"), list):
        raise WrongUsage(f"{source} has no Steps; expected {DEFINITION}")
    _check_steps(found["Steps"], source, set())
    return found


def _check_steps(steps: list[Any], source: str, known: set[str]) -> None:
    """Every step, inner ones too, has a name of its own. Raises WrongUsage."""
    for number, step in enumerate(steps, 1):
        if not isinstance(step, dict) or not isinstance(step.get("Name"), str):
            raise WrongUsage(f"{source}: step {number} has no Name; expected {DEFINITION}")
        if step["Name"] in known:
            raise WrongUsage(f"{source}: two steps are called {step['Name']}; each needs a name of its own")
        known.add(step["Name"])
        arguments = step.get("Arguments")
        for branch in BRANCHES:
            if isinstance(arguments, dict) and isinstance(arguments.get(branch), list):
                _check_steps(arguments[branch], f"{source}: {step['Name']}.{branch}", known)


def _document(found: Differences, first: str, second: str) -> dict[str, Any]:
    kinds = {
        kind: [
            {
                "path": each.path,
                "first": each.first,
                "second": each.second,
                **({"why": each.why} if each.why else {}),
            }
            for each in found.of_kind(kind)
        ]
        for kind in TITLES
    }
    return {"first": first, "second": second, "removed": found.removed, "added": found.added, **kinds}


def _show(found: Differences, first: str, second: str) -> None:
    steps = [(name, kind, "-") for name, kind in found.removed.items()]
    steps += [(name, "-", kind) for name, kind in found.added.items()]
    if steps:
        screen.console.print(screen.table(("steps of one alone", first, second), steps))
        screen.say()
    if not found.changes_the_run:
        screen.say("both run the same" if found.members else "the same, member for member")
        screen.say()
    for kind, title in TITLES.items():
        members = found.of_kind(kind)
        if members:
            columns = (title, first, second, *(["why"] if kind == WRITTEN else []))
            rows = [(each.path, *_show_pair(each), each.why) for each in members]
            screen.console.print(screen.table(columns, [row[: len(columns)] for row in rows]))
            screen.say()


def _show_pair(each: Difference) -> tuple[str, str]:
    """Both values as one reads them; in quotes where they would look the same."""
    texts = [_text(value) for value in (each.first, each.second)]
    if texts[0] == texts[1] != "-":
        texts = [json.dumps(value) for value in (each.first, each.second)]
    return _cut(texts[0]), _cut(texts[1])


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) and value else json.dumps(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ..."
