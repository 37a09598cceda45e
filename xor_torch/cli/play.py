"""The command ``play``: one page on which the network learns under the reader's hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..files import quoted
from .parser import Settings, flag, pathname, switch
from .terminal import SUCCESS, find_checkpoint, loading, refuse_output, say, say_newest


@dataclass
class Play(Settings):
    """
    Write one page to open in a browser: see the network learn, step through it,
    change it. It needs no server and no network. It opens with seed 42, or with a
    run of yours.
    """

    exit_codes: ClassVar[str] = "0 done, 2 bad call or input"
    configurable: ClassVar[bool] = False

    run: str | None = flag(
        "a run directory or checkpoint to show",
        pathname,
        None,
        positional=True,
        nargs="?",
        metavar="RUN",
    )
    out: str = flag("the page to write ({})", pathname, "play.html")
    force: bool = switch("overwrite the page")


def play(settings: Play, given: set[str]) -> int:
    """Read the run, if there is one, and write the page."""
    path = Path(settings.out)
    refuse_output(f"--out {path}", path, settings.force)
    from ..play import read_run, write_page

    run = None
    if settings.run is not None:
        checkpoint = find_checkpoint(settings.run)
        with loading("torch"):
            run = read_run(checkpoint)
    write_page(path, run)
    if settings.run is not None:
        say_newest(settings.run, checkpoint)
    say(f"Page: {quoted(path)}")
    say(f"To see it, open it in a browser: {path.resolve().as_uri()}")
    return SUCCESS
