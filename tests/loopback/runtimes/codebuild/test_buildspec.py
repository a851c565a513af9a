"""buildspec 0.2: what is read, and what is refused with which words."""

import pytest

from loopback.runtimes.codebuild.buildspec import parse, parse_on_failure
from loopback.runtimes.codebuild.specification import Cache, FilePatterns, OnFailure, Phase
from loopback.runtimes.codebuild.walker import BuildspecError

WHOLE = """
version: 0.2
env:
  shell: /bin/sh
  variables: {STAGE: dev, FLAG: yes, NUMBER: 3.10}
  parameter-store: {PW: /app/pw}
  secrets-manager: {TOKEN: "id:key"}
  exported-variables: [V]
  git-credential-helper: yes
phases:
  install:
    runtime-versions: {python: 3.10, nodejs: latest}
    commands: pip install x
  pre_build: {commands: [a, "b: c"], finally: [d]}
  build: {on-failure: RETRY-2-time.*out, commands: [make]}
reports: {unit: {files: "u.xml", base-directory: out}}
artifacts:
  files: ["**/*"]
  exclude-paths: "**/.*"
  discard-paths: yes
  secondary-artifacts: {Other: {files: [x], enable-symlinks: true}}
cache: {key: k, paths: [p], fallback-keys: [f], action: restore}
batch: {build-list: []}
proxy: {upload-artifacts: no, logs: yes}
"""


def test_a_whole_one() -> None:
    spec = parse(WHOLE)
    assert spec.shell == "/bin/sh"
    assert spec.variables == {"STAGE": "dev", "FLAG": "yes", "NUMBER": "3.10"}
    assert (spec.parameters, spec.secrets, spec.exported) == ({"PW": "/app/pw"}, {"TOKEN": "id:key"}, ("V",))
    assert spec.git_credentials
    assert spec.runtimes == {"python": "3.10", "nodejs": "latest"}
    assert spec.phases["INSTALL"] == Phase(("pip install x",))
    assert spec.phases["PRE_BUILD"] == Phase(("a", "b: c"), ("d",))
    assert spec.phases["BUILD"] == Phase(("make",), (), OnFailure("RETRY", 2, "time.*out"))
    assert "POST_BUILD" not in spec.phases
    assert spec.reports == {"unit": FilePatterns(("u.xml",), "out", format="JUNITXML")}
    assert spec.artifacts == FilePatterns(("**/*",), exclude=("**/.*",), discard_paths=True)
    assert spec.secondary == {"Other": FilePatterns(("x",), symlinks=True)}
    assert spec.cache == Cache(("p",), "k", ("f",), "restore")


BUILD = "version: 0.2\nphases: {build: {commands: [x]}}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected keys and values, found nothing"),
        ("a: [", "is not YAML"),
        (
            "a: &a [x, x]\n"
            + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{f'*{chr(97 + n)}, ' * 9}]\n" for n in range(7)),
            "more than",
        ),
        ("version: 0.1\nphases: {}", "version 0.1 runs every command in a shell of its own"),
        ("version: 3\nphases: {}", "version is '3' at line 1; expected 0.2"),
        ("version: 0.2", "has no phases; expected at least one of install, pre_build"),
        ("version: 0.2\nphases:\n  instal: {}", "Invalid phase 'instal' at line 3; expected one of install, pre_build"),
        (
            "version: 0.2\nphases: {build: {comands: [x]}}",
            "Invalid key of phase build 'comands' at line 2; expected one of run-as, on-failure, commands, finally",
        ),
        ("version: 0.2\nphases: {build: {runtime-versions: {python: 3}}}", "Invalid key of phase build"),
        ("version: 0.2\nphases: {build: {commands: [a: b]}}", r"commands\[0\] at line 2: expected text.*quotes"),
        ("version: 0.2\nphases: {build: {on-failure: STOP}}", "phases.build.on-failure is 'STOP'; expected ABORT"),
        ("version: 0.2\nrun-as: bob\nphases: {build: {}}", "run-as 'bob' at line 2"),
        (BUILD + "env: {shell: powershell.exe}", "env.shell is 'powershell.exe' at line 3"),
        (BUILD + "env: {variables: {CODEBUILD_X: 1}}", "names that begin with CODEBUILD_ are reserved"),
        (BUILD + "env: {variables: {A-B: 1}}", "letters, digits and underscores"),
        (BUILD + "env: {variables: {A: [1]}}", "expected text, found a list"),
        (BUILD + "env: {exported-variables: [AWS_X]}", "'AWS_X' cannot be exported"),
        (BUILD + "proxy: {log: yes}", "Invalid key of proxy 'log' at line 3; expected one of upload-artifacts, logs"),
        (BUILD + "proxy: {logs: maybe}", "proxy.logs is 'maybe' at line 3; expected yes or no"),
        (BUILD + "artifacts: {name: x}", "artifacts at line 3 has no files"),
        (BUILD + "artifacts: {files: [x], discard-paths: maybe}", "discard-paths is 'maybe' at line 3; expected yes"),
        (
            BUILD + "artifacts: {files: [x], secondary-artifacts: {A: {file: x}}}",
            "'file' at line 3; expected one of fi",
        ),
        (BUILD + "reports: {r: {files: x, file-format: LCOV}}", "'LCOV' at line 3; expected one of JUNITXML, CUCUMBER"),
        (BUILD + "cache: {action: never}", "cache.action is 'never'"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(BuildspecError, match=words):
        parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ABORT", OnFailure("ABORT")),
        ("CONTINUE", OnFailure("CONTINUE")),
        ("RETRY", OnFailure("RETRY", 3)),
        ("RETRY-0", OnFailure("RETRY", 0)),
        ("RETRY-5", OnFailure("RETRY", 5)),
        ("RETRY-Network.*", OnFailure("RETRY", 3, "Network.*")),
        ("RETRY-2-a-b", OnFailure("RETRY", 2, "a-b")),
        ("RETRY-5xx", OnFailure("RETRY", 3, "5xx")),
    ],
)
def test_on_failure(text: str, expected: OnFailure) -> None:
    assert parse_on_failure(text, "x") == expected


@pytest.mark.parametrize("text", ["", "retry", "RETRY-101", "RETRY-(", "RETRY-"])
def test_on_failure_refused(text: str) -> None:
    with pytest.raises(BuildspecError, match=r"^x"):
        parse_on_failure(text, "x")


def test_anchors_are_followed() -> None:
    text = "version: 0.2\nphases:\n  pre_build: &a {commands: [x]}\n  build: {<<: *a, finally: [y]}"
    assert parse(text).phases["BUILD"] == Phase(("x",), ("y",))
