"""What a checkout has shipped: remembered beside it, so that what came from elsewhere is recognised."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slipway.cli.checkout import Checkout
from slipway.cli.projects import Project
from slipway.cli.target import Target, UserError

METADATA = "slipway-checkout"


def _file(checkout: Checkout, project: Project) -> Path:
    return checkout.root / ".slipway" / "shipped" / project.id


def last_revision(checkout: Checkout, project: Project) -> str:
    """The commit, or the ETag of the zip, that this checkout brought last; "" before the first."""
    try:
        return _file(checkout, project).read_text().strip()
    except OSError:
        return ""


def record(checkout: Checkout, project: Project, what: str) -> None:
    """Remember it; a checkout that can't be written to is recognised by its commits alone."""
    path = _file(checkout, project)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(what + "\n")
    except OSError:
        return


@dataclass(frozen=True)
class Zip:
    """The zip that a project is built from, as it is in S3."""

    url: str
    content: bytes
    etag: str
    version: str
    checkout: str  # the commit that it was made from; "" when something else than ship put it there
    modified: datetime

    @classmethod
    def read(cls, target: Target, url: str) -> "Zip":
        """Raises UserError when it can't be read."""
        from botocore.exceptions import ClientError

        where = urlsplit(url)
        try:
            found = target.client("s3").get_object(Bucket=where.netloc, Key=where.path[1:])
        except ClientError as fault:
            raise UserError(f"{url} cannot be read: {fault.response['Error']['Message']}") from None
        made_from = found.get("Metadata", {}).get(METADATA, "")
        return cls(
            url, found["Body"].read(), found["ETag"], found.get("VersionId", ""), made_from, found["LastModified"]
        )

    def replace_with(self, target: Target, content: bytes, checkout: str) -> "Zip":
        """Put another in its place. Raises UserError when somebody else was quicker."""
        from botocore.exceptions import ClientError

        where = urlsplit(self.url)
        place: dict[str, Any] = {"Bucket": where.netloc, "Key": where.path[1:]}
        try:
            target.client("s3").put_object(**place, Body=content, IfMatch=self.etag, Metadata={METADATA: checkout})
        except ClientError as fault:
            if fault.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise UserError(f"{self.url} was replaced meanwhile; look at it, then ship again") from None
            raise
        return Zip.read(target, self.url)
