"""The project's files of this checkout, pushed to the project's repository as one commit."""

import io
import os
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from slipway.projects import Project
from slipway.target import Target, UserError

AUTHOR = {"GIT_AUTHOR_NAME": "slipway", "GIT_AUTHOR_EMAIL": "slipway@localhost"}
_CONNECTION = re.compile(r"https://(codeconnections|codestar-connections)\.[a-z0-9-]+\.amazonaws\.com(/.+)")
_CODECOMMIT = re.compile(r"https://git-codecommit\.[a-z0-9-]+\.amazonaws\.com(/v1/repos/.+)")


def remote(target: Target, project: Project) -> str:
    """Where git pushes to: on this machine the repositories of AWS's services are behind its one port."""
    url = project.outputs["RepositoryUrl"]
    found = _CONNECTION.match(url) or _CODECOMMIT.match(url)
    if found and target.local:
        return f"{target.environ['AWS_ENDPOINT_URL'].rstrip('/')}{found[found.lastindex or 1]}"
    if _CONNECTION.match(url):
        raise UserError(
            f"{url.rpartition('/git-http/')[2]} is behind a connection that only AWS can push through. "
            "Push to the repository as you always do, then follow it with `slipway ship --no-push`"
        )
    return url


def push(target: Target, project: Project, message: str, branch: str = "main") -> str:
    """Commit and push what differs; the commit, or "" when nothing does. Raises UserError."""
    from seed_code import seed

    archive = seed.project()
    url = remote(target, project)
    if url.startswith("s3://"):
        where = urlsplit(url)
        stored = target.client("s3").put_object(Bucket=where.netloc, Key=where.path[1:], Body=archive.content)
        return str(stored.get("VersionId", ""))
    with tempfile.TemporaryDirectory(prefix="slipway-push-") as folder:
        return _committed(Path(folder, "repository"), url, branch, archive.content, message)


def _committed(folder: Path, url: str, branch: str, content: bytes, message: str) -> str:
    _git(folder.parent, "clone", "--quiet", url, str(folder))
    if _git(folder, "ls-remote", "--heads", "origin", branch):
        _git(folder, "checkout", "--quiet", "-B", branch, f"origin/{branch}")
        _git(folder, "rm", "-r", "--quiet", "--ignore-unmatch", ".")
    else:
        _git(folder, "checkout", "--quiet", "--orphan", branch)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
        for entry in archive.infolist():
            Path(folder, entry.filename).chmod(entry.external_attr >> 16 & 0o777 or 0o644)
    _git(folder, "add", "--all", "--force", ".")
    if not _git(folder, "status", "--porcelain"):
        return ""
    _git(folder, "commit", "--quiet", "--no-verify", "--message", message, environ=_author())
    _git(folder, "push", "--quiet", "origin", branch)
    return _git(folder, "rev-parse", "HEAD")


def head(target: Target, project: Project, branch: str = "main") -> str:
    """The newest commit of the project's repository; "" when it has none or is not git."""
    url = remote(target, project)
    return "" if url.startswith("s3://") else _git(Path.cwd(), "ls-remote", url, f"refs/heads/{branch}").split("\t")[0]


def subject() -> str:
    """What the commit is called: this checkout's own commit, when it is one."""
    try:
        return _git(Path.cwd(), "log", "-1", "--format=%s (%h)")
    except UserError:
        return "Files of this checkout"


def _author() -> dict[str, str]:
    """The person's own name where git knows it."""
    try:
        return {
            "GIT_AUTHOR_NAME": _git(Path.cwd(), "config", "user.name"),
            "GIT_AUTHOR_EMAIL": _git(Path.cwd(), "config", "user.email"),
        }
    except UserError:
        return AUTHOR


def _git(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    """What git prints. It never asks for a password: there is nobody to answer."""
    author = dict(environ or {})
    committer = {key.replace("AUTHOR", "COMMITTER"): value for key, value in author.items()}
    variables = {**os.environ, **author, **committer, "GIT_TERMINAL_PROMPT": "0"}
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        variables.pop(name, None)
    try:
        made = subprocess.run(
            ["git", *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise UserError("git is not installed; it is what carries code to the project's repository") from None
    if made.returncode:
        said = (made.stderr.strip() or made.stdout.strip()).splitlines()
        raise UserError(f"git {arguments[0]} failed: {said[-1] if said else f'exit status {made.returncode}'}")
    return made.stdout.strip()
