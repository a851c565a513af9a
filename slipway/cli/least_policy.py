"""The least policy for what a role was asked for, and how what it has compares. Pure; documents are IAM's.

Version 2012-10-17 of the policy language:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
Conditions are not looked at: a statement with one counts as allowing what its actions and resources name.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A part of a name that a service or the SDK has made: it is another one in the next run.
_GENERATED = re.compile(r"(?<![^-_/:.])(?=[0-9a-zA-Z]*[0-9])(?=[0-9a-zA-Z]*[a-zA-Z])[0-9a-zA-Z]{8,}(?![^-_/:.])")
_NUMBER = re.compile(r"(?<![^-_/:.])\d{8,}(?![^-_/:.])|(?<=/)\d+$")  # a time; a version
# Jobs of a pipeline: pipelines-<execution>-<step>-<ten letters and digits>.
_JOB_OF_PIPELINE = re.compile(r"(?<=-job/)pipelines-\w+-(.+)-\w{10}")
_ARN = re.compile(r"(arn:[^:]*:[^:]*:[^:]*:[^:]*:)(.*)", re.DOTALL)  # up to the account, and the rest
ANY = "*"


@dataclass(frozen=True, order=True)
class Asked:
    """An action on a resource (its ARN, or *) that a role was asked for, whether it was allowed or not."""

    action: str
    resource: str


@dataclass(frozen=True)
class Statement:
    """An Allow statement that a role has. `policy` is the policy's name."""

    policy: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def allows(self, asked: Asked) -> bool:
        """Whether its actions and resources name this."""
        return any(matches(pattern.casefold(), asked.action.casefold()) for pattern in self.actions) and any(
            matches(pattern, asked.resource) for pattern in self.resources
        )

    def unused_actions(self, asked: Iterable[Asked]) -> tuple[str, ...]:
        """Its actions that nothing was asked of; with * in them, those that match nothing asked."""
        used = [one for one in asked if self.allows(one)]
        return tuple(
            pattern
            for pattern in self.actions
            if not any(matches(pattern.casefold(), one.action.casefold()) for one in used)
        )


def matches(pattern: str, value: str) -> bool:
    """Whether a pattern of IAM (* any characters, ? one) is the whole of a value."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.DOTALL) is not None


def statements(policy: str, document: Mapping[str, Any]) -> Iterator[Statement]:
    """The Allow statements of a policy with Action and Resource; NotAction and NotResource are left out."""
    for number, entry in enumerate(_list(document["Statement"]), 1):
        if entry["Effect"] == "Allow" and "Action" in entry and "Resource" in entry:
            sid = entry.get("Sid", f"statement {number}")
            yield Statement(policy, sid, tuple(_list(entry["Action"])), tuple(_list(entry["Resource"])))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def least_policy(asked: Iterable[Asked]) -> dict[str, Any]:
    """A policy that allows this. Generated parts of names become *, objects their bucket's first folder."""
    resources: dict[str, set[str]] = defaultdict(set)
    for one in asked:
        resources[one.action].add(generalise(one.resource))
    actions: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for action, named in resources.items():
        actions[action.partition(":")[0], tuple(without_covered(named))].append(action)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": sorted(names), "Resource": list(named)}
            for (_, named), names in sorted(actions.items())
        ],
    }


def generalise(resource: str) -> str:
    """A resource without what is another one in the next run."""
    found = _ARN.fullmatch(resource)
    if found is None:
        return resource
    head, name = found.groups()
    service = head.split(":")[2]
    if service == "kms":
        return resource  # a key's id is made once and stays
    if service == "s3":
        bucket, slash, key = name.partition("/")
        folder, deeper, _ = key.partition("/")
        return head + bucket + slash + (f"{folder}/{ANY}" if deeper else key)
    return head + _without_generated(name)


def _without_generated(name: str) -> str:
    known = _JOB_OF_PIPELINE.sub(r"pipelines-*-\1-*", name)
    return re.sub(r"\*(-\*)+", ANY, _NUMBER.sub(ANY, _GENERATED.sub(ANY, known)))


def without_covered(resources: Iterable[str]) -> Sequence[str]:
    """The patterns without those that another one covers, in order."""
    distinct = sorted(set(resources))
    return [one for one in distinct if not any(other != one and matches(other, one) for other in distinct)]
