import json

import pytest

from loopback.ministack.object_events import add_version

EVENT = {"Source": "aws.s3", "Detail": json.dumps({"object": {"key": "k", "size": 1}})}


def test_the_version_is_beside_the_key() -> None:
    found = json.loads(add_version(EVENT, "v1")["Detail"])
    assert found["object"] == {"key": "k", "size": 1, "version-id": "v1"}


@pytest.mark.parametrize(("event", "version"), [(EVENT, ""), (EVENT | {"Source": "aws.glue"}, "v1")])
def test_other_events_stay_as_they_are(event: dict[str, str], version: str) -> None:
    assert add_version(event, version) == event
