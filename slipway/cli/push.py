"""Files of this checkout, brought to the project's repository without touching what is not theirs to touch.

The template's checkout brings the files that the template owns, as one commit on top of what there is. The clone of a
project brings its own commits. Neither goes over commits that did not come from it.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.cli import git, git_access, merging, screen, shipped
from slipway.cli.archive import MANIFEST, content_id, pack, unpack
from slipway.cli.checkout import Checkout
from slipway.cli.merging import Changes
from slipway.cli.projects import Project
from slipway.cli.target import Target, UserError

_CONNECTION = re.compile(r"https://(codeconnections|codestar-connections)\.[a-z0-9-]+\.amazonaws\.com(/.+)")
_CODECOMMIT = re.compile(r"https://git-codecommit\.[a-z0-9-]+\.amazonaws\.com(/v1/repos/.+)")


@dataclass(frozen=True)
class Push:
    """What is brought where. `merge`: the template's changes also go beside commits of others."""

    target: Target
    project: Project
    checkout: Checkout
    message: str = ""
    merge: bool = False
    dry: bool = False  # only see whether something speaks against it
    branch: str = "main"

    @property
    def url(self) -> str:
        """The repository."""
        return remote(self.target, self.project)


def remote(target: Target, project: Project) -> str:
    """Where git pushes to: on this machine the repositories of AWS's services are behind its one port."""
    url = project.outputs["RepositoryUrl"]
    if here := address_here(target, url):
        return here
    if _CONNECTION.match(url):
        raise UserError(
            f"{url.rpartition('/git-http/')[2]} is behind a connection that only AWS can push through. "
            "Push to the repository as you always do, then follow it with `slipway ship --no-push`"
        )
    return url


def address_here(target: Target, url: str) -> str:
    """Where a repository of AWS's services is on this machine; "" of AWS, and of a zip in S3."""
    found = _CONNECTION.match(url) or _CODECOMMIT.match(url)
    endpoint = target.environ.get("AWS_ENDPOINT_URL", "") if target.local else ""
    return f"{endpoint.rstrip('/')}{found[found.lastindex or 1]}" if found and endpoint else ""


def push(wish: Push) -> str:
    """Bring what differs; the commit (of a zip in S3 its version), or "" when nothing does. Raises UserError."""
    if wish.url.startswith("s3://"):
        return _zip(wish)
    with git.sign_requests(git_access.variables(wish.target, wish.url)):
        if not wish.checkout.is_template:
            return _commits_of_clone(wish)
        with tempfile.TemporaryDirectory(prefix="slipway-push-") as folder:
            return _files_of_template(wish, Path(folder, "repository"))


def head(target: Target, project: Project, branch: str = "main") -> str:
    """The newest commit of the project's repository; "" when it has none or is not git."""
    url = remote(target, project)
    if url.startswith("s3://"):
        return ""
    with git.sign_requests(git_access.variables(target, url)):
        return git.run(Path.cwd(), "ls-remote", url, f"refs/heads/{branch}").split("\t")[0]


def subject(checkout: Checkout) -> str:
    """What the commit is called: the checkout's own commit, when it is one."""
    try:
        return git.run(checkout.root, "log", "-1", "--format=%s (%h)")
    except UserError:
        return f"Files of {checkout.root.name}"


def _template_files(checkout: Checkout) -> dict[str, bytes]:
    from seed_code import seed

    try:
        archive = seed.project(checkout.root)
    except seed.SeedError as fault:
        raise UserError(str(fault)) from None
    return unpack(archive.content)


def _files_of_template(wish: Push, folder: Path) -> str:
    git.run(folder.parent, "clone", "--quiet", wish.url, str(folder))
    began = bool(git.run(folder, "ls-remote", "--heads", "origin", wish.branch))
    git.run(
        folder,
        "checkout",
        "--quiet",
        *(["-B", wish.branch, f"origin/{wish.branch}"] if began else ["--orphan", wish.branch]),
    )
    files = _template_files(wish.checkout)
    theirs = git.files(folder) if began else {}
    base = merging.ids_in((folder / MANIFEST).read_bytes()) if MANIFEST in theirs else {}
    owned = {name: content_id(content) for name, content in files.items() if name != MANIFEST}
    plan = merging.changes(base, theirs, owned)
    foreign = (
        git.foreign(folder, wish.checkout.root, shipped.last_revision(wish.checkout, wish.project)) if began else []
    )
    _refuse(wish, plan, [str(commit) for commit in foreign])
    if not plan or wish.dry:
        return ""
    for name in plan.deleted:
        (folder / name).unlink()
    for name in plan.written:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(files[name])
        (folder / name).chmod(0o755 if name.endswith(".sh") else 0o644)
    (folder / MANIFEST).write_bytes(files[MANIFEST])
    git.run(folder, "add", "--all", "--force", "--", *plan.written, *plan.deleted, MANIFEST)
    text = f"{wish.message}\n\n{git.TRAILER}: {git.state(wish.checkout.root)}"
    git.run(folder, "commit", "--quiet", "--no-verify", "--message", text, environ=git.author(wish.checkout.root))
    git.run(folder, "push", "--quiet", "origin", wish.branch)
    commit = git.run(folder, "rev-parse", "HEAD")
    shipped.record(wish.checkout, wish.project, commit)
    return commit


def _refuse(wish: Push, plan: Changes, foreign: list[str]) -> None:
    """Raises UserError where going on would go over what others have done."""
    name, root = wish.project.name, wish.checkout.root
    if foreign and not wish.merge:
        beside = "To change beside it what this checkout alone has changed: slipway ship --merge"
        lines = [
            f"The repository of {name} has what did not come from {root}:",
            *screen.first_lines(foreign),
            "Nothing was pushed. Work in a clone of it, and `slipway ship` there:",
            f"  {_how_to_clone(wish)}",
            "To take what it has as it is: slipway ship --no-push",
        ]
        raise UserError("\n".join(lines + [beside] * wish.checkout.is_template))
    if plan.conflicts:
        lines = [
            f"The team of {name} and {root} have both changed:",
            *screen.first_lines(plan.conflicts),
            "Nothing was pushed: make these files equal, here or in a clone of the repository:",
            f"  {_how_to_clone(wish)}",
        ]
        raise UserError("\n".join(lines))


def _how_to_clone(wish: Push) -> str:
    if wish.url.startswith("s3://"):
        return f"aws s3 cp {wish.url} {wish.project.name}.zip"
    return f"git clone {wish.url} {wish.project.name}"


def _commits_of_clone(wish: Push) -> str:
    """Push the clone's commits, where they go on from what the repository has."""
    root, branch = wish.checkout.root, wish.branch
    git.check_committed(root, branch)
    if git.run(root, "ls-remote", "--heads", wish.url, branch) and not _goes_on(wish):
        return ""
    if wish.dry:
        return ""
    git.run(root, "push", "--quiet", wish.url, f"HEAD:refs/heads/{branch}")
    return git.run(root, "rev-parse", "HEAD")


def _goes_on(wish: Push) -> bool:
    """Whether the clone has commits that the repository has not. Raises UserError when it is the other way round."""
    root, branch = wish.checkout.root, wish.branch
    git.run(root, "fetch", "--quiet", wish.url, branch)
    if git.answers(root, "merge-base", "HEAD", "FETCH_HEAD") is None:
        raise UserError(
            f"{root} has no commit of the repository of project {wish.project.name}, {wish.url}: it is a clone of "
            "another one. Change to a clone of it, or name the project of this one with SAGEMAKER_PROJECT_NAME"
        )
    if missing := git.run(root, "log", "--format=%h %s (%an, %ar)", "HEAD..FETCH_HEAD").splitlines():
        lines = [
            f"The repository of {wish.project.name} has commits that {root} has not:",
            *screen.first_lines(missing),
            f"Nothing was pushed. Take them first: git pull --rebase {wish.url} {branch}",
            "To take what the repository has as it is: slipway ship --no-push",
        ]
        raise UserError("\n".join(lines))
    return git.run(root, "rev-list", "--count", "FETCH_HEAD..HEAD") != "0"


def _zip(wish: Push) -> str:
    """The same for a source that is a zip in S3."""
    stored = shipped.Zip.read(wish.target, wish.url)
    theirs = unpack(stored.content)
    theirs_ids = {name: content_id(content) for name, content in theirs.items()}
    base = merging.ids_in(theirs.get(MANIFEST, b""))
    if wish.checkout.is_template:
        files = _template_files(wish.checkout)
        owned = {name: content_id(content) for name, content in files.items() if name != MANIFEST}
        plan = merging.changes(base, theirs_ids, owned)
    else:
        files = unpack(git.archive(wish.checkout.root, wish.branch))
        owned = {name: content_id(content) for name, content in files.items()}
        plan = merging.changes(theirs_ids, theirs_ids, owned)  # the project's own folder has the last word on all of it
    came = stored.etag == shipped.last_revision(wish.checkout, wish.project) or git.has(
        wish.checkout.root, stored.checkout
    )
    _refuse(wish, plan, [] if came else list(_foreign_files(stored, base, theirs_ids, MANIFEST)))
    if not plan or wish.dry:
        return ""
    kept = {name: content for name, content in theirs.items() if name not in plan.deleted}
    brought = {name: files[name] for name in (*plan.written, MANIFEST) if name in files}
    content = pack({**kept, **brought}).content
    made = stored.replace_with(wish.target, content, git.state(wish.checkout.root))
    shipped.record(wish.checkout, wish.project, made.etag)
    return made.version


def _foreign_files(stored: "shipped.Zip", base: merging.Ids, theirs: merging.Ids, manifest: str) -> Iterator[str]:
    """What a zip has that the template did not put there; a zip that another checkout made has at least its date."""
    changed = [name for name in theirs if name != manifest and theirs[name] != base.get(name)]
    gone = [f"{name} (deleted)" for name in base if name not in theirs]
    yield from sorted(changed) + gone
    if not changed and not gone and stored.checkout:
        yield f"what another checkout put there ({stored.checkout}), {stored.modified}"
