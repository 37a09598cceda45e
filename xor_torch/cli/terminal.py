"""What every command has in common at the terminal: exit codes, streams, one-line messages."""

import signal
import sys
from pathlib import Path

from ..files import write_out

SUCCESS, DIFFERS, BAD_CALL = 0, 1, 2  # 130 and 143 are Ctrl-C and SIGTERM


class UsageError(Exception):
    """A call or an input that cannot be served; its text is for the user."""


def out(text: str) -> None:
    """Print a result on standard output."""
    write_out(f"{text}\n")


def say(text: str) -> None:
    """Print a message on standard error."""
    print(text, file=sys.stderr)


def short(value: object) -> str:
    """A value as a message quotes it, at most 80 characters long."""
    text = str(value) if str(value).strip() else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def one_line(text: str) -> str:
    """`text` as one line, with no character that a terminal would obey."""
    words = " ".join(text.split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in words)


def exit_code(interrupt: BaseException | None) -> int:
    """The exit code after a KeyboardInterrupt, whose argument is the signal's number if known."""
    number = interrupt.args[0] if interrupt and interrupt.args else signal.SIGINT
    return 128 + int(number)


def refuse_output(said: str, path: Path, force: bool) -> None:
    """Refuse to write `path`, which the call names as `said`, if it cannot be made or must stay."""
    if path.is_dir():
        raise UsageError(f"{said}: is a directory")
    if path.exists() and not force:
        raise UsageError(f"{said} exists; --force overwrites it")
    if not path.parent.is_dir():
        raise UsageError(f"{said}: there is no directory {path.parent}")
