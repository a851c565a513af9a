import pytest

from loopback.ministack.log_filter import expand_prefix

STREAMS = ("job-1/algo-1", "job-1/algo-2", "job-12/algo-1")


@pytest.mark.parametrize(
    ("request_", "meant"),
    [
        ({}, None),
        ({"logStreamNamePrefix": ""}, None),
        ({"logStreamNamePrefix": "job-1/"}, ["job-1/algo-1", "job-1/algo-2"]),
        ({"logStreamNamePrefix": "job-2"}, [""]),
        ({"logStreamNames": ["x"]}, ["x"]),
    ],
)
def test_a_prefix_means_the_streams_that_have_it(request_: dict, meant: list[str] | None) -> None:
    assert expand_prefix(request_, STREAMS).get("logStreamNames") == meant
