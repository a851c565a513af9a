"""An account that is new to what AWS has closed: it can look, and make nothing."""

from dataclasses import replace
from typing import Any

import pytest

from loopback.core.errors import AccessDeniedException
from loopback.services import registry

from .conftest import ANALYZER, CLARIFY, CLUSTER, ROLE, XGBOOST, Site


@pytest.fixture
def new(site: Site, context: Any) -> Site:
    """A new account that has the endpoint, and a definition from somewhere."""
    changed = replace(context, is_new=True)
    site.call = lambda operation, **request: registry.call("sagemaker", operation, request, changed)
    return site


def processing(site: Site, image: str) -> Any:
    return site.call(
        "CreateProcessingJob",
        ProcessingJobName="job",
        AppSpecification={"ImageUri": image},
        ProcessingResources=CLUSTER,
        RoleArn=ROLE,
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda site: site.definition("other"),
        lambda site: site.model_quality(),
        lambda site: site.clarify("ModelBias"),
        lambda site: site.clarify("ModelExplainability"),
        lambda site: site.schedule(),
        lambda site: processing(site, CLARIFY),
    ],
)
def test_nothing_of_it_can_be_made(new: Site, make: Any) -> None:
    with pytest.raises(AccessDeniedException, match="no longer open to new customers"):
        make(new)


def test_everything_else_can(new: Site) -> None:
    assert new.call("ListMonitoringSchedules")["MonitoringScheduleSummaries"] == []
    assert processing(new, XGBOOST)
    with pytest.raises(Exception, match="already exists"):
        processing(new, ANALYZER)  # whether its image may be used by a plain job is not known
