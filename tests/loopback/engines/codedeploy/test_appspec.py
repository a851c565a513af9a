"""What an AppSpec may say."""

import json
from typing import Any

import pytest

from loopback.engines.codedeploy.appspec import AppSpec, InvalidAppSpec, read

YAML = """
version: 0.0
Resources:
  - fn:
      Type: AWS::Lambda::Function
      Properties: {Name: my-fn, Alias: live, CurrentVersion: "3", TargetVersion: 4}
Hooks:
  - BeforeAllowTraffic: pre
  - AfterAllowTraffic: post
"""
PROPERTIES = {"Name": "my-fn", "Alias": "live", "CurrentVersion": "3", "TargetVersion": "4"}


def spec(properties: Any = PROPERTIES, **more: Any) -> str:
    resource = {"fn": {"Type": "AWS::Lambda::Function", "Properties": properties}}
    return json.dumps({"version": 0.0, "Resources": [resource], **more})


def test_yaml_and_json_say_the_same() -> None:
    assert read(YAML) == AppSpec("my-fn", "live", "3", "4", "pre", "post")
    assert read(spec()) == AppSpec("my-fn", "live", "3", "4")


def test_the_way_back_has_no_hooks_and_is_a_revision() -> None:
    back = read(YAML).back()
    assert back == AppSpec("my-fn", "live", "4", "3")
    assert read(back.revision()["appSpecContent"]["content"]) == back


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "NoneType"),
        ("a: [", "neither JSON nor YAML"),
        (spec(version=0.1), "version is 0.1"),
        (spec(Files=[]), "Files"),
        (spec(Resources=[]), "one function a deployment"),
        (spec(Resources=[{"s": {"Type": "AWS::ECS::Service"}}]), "Resources.s.Type"),
        (spec({"Name": "f"}), "expected Name, Alias, CurrentVersion, TargetVersion"),
        (spec(PROPERTIES | {"TargetVersion": "$LATEST"}), "expected a published version"),
        (spec(PROPERTIES | {"TargetVersion": "3"}), "both 3"),
        (spec(PROPERTIES | {"Name": ["f"]}), "Name: expected a text"),
        (spec(Hooks=[{"BeforeInstall": "f"}]), "Hooks.BeforeInstall"),
        (spec(Hooks={"BeforeAllowTraffic": "f"}), "expected a list"),
        (spec(Hooks=[{"BeforeAllowTraffic": ""}]), "one function's name"),
    ],
)
def test_what_is_no_appspec(content: str, said: str) -> None:
    with pytest.raises(InvalidAppSpec, match=said):
        read(content)
