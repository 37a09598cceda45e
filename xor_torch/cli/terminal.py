"""What every command has in common at the terminal: exit codes, streams, one-line messages."""

import contextlib
import gc
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from ..files import quoted, write_out
from ..lit import runs

SUCCESS, DIFFERS, BAD_CALL = 0, 1, 2  # 130 and 143 are Ctrl-C and SIGTERM


class UsageError(Exception):
    """A bad call or a bad input; the text is for the user."""


def out(text: str) -> None:
    """Print a result on standard output."""
    write_out(f"{text}\n")


def say(text: str) -> None:
    """Print a message on standard error, if there is one."""
    if sys.stderr is not None:  # print would take standard output instead
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
    if path.exists() and not path.is_file():
        raise UsageError(f"{said}: is not a regular file")
    if os.path.lexists(path) and not force:  # a link that leads nowhere is there, too
        raise UsageError(f"{said} exists; --force overwrites it")
    if not path.parent.is_dir():
        raise UsageError(f"{said}: there is no directory {path.parent}")


def find_checkpoint(path: str) -> Path:
    """The checkpoint that a call names: the file, or the last of a run, or of the newest run.

    A file that is too large or damaged is refused here, before torch is imported.

    Raises:
        OSError: there is none, or it cannot be read.
        ValueError: the file is not a whole checkpoint.

    """
    try:
        found = runs.find_checkpoint(path)
    except FileNotFoundError as error:
        try:
            found = runs.newest_checkpoint(path)
        except FileNotFoundError:
            raise error from None
    runs.read_records(found)
    return found


def say_newest(path: str, checkpoint: Path) -> None:
    """Say which run was taken, if `path` is a directory of several.

    To be called when nothing is refused any more: a bad call prints one line, which is the error.
    """
    run_dir = checkpoint.parent.parent
    if run_dir.parent == Path(path) != run_dir:
        say(f"The newest run in {quoted(path)}: {quoted(run_dir)}")


@contextlib.contextmanager
def loading(what: str) -> Iterator[None]:
    """Say on a terminal that `what` is being loaded, which may take seconds, until it is.

    Meanwhile no garbage is collected: there is none, and looking for it takes a third of the time.
    What was loaded stays until the end, so later collections leave it out, too.
    """
    with doing(f"Loading {what}"):
        gc.disable()
        try:
            yield
        finally:
            gc.freeze()
            gc.enable()


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """Say on a terminal what is being done, on standard error, until it is."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    text = f"{what} ..."
    print(text, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f"\r{' ' * len(text)}\r", end="", file=sys.stderr, flush=True)


def tensorboard(log_dir: str | Path) -> str:
    """The command that shows the runs in `log_dir`, as it works in the user's shell."""
    known = shutil.which("tensorboard")
    program = "tensorboard" if known else f"{quoted(sys.executable)} -m tensorboard.main"
    return f"{program} --logdir {quoted(log_dir)}"
