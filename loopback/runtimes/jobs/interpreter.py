"""Running a Python program in this already warm process as `python ...` would in a fresh one."""

import atexit
import importlib.machinery
import os
import runpy
import sys
import threading
import traceback
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

IGNORED_FLAGS = frozenset({"-u", "-B", "-E", "-s"})  # no difference to a job
OWN = ("loopback", "slipway")  # slipway.analysis is what the monitors' stand-in runs
FRAMES_OF_OURS = str(Path(__file__).parent.parent)


@dataclass(frozen=True)
class Program:
    """What `python` was asked to run: a script path, a module name or code, and the arguments after it."""

    kind: Literal["script", "module", "code"]
    target: str
    arguments: tuple[str, ...]


def is_python(command: str) -> bool:
    """`python`, `python3`, `/usr/bin/python3.10`: any of them means the interpreter of the job's image."""
    name = os.path.basename(command)
    return name.startswith("python") and all(part.isdigit() for part in name[6:].split(".") if part)


def parse(argv: tuple[str, ...]) -> Program | None:
    """The program of a Python command line, or None when only a fresh process can run it."""
    if not argv or not is_python(argv[0]):
        return None
    rest = list(argv[1:])
    while rest and rest[0] in IGNORED_FLAGS:
        rest.pop(0)
    if not rest:
        return None
    if rest[0] in {"-c", "-m"} and len(rest) > 1:
        return Program("code" if rest[0] == "-c" else "module", rest[1], tuple(rest[2:]))
    return None if rest[0].startswith("-") else Program("script", rest[0], tuple(rest[1:]))


def end(body: Callable[[], None], leave: Callable[[int], NoReturn]) -> NoReturn:
    """Call `body`, then leave as an interpreter does (threads joined, exit functions called, output flushed)."""
    code = _run_reporting_errors(body)
    code = code or _run_reporting_errors(threading._shutdown)  # type: ignore[attr-defined] # noqa: SLF001
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120  # what Python itself exits with when it cannot flush
    leave(code)


def _run_reporting_errors(body: Callable[[], None]) -> int:
    try:
        body()
    except SystemExit as leaving:
        return exit_code(leaving.code)
    except BaseException as error:  # noqa: BLE001
        _show(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def exit_code(code: object) -> int:
    """The process exit code of `sys.exit(code)`; text goes to stderr."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _show(error: BaseException) -> None:
    """Report through sys.excepthook, without our own frames at the top of the traceback."""
    frame = error.__traceback__
    while frame and _is_ours(frame.tb_frame.f_code.co_filename):
        frame = frame.tb_next
    try:
        sys.excepthook(type(error), error.with_traceback(frame), frame)
    except Exception:  # noqa: BLE001
        traceback.print_exception(error)


def _is_ours(filename: str) -> bool:
    return filename.startswith((FRAMES_OF_OURS, "<frozen runpy>"))


@dataclass(frozen=True)
class Warmth:
    """What a warm process has that a fresh one would not.

    `loaded`: imported modules by their top-level name, without those that any Python has at its start.
    `own_paths`: our entries of sys.path.
    """

    loaded: Mapping[str, tuple[str, ...]]
    own_paths: frozenset[str]


def warmth(bare: frozenset[str], own_paths: frozenset[str]) -> Warmth:
    """Of this process as it is now; `bare` names the top-level modules that any Python has at its start."""
    found: dict[str, list[str]] = {}
    for name in sys.modules:
        top = name.partition(".")[0]
        if top not in bare or top in OWN:
            found.setdefault(top, []).append(name)
    return Warmth({top: tuple(names) for top, names in found.items()}, own_paths)


def run(program: Program, warm: Warmth) -> None:
    """Run `program` as `__main__`; it raises what the program raises."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    first = {"script": os.path.dirname(os.path.realpath(program.target)), "module": os.getcwd(), "code": ""}
    added = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [first[program.kind], *added, *(entry for entry in sys.path if entry not in warm.own_paths)]
    for folder in (sys.path[0] or os.getcwd(), *added):
        forget(folder, warm)
    if program.kind == "module":
        sys.argv = ["-m", *program.arguments]
        runpy._run_module_as_main(program.target)  # type: ignore[attr-defined] # noqa: SLF001
        return
    if program.kind == "code":
        sys.argv = ["-c", *program.arguments]
        exec(compile(program.target, "<string>", "exec"), main.__dict__)  # noqa: S102
        return
    sys.argv = [program.target, *program.arguments]
    _run_script(program.target, main)


def _run_script(path: str, main: types.ModuleType) -> None:
    if os.path.isdir(path) or path.endswith(".zip"):
        runpy.run_path(path, run_name="__main__")
        return
    try:
        source = Path(path).read_bytes()
    except OSError as error:
        print(f"python3: can't open file '{path}': [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    main.__file__ = path
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    exec(compile(source, path, "exec"), main.__dict__)  # noqa: S102


def forget(folder: str, warm: Warmth) -> None:
    """Drop what must not be seen by user code: our own modules, and modules that `folder` has its own version of.

    Only what is dropped is looked at: going through all modules would copy the memory pages of their names.
    """
    try:
        names = {entry.partition(".")[0] for entry in os.listdir(folder)}
    except OSError:
        names = set()
    for top in {*names, *OWN}:
        for name in warm.loaded.get(top, ()):
            sys.modules.pop(name, None)
    sys.path_importer_cache.pop(folder, None)
