"""Report files as documents: XML without entities and namespaces, JSON. Pure."""

import json
import xml.etree.ElementTree as ET
from typing import Any


class NotAReport(Exception):
    """The file is not of the format that the buildspec says; the message is what is wrong."""


def xml(text: bytes, *roots: str) -> ET.Element:
    """The root, which is one of `roots`; a namespace is taken off every tag. Raises NotAReport."""
    if b"<!ENTITY" in text:
        raise NotAReport("it declares entities")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above
    except ET.ParseError as fault:
        raise NotAReport(f"it is not XML: {fault}") from None
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    if root.tag not in roots:
        raise NotAReport(f"its root is <{root.tag}>; expected {' or '.join(f'<{each}>' for each in roots)}")
    return root


def from_json(text: bytes) -> Any:
    """Raises NotAReport."""
    try:
        return json.loads(text)
    except ValueError as fault:
        raise NotAReport(f"it is not JSON: {fault}") from None


def number(text: str | None) -> float:
    """A number with or without thousands, 0 where there is none."""
    try:
        return float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0


def text_of(element: ET.Element | None, *path: str) -> str:
    """The text at the end of a path, "" where there is none."""
    for tag in path:
        element = element.find(tag) if element is not None else None
    return (element.text or "").strip() if element is not None else ""
