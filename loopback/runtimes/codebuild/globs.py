"""Which files a buildspec's patterns name: `**` crosses folders, `*` and `?` do not."""

import os
import posixpath
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from loopback.runtimes.codebuild.specification import FilePatterns

_WILD = re.compile(r"[*?\[]")


class NoSuchFiles(Exception):
    """A pattern that has to match something matches nothing, or leads out of its folder."""


@cache
def pattern(text: str) -> re.Pattern[str]:
    """A glob as a regular expression over relative paths.

    >>> bool(pattern("**/*.py").fullmatch("a.py")), bool(pattern("a/*").fullmatch("a/b/c"))
    (True, False)
    """
    out, at = [], 0
    while at < len(text):
        if text.startswith("**/", at):
            out.append("(?:.*/)?")
            at += 3
        elif text.startswith("**", at):
            out.append(".*")
            at += 2
        elif text[at] in "*?":
            out.append("[^/]*" if text[at] == "*" else "[^/]")
            at += 1
        elif text[at] == "[" and "]" in text[at + 2 :]:
            end = text.index("]", at + 2)
            inner = text[at + 1 : end].replace("\\", r"\\")
            out.append(f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]")
            at = end + 1
        else:
            out.append(re.escape(text[at]))
            at += 1
    return re.compile("".join(out), re.DOTALL)


def select(root: Path, wanted: FilePatterns) -> list[tuple[str, Path]]:
    """Files by their names in the artifact, sorted. Raises NoSuchFiles naming the pattern or the file.

    `base-directory` may be a pattern of folders, whose own names are then not part of the files' names.
    """
    found: dict[str, Path] = {}
    for base in bases(root, wanted.base_directory):
        excluded = [pattern(_inside(text, "exclude-paths", base)) for text in wanted.exclude]
        for text in wanted.files:
            for name in _matching(base, _inside(text, "files", base), links=wanted.symlinks):
                if not any(one.fullmatch(name) for one in excluded):
                    found.setdefault(posixpath.basename(name) if wanted.discard_paths else name, base / name)
    if not found:
        where = f" in base-directory {wanted.base_directory}" if wanted.base_directory else ""
        raise NoSuchFiles(f"no matching artifact paths found for {', '.join(wanted.files)}{where}")
    for name, path in found.items():
        if not (wanted.symlinks and path.is_symlink()) and not path.resolve().is_relative_to(root.parent.resolve()):
            raise NoSuchFiles(f"{name} is a link that leads out of the build's folders")
    return sorted(found.items())


def bases(root: Path, text: str) -> list[Path]:
    """The folders that a base-directory names. Raises NoSuchFiles."""
    text = _inside(text, "base-directory", root) if text else ""
    if not _WILD.search(text):
        folder = root / text
        if not folder.is_dir():
            raise NoSuchFiles(f"no matching base directory path found for {text}")
        return [folder]
    wanted = pattern(text)
    found = [root / name for name in sorted(os.listdir(root)) if wanted.fullmatch(name) and (root / name).is_dir()]
    if not found:
        raise NoSuchFiles(f"no matching base directory path found for {text}")
    return found


def _inside(text: str, key: str, root: Path | None = None) -> str:
    """A pattern as a path below its folder. What leads out of it is refused."""
    if text.startswith("/") and root is not None and Path(text.split("*", 1)[0]).is_relative_to(root):
        text = os.path.relpath(text, root)
    clean = posixpath.normpath(text)
    if clean.startswith(("/", "../")) or clean == "..":
        raise NoSuchFiles(f"{key} {text!r} leads out of the build's source folder")
    return "" if clean == "." else clean


def _matching(base: Path, text: str, *, links: bool) -> Iterator[str]:
    if not _WILD.search(text):
        path = base / text
        if text and (path.is_file() or (links and path.is_symlink())):
            yield text
        return
    fixed = posixpath.dirname(text[: _WILD.search(text).start()])  # type: ignore[union-attr]
    wanted = pattern(text)
    for name in below(base, fixed, links=links):
        if wanted.fullmatch(name):
            yield name


def below(base: Path, start: str = "", *, links: bool = False) -> Iterator[str]:
    """Relative paths of the files below `base/start`; with `links` also of the links that lead to no file."""
    for parent, folders, names in os.walk(base / start):
        prefix = os.path.relpath(parent, base)
        linked = [name for name in folders if links and os.path.islink(os.path.join(parent, name))]
        for name in (*names, *linked):
            if links or os.path.isfile(os.path.join(parent, name)):
                yield name if prefix == "." else f"{prefix}/{name}"
