"""What one CodePipeline action hands to another: a zip file in S3."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Artifact:
    """A named artifact and the object that is, or will be, its zip file."""

    name: str
    bucket: str
    key: str
