"""What config.yml says of the jobs: what they run on, in which network, under which keys."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from slipway.build.settings_file import Disagreement, Section

MAX_RUNTIME_SECONDS = 4 * 3600  # of Train

InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", examples=["ml.m5.xlarge"])]
Subnet = Annotated[str, Field(pattern=r"^subnet-[0-9a-z]+$")]
SecurityGroup = Annotated[str, Field(pattern=r"^sg-[0-9a-z]+$")]
Key = Annotated[str, Field(min_length=1, max_length=2048, description="A KMS key: id, ARN or alias.")]


class Instance(Section):
    """What a job runs on."""

    type: InstanceType = "ml.m5.xlarge"
    volume_gb: Annotated[int, Field(ge=1, le=16384)] = 30


class TrainingInstances(Instance):
    """What Train runs on: several hosts if asked for, and spare capacity, which costs less and may be taken away."""

    count: Annotated[int, Field(ge=1, le=32)] = 1
    spot: Annotated[
        bool, Field(description="Managed spot training: AWS's spare capacity. Train goes on where it was.")
    ] = False
    max_wait_seconds: Annotated[
        int | None,
        Field(
            ge=MAX_RUNTIME_SECONDS,
            le=28 * 24 * 3600,
            description=f"With spot: for capacity and training together. Default: {2 * MAX_RUNTIME_SECONDS}.",
        ),
    ] = None


class Jobs(Section):
    """Instance types and counts. Defaults of pipeline parameters: a run may ask for others."""

    processing: Instance = Instance()
    training: TrainingInstances = TrainingInstances()

    def disagreements(self) -> Iterator[Disagreement]:
        """What is asked of spare capacity that is not used, or can't be had of it."""
        training = self.training
        if training.max_wait_seconds is not None and not training.spot:
            yield ("training", "max_wait_seconds"), "how long spare capacity is waited for: it needs spot: true"
        if training.spot and training.count > 1:
            yield ("training", "spot"), f"count is {training.count}: Train goes on where it was on one host only"


class Vpc(Section):
    """The containers' network."""

    subnets: list[Subnet] = Field(min_length=1, max_length=16)
    security_groups: list[SecurityGroup] = Field(min_length=1, max_length=5)


class Keys(Section):
    """KMS keys of the jobs; without one AWS's own is used for volumes, and the bucket's for what is written."""

    volume: Annotated[Key | None, Field(description="Of the instances' volumes.")] = None
    output: Annotated[Key | None, Field(description="Of what jobs write to S3.")] = None
