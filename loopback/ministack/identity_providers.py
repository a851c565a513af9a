"""OpenID Connect providers: what the base's IAM leaves out of them, and what it takes that AWS refuses."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from loopback.core.errors import ValidationException
from loopback.wire import model

HOOKS: dict[str, tuple[str, ...]] = {
    "ministack.services.iam": (
        "_IAM_HANDLERS",
        "_create_oidc_provider",
        "_error",
        "_extract_tags",
        "_oidc_providers",
        "_p",
        "_xml",
        "get_account_id",
    ),
}
MOST_CLIENTS, MOST_THUMBPRINTS = 100, 5
ARN = "OpenIDConnectProviderArn"
Request = Mapping[str, Any]
Change = Callable[[dict[str, Any], Request], None]  # (a copy of the provider, the request)


class IdentityProviders:
    """Made once, before the base serves."""

    def __init__(self) -> None:
        (module,) = (importlib.import_module(name) for name in HOOKS)
        self._iam: Any = module
        self._create = self._iam._create_oidc_provider
        handlers = self._iam._IAM_HANDLERS
        handlers["CreateOpenIDConnectProvider"] = self._create_checked
        handlers["ListOpenIDConnectProviderTags"] = self._list_tags
        changes: dict[str, Change] = {
            "AddClientIDToOpenIDConnectProvider": self._add_client,
            "RemoveClientIDFromOpenIDConnectProvider": self._remove_client,
            "UpdateOpenIDConnectProviderThumbprint": self._put_thumbprints,
            "TagOpenIDConnectProvider": self._tag,
            "UntagOpenIDConnectProvider": self._untag,
        }
        for operation, change in changes.items():
            handlers[operation] = self._changing(operation, change)

    def _create_checked(self, request: Request) -> Any:
        url = str(self._iam._p(request, "Url") or "")
        clients, thumbprints = self._list(request, "ClientIDList"), self._list(request, "ThumbprintList")
        given = {"Url": url, "ClientIDList": clients, "ThumbprintList": thumbprints}
        try:
            model.check(given, model.operation("iam", "CreateOpenIDConnectProvider").input_shape)
        except ValidationException as fault:
            return self._iam._error(400, "ValidationError", str(fault), ns="iam")
        host = url.removeprefix("https://").rstrip("/")
        if host == url.rstrip("/") or not host or "?" in host or "#" in host:
            return self._iam._error(400, "ValidationError", "Invalid Open ID Connect Provider URL", ns="iam")
        if len(clients) > MOST_CLIENTS or len(thumbprints) > MOST_THUMBPRINTS:
            message = f"A provider has at most {MOST_CLIENTS} client IDs and {MOST_THUMBPRINTS} thumbprints"
            return self._iam._error(409, "LimitExceeded", message, ns="iam")
        arn = f"arn:aws:iam::{self._iam.get_account_id()}:oidc-provider/{host}"
        if arn in self._iam._oidc_providers:
            message = f"Provider with url {url} already exists."
            return self._iam._error(409, "EntityAlreadyExists", message, ns="iam")
        answer = self._create(request)
        self._iam._oidc_providers[arn] = self._iam._oidc_providers[arn] | {"Url": host}  # as Get tells it
        return answer

    def _changing(self, operation: str, change: Change) -> Callable[[Request], Any]:
        def answer(request: Request) -> Any:
            arn = self._iam._p(request, ARN)
            provider = self._iam._oidc_providers.get(arn)
            if provider is None:
                return self._absent(arn)
            changed = dict(provider)
            change(changed, request)
            self._iam._oidc_providers[arn] = changed
            return self._iam._xml(200, f"{operation}Response", "", ns="iam")

        return answer

    def _absent(self, arn: str) -> Any:
        return self._iam._error(404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}", ns="iam")

    def _list(self, request: Request, name: str) -> list[str]:
        found: list[str] = []
        while value := self._iam._p(request, f"{name}.member.{len(found) + 1}"):
            found.append(str(value))
        return found

    def _add_client(self, provider: dict[str, Any], request: Request) -> None:
        client = self._iam._p(request, "ClientID")
        provider["ClientIDList"] = [*(kept for kept in provider["ClientIDList"] if kept != client), client]

    def _remove_client(self, provider: dict[str, Any], request: Request) -> None:
        client = self._iam._p(request, "ClientID")
        provider["ClientIDList"] = [kept for kept in provider["ClientIDList"] if kept != client]

    def _put_thumbprints(self, provider: dict[str, Any], request: Request) -> None:
        provider["ThumbprintList"] = self._list(request, "ThumbprintList")

    def _tag(self, provider: dict[str, Any], request: Request) -> None:
        added = {tag["Key"]: tag["Value"] for tag in self._iam._extract_tags(request)}
        tags = {tag["Key"]: tag["Value"] for tag in provider.get("Tags", [])} | added
        provider["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]

    def _untag(self, provider: dict[str, Any], request: Request) -> None:
        gone = self._list(request, "TagKeys")
        provider["Tags"] = [tag for tag in provider.get("Tags", []) if tag["Key"] not in gone]

    def _list_tags(self, request: Request) -> Any:
        from xml.sax.saxutils import escape

        arn = self._iam._p(request, ARN)
        provider = self._iam._oidc_providers.get(arn)
        if provider is None:
            return self._absent(arn)
        members = "".join(
            f"<member><Key>{escape(tag['Key'])}</Key><Value>{escape(tag['Value'])}</Value></member>"
            for tag in provider.get("Tags", [])
        )
        result = f"<Tags>{members}</Tags><IsTruncated>false</IsTruncated>"
        operation = "ListOpenIDConnectProviderTags"
        return self._iam._xml(200, f"{operation}Response", f"<{operation}Result>{result}</{operation}Result>", ns="iam")
