"""The command ``play``: one page on which the network learns under the reader's hand."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..files import quoted
from .parser import Settings, flag, pathname, switch
from .terminal import SUCCESS, refuse_output, say


@dataclass
class Play(Settings):
    """
    Write one page to open in a browser: see the network learn, step through it, change it.
    It needs no server and no network. It opens with seed 42, or with a run of yours.
    """

    exit_codes: ClassVar[str] = "0 done, 2 bad call or input"
    configurable: ClassVar[bool] = False

    run: str | None = flag(
        "a run directory or checkpoint to show", pathname, None, positional=True, nargs="?",
        metavar="RUN",
    )  # fmt: skip
    out: str = flag("the page to write ({})", pathname, "play.html")
    force: bool = switch("overwrite the page")


def play(settings: Play, given: set[str]) -> int:
    """Read the run, if there is one, and write the page."""
    path = Path(settings.out)
    refuse_output(f"--out {path}", path, settings.force)
    from ..play import read_run, write_page

    write_page(path, None if settings.run is None else read_run(settings.run))
    say(f"Page: {quoted(path)}")
    say(f"To see it, open it in a browser: {path.resolve().as_uri()}")
    return SUCCESS
