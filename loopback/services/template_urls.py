"""Where a template URL points: the forms that AWS gives the address of an S3 object. Pure."""

import re
from urllib.parse import unquote, urlsplit

from loopback.core.arn import Place
from loopback.core.errors import ValidationException

_VIRTUAL = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com"
)
_PATH = re.compile(r"s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com")
_HERE = ("127.0.0.1", "localhost")
FORMS = "https://<bucket>.s3.<region>.amazonaws.com/<key> or https://s3.<region>.amazonaws.com/<bucket>/<key>"


def template_location(url: str, place: Place) -> tuple[str, str]:
    """Bucket and key. Raises ValidationException where the URL is none of an object of this region's S3."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    if parts.query or parts.fragment:
        raise ValidationException(f"{url}: a template URL with {parts.query or parts.fragment!r} is not carried out")
    if found := _VIRTUAL.fullmatch(host):
        bucket, key = found["bucket"], path
    elif (found := _PATH.fullmatch(host)) or host in _HERE:
        bucket, _, key = path.partition("/")
    else:
        raise ValidationException(f"{url} is not the address of an S3 object; expected {FORMS}")
    if found and (found["region"] or place.region) != place.region:
        raise ValidationException(f"{url} is in {found['region']}; this loopback serves {place.region}")
    if not bucket or not key or "?" in key or "#" in key:
        raise ValidationException(f"{url} does not name an object; expected {FORMS}")
    return bucket, key


def path_style(bucket: str, key: str, place: Place) -> str:
    """The URL that CloudFormation takes here."""
    return f"https://s3.{place.region}.amazonaws.com/{bucket}/{key}"
