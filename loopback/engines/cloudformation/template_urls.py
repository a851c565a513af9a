"""Where a template URL points: the forms that AWS gives the address of an S3 object. Pure."""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from loopback.core.arn import Place
from loopback.core.errors import ValidationException

_VIRTUAL = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com"
)
_PATH = re.compile(r"s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com")
_HERE = ("127.0.0.1", "localhost")
FORMS = "https://<bucket>.s3.<region>.amazonaws.com/<key> or https://s3.<region>.amazonaws.com/<bucket>/<key>"
_VERSION_4 = {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders"}
_VERSION_2 = {"awsaccesskeyid", "signature", "expires"}
_SIGNED = _VERSION_4 | _VERSION_2 | {"x-amz-signature", "x-amz-security-token", "x-amz-checksum-mode", "x-id"}


def template_location(url: str, place: Place, *, now: float | None = None) -> tuple[str, str]:
    """Bucket and key. Raises ValidationException where the URL is none of an object of this region's S3.

    A presigned URL that has ended at `now` (epoch seconds) is refused, too.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    shown = url.partition("?")[0]
    _check_query(shown, parts.query, now)
    if parts.fragment:
        raise ValidationException(f"{shown}: a template URL with #{parts.fragment!r} is not carried out")
    if found := _VIRTUAL.fullmatch(host):
        bucket, key = found["bucket"], path
    elif (found := _PATH.fullmatch(host)) or host in _HERE:
        bucket, _, key = path.partition("/")
    else:
        raise ValidationException(f"{shown} is not the address of an S3 object; expected {FORMS}")
    if found and (found["region"] or place.region) != place.region:
        raise ValidationException(f"{shown} is in {found['region']}; this loopback serves {place.region}")
    if not bucket or not key or "?" in key or "#" in key:
        raise ValidationException(f"{shown} does not name an object; expected {FORMS}")
    return bucket, key


def _check_query(shown: str, query: str, now: float | None) -> None:
    """A query may be a presigned URL's, and nothing else."""
    given = {name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)}
    strange = sorted(given.keys() - _SIGNED)
    if given and (strange or not (given.keys() >= _VERSION_4 or given.keys() >= _VERSION_2)):
        raise ValidationException(f"{shown}: a template URL with {query!r} is not carried out")
    if given and now is not None and now > _end(shown, given):
        raise ValidationException(f"{shown}: Request has expired")


def _end(shown: str, given: dict[str, str]) -> float:
    try:
        if "expires" in given:
            return float(given["expires"])
        began = datetime.strptime(given["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return began.timestamp() + float(given["x-amz-expires"])
    except ValueError:
        raise ValidationException(f"{shown}: the presigned URL does not say when it ends") from None


def path_style(bucket: str, key: str, place: Place) -> str:
    """The URL of an object, in the form that names its bucket in the path."""
    return f"https://s3.{place.region}.amazonaws.com/{bucket}/{quote(key)}"
