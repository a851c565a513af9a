"""What requests for jobs, endpoints and pipelines add to what the account uses, quota by quota.

An account's jobs count from their creation until they have ended, and an endpoint's instances while it is there: the
new fleet of a deployment beside the one that serves (AWS, deployment-guardrails: both exist at once).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from loopback.core import service_quotas as quotas
from loopback.core import states
from loopback.core.kinds import ENDPOINT, EXECUTION, PROCESSING_JOB, TRAINING_JOB, TRANSFORM_JOB, Kind
from loopback.core.queries import Selection
from loopback.core.quota_rules import Demand
from loopback.core.service_quotas import Quota
from loopback.rows.endpoints import EndpointRow, FleetSpec, VariantSpec
from loopback.rows.jobs import JobRow
from loopback.services.registry import Context

MOST_COUNTED = 100  # rows that a count looks at; more than that is beyond every quota
Request = Mapping[str, Any]


def require_for_job(kind: Kind, request: Request, context: Context) -> None:
    """What a new job needs. Raises ResourceLimitExceeded."""
    use = _use(kind, request)
    _require_instances(use, instances_of_job(kind, request), _in_jobs(kind, use, context), context)
    if kind is TRAINING_JOB:
        _require_of_training(use, request, context)


def require_for_tuning(definition: Request, parallel: int, context: Context) -> None:
    """What a tuning job's training jobs need at once; AWS counts them when it is created. Raises as above."""
    use = _use(TRAINING_JOB, definition)
    wanted = {kind: count * parallel for kind, count in instances_of_job(TRAINING_JOB, definition).items()}
    _require_instances(use, wanted, _in_jobs(TRAINING_JOB, use, context), context)


def require_for_endpoint(
    pending: FleetSpec, counts: Mapping[str, int], context: Context, *, is_new: bool = False
) -> None:
    """What a fleet needs that is brought up; `counts`: instances of each variant that are new. Raises as above.

    A serverless endpoint counts when it `is_new`: what an update of one counts for is not documented.
    """
    variants = pending.variants | pending.shadows
    wanted: Counter[str] = Counter()
    for name, count in counts.items():
        if not variants[name].serverless:
            wanted[variants[name].given["InstanceType"]] += count
    if wanted:
        _require(quotas.ENDPOINT_INSTANCES, 0, sum(variant.count for variant in variants.values()), context)
        _require_instances(quotas.ENDPOINT, wanted, _in_endpoints(context), context)
    serverless = [variant for variant in variants.values() if variant.serverless]
    if serverless and is_new:
        _require_of_serverless(serverless, context)


def require_for_execution(context: Context) -> None:
    """One more execution of a pipeline at once. Raises as above."""
    running = tuple(status for status in EXECUTION.lifecycle if not states.is_final(EXECUTION.lifecycle, status))
    _require(quotas.EXECUTIONS, _count(Selection(EXECUTION, statuses=running), quotas.EXECUTIONS, context), 1, context)


def require_another(kind: Kind, quota: Quota, context: Context) -> None:
    """One more of a kind that an account may have so many of. Raises as above."""
    _require(quota, _count(Selection(kind), quota, context), 1, context)


def instances_of_job(kind: Kind, request: Request) -> dict[str, int]:
    """How many instances of which type a Create request of a job asks for."""
    if kind is PROCESSING_JOB:
        clusters = [(request.get("ProcessingResources") or {}).get("ClusterConfig") or {}]
    elif kind is TRANSFORM_JOB:
        clusters = [request.get("TransformResources") or {}]
    else:
        config = request.get("ResourceConfig") or {}
        clusters = config.get("InstanceGroups") or [config]
    found: Counter[str] = Counter()
    for cluster in clusters:
        if "InstanceType" in cluster:
            found[cluster["InstanceType"]] += int(cluster.get("InstanceCount") or 1)
    return found


def _use(kind: Kind, request: Request) -> str:
    if kind is TRAINING_JOB:
        return quotas.SPOT if request.get("EnableManagedSpotTraining") else quotas.TRAINING
    return quotas.PROCESSING if kind is PROCESSING_JOB else quotas.TRANSFORM


def _require_instances(use: str, wanted: Mapping[str, int], used: Mapping[str, int], context: Context) -> None:
    for kind, count in wanted.items():
        name, default = quotas.quota_name(kind, use), quotas.default_instances(kind, use)
        context.quotas.require(Demand(name, quotas.INSTANCES, default, used.get(kind, 0), count))
    if wanted:
        _require(quotas.TOTALS[use], sum(used.values()), sum(wanted.values()), context)


def _require_of_training(use: str, request: Request, context: Context) -> None:
    """What no other job adds to."""
    config, condition = request.get("ResourceConfig") or {}, request.get("StoppingCondition") or {}
    most = quotas.SPOT_INSTANCES if use == quotas.SPOT else quotas.TRAINING_INSTANCES
    for quota, asked in (
        (most, sum(instances_of_job(TRAINING_JOB, request).values())),
        (quotas.TRAINING_SECONDS, condition.get("MaxRuntimeInSeconds", 0)),
        (quotas.TRAINING_VOLUME, config.get("VolumeSizeInGB", 0)),
    ):
        _require(quota, 0, asked, context)


def _require_of_serverless(variants: Iterable[VariantSpec], context: Context) -> None:
    there = [
        variant
        for row in _endpoints(context)
        if row.serving
        for variant in row.serving.variants.values()
        if variant.serverless
    ]
    _require(quotas.SERVERLESS_ENDPOINTS, len(there), 1, context)
    _require(quotas.SERVERLESS_CONCURRENCY, _concurrency(there), _concurrency(variants), context)


def _concurrency(variants: Iterable[VariantSpec]) -> int:
    return sum(variant.given["ServerlessConfig"]["MaxConcurrency"] for variant in variants)


def _require(quota: Quota, used: float, delta: float, context: Context) -> None:
    """Nothing is said of an account-wide quota that is not reached."""
    context.quotas.require(Demand(quota.name, quota.unit, quota.default, used, delta))


def _in_jobs(kind: Kind, use: str, context: Context) -> Mapping[str, int]:
    """The instances of the jobs of a kind that have not ended, by type."""
    running = tuple(status for status in kind.lifecycle if not states.is_final(kind.lifecycle, status))
    found: Counter[str] = Counter()
    for row in islice(context.store.scan(Selection(kind, statuses=running), MOST_COUNTED), MOST_COUNTED):
        request = JobRow.from_row(row).request
        if _use(kind, request) == use:
            found.update(instances_of_job(kind, request))
    return found


def _in_endpoints(context: Context) -> Mapping[str, int]:
    """The instances of all endpoints, by type; those of a deployment that goes on, too."""
    found: Counter[str] = Counter()
    for row in _endpoints(context):
        fleets = [fleet for fleet in (row.serving, row.pending) if fleet]
        for fleet in {fleet.generation: fleet for fleet in fleets}.values():
            for variant in (fleet.variants | fleet.shadows).values():
                if not variant.serverless:
                    found[variant.given["InstanceType"]] += variant.count
    return found


def _endpoints(context: Context) -> Iterator[EndpointRow]:
    """Those that have instances, or will have some."""
    rows = islice(EndpointRow.scan(context.store, Selection(ENDPOINT)), MOST_COUNTED)
    yield from (row for row in rows if row.status != "Failed")


def _count(selection: Selection, quota: Quota, context: Context) -> int:
    """How many rows there are, up to one more than AWS's default allows."""
    return sum(1 for _ in islice(context.store.scan(selection), int(quota.default) + 1))
