"""The jobs of GitHub Actions and GitLab, with tokens of an issuer of the test's own: no stored key, IAM enforced.

The shell of each step is the workflow's. What it installs is there already.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs

import boto3
import jwt
import pytest
import yaml
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests.journeys.conftest import ROOT, Loopback, free_port
from tests.journeys.launched import copy_of_the_tree

pytestmark = pytest.mark.journey
GITHUB, GITLAB = "https://token.actions.githubusercontent.com", "https://gitlab.com"
GITLAB_FILE = ROOT / "seed_code/files/runners/gitlab.yml"
BRANCH = "project_path:acme/churn:ref_type:branch:ref:"
MAIN, PULL = "repo:acme/churn:ref:refs/heads/main", "repo:acme/churn:pull_request"
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")  # GitHub's own for `run` on Linux
SH = ("sh", "-eu", "-c")
NOTE_TOKEN = "glpat-story"


@dataclass
class Issuer:
    """Signs tokens, publishes its keys, and answers as GitHub's service of tokens does and GitLab's API of notes.

    `notes` has what was posted: path, project access token, text.
    """

    key: Any = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    subject: str = MAIN
    address: str = ""
    notes: list[tuple[str, str, str]] = field(default_factory=list)

    def token(self, issuer: str, subject: str, **claims: Any) -> str:
        now = int(time.time())
        given = {"iss": issuer, "sub": subject, "aud": "sts.amazonaws.com", "iat": now, "exp": now + 300}
        return jwt.encode(given | claims, self.key, "RS256", headers={"kid": "k1"})

    def answer(self, path: str) -> Any:
        _, host, *rest = path.partition("?")[0].split("/")
        issuer = {"github": GITHUB, "gitlab": GITLAB}[host]
        match "/".join(rest):
            case ".well-known/openid-configuration":
                return {"issuer": issuer, "jwks_uri": f"{issuer}/.well-known/jwks"}
            case ".well-known/jwks":
                public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
                return {"keys": [public | {"kid": "k1", "use": "sig", "alg": "RS256"}]}
            case "token":
                return {"value": self.token(GITHUB, self.subject)}
        raise AssertionError(path)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(made.answer(self.path)).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            token = self.headers["PRIVATE-TOKEN"]
            made.notes.append((self.path, token, form["body"][0]))
            self.send_response(201 if token == NOTE_TOKEN else 401)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@dataclass
class Runner:
    """A clone of a project that was launched for a runner; its jobs."""

    loopback: Loopback
    clone: Path
    outputs: dict[str, str]

    def slipway(self, *arguments: str) -> Any:
        return _slipway(self.clone, self.loopback, *arguments)

    def shell(self, command: tuple[str, ...], text: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """A step's lines, where nothing but a token says who asks."""
        environ = {
            k: v for k, v in self.loopback.environ.items() if k not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        }
        environ |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables}
        return subprocess.run(
            [*command, text], cwd=self.clone, env=environ, capture_output=True, text=True, check=False, timeout=300
        )


def _slipway(folder: Path, loopback: Loopback, *arguments: str) -> Any:
    command = [sys.executable, "-m", "slipway", *arguments, "--json"]
    environ = loopback.environ | {"SAGEMAKER_PROJECT_NAME": "mill", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("runner")
    copy_of_the_tree(folder / "template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPBACK_IAM", "enforce")
        patch.setenv("LOOPBACK_ISSUERS", f"{GITHUB}={issuer.address}/github {GITLAB}={issuer.address}/gitlab")
        loopback = Loopback(folder / "state", free_port())
        started = loopback.up()
    assert started.returncode == 0, started.stderr
    try:
        _slipway(folder / "template", loopback, "publish", "--roles")
        project = _slipway(folder / "template", loopback, "launch", "mill", "--runner", "github")
        shutil.rmtree(folder / "template")
        packed = folder / "project.zip"
        loopback.client("s3").download_file(project["outputs"]["ArtifactBucketName"], "source/project.zip", str(packed))
        clone = folder / "work" / "clone"
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(clone)
        commit(clone, "the seed")
        yield Runner(loopback, clone, project["outputs"])
    finally:
        loopback.down()


def commit(clone: Path, message: str) -> str:
    """A commit of all that there is; its id."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "--allow-empty", "-m", message]):
        subprocess.run([*git, *words], cwd=clone, check=True)
    return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=clone, text=True).strip()


@pytest.fixture(scope="module")
def variables(runner: Runner) -> dict[str, str]:
    """What `slipway runner` says that the repository has to have, in the first session of it."""
    made = runner.slipway("runner", "github", "acme/churn")
    assert (made["stack"], made["workflow"]) == ("created", ".github/workflows/model.yml")
    found: dict[str, str] = made["variables"]
    return found


def steps(runner: Runner, job: str) -> dict[str, str]:
    workflow = yaml.safe_load((runner.clone / ".github/workflows/model.yml").read_text())
    return {step["name"]: step["run"] for step in workflow["jobs"][job]["steps"] if "run" in step}


def run(runner: Runner, issuer: Issuer, job: str, subject: str, variables: dict[str, str], **more: str) -> str:
    """The steps of a job of GitHub's after its installation, each with the job's variables; what they print."""
    issuer.subject = subject
    told, role = "", {"check": "CHECK_ROLE_ARN", "build": "RUNNER_ROLE_ARN"}[job]
    given = {
        **{name: value for name, value in variables.items() if not name.endswith("ROLE_ARN") or "PIPELINE" in name},
        "AWS_ROLE_ARN": variables[role],
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(runner.clone.parent / "identity-token"),
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.address}/github/token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
        **more,
    }
    for name, text in steps(runner, job).items():
        if name not in ("Install", "Comment"):
            done = runner.shell(BASH, text, **given)
            told += done.stdout + done.stderr
            if done.returncode:
                return told
    return told


def registered(runner: Runner) -> int:
    """How many versions there are of the clone's commit; the project's own first build has registered another's."""
    client = runner.loopback.client("sagemaker")
    found = client.list_model_packages(ModelPackageGroupName="mill-churn")["ModelPackageSummaryList"]
    versions = [client.describe_model_package(ModelPackageName=package["ModelPackageArn"]) for package in found]
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=runner.clone, text=True).strip()
    return [version["CustomerMetadataProperties"]["CommitId"] for version in versions].count(head)


def test_a_pull_request_of_github(runner: Runner, issuer: Issuer, variables: dict[str, str]) -> None:
    told = run(runner, issuer, "check", PULL, variables)
    assert "wrote evaluation.md" in told, told
    assert (runner.clone / "evaluation.md").read_text().startswith("### mill-check-churn: ")
    (runner.clone / "evaluation.md").unlink()


def test_a_push_to_the_branch_at_github(runner: Runner, issuer: Issuer, variables: dict[str, str]) -> None:
    before = commit(runner.clone, "the workflow")
    told = run(runner, issuer, "build", MAIN, variables, BEFORE="")
    assert "is what is deployed from now on" in told, told
    assert registered(runner) == 1
    (runner.clone / "deploy/stages/prod.yml").open("a").write("\n# a comment\n")
    commit(runner.clone, "settings")
    told = run(runner, issuer, "build", MAIN, variables, BEFORE=before)
    assert "started: what production runs, with these files" in told, told
    assert registered(runner) == 0


@pytest.mark.parametrize(
    ("job", "subject"),
    [("build", PULL), ("check", MAIN), ("build", "repo:acme/other:ref:refs/heads/main"), ("build", f"{MAIN}-2")],
)
def test_no_token_of_another_place(
    job: str, subject: str, runner: Runner, issuer: Issuer, variables: dict[str, str]
) -> None:
    told = run(runner, issuer, job, subject, variables, BEFORE="")
    assert "(AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized" in told
    assert "Traceback" not in told


def test_gitlab(runner: Runner, issuer: Issuer, variables: dict[str, str]) -> None:
    made = runner.slipway("runner", "gitlab", "acme/churn")
    assert (made["stack"], made["workflow"]) == ("updated", ".gitlab-ci.yml")
    assert made["variables"] == variables
    commit(runner.clone, "the workflow")
    given = {**variables, "CI_COMMIT_BEFORE_SHA": "0" * 40}
    done = gitlab_job(runner, "build", given, issuer.token(GITLAB, f"{BRANCH}main"))[0]
    assert done.returncode == 0, done.stdout + done.stderr
    assert registered(runner) == 1
    done = gitlab_job(runner, "build", given, issuer.token(GITLAB, f"{BRANCH}x"))[0]
    assert "(AccessDenied)" in done.stderr


Done = subprocess.CompletedProcess[str]


def gitlab_job(runner: Runner, name: str, variables: dict[str, str], token: str) -> tuple[Done, Done]:
    """A job's script and its after_script, each in a shell of its own; the latter runs however the former ended.

    What `extends` brings is there, but for before_script, which installs.
    """
    workflow = yaml.safe_load((runner.clone / ".gitlab-ci.yml").read_text())
    job: dict[str, Any] = workflow[name]
    while "extends" in job:
        job = {**workflow[job["extends"]], **{key: value for key, value in job.items() if key != "extends"}}
    (identity,) = job["id_tokens"]
    given = {**variables, identity: token, "CI_BUILDS_DIR": str(runner.clone.parent)}
    given |= {key: Template(value).substitute(given) for key, value in job["variables"].items()}
    script, after = ("\n".join(job.get(part, ())) for part in ("script", "after_script"))
    return runner.shell(SH, script, **given), runner.shell(SH, after, **given)


def test_a_merge_request_of_gitlab(runner: Runner, issuer: Issuer, variables: dict[str, str]) -> None:
    """The note is what GitLab's API takes: POST /projects/:id/merge_requests/:merge_request_iid/notes with a body."""
    if not (runner.clone / ".gitlab-ci.yml").exists():
        runner.slipway("runner", "gitlab", "acme/churn")
    commit(runner.clone, "a change that is proposed")
    merge = {
        "CI_API_V4_URL": f"{issuer.address}/api/v4",
        "CI_PROJECT_ID": "7",
        "CI_MERGE_REQUEST_IID": "12",
        "NOTE_TOKEN": NOTE_TOKEN,
    }
    token = issuer.token(GITLAB, f"{BRANCH}proposal")
    evaluation = runner.clone / "evaluation.md"
    checked, noted = gitlab_job(runner, "check", variables | merge, token)
    assert checked.returncode == noted.returncode == 0, checked.stdout + checked.stderr + noted.stderr
    text = evaluation.read_text()
    assert text.startswith("### mill-check-churn: ")
    assert issuer.notes == [("/api/v4/projects/7/merge_requests/12/notes", NOTE_TOKEN, text)]
    assert NOTE_TOKEN not in checked.stdout + checked.stderr + noted.stdout + noted.stderr
    assert registered(runner) == 0  # what is not merged is nowhere in the registry of the project
    workflow = yaml.safe_load((runner.clone / ".gitlab-ci.yml").read_text())
    assert workflow["check"]["artifacts"]["paths"] == [evaluation.name]


def test_a_merge_request_of_gitlab_without_a_token_for_notes_or_with_a_wrong_one(
    runner: Runner, issuer: Issuer, variables: dict[str, str]
) -> None:
    """The script is the same, and is not run again: what comes after it is."""
    after = "\n".join(yaml.safe_load((GITLAB_FILE).read_text())["check"]["after_script"])
    given = {
        **variables,
        "CI_API_V4_URL": f"{issuer.address}/api/v4",
        "CI_PROJECT_ID": "7",
        "CI_MERGE_REQUEST_IID": "1",
    }
    issuer.notes.clear()
    (runner.clone / "evaluation.md").write_text("### 100 % & more\n")
    lax = ("sh", "-e", "-c")  # as the runner's shell has it: a variable that is not there is empty
    assert runner.shell(lax, after, **given).returncode == 0
    assert issuer.notes == []
    refused = runner.shell(lax, after, **given, NOTE_TOKEN="another")
    assert refused.returncode != 0  # of after_script: GitLab says so, and the job stays as it was
    assert "401" in refused.stderr
    assert issuer.notes == [("/api/v4/projects/7/merge_requests/1/notes", "another", "### 100 % & more\n")]
    (runner.clone / "evaluation.md").unlink()
    assert runner.shell(lax, after, **given, NOTE_TOKEN=NOTE_TOKEN).returncode == 0  # the training had failed
    assert len(issuer.notes) == 1


@pytest.mark.parametrize(
    ("job", "subject"),
    [("check", "project_path:acme/other:ref_type:branch:ref:main"), ("build", f"{BRANCH}proposal")],
)
def test_no_token_of_another_place_at_gitlab(
    job: str, subject: str, runner: Runner, issuer: Issuer, variables: dict[str, str]
) -> None:
    if not (runner.clone / ".gitlab-ci.yml").exists():
        runner.slipway("runner", "gitlab", "acme/churn")
    given = {**variables, "CI_COMMIT_BEFORE_SHA": "0" * 40, "NOTE_TOKEN": ""}
    done, _ = gitlab_job(runner, job, given, issuer.token(GITLAB, subject))
    assert done.returncode != 0
    assert "(AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized" in done.stderr
    assert "Traceback" not in done.stderr


NOW = time.time()


@pytest.mark.parametrize(
    ("token", "code", "why"),
    [
        ((GITLAB, {"aud": "another"}), "InvalidIdentityToken", "Incorrect token audience"),
        ((GITLAB, {"exp": NOW - 900}), "ExpiredTokenException", "Token expired: current date/time "),
        (
            ("https://nobody.example", {}),
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for ",
        ),
        (("https://far.example", {}), "IDPCommunicationError", "loopback asks nothing outside this machine"),
    ],
)
def test_what_sts_says(
    token: tuple[str, dict[str, Any]], code: str, why: str, runner: Runner, issuer: Issuer, variables: dict[str, str]
) -> None:
    iam = runner.loopback.client("iam")
    known = [provider["Arn"] for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    for url in ("https://far.example", GITLAB):
        if not any(arn.endswith(url.removeprefix("https:/")) for arn in known):
            iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"])
    sts = boto3.client(
        "sts",
        endpoint_url=f"http://127.0.0.1:{runner.loopback.port}",
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    given = {"RoleArn": variables["RUNNER_ROLE_ARN"], "RoleSessionName": "story"}
    issued, claims = token
    with pytest.raises(ClientError) as refused:
        sts.assume_role_with_web_identity(**given, WebIdentityToken=issuer.token(issued, MAIN, **claims))
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"][: len(why)]) == (code, why)


def test_the_keys_of_another_are_no_signature(runner: Runner, variables: dict[str, str]) -> None:
    token = Issuer().token(GITHUB, MAIN)
    (runner.clone.parent / "forged").write_text(token)
    done = runner.shell(
        BASH,
        "python -c 'import boto3; print(boto3.client(\"sts\").get_caller_identity())'",
        AWS_ROLE_ARN=variables["RUNNER_ROLE_ARN"],
        AWS_WEB_IDENTITY_TOKEN_FILE=str(runner.clone.parent / "forged"),
    )
    assert "(InvalidIdentityToken)" in done.stderr
