"""``xor-torch play``: write the web page on which the reader sees and changes the network."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..files import quoted
from ..lit.runs import run_of
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
    out: str | None = flag("the page to write (play.html, or play-RUN.html)", pathname, None)
    force: bool = switch("overwrite the page")


def _page_of(checkpoint: Path | None) -> str:
    """The page of each run has a name of its own, so that one is not in another's way."""
    if checkpoint is None:
        return "play.html"
    return f"play-{(run_of(checkpoint) or checkpoint).resolve().name}.html"


def play(settings: Play, given: set[str]) -> int:
    """Read the run, if there is one, and write the page."""
    checkpoint = None if settings.run is None else find_checkpoint(settings.run)
    path = Path(settings.out or _page_of(checkpoint))
    refuse_output(f"--out {path}", path, settings.force)
    from ..play import read_run, write_page

    run = None
    if checkpoint is not None:
        with loading("torch"):
            run = read_run(checkpoint)
    write_page(path, run)
    if settings.run is not None and checkpoint is not None:
        say_newest(settings.run, checkpoint)
    say(f"Page: {quoted(path)}")
    say(f"To see it, open it in a browser: {path.resolve().as_uri()}")
    return SUCCESS
