"""Whether more is asked for than a quota of the account allows, and what AWS says then. Pure, but for who is warned."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field

from loopback.core.aws_warnings import QUOTA, AwsWarning, Warn, tell_nobody
from loopback.core.errors import ResourceLimitExceeded
from loopback.core.service_quotas import RECORDED

ASK = (
    "look at what your account has (aws service-quotas list-service-quotas --service-code {}), "
    "and ask for more in Service Quotas"
)
OF_ONE = ("Seconds", "Gigabytes")  # units of what a single job has


@dataclass(frozen=True)
class Demand:
    """What a request adds to what is in use already; `default` is None where AWS's default is not known."""

    name: str
    unit: str
    default: float | None
    used: float
    delta: float

    @property
    def total(self) -> float:
        """What would be in use."""
        return self.used + self.delta


@dataclass(frozen=True)
class QuotaRules:
    """The quotas of the account: those that loopback.yml `granted`, by patterns of names, and AWS's defaults.

    What is granted is a limit. A default is one in an account that is new; in another one, which may have more, going
    beyond it is a warning.
    """

    granted: Mapping[str, float] = field(default_factory=dict)
    is_new: bool = False
    warn: Warn = tell_nobody

    def require(self, demand: Demand) -> None:
        """Raises ResourceLimitExceeded, in AWS's words."""
        limit = self._limit(demand.name)
        if limit is None and self.is_new:
            limit = demand.default
        if limit is not None and demand.total > limit:
            raise ResourceLimitExceeded(refusal(demand, limit))
        if limit is None and (demand.default is None or demand.total > demand.default):
            self.warn(AwsWarning(QUOTA, demand.name, _text(demand), ASK.format("sagemaker")))

    def tell(self, demand: Demand, service: str) -> None:
        """Tell of what goes beyond, where AWS lets it wait before it refuses anything."""
        granted = self._limit(demand.name)
        limit = demand.default if granted is None else granted
        if limit is not None and demand.total > limit:
            text = _text(demand) if granted is None else f"{_amount(demand)}; the account has {granted:.0f}"
            self.warn(AwsWarning(QUOTA, demand.name, text, ASK.format(service)))

    def _limit(self, name: str) -> float | None:
        return next((value for pattern, value in self.granted.items() if fnmatch.fnmatchcase(name, pattern)), None)


def refusal(demand: Demand, limit: float) -> str:
    """What SageMaker answers (aws-samples/sagemaker-custom-project-templates#51; its end is the one of 2023 and later).

    The units that are not instances are ours where no answer with them is public.
    """
    return (
        f"The account-level service limit '{demand.name}' is {limit:.0f} {demand.unit}, with current utilization of "
        f"{demand.used:.0f} {demand.unit} and a request delta of {demand.delta:.0f} {demand.unit}. Please use AWS "
        "Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS "
        "support to request an increase for this quota."
    )


def _text(demand: Demand) -> str:
    wanted = _amount(demand)
    if demand.default is None:
        return f"{wanted}; which quota AWS gives by default is not known"
    return f"{wanted}; by default AWS gives {demand.default:.0f} ({RECORDED})"


def _amount(demand: Demand) -> str:
    when = "" if demand.unit in OF_ONE else " at once"
    return f"{demand.total:.0f} {demand.unit.lower()}{when}"
