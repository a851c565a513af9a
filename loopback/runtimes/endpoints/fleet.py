"""What an endpoint consists of, as the control plane tells it to the data plane, and the choices among it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Variant:
    """One production variant. `model` is the folder of the unpacked model, which each instance gets a copy of.

    `seconds` is how long an instance may take to answer its first ping. `concurrency` above 0 makes it serverless:
    `count` instances are kept, and more come with requests, up to so many. `cpus` and `memory` (bytes) are what an
    instance has; 0 is all that the machine has.
    """

    name: str
    weight: float
    count: int
    model: str
    environ: Mapping[str, str]
    interpreter: str | None = None
    isolated: bool = False
    least_outstanding: bool = False
    seconds: float = 480.0
    concurrency: int = 0
    cpus: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Capture:
    """Which requests are written down, and where. `percentage` 0 to 100; content types in lower case."""

    percentage: float
    uri: str
    sides: frozenset[str]  # of "Input", "Output"
    csv: frozenset[str] = frozenset()
    json: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fleet:
    """What an endpoint configuration asks for. Instances are kept as long as `generation` stays the same.

    `share` is its part of the endpoint's traffic, 0 to 1, while a deployment shifts it. Copies of requests go to
    `shadows`. `queue` has the answers of AsyncInferenceConfig; such an endpoint is invoked by its queue only.
    """

    name: str
    generation: str
    variants: tuple[Variant, ...]
    capture: Capture | None = None
    config: str = ""
    share: float = 1.0
    shadows: tuple[Variant, ...] = ()
    queue: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """Endpoint names are the same without regard to case."""
        return self.name.lower()

    def dump(self) -> dict[str, Any]:
        """As JSON data."""
        document = asdict(self)
        if self.capture:
            sets = {name: sorted(getattr(self.capture, name)) for name in ("sides", "csv", "json")}
            document["capture"] |= sets
        return document


def load(document: Mapping[str, Any]) -> Fleet:
    """The inverse of `Fleet.dump` after JSON."""
    captured = document.get("capture")
    if captured:
        captured = captured | {name: frozenset(captured[name]) for name in ("sides", "csv", "json")}
    return Fleet(
        document["name"],
        document["generation"],
        tuple(Variant(**variant) for variant in document["variants"]),
        Capture(**captured) if captured else None,
        document["config"],
        document["share"],
        tuple(Variant(**variant) for variant in document["shadows"]),
        document["queue"],
    )


Setup = tuple[Fleet, ...]  # all that stands for one endpoint: one fleet, two during a deployment


def dump_all(setup: Setup) -> list[dict[str, Any]]:
    """As JSON data."""
    return [fleet.dump() for fleet in setup]


def load_all(document: Sequence[Mapping[str, Any]]) -> Setup:
    """The inverse of `dump_all` after JSON."""
    return tuple(load(fleet) for fleet in document)


def capture_of(config: Mapping[str, Any] | None) -> Capture | None:
    """The request's DataCaptureConfig; None when nothing is to be captured."""
    if config is None or not config.get("EnableCapture", True):
        return None
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    sides = modes - {"InputAndOutput"} | ({"Input", "Output"} if "InputAndOutput" in modes else set())
    headers = config.get("CaptureContentTypeHeader") or {}
    return Capture(
        config["InitialSamplingPercentage"],
        config["DestinationS3Uri"].rstrip("/"),
        frozenset(sides),
        frozenset(kind.lower() for kind in headers.get("CsvContentTypes", ())),
        frozenset(kind.lower() for kind in headers.get("JsonContentTypes", ())),
    )


def draw_index(weights: Sequence[float], chance: float) -> int:
    """The index that `chance` (0 to 1, without 1) falls on; an index of weight 0 is never drawn.

    >>> [draw_index((0, 1, 3), chance) for chance in (0.0, 0.2, 0.3, 0.99)]
    [1, 1, 2, 2]
    """
    point = chance * sum(weights)
    for index, weight in enumerate(weights):
        if point < weight:
            return index
        point -= weight
    return max(index for index, weight in enumerate(weights) if weight > 0)
