"""`slipway iam`: the least policy for what a role was asked for on this machine, beside what it has."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from slipway.cli import screen
from slipway.cli.least_policy import Asked, Statement, generalise, least_policy, statements
from slipway.cli.target import Target, UserError, WrongUsage

RECORD = "iam-asked.jsonl"
HOW = "LOOPBACK_IAM=enforce slipway local up --detach, then run what the role is for"


def show(target: Target, state: Path, role: str, *, policy: bool, as_json: bool) -> None:
    """All roles that were asked for something; of one role what, whether it may, and what it has beyond that."""
    if not target.local:
        raise WrongUsage("slipway iam tells what the AWS of this machine has recorded; the environment points at AWS")
    asked = read_record(state)
    if not role:
        if policy:
            raise WrongUsage(f"--policy needs a role; recorded: {', '.join(sorted(asked))}")
        _show_roles(target, asked, as_json=as_json)
        return
    name = role.rpartition("/")[2]
    if name not in asked:
        raise UserError(f"nothing has asked role {name} for anything; recorded: {', '.join(sorted(asked))}")
    if policy:
        screen.show_json(least_policy(asked[name]))
        return
    _show_role(name, asked[name], allow_statements(target, name), as_json=as_json)


def read_record(state: Path) -> dict[str, list[Asked]]:
    """What roles were asked for while IAM was enforced, by role. Raises UserError where nothing was."""
    found: dict[str, list[Asked]] = defaultdict(list)
    path = state / RECORD
    for line in path.read_text().splitlines() if path.is_file() else ():
        entry = json.loads(line)
        found[entry["role"]].append(Asked(entry["action"], entry["resource"]))
    if not found:
        raise UserError(f"no role was asked for anything with IAM enforced on {state}: {HOW}")
    return found


def allow_statements(target: Target, role: str) -> list[Statement]:
    """The Allow statements of a role's policies, its own and managed ones; none where the role is gone."""
    iam = target.client("iam")
    found: list[Statement] = []
    try:
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            found += statements(name, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
        for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            arn = policy["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
            found += statements(policy["PolicyName"], document)
    except iam.exceptions.NoSuchEntityException:
        return []
    return found


def missing_permissions(asked: list[Asked], had: list[Statement]) -> list[Asked]:
    """What no statement allows."""
    return [one for one in asked if not any(statement.allows(one) for statement in had)]


def _show_roles(target: Target, asked: dict[str, list[Asked]], *, as_json: bool) -> None:
    rows = []
    for role, entries in sorted(asked.items()):
        had = allow_statements(target, role)
        unused = [action for statement in had for action in statement.unused_actions(entries)]
        rows.append((role, len({one.action for one in entries}), len(missing_permissions(entries, had)), len(unused)))
    columns = ("role", "asked", "refused", "unused")
    if as_json:
        screen.show_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    screen.console.print(screen.table(columns, rows, right=columns[1:]))
    screen.say("\nasked: actions; refused: what no statement allows; unused: actions that nothing asked for")
    screen.say("one of them: slipway iam ROLE, its least policy: slipway iam ROLE --policy")


def _show_role(role: str, asked: list[Asked], had: list[Statement], *, as_json: bool) -> None:
    rows = [
        (one.action, generalise(one.resource), next((s.policy for s in had if s.allows(one)), "refused"))
        for one in sorted(asked)
    ]
    unused = [(statement, action) for statement in had for action in statement.unused_actions(asked)]
    if as_json:
        document: dict[str, Any] = {
            "role": role,
            "asked": [{"action": a, "resource": r, "allowed_by": p} for a, r, p in dict.fromkeys(rows)],
            "unused": [{"policy": s.policy, "statement": s.sid, "action": action} for s, action in unused],
            "least_policy": least_policy(asked),
        }
        screen.show_json(document)
        return
    screen.console.print(screen.table(("action", "resource", "allowed by"), dict.fromkeys(rows)))
    if unused:
        screen.say("\nnothing has asked for", style="bold")
        lines = [(statement.policy, statement.sid, action) for statement, action in unused]
        screen.console.print(screen.table(("policy", "statement", "action"), lines))
    screen.say(f"\nthe least policy for what was asked: slipway iam {role} --policy")
