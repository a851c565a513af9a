"""What the configuration of an action or of a rule must satisfy. Pure."""

from collections.abc import Iterator

from loopback.engines.codepipeline.model import Action
from loopback.engines.codepipeline.providers import CHOICES, NEEDED_BY_MODE, Provider

KEY_CHARACTERS, VALUE_CHARACTERS = 50, 1000


def faults(noun: str, step: Action, provider: Provider) -> Iterator[str]:
    """What is wrong with it; `noun` is action or rule."""
    given, name = step.configuration, step.name
    start = f"{noun.capitalize()} configuration"
    allowed = {*provider.required, *provider.optional}
    for key, value in given.items():
        if key not in allowed:
            names = ", ".join(sorted(allowed))
            yield f"{start} for {noun} '{name}' contains unknown configuration '{key}'; allowed: {names}"
        if len(key) > KEY_CHARACTERS or not 1 <= len(value) <= VALUE_CHARACTERS:
            yield f"{start} '{key}' of {noun} '{name}' must have 1 to {VALUE_CHARACTERS} characters"
        choices = CHOICES.get((step.provider, key))
        if choices and value not in choices:
            yield f"{start} '{key}' of {noun} '{name}' is '{value}'; expected one of {', '.join(choices)}"
    for key in required_keys(step, provider):
        if key not in given:
            yield f"{start} for {noun} '{name}' is missing required configuration '{key}'"
    if given.get("CombineArtifacts") == "true" and (given.get("BatchEnabled") != "true" or len(step.outputs) > 1):
        yield f"CombineArtifacts of {noun} '{name}' needs BatchEnabled, and one output artifact at most"
    if given.get("PrimarySource", "") not in ("", *step.inputs):
        yield f"PrimarySource '{given['PrimarySource']}' of {noun} '{name}' is not one of its input artifacts"


def command_faults(noun: str, step: Action) -> Iterator[str]:
    """Whether it has commands just where its provider is Commands."""
    if step.provider != "Commands":
        if step.commands or step.environment or step.exported or any(step.files.values()):
            members = "commands, outputVariables, environmentVariables and files"
            yield f"{noun.capitalize()} '{step.name}' has one of {members}, which are for provider Commands"
    elif not step.commands:
        yield f"{noun.capitalize()} '{step.name}' must have commands"
    elif any("\n" in command for command in step.commands):
        yield f"{noun.capitalize()} '{step.name}' has a command of several lines; expected one line each"


def required_keys(step: Action, provider: Provider) -> tuple[str, ...]:
    """The keys that it must have."""
    keys = provider.required
    if step.provider == "CloudFormation":
        keys += NEEDED_BY_MODE.get(step.configuration.get("ActionMode", ""), ())
    if step.provider == "CodeBuild" and len(step.inputs) > 1:
        keys += ("PrimarySource",)
    if step.configuration.get("Extract") == "false":
        keys += ("ObjectKey",)
    return keys


def artifact_faults(noun: str, step: Action, provider: Provider) -> Iterator[str]:
    """Whether it has as many artifacts as its provider takes and makes."""
    for count, (least, most), side in (
        (len(step.inputs), provider.inputs, "input"),
        (len(step.outputs), provider.outputs, "output"),
    ):
        if count < least:
            problem = f"less than the minimum count ({least})"
        elif count > most:
            problem = f"more than the maximum count ({most})"
        else:
            continue
        yield f"{noun.capitalize()} '{step.name}' has {count} {side} artifacts which is {problem}"
