"""Templates as CloudFormation reads them: within bounds, off the base's loop, their scalars as its text.

CloudFormation reads YAML 1.1, has no aliases, and keeps every scalar as text: `true`, `yes` and `on` are "true", `010`
is "8", a date stays as it is written. Sources: the user guide's "CloudFormation template formats";
aws-cloudformation/cloudformation-coverage-roadmap#745 (octal account ids); awholenother.com, "Boolean parameters in
CloudFormation" (true as "true" in parameters and conditions).
"""

import asyncio
import copy
import importlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import yaml

from loopback.wire import documents

_MODULE = "ministack.services.cloudformation"
HOOKS: dict[str, tuple[str, ...]] = {
    f"{_MODULE}.engine": ("CfnLoader", "_parse_template", "_parse_snippet"),
    f"{_MODULE}.handlers": ("_parse_template",),
    f"{_MODULE}.changesets": ("_parse_template",),
    f"{_MODULE}.helpers": (),
    f"{_MODULE}.language_extensions": (),
    f"{_MODULE}.provisioners": (),
    f"{_MODULE}.stacks": (),
    "ministack.app": ("SERVICE_HANDLERS",),
}
NO_ALIASES = "YAML aliases are not allowed in CloudFormation templates"
REMEMBERED = 16  # templates
Read = Callable[[str], str | None]  # a TemplateURL -> its text, or None where it cannot be read


class Templates:
    """Made once, before the base serves. `read` is called on threads of requests."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._known: OrderedDict[str, dict[str, Any] | ValueError] = OrderedDict()
        engine, handlers, changesets, *others, app = (importlib.import_module(name) for name in HOOKS)
        modules: list[Any] = [engine, handlers, changesets]
        self._loader = _loader(modules[0].CfnLoader)
        for module in modules:
            module._parse_template = self.parse
        for module in (*modules, *others):
            module.str = Text
        snippet = modules[0]._parse_snippet
        modules[0]._parse_snippet = lambda text: snippet(_check_snippet(text))
        base: Any = app
        self._answer = base.SERVICE_HANDLERS["cloudformation"]
        base.SERVICE_HANDLERS["cloudformation"] = self._handle

    def parse(self, text: str) -> dict[str, Any]:
        """The template. Raises ValueError, always the same for a text."""
        with self._lock:
            found = self._known.get(text)
        if found is None:
            found = self._parse(text)
            with self._lock:
                self._known[text] = found
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        if isinstance(found, dict):
            return copy.deepcopy(found)
        raise ValueError(str(found))

    def _parse(self, text: str) -> dict[str, Any] | ValueError:
        body = text.strip()
        try:
            if body.startswith("{"):
                value = documents.json_value(body)
            else:
                documents.check_yaml(body, aliases=NO_ALIASES)
                value = documents.yaml_value(body, self._loader)
        except documents.Unreadable as fault:
            return fault
        if not isinstance(value, dict):
            return ValueError("Template must be a JSON or YAML mapping")
        return with_text_outputs(value)

    async def _handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
        await asyncio.to_thread(self._prepare, headers, body, query)
        return await self._answer(method, path, headers, body, query)

    def _prepare(self, headers: Mapping[str, str], body: bytes, query: Any) -> None:
        """Parse what the request is about, so that the base finds it parsed. What is wrong with it, the base says."""
        given = _request(headers, body, query)
        text = given.get("TemplateBody")
        if not text and given.get("TemplateURL"):
            text = self._read(str(given["TemplateURL"]))
        if text:
            try:
                self.parse(str(text))
            except ValueError:
                return


def with_text_outputs(template: dict[str, Any]) -> dict[str, Any]:
    """The template with its outputs' booleans as text: the base refuses them, and CloudFormation's outputs are text."""
    outputs = template.get("Outputs")
    if isinstance(outputs, dict):
        for output in outputs.values():
            if isinstance(output, dict) and "Value" in output:
                output["Value"] = _booleans_as_text(output["Value"])
    return template


def _booleans_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _booleans_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_booleans_as_text(item) for item in value]
    return Text(value) if isinstance(value, bool) else value


def _request(headers: Mapping[str, str], body: bytes, query: Any) -> dict[str, Any]:
    if "json" in headers.get("content-type", ""):
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    pairs = {**(query or {}), **parse_qs(body.decode(errors="replace"))}
    return {name: value[0] if isinstance(value, list) else value for name, value in pairs.items()}


def _check_snippet(text: str) -> str:
    """A snippet of AWS::Include; what is beyond the bounds is no snippet, for which the base has AWS's words."""
    try:
        if not text.strip().startswith("{"):
            documents.check_yaml(text)
    except documents.Unreadable:
        return "{"
    return text


def _loader(base: Any) -> Any:
    """The base's loader of templates, in C where there is one, with keys as text."""

    class TemplateLoader(documents.Loader):  # type: ignore[misc]
        def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[str, Any]:
            """The keys of a template are names: `on` and `012` are looked up as the text that they become."""
            return {Text(key): value for key, value in super().construct_mapping(node, deep).items()}

    TemplateLoader.yaml_constructors = dict(base.yaml_constructors)
    return TemplateLoader


class _AsText(type):
    """`str` for modules that make text of template values: calls give CloudFormation's text, checks are str's own."""

    def __call__(cls, *arguments: Any, **options: Any) -> str:
        value = arguments[0] if arguments else ""
        return str(value).lower() if isinstance(value, bool) else str(*arguments, **options)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, str)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, str)


class Text(str, metaclass=_AsText):
    """What the base's modules call `str`. Nothing is ever an instance of it alone."""

    __slots__ = ()
