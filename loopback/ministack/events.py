"""EventBridge of the base: events of our services go in, and targets that the base would drop are delivered."""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from loopback.core.errors import ServiceError
from loopback.ministack.permissions import Permissions
from loopback.ministack.state import SavedState

Deliver = Callable[[dict[str, Any], str], None]  # (target, event as JSON text)
log = logging.getLogger("loopback")
HOOKS = {
    "ministack.services.eventbridge": (
        "_invoke_target",
        "_put_events",
        "_pattern_event_view",
        "_rules",
        "_archives",
        "_events_log_list",
    ),
}


class Events:
    """The default bus."""

    def __init__(self, module: Any, state: SavedState, permissions: Permissions | None) -> None:
        self._events, self._state, self._permissions = module, state, permissions
        self._targets: dict[str, Deliver] = {}
        self._deliver = module._invoke_target
        module._invoke_target = self._invoke_target
        module._events_log_list = partial(deque, maxlen=0)  # every event for ever, which nothing reads

    def has_rules(self) -> bool:
        """Whether any rule could match an event; without one, events go nowhere."""
        return bool(self._events._rules) or bool(self._events._archives)

    def put(self, detail_type: str, resources: list[str], detail: Mapping[str, Any], source: str) -> None:
        """Publish an event of an AWS service. Raises ServiceError when the bus refuses it."""
        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Resources": resources,
            "Detail": json.dumps(detail),
        }
        answer = self._state.on_loop(lambda: self._events._put_events({"Entries": [entry]}, allow_aws_source=True))
        _, _, body = answer
        if (refused := json.loads(body)).get("FailedEntryCount"):
            raise ServiceError(f"EventBridge refuses {detail_type}: {refused['Entries'][0].get('ErrorMessage')}")

    def add_target(self, service: str, deliver: Deliver) -> None:
        """Deliver events whose target ARN is of `service`, which the base accepts and would drop, on a thread."""
        self._targets[service] = deliver

    def _invoke_target(self, target: dict[str, Any], event: dict[str, Any], rule: Any, view: Any = None) -> Any:
        deliver = self._targets.get((target.get("Arn", "").split(":") + [""] * 3)[2])
        if self._permissions and (refusal := self._permissions.of_target(target, rule)):
            log.warning("event target %s: %s", target.get("Arn"), refusal)
            return None
        if deliver is None:
            return self._deliver(target, event, rule, view)
        if view is None:
            view = self._events._pattern_event_view(event)
        text = json.dumps(view.event_with_detail())
        threading.Thread(target=_log_delivery(deliver), args=(target, text), daemon=True).start()
        return None


def _log_delivery(deliver: Deliver) -> Deliver:
    def run(target: dict[str, Any], event: str) -> None:
        try:
            deliver(target, event)
        except ServiceError as fault:
            log.warning("event target %s: %s", target.get("Arn"), fault)

    return run
