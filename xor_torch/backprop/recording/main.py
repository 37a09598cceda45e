"""Runs a user's file and writes its tape. `__main__` calls it in a process of its own."""

import contextlib
import gc
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from time import monotonic  # its own name: a script may replace time.monotonic
from typing import Any

from . import process
from .limits import Limits
from .recorder import Recorder
from .script import Run
from .source import fingerprint, read_source

# Files and folders in DIRECTORY:
REPLACEMENT = "replacement.py"  # code to run in place of FILE's
SMALLER = "smaller"  # an empty file: the script is to run with smaller batches
UPDATES = "updates"  # the number of updates that were found until now
PAIRS = "pairs"  # a folder with the tape of forward and backward functions
GROWN = 1.5  # To save takes as long as to record: a tape is saved again when it is so much longer.
EARLY = 1 / 3  # of the time without an update: then smaller batches are tried
POLL_SECONDS = 0.2  # the time between two looks at UPDATES


@contextlib.contextmanager
def no_garbage() -> Iterator[None]:
    """Collect no garbage in the block: there is none, and looking takes a third of the time."""
    collects = gc.isenabled()  # the script may have turned it off
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def main(argv: list[str]) -> None:
    """Run ``FILE DIRECTORY SECONDS GRACE BYTES [ARGS...]``, write the tape into the directory.

    If the directory holds a ``replacement.py``, its text runs in place of FILE's. If it holds a
    file ``smaller``, the script's batches have `smaller.FEW` samples.

    After SECONDS it writes what was recorded until then; GRACE seconds later it is killed.
    BYTES limits its memory.
    """
    file, directory, seconds, grace, memory, *rest = argv
    folder, path = Path(directory), Path(file)
    process.supervise(float(seconds) + float(grace))
    begin = monotonic()
    end = begin + float(seconds)
    process.limit_memory(int(memory))
    owner, exit_now = os.getpid(), os._exit
    # A recording has hundreds of thousands of objects, and none is garbage: collect rarely.
    gc.freeze()
    gc.set_threshold(50_000)
    source, places = read_source(path)
    if (folder / REPLACEMENT).exists():
        source, places = read_source(folder / REPLACEMENT)

    def save(**outcome: Any) -> None:
        if os.getpid() != owner:  # a child that the script has forked
            return
        with process.spare_memory(), no_garbage():
            tape, limit = recorder.finished()
            tape.save(
                folder,
                left=recorder.loops.left,
                source=fingerprint(source),
                limit=limit,
                autograd=recorder.autograd,
                batches=recorder.frames.batches,
                seconds=monotonic() - begin,
                **outcome,
            )

    def leave(end: str = "full") -> None:
        recorder.full = True
        save(end=end)
        exit_now(0)

    saved = 0  # the length of the tape then

    def save_early() -> None:
        """Save a tape that is enough for a verdict, if it is new or has grown a good deal.

        A loop in C would not let us save later, and the process may be killed.
        """
        nonlocal saved
        if len(recorder.tape.nodes) > GROWN * saved:
            saved = len(recorder.tape.nodes)
            save(end="full")

    limits = Limits(seconds=float(seconds))
    recorder = Recorder(limits, when_full=leave, when_enough=save_early)
    recorder.frames.smaller = (folder / SMALLER).exists()
    soon = begin + EARLY * float(seconds)
    sys.argv = [file, *rest]
    sys.path[0] = str(path.resolve().parent)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(min(POLL_SECONDS, max(end - monotonic(), 0))):
            hopeless = monotonic() >= soon and recorder.updates.none and recorder.frames.batches
            if monotonic() >= end or (hopeless and not recorder.frames.smaller):
                leave("time")
            with contextlib.suppress(OSError):
                (folder / UPDATES).write_text(str(recorder.updates.count))

    threading.Thread(target=watch, daemon=True).start()
    os._exit = lambda status: leave("exit")  # type: ignore[assignment, return-value]
    outcome: dict[str, Any] = {"end": "ran"}
    run = Run(recorder)
    try:
        run.script(source, file, places)
        if recorder.in_vain:
            outcome = {"end": "full"}
    except SystemExit as e:
        outcome = {"end": "exit", "message": str(e.code)}
    except BaseException as e:
        outcome = {
            "end": "crash",
            "traceback": _own_traceback(e, recorder),
            "error": type(e).__name__,
            "module": getattr(e, "name", None),
            "message": str(e),
            "line": _last_line(e, recorder),
        }
    over.set()
    recorder.full = True
    with process.spare_memory():
        save(**outcome)
        tape, pairs = run.pairs(file, end - monotonic(), outcome.get("error", ""))
        if pairs and os.getpid() == owner:
            (folder / PAIRS).mkdir(exist_ok=True)
            found = [pair.to_json() for pair in pairs]
            tape.save(folder / PAIRS, whole=True, end="ran", pairs=found)
    sys.stdout.flush()
    exit_now(0)


def _last_line(error: BaseException, recorder: Recorder) -> int:
    """The last line of the script's code in an error's traceback; 0 if there is none."""
    known = [
        recorder.frames.line_in(frame.filename, frame.lineno or 0)
        for frame in traceback.extract_tb(error.__traceback__)
        if recorder.frames.has(frame.filename)
    ]
    return known[-1] if known else 0


def _own_traceback(error: BaseException, recorder: Recorder) -> str:
    """A traceback without our frames; lines of a notebook are counted within their cells."""
    here, code = Path(__file__).parent, recorder.tape.code
    text = ["Traceback (most recent call last):\n"]
    for frame in traceback.extract_tb(error.__traceback__):
        if here in Path(frame.filename).parents:
            continue
        line = recorder.frames.line_in(frame.filename, frame.lineno or 0)
        if frame.filename.endswith(".ipynb") and 0 < line <= len(code.lines):
            place = f'  File "{frame.filename}", {code.where(line)}, in {frame.name}\n'
            text.append(f"{place}    {code.lines[line - 1].strip()}\n")
        else:
            text += traceback.format_list([frame])
    return "".join(text + traceback.format_exception_only(type(error), error))
