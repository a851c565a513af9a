"""The workflows of GitHub Actions and GitLab CI: each step's shell, with the programs it calls played; their roles."""

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from slipway.cli.runner import REPOSITORY
from tests.seed_code.conftest import SEED_CODE, Loader

RUNNERS = SEED_CODE / "files" / "runners"
GITHUB = yaml.safe_load((RUNNERS / "github.yml").read_text())
GITLAB = yaml.safe_load((RUNNERS / "gitlab.yml").read_text())
ROLES = yaml.load((RUNNERS / "roles.yml").read_text(), Loader)
TRAIN = ["-m", "slipway.build.run_pipeline", "--module-name", "pipelines.churn.pipeline", "--sample-data", "--wait"]
CHECK = [*TRAIN, "--check", "--report", "evaluation.md"]
INSTALL = [
    ["pip", "install", "--quiet", "-r", "requirements.lock"],
    ["pip", "install", "--quiet", "--no-index", "--no-deps", "-r", "requirements.txt"],
]
TEST = [["pip", "install", "--quiet", "pytest", "xgboost-cpu==3.2.0"], ["python", "-m", "pytest", "tests"]]
PLAYED = """#!/bin/sh
exec {python} - "{name}" "$@" <<'END'
import json, os, sys
open(os.environ["CALLS"], "a").write(json.dumps(sys.argv[1:]) + "\\n")
if "slipway.deploy.source" in sys.argv:
    open(sys.argv[-1], "w").write("BUILDS=" + os.environ["PUSHED_A_MODEL"] + "\\n")
END
"""


@pytest.fixture
def shell(tmp_path):
    """Runs lines as the host's shell does; the calls of the played programs."""
    (tmp_path / "bin").mkdir()
    for name in ("pip", "gh", "python"):
        path = tmp_path / "bin" / name
        path.write_text(PLAYED.format(python=sys.executable, name=name))
        path.chmod(0o755)

    def run(command, text, **variables):
        (tmp_path / "work").mkdir(exist_ok=True)
        calls = tmp_path / "calls"
        calls.write_text("")
        environ = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "CALLS": str(calls), "PIPELINE": "churn"}
        done = subprocess.run(
            [*command, text],
            cwd=tmp_path / "work",
            env=environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in calls.read_text().splitlines()]

    return run


BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")  # GitHub's own for `run` on Linux
SH = ("sh", "-eu", "-c")


def steps(job):
    return {step["name"]: step["run"] for step in GITHUB["jobs"][job]["steps"] if "run" in step}


def test_the_tests_of_a_github_project(shell):
    found = steps("test")
    assert shell(BASH, found["Install"]) == [*INSTALL, TEST[0]]
    assert shell(BASH, found["Test"]) == [TEST[1]]


class Issuer(BaseHTTPRequestHandler):
    """GitHub's service of tokens, as its documentation of OpenID Connect has it: GET with a bearer token, JSON back."""

    def do_GET(self):
        asked = (self.path, self.headers["Authorization"])
        known = asked == ("/token?api-version=2.0&audience=sts.amazonaws.com", "Bearer secret")
        self.send_response(200 if known else 403)
        self.end_headers()
        self.wfile.write(json.dumps({"count": 7, "value": "a.b.c"}).encode())

    def log_message(self, *_):
        """Silent."""


def test_a_token_of_the_run_is_where_the_sdk_looks_for_it(shell, tmp_path):
    server = HTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "bin" / "python").unlink()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    try:
        for job in ("check", "build"):
            file = tmp_path / job
            variables = {
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/token?api-version=2.0",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
            }
            shell(BASH, steps(job)["Identity token"], **variables)
            assert file.read_text() == "a.b.c"
            assert {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"} <= set(GITHUB["jobs"][job]["env"])
            assert GITHUB["jobs"][job]["permissions"]["id-token"] == "write"
    finally:
        server.shutdown()
        server.server_close()


def test_a_pull_request_is_trained_beside_the_project_and_commented(shell, tmp_path):
    found = steps("check")
    assert shell(BASH, found["Install"]) == INSTALL
    assert shell(BASH, found["Train and compare"]) == [["python", *CHECK]]
    (tmp_path / "work" / "evaluation.md").write_text("### auc\n")
    summary = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_REPOSITORY": "o/n", "NUMBER": "7"}
    comment = ["gh", "pr", "comment", "7", "--repo", "o/n", "--edit-last", "--create-if-none", "--body-file"]
    assert shell(BASH, found["Comment"], **summary) == [[*comment, "evaluation.md"]]
    assert (tmp_path / "summary").read_text() == "### auc\n"


def test_a_fork_gets_no_token_and_no_step_reads_what_a_stranger_wrote():
    """What an expression puts into a shell's text is a command there; here they go through variables alone."""
    assert "head.repo.full_name == github.repository" in GITHUB["jobs"]["check"]["if"]
    texts = [step["run"] for job in GITHUB["jobs"].values() for step in job["steps"] if "run" in step]
    assert [text for text in texts if "${{" in text] == []
    assert "secrets." not in (RUNNERS / "github.yml").read_text()


@pytest.mark.parametrize(("pushed", "trained"), [("yes", [["python", *TRAIN]]), ("no", [])])
def test_what_is_merged_is_handed_over_and_trained(shell, pushed, trained):
    found = steps("build")
    handed = ["python", "-m", "slipway.deploy.source", "--since", "c1", "--variables", "../push-variables.sh"]
    variables = {"BEFORE": "c1", "PUSHED_A_MODEL": pushed}
    assert shell(BASH, found["Hand over to the deploy pipeline"], **variables) == [handed]
    assert shell(BASH, found["Train"], **variables) == trained


def lines(job, part="script"):
    found = GITLAB[job]
    while part not in found and "extends" in found:
        found = {**GITLAB[found["extends"]], **{k: v for k, v in found.items() if k != "extends"}}
    return "\n".join(found.get(part, []))


def test_the_jobs_of_a_gitlab_project(shell, tmp_path):
    for job in ("test", "check", "build"):
        assert shell(SH, lines(job, "before_script")) == INSTALL
    assert shell(SH, lines("test")) == TEST
    token = tmp_path / "token"
    aws = {"IDENTITY_TOKEN": "a.b.c", "AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "CHECK_ROLE_ARN": "c"}
    assert shell(SH, lines("check"), **aws) == [["python", *CHECK]]
    assert token.read_text() == "a.b.c"
    for pushed, trained in (("yes", [["python", *TRAIN]]), ("no", [])):
        more = {"RUNNER_ROLE_ARN": "r", "CI_COMMIT_BEFORE_SHA": "c1", "PUSHED_A_MODEL": pushed}
        handed, *rest = shell(SH, lines("build"), **aws, **more)
        assert handed[3:5] == ["--since", "c1"]
        assert rest == trained
    assert GITLAB[".aws"]["id_tokens"]["IDENTITY_TOKEN"] == {"aud": "sts.amazonaws.com"}


class Notes(BaseHTTPRequestHandler):
    """GitLab's API of notes."""

    seen: list[tuple[str, str, bytes]]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).seen.append((self.path, self.headers["PRIVATE-TOKEN"], body))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_):
        """Silent."""


@pytest.mark.parametrize("token", ["", "t"])
def test_the_evaluation_is_a_note_where_a_token_may_write_one(shell, tmp_path, token):
    Notes.seen = []
    server = HTTPServer(("127.0.0.1", 0), Notes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "evaluation.md").write_text("a & b")
    api = {"CI_API_V4_URL": f"http://127.0.0.1:{server.server_port}/api/v4"}
    try:
        shell(SH, lines("check", "after_script"), NOTE_TOKEN=token, CI_PROJECT_ID="3", CI_MERGE_REQUEST_IID="9", **api)
    finally:
        server.shutdown()
        server.server_close()
    assert Notes.seen == ([("/api/v4/projects/3/merge_requests/9/notes", "t", b"body=a+%26+b")] if token else [])
    assert GITLAB["check"]["artifacts"]["expose_as"] == "evaluation"


def trust(role, host):
    statement = ROLES["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Fn::If"]
    return statement[1 if host == "github" else 2]


@pytest.mark.parametrize(
    ("role", "host", "subject"),
    [
        ("RunnerRole", "github", "repo:${Repository}:ref:refs/heads/${Branch}"),
        ("RunnerRole", "gitlab", "project_path:${Repository}:ref_type:branch:ref:${Branch}"),
        ("CheckRole", "github", "repo:${Repository}:pull_request"),
        ("CheckRole", "gitlab", "project_path:${Repository}:ref_type:branch:ref:*"),
    ],
)
def test_whose_tokens_are_taken(role, host, subject):
    issuer = {"github": "token.actions.githubusercontent.com", "gitlab": "gitlab.com"}[host]
    found = trust(role, host)
    assert found["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert found["Principal"]["Federated"]["Fn::Sub"].endswith(f":oidc-provider/{issuer}")
    assert found["Condition"]["StringEquals"][f"{issuer}:aud"] == "sts.amazonaws.com"
    operator = "StringLike" if subject.endswith("*") else "StringEquals"
    assert found["Condition"][operator][f"{issuer}:sub"] == {"Fn::Sub": subject}


@pytest.mark.parametrize("name", ["*", "acme/*", "acme/mod?l", "acme", "", "a b/c", "acme/x:ref"])
def test_a_wildcard_is_no_repository(name):
    assert not re.fullmatch(ROLES["Parameters"]["Repository"]["AllowedPattern"], name)
    assert not REPOSITORY.fullmatch(name)


@pytest.mark.parametrize("name", ["acme/model", "acme/team/model.x"])
def test_one_repository(name):
    assert re.fullmatch(ROLES["Parameters"]["Repository"]["AllowedPattern"], name)
    assert REPOSITORY.fullmatch(name)


def test_what_is_not_merged_reaches_nothing_of_the_project_s():
    statements = ROLES["Resources"]["CheckRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    writing = [s for s in statements if s["Sid"] in ("Writes", "Pipeline")]
    texts = re.findall(r":pipeline/([^\"]+)|\}/([^\"]+)", json.dumps(writing))
    assert {first or second for first, second in texts} == {
        "${Project}-check-*",
        "${Project}-check-*/execution/*",
        "sample-data/*",
    }
    assert "Deploys" not in [s["Sid"] for s in statements]


def test_a_branch_is_one_branch():
    pattern = ROLES["Parameters"]["Branch"]["AllowedPattern"]
    assert [name for name in ("main", "release/1.2", "*", "rel*", "a?") if re.fullmatch(pattern, name)] == [
        "main",
        "release/1.2",
    ]


def test_the_files_are_part_of_a_new_project_and_run_nothing_by_themselves():
    from seed_code import seed

    names = set(seed.files(Path(seed.ROOT)))
    assert {"runners/github.yml", "runners/gitlab.yml", "runners/roles.yml"} <= names
    assert [name for name in names if name.startswith((".github", ".gitlab"))] == []
