"""Amazon Resource Names of the one account and region that a loopback serves."""

from dataclasses import dataclass

from loopback.core.errors import ValidationException


@dataclass(frozen=True)
class Place:
    """The account and the region in which every resource of this loopback lives."""

    account: str = "000000000000"
    region: str = "us-east-1"

    def arn(self, resource: str, service: str = "sagemaker") -> str:
        """`resource` is the part after the account, for example `training-job/train-1`."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def name_in(self, arn_or_name: str, slug: str) -> str:
        """The name that follows `slug/` in an ARN; a plain name is returned as it is.

        AWS compares ARNs without regard to case in their fixed part. An ARN of something else is refused.
        """
        if not arn_or_name.startswith("arn:"):
            return arn_or_name
        parts = arn_or_name.split(":", 5)
        if len(parts) != 6 or not parts[5].lower().startswith(f"{slug}/"):
            raise ValidationException(f"{arn_or_name} is not the ARN of a {slug.replace('-', ' ')}")
        return parts[5][len(slug) + 1 :]
