"""Hand the project's files over to the deploy pipeline: what a runner outside AWS does after a push.

The committed files become the zip that modeldeploy reads. A push that concerns deploy/ alone starts it; where a push
concerns pipelines/, the approval of the version that is trained of it does. `BUILDS` in the variables says whether
there is something to train.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.build.project import UsageError

KEY = "source/project.zip"  # the source of the project's pipelines
TRAINED = ("pipelines/", "buildspec.yml", "requirements.txt", "requirements.lock", "setup.py")
DEPLOYED = ("deploy/", "codebuild/")
NEEDED = ("ARTIFACT_BUCKET", "MODELDEPLOY_PIPELINE")


@dataclass(frozen=True)
class Concerned:
    """What a push concerns."""

    builds: bool
    deploys: bool


def concerns_of(paths: Iterable[str] | None) -> Concerned:
    """By the paths that a push touched; None for all, as of a new branch."""
    if paths is None:
        return Concerned(builds=True, deploys=False)
    touched = list(paths)
    builds = any(path.startswith(TRAINED) for path in touched)
    return Concerned(builds, not builds and any(path.startswith(DEPLOYED) for path in touched))


def changed_paths(since: str, root: Path) -> list[str] | None:
    """The paths that differ between a commit and HEAD; None where the commit is not known."""
    if not since.strip("0"):
        return None
    done = _git(root, "diff", "--name-only", "-z", since, "HEAD")
    return None if done.returncode else [path for path in done.stdout.decode().split("\0") if path]


def _git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)


def hand_over(since: str, root: Path, environment: Mapping[str, str], s3: Any, codepipeline: Any) -> Concerned:
    """Put the zip in its place and start modeldeploy where that is due. Raises UsageError."""
    if missing := [name for name in NEEDED if not environment.get(name)]:
        raise UsageError(f"environment variable not set: {', '.join(missing)}")
    packed = _git(root, "archive", "--format=zip", "HEAD")
    if packed.returncode:
        raise UsageError(f"{root} is no checkout that can be packed: {packed.stderr.decode(errors='replace').strip()}")
    found = concerns_of(changed_paths(since, root))
    commit = _git(root, "rev-parse", "HEAD").stdout.decode().strip()
    s3.put_object(
        Bucket=environment["ARTIFACT_BUCKET"],
        Key=KEY,
        Body=packed.stdout,
        Metadata={"codepipeline-artifact-revision-summary": commit},
    )
    if found.deploys:
        codepipeline.start_pipeline_execution(name=environment["MODELDEPLOY_PIPELINE"])
    return found


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """2 for wrong usage, 1 where AWS refuses."""
    parser = argparse.ArgumentParser(prog="python -m slipway.deploy.source", description=__doc__)
    parser.add_argument("--since", default="", help="the commit before the push; all is concerned without it")
    parser.add_argument("--variables", required=True, metavar="FILE", help="where BUILDS=yes or no goes, for the shell")
    given = parser.parse_args(arguments)
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        clients = (boto3.client("s3"), boto3.client("codepipeline"))
        found = hand_over(given.since, Path.cwd(), environment, *clients)
        Path(given.variables).write_text(f"BUILDS={'yes' if found.builds else 'no'}\n")
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(f"AWS refused: {error}", file=sys.stderr)
        return 1
    print(f"s3://{environment['ARTIFACT_BUCKET']}/{KEY} is what is deployed from now on")
    if found.builds:
        print("the push concerns the model: what is trained of it is deployed with these files, once it is approved")
    elif found.deploys:
        print(f"{environment['MODELDEPLOY_PIPELINE']} started: what production runs, with these files")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
