"""The shadow endpoint: it is made with the predictor's model, and is gone whatever happens."""

import pytest

from loopback.images.clarify import endpoint
from loopback.images.clarify.endpoint import Services
from slipway.analysis.errors import BadInput
from tests.loopback.images.clarify.conftest import PREDICTOR, Aws

GONE = ["delete_endpoint", "delete_endpoint_config"]


@pytest.fixture
def aws():
    return Aws()


def invoking(aws, predictor=PREDICTOR):
    return endpoint.invoking(predictor, "text/csv", "text/csv", Services(aws, sleep=lambda _: None))


def test_it_lives_as_long_as_the_analysis(aws):
    with invoking(aws) as ask:
        assert ask("1,2\n") == "0.5\n"
        assert aws.calls == ["create_endpoint_config", "create_endpoint"]
    assert aws.calls[2:] == GONE
    config, made, *_ = aws.requests
    variant = config["ProductionVariants"][0]
    assert (variant["ModelName"], variant["InstanceType"], variant["InitialInstanceCount"]) == ("m", "ml.m5.large", 1)
    assert config["EndpointConfigName"].startswith("sm-clarify-config-")
    assert made["EndpointName"].startswith("sm-clarify-m-")


def test_a_prefix_is_kept_within_the_longest_name(aws):
    with invoking(aws, PREDICTOR | {"endpoint_name_prefix": "team-" + "x" * 80}):
        name = aws.requests[1]["EndpointName"]
    assert name.startswith("team-xxx")
    assert len(name) <= 63


@pytest.mark.parametrize("error", [BadInput("x"), SystemExit(143)])
def test_it_is_gone_after_a_failure_and_after_a_stop(aws, error):
    with pytest.raises(type(error)), invoking(aws):
        raise error
    assert aws.calls[2:] == GONE


def test_one_that_does_not_come_up(aws):
    aws.status = ["Creating", "Failed"]
    with (
        pytest.raises(BadInput, match=r"the shadow endpoint sm-clarify-m-\S+ is Failed: no reason given"),
        invoking(aws),
    ):
        pass
    assert aws.calls[2:] == GONE


def test_what_was_made_is_gone_when_the_next_is_refused(aws):
    aws.refused = {"create_endpoint"}
    with pytest.raises(BadInput, match="AccessDeniedException"), invoking(aws):
        pass
    assert aws.calls == ["create_endpoint_config", "delete_endpoint_config"]


def test_one_that_is_there_already_stays(aws):
    with invoking(aws, {"endpoint_name": "live", "custom_attributes": "c"}) as ask:
        ask("1\n")
    assert aws.calls == []
    assert (aws.requests[0]["EndpointName"], aws.requests[0]["CustomAttributes"]) == ("live", "c")
