"""TemplateURL in all forms of an S3 object's address: the base takes the first part of any path for a bucket."""

import importlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from loopback.core.arn import Place
from loopback.core.errors import ServiceError, ValidationException
from loopback.engines.cloudformation.template_urls import template_location

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.cloudformation.helpers": ("_resolve_document", "_error"),
}
HERE = "http://127.0.0.1"  # the base looks at the path only


def install(place: Place) -> None:
    """Let the base read templates and stack policies from where their URLs point. Once, before the base serves."""
    (module,) = (importlib.import_module(name) for name in HOOKS)
    helpers: Any = module
    resolve = helpers._resolve_document

    def resolve_body(parameters: Mapping[str, Any], body_key: str, url_key: str, label: str) -> Any:
        """The text of a template, read from S3 where a URL names it."""
        url = parameters.get(url_key)
        url = url[0] if isinstance(url, list) else url
        if not url or parameters.get(body_key):
            return resolve(parameters, body_key, url_key, label)
        try:
            bucket, key = template_location(str(url), place, now=time.time())
        except ValidationException as fault:
            return None, helpers._error("ValidationError", f"{url_key} must be a supported URL. {fault}")
        return resolve({**parameters, url_key: [f"{HERE}/{bucket}/{key}"]}, body_key, url_key, label)

    helpers._resolve_document = resolve_body


def reader(read: Callable[[str, str], bytes], place: Place) -> Callable[[str], str | None]:
    """What gives the text behind a TemplateURL; None where there is none. `read` takes bucket and key."""

    def text(url: str) -> str | None:
        try:
            return read(*template_location(url, place, now=time.time())).decode()
        except (ServiceError, ValueError):
            return None

    return text
