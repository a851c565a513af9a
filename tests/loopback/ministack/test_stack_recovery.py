"""What a cut-off operation has made, and what of it may stay until its successor has ended."""

from typing import Any

from loopback.ministack.stack_recovery import is_generated, made_since


def record(kind: str, physical_id: str) -> dict[str, Any]:
    return {"ResourceType": kind, "PhysicalResourceId": physical_id, "Properties": {"p": physical_id}}


def test_what_was_made_since() -> None:
    before = {"Model": record("M", "shop-Model-1"), "Role": record("R", "role")}
    now = {"Role": record("R", "role"), "Model": record("M", "shop-Model-2"), "New": record("N", "named")}
    made = made_since(now, before)
    assert [one[1] for one in made] == ["named", "shop-Model-2"]
    assert [is_generated("shop", one) for one in made] == [False, True]
    assert made_since(before, before) == []


def test_an_arn_may_hold_the_generated_name() -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/shop-Config-B009"
    assert is_generated("shop", ("C", arn, {}, "Config"))
    assert not is_generated("shop", ("C", "shop", {}, "Config"))
    assert [is_generated("shop", ("C", name, {}, "")) for name in ("shop-Config-B009", "")] == [True, False]
