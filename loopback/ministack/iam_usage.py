"""What roles were asked for, each thing once: what a policy has beyond that, nothing has used.

One JSON object a line: role, action, resource.
"""

import json
import re
import threading
from collections import Counter
from pathlib import Path

MOST_RESOURCES = 200  # of one action of one role
_SESSION = re.compile(r"arn:[\w-]+:sts::\d+:assumed-role/([^/]+)/.*")


class IamUsageLog:
    """A file that grows; what stands in it already is not written again."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        known = path.read_text().splitlines() if path.exists() else []
        self._seen = set(known)
        self._counts = Counter(_key(json.loads(line)) for line in known)

    def note(self, principal: str, action: str, resource: str) -> None:
        """Somebody has asked whether a role's session may do this; other principals are left out."""
        found = _SESSION.fullmatch(principal)
        if found is None:
            return
        entry = {"role": found[1], "action": action, "resource": resource}
        line = json.dumps(entry)
        with self._lock:
            if line in self._seen or self._counts[_key(entry)] >= MOST_RESOURCES:
                return
            self._seen.add(line)
            self._counts[_key(entry)] += 1
            with self._path.open("a") as file:
                file.write(line + "\n")


def _key(entry: dict[str, str]) -> tuple[str, str]:
    return entry["role"], entry["action"]
