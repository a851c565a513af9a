"""`slipway local`: start and stop the AWS of this machine, and give it what a new account lacks."""

import contextlib
import importlib.util
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from slipway.cli import local_python, screen
from slipway.cli.target import ACCOUNT, Target, UserError, local_environment

PRINCIPAL = {"Service": "sagemaker.amazonaws.com", "AWS": f"arn:aws:iam::{ACCOUNT}:root"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": PRINCIPAL, "Action": "sts:AssumeRole"}],
}
POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
USUAL_PORT = 4566
SESSION_SECONDS = 12 * 3600  # the longest that a role's session may last


def pass_on(arguments: list[str], *, quiet: bool = False) -> int:
    """Run `python -m loopback` with these arguments; its exit code. `quiet`: what it prints is not this command's."""
    command, environment = _command(arguments)
    return subprocess.call(command, env=environment, stdout=sys.stderr if quiet else None)


def start_process(arguments: list[str], log: BinaryIO) -> subprocess.Popen[bytes]:
    """Begin `python -m loopback` with these arguments; what it prints goes into a file."""
    command, environment = _command(arguments)
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _command(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """The command line, and the environment for it."""
    if importlib.util.find_spec("loopback") is None:  # a project has the library without it
        raise UserError("AWS on this machine is not installed here: pip install 'slipway[local]'")
    # What starts something needs the Pythons of the control plane or of jobs; the rest nothing but loopback.
    pythons = local_python.find() if arguments[0] in ("up", "shell") else local_python.Pythons(sys.executable)
    environment = dict(os.environ) if arguments[0] == "shell" else _quiet_environment()
    return [pythons.control, "-m", "loopback", *arguments], {**environment, **pythons.variables}


def up(port: int, state: Path, *, detach: bool, account: str, accept_loss: bool = False) -> int:
    """Start it; detached, also make the bucket and the role that pipelines run with."""
    arguments = ["up", "--port", str(port), "--state", str(state), "--account", account]
    if accept_loss:
        arguments.append("--accept-loss")
    keep_out_of_git(state)
    code = pass_on([*arguments, "--detach"] if detach else arguments)
    if code == 0 and detach:
        prepare(Target({**os.environ, **_variables(state)}, local=True, project="slipway"))
    return code


def start(state: Path, port: int | None) -> None:
    """Start it detached where it does not run yet, and say where it is. Raises UserError.

    Without a port it gets the usual one, or any that is free when that one is taken.
    """
    found = local_environment(state)
    if found is None:
        keep_out_of_git(state)
        chosen = free_port(USUAL_PORT) if port is None else port
        if pass_on(["up", "--detach", "--state", str(state), "--port", str(chosen)], quiet=True):
            raise UserError(f"the AWS of this machine did not start on {state}; `slipway local logs` says more")
        found = _variables(state)
    screen.write(f"slipway: the AWS of this machine is {found['AWS_ENDPOINT_URL']}", sys.stderr)


def free_port(wanted: int) -> int:
    """The port that is wanted, or another one where somebody listens on it."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise UserError("no port of 127.0.0.1 is free")


def keep_out_of_git(state: Path) -> None:
    """Git does not see a folder .slipway that is made in somebody's repository."""
    if state.parent.name == ".slipway" and not state.parent.exists():
        state.parent.mkdir(parents=True)
        (state.parent / ".gitignore").write_text("*\n")


def prepare(target: Target) -> None:
    """The artifact bucket and the pipeline role, as the project template creates them on AWS."""
    missing = [name for name in ("ARTIFACT_BUCKET", "SAGEMAKER_PIPELINE_ROLE_ARN") if not target.environ.get(name)]
    if missing:
        raise UserError(f'{" and ".join(missing)} must be set: eval "$(slipway local env)" does it')
    s3, bucket = target.client("s3"), target.environ["ARTIFACT_BUCKET"]
    if bucket not in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
        where = (
            {} if target.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": target.region}}
        )
        s3.create_bucket(Bucket=bucket, **where)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    iam, role = target.client("iam"), target.environ["SAGEMAKER_PIPELINE_ROLE_ARN"].rpartition("/")[2]
    if role not in [found["RoleName"] for found in iam.list_roles()["Roles"]]:
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST), MaxSessionDuration=SESSION_SECONDS)
    given = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    if not given and not iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.attach_role_policy(RoleName=role, PolicyArn=POLICY)


def launch(target: Target, pipeline: str, *, quiet: bool) -> None:
    """Publish the template to the AWS of this machine and launch a project from it, as a person in Studio would.

    Its repository is behind a connection, as with GitHub: `owner/name` is `slipway/<project>`.
    """
    import io
    import time

    from slipway.cli import launch as launching
    from slipway.cli import model_monitor, publish, wishes
    from slipway.cli.template import find_above

    began = time.monotonic()
    client = target.client("codeconnections")
    arn = client.create_connection(ProviderType="GitHub", ConnectionName="local")["ConnectionArn"]
    wish = wishes.Wish(
        target.project,
        source=arn,
        repository=f"slipway/{target.project}",
        pipeline=pipeline,
        parameters={model_monitor.PARAMETER: "no"} if target.environ.get("LOOPBACK_ACCOUNT") == "new" else {},
    )
    with contextlib.redirect_stdout(io.StringIO()):  # of interest to those who publish, not to those who try it
        publish.publish(target, find_above(Path.cwd()), publish.Options(roles=True), as_json=True)
    launching.begin(target, wish)
    if quiet:
        launching.end(target, wish.name, None)
        return
    made: set[str] = set()
    with screen.console.status("resources ...") as status:

        def tell(events: list[dict[str, Any]]) -> None:
            made.update(e["LogicalResourceId"] for e in events if e["ResourceStatus"] == "CREATE_COMPLETE")
            status.update(f"{len(made)} resources, {screen.duration(time.monotonic() - began)}")

        launching.end(target, wish.name, tell)
    made.discard("")
    screen.say(f"launched in {screen.duration(time.monotonic() - began)}: {len(made)} resources")


def exports(variables: Mapping[str, str]) -> str:
    """Shell lines that set variables, for `eval`."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def session_variables(state: Path) -> dict[str, str]:
    """The variables that point a program at it, with a session of the pipeline role as in a notebook."""
    found = _variables(state)
    target = Target({**os.environ, **found}, local=True, project="slipway")
    prepare(target)
    return found | role_session(target) | python_path(state)


def python_path(state: Path) -> dict[str, str]:
    """PYTHONPATH with the folder from which Python programs find this machine's STS."""
    paths = [str((state / "python").absolute()), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def role_session(target: Target) -> dict[str, str]:
    """Credentials of the pipeline role: the SDK takes the role that asks for the role of jobs."""
    role = target.environ["SAGEMAKER_PIPELINE_ROLE_ARN"]
    given = target.client("sts").assume_role(
        RoleArn=role, RoleSessionName="SageMaker", DurationSeconds=SESSION_SECONDS
    )["Credentials"]
    names = {
        "AWS_ACCESS_KEY_ID": "AccessKeyId",
        "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
        "AWS_SESSION_TOKEN": "SessionToken",
    }
    return {name: given[member] for name, member in names.items()}


def _variables(state: Path) -> dict[str, str]:
    variables = local_environment(state)
    if variables is None:
        raise UserError(f"Nothing runs on {state}; start it with `slipway local up --detach`")
    return variables


def _quiet_environment() -> dict[str, Any]:
    """The region of the caller counts; an endpoint that points elsewhere must not reach the local AWS itself."""
    return {key: value for key, value in os.environ.items() if key != "AWS_ENDPOINT_URL"}
