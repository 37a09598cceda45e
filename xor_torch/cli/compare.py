"""``xor-torch compare``: check our gradients, or those of a user's scripts, against autograd's."""

import contextlib
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .. import __version__
from ..files import write_beside
from .parser import (
    NETWORK,
    Network,
    Settings,
    choice,
    fit_in_memory,
    flag,
    pathname,
    positive,
    refuse,
    switch,
    whole,
)
from .terminal import BAD_CALL, DIFFERS, SUCCESS, UsageError, loading, out, refuse_output, say

if TYPE_CHECKING:
    from tqdm import tqdm

    from ..backprop import Row

MAX_MEMORY = 10**6  # gigabytes; in bytes the system takes less than 2**63
MAX_TIMEOUT = 10**6  # seconds; the system cannot wait for much more than 10**9
WHOLE_REPORT = 4  # as in `saying`, for which --help would wait; a test compares the two
INDEX = "index.html"


@dataclass
class UserFile(Settings):
    """Scripts and notebooks to check, and how."""

    files: list[str] = flag(
        "a .py or .ipynb, several, or a folder",
        pathname,
        [],
        positional=True,
        nargs="*",
        metavar="FILE",
    )
    timeout: float = flag("seconds to run and judge FILE ({})", positive(MAX_TIMEOUT), 60.0)
    memory: float = flag("gigabytes that FILE may use ({})", positive(MAX_MEMORY), 4.0)
    strict: bool = switch("wrong, too, if FILE computes another loss")
    tolerant: bool = switch("exit code 0, not 2, for cannot tell")
    verbose: bool = switch("show what FILE prints")
    full: bool = switch("show the derivative at each line, of right files too")
    hint: int = flag("1 layer, 2 line, 3 mistake, 4 all ({})", whole(1, WHOLE_REPORT), WHOLE_REPORT)
    format: str | None = choice(
        "for editors and code hosts, instead of the report",
        ("gnu", "github", "sarif", "gradescope"),
        None,
    )
    csv: str | None = flag("write a table of several FILEs", pathname, None, metavar="FILE")
    html: str | None = flag("write a page for each FILE", pathname, None, metavar="DIR")
    jobs: int | None = flag("FILEs at once (one for each core)", whole(1, 1024), None)
    force: bool = switch("overwrite what --csv and --html name")
    rest: list[str] = field(default_factory=list)  # what comes after --: FILE's own arguments


OF_FILES = tuple(name for name in UserFile.flags() if name != "files")


@dataclass
class Compare(Network, UserFile):  # the fields of the last base come first
    """
    Is the backprop right? FILE is a script or notebook of yours, in NumPy or pure
    Python: it is EXECUTED, unmodified, and its gradients are compared with
    autograd's. Without FILE: our manual NumPy gradients against torch autograd,
    at every epoch of a run.
    """

    usage: ClassVar[str | None] = "{prog} [FILE ...] [flags] [-- ARGS]"
    exit_codes: ClassVar[str] = (
        "0 equal or correct, 1 different or wrong, 2 bad call or cannot tell,\n130 interrupted"
    )

    json: bool = switch("one JSON object instead of the report")


def compare(settings: Compare, given: set[str]) -> int:
    """Compare over a whole training run, or check users' files; print a report or JSON."""
    if settings.files:
        refuse(settings, given, NETWORK, f"{settings.files[0]} has its own; leave it out")
        return _check(settings, given)
    refuse(settings, given, OF_FILES, "goes with a FILE to check")
    fit_in_memory(settings.bits, settings.hidden, 20)
    with loading("torch"):
        from .. import model, parity  # noqa: F401  (before the bar starts to count)

    run = {name: getattr(settings, name) for name in NETWORK}
    with _bar(settings.epochs, "epochs") as bar:
        parameters = parity.compare(**run, progress=bar.update)
    out((parity.to_json if settings.json else parity.report)(run, parameters))
    return SUCCESS if all(p.ok for p in parameters) else DIFFERS


def _check(settings: Compare, given: set[str]) -> int:
    if settings.json and settings.format:
        raise UsageError(f"--format {settings.format}: --json is another format")
    if settings.hint < WHOLE_REPORT:
        hides = "it tells more than the hint"
        graders = settings.format == "gradescope"
        words = ("full", "csv", "html", "json", *(() if graders else ("format",)))
        refuse(settings, given, words, hides)
    first = Path(settings.files[0])
    several = len(settings.files) > 1 or first.is_dir() or any(c in first.name for c in "*?[")
    if not several and first.suffix not in (".py", ".ipynb"):
        raise UsageError(f"{first}: only a .py or .ipynb file is executed")
    if several or settings.csv or settings.html:
        with loading("the checker"):
            from ..backprop import find_files
        try:
            paths = find_files(settings.files)
        except ValueError as error:
            raise UsageError(str(error)) from None
        _refuse_outputs(settings)
        return _check_many(settings, paths)
    return _check_one(settings)


def _refuse_outputs(settings: Compare) -> None:
    if settings.csv:
        refuse_output(f"--csv {settings.csv}", Path(settings.csv), settings.force)
    if settings.html:
        folder = Path(settings.html)
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--html {folder}: is not a directory")
        if not folder.parent.is_dir():
            raise UsageError(f"--html {folder}: there is no directory {folder.parent}")
        if folder.is_dir():
            index = folder / INDEX
            refuse_output(f"--html {folder}: {INDEX}", index, settings.force)


def _check_one(settings: Compare) -> int:
    with loading("the checker"):
        import rich.console
        import rich.live
        import rich.spinner  # noqa: F401  (for the line that comes next)

        from ..backprop import check_file
        from ..backprop.saying import Style
    with _doing() as doing:
        verdict = check_file(
            settings.files[0],
            settings.rest,
            settings.timeout,
            strict=settings.strict,
            verbose=settings.verbose,
            memory=settings.memory,
            mend=settings.format is None and settings.hint >= WHOLE_REPORT,
            progress=doing,
        )
    if settings.json:
        out(json.dumps(verdict.to_json(), indent=2))
    elif settings.format:
        _write_format(settings, [(verdict.outline(), verdict.to_json())])
    elif settings.full:
        out(verdict.report(Style.of(sys.stdout), full=True))
    else:
        out(verdict.told(settings.hint, Style.of(sys.stdout)))
    return _exit_code([verdict.verdict], settings.tolerant)


def _check_many(settings: Compare, paths: Sequence[Path]) -> int:
    from ..backprop import check_files
    from ..backprop.saying import Style, class_pages, csv_of, table_of
    from ..sweep import cores

    with _counting(len(paths), settings.hint) as done:
        rows = check_files(
            paths,
            settings.jobs or cores(),
            done,
            settings.timeout,
            args=settings.rest,
            strict=settings.strict,
            memory=settings.memory,
        )
    if settings.csv:
        _write(Path(settings.csv), csv_of(rows))
    if settings.html:
        Path(settings.html).mkdir(exist_ok=True)
        for name, text in class_pages(rows).items():
            _write(Path(settings.html, name), text)
    if settings.json:
        files = [row.to_json() for row in rows]
        out(json.dumps({"version": files[0]["version"], "files": files}, indent=2))
    elif settings.format:
        _write_format(settings, [(row.outline, row.json) for row in rows])
    else:
        out(table_of(rows, Style.of(sys.stdout), settings.hint))
    return _exit_code([row.verdict for row in rows], settings.tolerant)


def _exit_code(verdicts: Sequence[str], tolerant: bool) -> int:
    if "wrong" in verdicts:
        return DIFFERS
    return BAD_CALL if "cannot tell" in verdicts and not tolerant else SUCCESS


def _write_format(settings: Compare, said: Sequence[tuple[Any, Mapping[str, Any]]]) -> None:
    from ..backprop.saying import github, gnu, gradescope, sarif

    if settings.format == "sarif":
        out(json.dumps(sarif(said, __version__), indent=2))
    elif settings.format == "gradescope":
        out(json.dumps(gradescope(said, settings.hint), indent=2))
    elif text := (gnu if settings.format == "gnu" else github)(said):
        out(text)


def _write(path: Path, text: str) -> None:
    with write_beside(path) as half:
        half.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _doing() -> Iterator[Callable[[str], None]]:
    """On a terminal, a line on standard error that tells which phase is running."""
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner

    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda doing: None
        return
    spinner = Spinner("dots", "starting")
    with Live(spinner, console=Console(stderr=True), transient=True) as live:

        def say_now(doing: str) -> None:
            spinner.update(text=f"{doing} ...")
            live.refresh()  # at once: an import may keep the thread that refreshes waiting

        yield say_now


@contextlib.contextmanager
def _counting(files: int, hint: int) -> Iterator[Callable[["Row"], None]]:
    """A line on standard error for each file that is done; on a terminal, a bar below them."""
    with _bar(files, "files") as bar:
        count = itertools.count(1)

        def done(row: "Row") -> None:
            words = row.outline.hint(hint) if hint < WHOLE_REPORT else row.line()
            with bar.external_write_mode() if not bar.disable else contextlib.nullcontext():
                say(f"[{next(count)}/{files}] {words}")
            bar.update()

        yield done


def _bar(total: int, unit: str) -> "tqdm[Any]":
    """A progress bar on a terminal; elsewhere none, because redraws would fill a log."""
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread beside it: where none can be started, tqdm would warn
    return tqdm(total=total, unit=f" {unit}", leave=False, dynamic_ncols=True, disable=None)
