"""Every operation of CloudFormation that takes a TemplateURL reads it here."""

import importlib
from typing import Any

import pytest

from loopback.core.arn import Place
from loopback.ministack import template_urls


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> Any:
    module: Any = importlib.import_module("ministack.services.cloudformation.helpers")
    s3: Any = importlib.import_module("ministack.services.s3")
    monkeypatch.setattr(module, "_resolve_document", module._resolve_document)
    objects = {("b-1", "a/t 1.yml"): b"Resources: {}"}
    monkeypatch.setattr(s3, "_get_object_data", lambda bucket, key: objects.get((bucket, key)))
    template_urls.install(Place())
    return module


@pytest.mark.parametrize(
    "host", ["s3.us-east-1.amazonaws.com/b-1", "b-1.s3.us-east-1.amazonaws.com", "b-1.s3.amazonaws.com"]
)
def test_a_template_by_its_url(helpers: Any, host: str) -> None:
    assert helpers._resolve_template({"TemplateURL": [f"https://{host}/a/t%201.yml"]}) == ("Resources: {}", None)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.com/b-1/a", "TemplateURL must be a supported URL. https://example.com/b-1/a is not"),
        ("https://b-1.s3.amazonaws.com/nope", "Template not found"),
    ],
)
def test_what_is_no_template_is_refused(helpers: Any, url: str, words: str) -> None:
    body, (status, _, answer) = helpers._resolve_template({"TemplateURL": [url]})
    assert (body, status) == (None, 400)
    assert words in str(answer)


def test_a_body_is_taken_as_it_is(helpers: Any) -> None:
    assert helpers._resolve_template({"TemplateBody": ["{}"]}) == ("{}", None)
