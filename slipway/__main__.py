"""The command `slipway`: what comes of a verb as an exit code, and of a fault as one line."""

import gc
import signal
import sys


def main() -> None:
    """Exit codes: 0 done, 1 it failed, 2 wrong usage, 130 interrupted. A fault is one line, never a traceback."""
    try:
        code = _run()
    except KeyboardInterrupt:
        code = 130
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what was done is done: only Python is still cleaning up
    gc.freeze()  # Python would look through all that is left once more, for a tenth of a second
    sys.exit(code)


def _run() -> int:
    from slipway.cli.target import UserError, WrongUsage  # whoever interrupts what loads here is no fault either
    from slipway.cli.verbs import app

    try:
        app(standalone_mode=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except UserError as fault:
        _complain(str(fault))
        return 2 if isinstance(fault, WrongUsage) else 1
    except Exception as fault:
        if type(fault).__module__.partition(".")[0] not in ("botocore", "boto3"):
            raise
        _complain(f"AWS refused: {fault}")
    return 1


def _complain(text: str) -> None:
    from slipway.cli import screen  # what draws tables takes a while to load

    screen.write(f"slipway: {text}", sys.stderr)


if __name__ == "__main__":
    main()
