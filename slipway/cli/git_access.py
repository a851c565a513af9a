"""Who asks for a repository of this machine: what AWS's credential helper for git would say, as variables of git."""

import base64
from datetime import UTC, datetime
from urllib.parse import urlsplit

from slipway.cli.target import Target


def variables(target: Target, url: str) -> dict[str, str]:
    """Show git's requests to this machine who asks, in a header; nothing for AWS, where git is set up by its user."""
    if not (target.local and url.startswith("http:")):
        return {}
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    credentials, where = target.session.get_credentials().get_frozen_credentials(), urlsplit(url)
    signer, request = SigV4Auth(credentials, "codecommit", target.region), AWSRequest("GIT", url)
    request.context["timestamp"] = stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    canonical = f"GIT\n{where.path}\n\nhost:{where.hostname}\n\nhost\n"
    password = f"{stamp}Z{signer.signature(signer.string_to_sign(request, canonical), request)}"
    user = "%".join(filter(None, (credentials.access_key, credentials.token)))
    header = f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{where.scheme}://{where.netloc}/.extraHeader",
        "GIT_CONFIG_VALUE_0": header,
    }
