"""`#{namespace.key}` in the configuration of an action. Pure."""

import re
from collections.abc import Iterator, Mapping

REFERENCE = re.compile(r"#\{([A-Za-z0-9@_-]+)\.([A-Za-z0-9@_.-]+)\}")
MOST_BYTES = 100 * 1024  # of a resolved configuration


class Unresolved(Exception):
    """A reference to something that is not there; the message names it."""


def references(configuration: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Configuration key, namespace and variable of every reference."""
    for key, value in configuration.items():
        for found in REFERENCE.finditer(value):
            yield key, found[1], found[2]


def resolve(configuration: Mapping[str, str], namespaces: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Every reference replaced once; what a variable holds is not looked at again. Raises Unresolved."""

    def value_of(found: re.Match[str]) -> str:
        try:
            return namespaces[found[1]][found[2]]
        except KeyError:
            known = namespaces.get(found[1])
            of = f"it has {', '.join(sorted(known)) or 'no variables'}" if known is not None else "no such namespace"
            raise Unresolved(f"{found[0]} could not be resolved: {of}") from None

    resolved = {key: REFERENCE.sub(value_of, value) for key, value in configuration.items()}
    size = sum(len(key.encode()) + len(value.encode()) for key, value in resolved.items())
    if size > MOST_BYTES:
        raise Unresolved(f"The resolved configuration has {size} bytes; at most {MOST_BYTES}")
    return resolved
