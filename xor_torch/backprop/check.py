"""Runs a script or a notebook, and judges its backprop.

The file is EXECUTED, unmodified, in a child process: with closed standard input, limits of time and
memory, and a plotting backend that opens no window.

The file is long because a check takes many steps from the path to the verdict, and each step has
its own reasons for "cannot tell".
"""

import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import mending, recording
from .code import Code
from .deadline import OutOfTime, deadline
from .pair import Pair
from .recording.main import PAIRS, POLL_SECONDS, REPLACEMENT, SMALLER, UPDATES, no_garbage
from .recording.process import CLEANUP_SECONDS, TIME_IS_OVER
from .recording.smaller import FEW
from .recording.source import fingerprint, read_source
from .saying.catalogue import LOSSES, code_of_reason
from .screening import screened
from .tape import Tape
from .untrusted import read_regular
from .verdict import Verdict

# The script may run for this part of the time limit; the rest is for saving and judging.
SCRIPT_SHARE = 2 / 3
GRACE_SHARE, LEAST_GRACE = 1 / 12, 1.0  # seconds, for a recording to be saved
JUDGE_SHARE = 0.9  # of the time that is left: then the judge stops and returns what it has found
FIRST_SHARE = 0.6  # of that, if the script can be run with smaller batches, too
TOO_LONG = ("timeout", "too-long-before", "step-too-long")  # the codes of reasons to do so
SMALLER_BATCHES = (
    "the script ran with {} samples in a batch in place of {}: an update of so many takes too long "
    "to repeat"
)
OUT_OF_TIME = (
    "the script was still running after {:.3g} seconds, without enough updates; give it more with "
    "--timeout"
)
JUDGE_OUT_OF_TIME = (
    "running and judging it took longer than {:g} seconds together; give it more with --timeout"
)
LEFT_AND_CRASHED = (
    "the script crashed with {error} on {where}, after the check had left a loop that had made "
    "enough updates: if it trains another network after that line, that was not checked"
)
EXACT = ("decimal", "fractions", "cmath", "array")  # modules that hold numbers of their own
LEAST_TO_TRY, MOST_TO_TRY = 2.0, 15.0  # seconds, for one correction and for all
FRAMEWORKS = ("tensorflow", "keras", "jax", "mxnet", "theano", "chainer", "paddle")
# An import of one of them, other than for the data: ``from keras.datasets import mnist``
TRAINS = r"\b(?:import|from) {}\b(?!(?:\.\w+)*\.(?:datasets|utils|preprocessing)\b)"


def check_file(
    path: str | Path,
    args: Sequence[str] = (),
    timeout: float = 60.0,
    strict: bool = False,
    verbose: bool = False,
    memory: float = 4.0,
    in_its_folder: bool = False,
    cell: str = "cell {}",
    mend: bool = False,
    progress: Callable[[str], object] = lambda doing: None,
) -> Verdict:
    """Run a script or notebook and judge its backpropagation.

    Args:
        path: a ``.py`` or ``.ipynb`` file. It is executed.
        args: its command-line arguments.
        timeout: seconds for running and judging it together; it may run for two thirds of them.
        strict: call it wrong if it computes another loss than it follows the gradient of.
        verbose: show what it prints, on standard error.
        memory: gigabytes of memory that it may have.
        in_its_folder: run it from the folder that it is in, not from the current one.
        cell: the name of a notebook's cell in reports; ``{}`` stands for its number.
        mend: if it is wrong, look for one corrected line that makes it correct. That runs it up to
            `mending.MOST` times more.
        progress: called with the name of each phase when it begins.

    Returns:
        The verdict. A file that cannot be read, run or judged raises nothing: its verdict is
        "cannot tell", with the reason.

    """
    verdict = Verdict(str(path), "cannot tell", strict=strict, code=Code(cell=cell))
    path, end = Path(path), time.monotonic() + timeout
    try:
        source = _readable_source(path, cell)
    except _CannotTell as e:
        verdict.reason = str(e)
        return verdict
    folder = path.parent if in_its_folder else None
    script = _Script(path, source, args, verbose, memory, folder)
    progress(f"running {path.name}")
    if _attempt(verdict, script, end, timeout, mend, progress):
        progress(f"running {path.name} with smaller batches")
        script = replace(script, smaller=True)
        other = Verdict(str(path), "cannot tell", strict=strict, code=Code(cell=cell))
        _attempt(other, script, end, timeout, mend, progress)
        verdict = verdict if other.verdict == "cannot tell" else other
    return verdict


@dataclass(frozen=True)
class _Script:
    """A script, and how to run it."""

    path: Path
    source: str
    args: Sequence[str]
    verbose: bool
    memory: float
    folder: Path | None
    smaller: bool = False  # are its batches made smaller?

    def record(
        self, text: str, seconds: float, progress: Callable[[str], object] = lambda doing: None
    ) -> tuple[Tape, dict[str, Any]]:
        """Run this text in its place."""
        files = {REPLACEMENT: text} if text != self.source else {}
        files |= {SMALLER: ""} if self.smaller else {}
        how = self.args, seconds, self.verbose, self.memory, self.folder, files
        return _record(self.path, text, *how, progress)


def _attempt(
    verdict: Verdict,
    script: _Script,
    end: float,
    timeout: float,
    mend: bool,
    progress: Callable[[str], object],
) -> bool:
    """Set the verdict; return whether one with smaller batches may tell more."""
    more, cell = False, verdict.code.cell
    try:
        seconds = end - time.monotonic()
        tape, outcome = script.record(script.source, seconds, progress)
        more = bool(outcome["batches"]) and not script.smaller
        progress("judging")
        verdict.code = tape.code
        verdict.code.cell = cell
        if outcome.get("limit") and not outcome["pairs"]:
            raise _CannotTell(str(outcome["limit"]))
        left = (end - time.monotonic()) * (FIRST_SHARE if more else 1)
        with deadline(left), no_garbage():
            _judge(verdict, tape, outcome, JUDGE_SHARE * left)
        conclude(verdict, outcome, script.source, seconds)
        if script.smaller:
            _with_smaller_batches(verdict, outcome["batches"])
        if mend and verdict.verdict == "wrong":
            progress("trying corrections")
            corrected = _corrected(verdict, script.source, script.record, end - timeout, end)
            verdict.correction = (script.source, corrected) if corrected else None
    except OutOfTime:
        verdict.reason = JUDGE_OUT_OF_TIME.format(timeout)
    except _CannotTell as e:
        verdict.reason = str(e)
    except Exception as e:  # an unknown file may do anything, and must get a verdict all the same
        verdict.verdict = "cannot tell"
        verdict.reason = f"this check itself failed on it, with {type(e).__name__}: {e}"
    return more and verdict.verdict == "cannot tell" and code_of_reason(verdict.reason) in TOO_LONG


def _with_smaller_batches(verdict: Verdict, batches: Sequence[Sequence[int]]) -> None:
    """Say that the script ran with smaller batches, and take back what may be due to that alone.

    Args:
        verdict: of that run.
        batches: the line of each size of a batch, and that size.

    """
    typed = {size for _, size in batches}
    places = [f"{size} on {verdict.code.where(line)}" for line, size in batches]
    others = verdict.code.lines.copy()
    for line, _ in batches:
        others[line - 1] = ""
    again = any(re.search(rf"\b{size}\b", line) for line in others for size in typed)
    for f in verdict.findings:
        f.notes.append(SMALLER_BATCHES.format(FEW, " and ".join(places)))
        d = f.diagnosis
        if again and d is not None and d.mistake == "scale of one parameter":
            verdict.verdict = "cannot tell"  # the size may be typed once more, in a mean


class _CannotTell(Exception):  # noqa: N818 - a verdict, not an error
    """Its text is the reason."""


def _readable_source(path: Path, cell: str) -> str:
    """The Python code of a file; `_CannotTell` if there is none."""
    if not path.exists():
        raise _CannotTell("there is no such file")
    if path.is_dir():
        raise _CannotTell("it is a directory: give one .py or .ipynb file")
    try:
        source, places = read_source(path)
    except ValueError as e:
        raise _CannotTell(str(e)) from None
    except OSError as e:
        raise _CannotTell(f"it cannot be read: {e.strerror}") from None
    try:
        compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as e:
        where = Code(places=places, cell=cell).where(e.lineno or 0)
        raise _CannotTell(f"syntax error on {where}: {e.msg}") from None
    except ValueError as e:
        raise _CannotTell(str(e)) from None
    except (RecursionError, MemoryError):
        raise _CannotTell("its code is nested too deep for Python") from None
    if not source.strip():
        raise _CannotTell("the file is empty")
    return source


def _record(
    path: Path,
    source: str,
    args: Sequence[str],
    timeout: float,
    verbose: bool,
    memory: float,
    cwd: Path | None = None,
    files: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[str], object] = lambda doing: None,
) -> tuple[Tape, dict[str, Any]]:
    """Run the script in a process of its own; return its tape and how it ended.

    `files` are for that process: see `recording.main`.
    """
    seconds = timeout * SCRIPT_SHARE
    grace = max(timeout * GRACE_SHARE, LEAST_GRACE)
    # The script may leave files in the folder that cannot be deleted.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        command = [
            *(sys.executable, str(Path(recording.__file__).with_name("__main__.py"))),
            *(
                str(path.absolute() if cwd else path),
                folder,
                str(seconds),
                str(grace),
                str(int(memory * 1e9)),
                *args,
            ),
        ]

        def tell() -> None:
            progress(f"recording: {_updates(Path(folder))} updates")

        seconds_left = seconds + grace + CLEANUP_SECONDS
        with _started(command, verbose, cwd) as process:
            progress("loading torch")
            with no_garbage():  # import torch for the judge while the script runs
                importlib.import_module(".judging.claims", __package__)
            ended = _wait(process, seconds_left, tell)
        if not (Path(folder) / "tape.json").exists():
            raise _CannotTell(
                "the script ended its process, so nothing could be recorded"
                if ended
                else OUT_OF_TIME.format(seconds)
            )
        try:
            with no_garbage():
                tape, outcome = Tape.load(Path(folder))
            outcome["pairs"] = None
            if (Path(folder) / PAIRS / "tape.json").exists():
                functions, found = Tape.load(Path(folder) / PAIRS)
                values = len(functions.nodes)
                some = [Pair.of_json(pair, values) for pair in found["pairs"]]
                outcome["pairs"] = (functions, some) if some else None
        except (ValueError, OSError) as e:
            raise _CannotTell(f"the recording cannot be used: {e}") from None
    if outcome.get("source") != fingerprint(source):
        raise _CannotTell(
            "the recording is not of this file: the file or the recording was replaced while it ran"
        )
    return tape, outcome


@contextlib.contextmanager
def _started(
    command: Sequence[str], verbose: bool, cwd: Path | None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a process; at the end of the block, end it and all that it has started."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if verbose else subprocess.DEVNULL,
        stderr=None if verbose else subprocess.DEVNULL,
        cwd=cwd,
        env={**os.environ, "MPLBACKEND": "Agg"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.terminate()  # it then ends what it has started; killed, it would leave daemons
            if hasattr(signal, "SIGCONT"):  # the script may have stopped it
                process.send_signal(signal.SIGCONT)
            process.wait(CLEANUP_SECONDS + 1)
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", seconds: float, tell: Callable[[], object]) -> bool:
    """Did the process end by itself within these seconds? Meanwhile `tell` is called."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            return process.wait(min(POLL_SECONDS, left)) != TIME_IS_OVER
        except subprocess.TimeoutExpired:
            tell()
    return False


def _updates(folder: Path) -> int:
    """How many updates the script has made until now, according to its process."""
    try:
        return int(read_regular(folder / UPDATES, 20))
    except (OSError, ValueError):  # nothing is there yet, or not a number
        return 0


def _judge(verdict: Verdict, tape: Tape, outcome: Mapping[str, Any], seconds: float) -> None:
    """Give a verdict the findings on a recording: on its training, or on its pairs of functions."""
    from .judging.claims import judge_all  # it imports torch

    verdict.findings = judge_all(tape, seconds, cut_off=outcome["end"] in ("full", "time"))
    if outcome["pairs"] and not verdict.findings:
        from .judging.functions import adds_nothing
        from .judging.pairs import judge_pair

        functions, pairs = outcome["pairs"]
        functions.code.cell, verdict.code = verdict.code.cell, functions.code
        verdict.findings = [judge_pair(functions, pair) for pair in pairs]
        still = adds_nothing(tape)
        for f in verdict.findings if still else ():
            if f.verdict == "correct":
                f.verdict, f.reason = "cannot tell", still
    if not verdict.findings:
        from .judging.functions import no_training

        verdict.reason = no_training(tape)


def _corrected(
    verdict: Verdict,
    source: str,
    record: Callable[[str, float], tuple[Tape, dict[str, Any]]],
    begin: float,
    end: float,
) -> str | None:
    """The source with one correction that makes it correct; None if none was found."""
    finding = verdict.decisive
    d = finding.diagnosis if finding else None
    if finding is None or d is None or isinstance(verdict.code.place(d.line)[0], str):
        return None  # the line is in a module, and only the script's own text is corrected
    took = time.monotonic() - begin  # a run takes longer on a busy machine
    end = min(end, time.monotonic() + max(MOST_TO_TRY, mending.MOST * took))
    trained = sum(len(f.parameters) for f in verdict.findings)
    changes = mending.corrections(source, finding)
    with contextlib.suppress(Exception, OutOfTime), deadline(end - time.monotonic()):
        several = mending.small_changes(source, finding)
        good = screened(source, several, finding, lambda text: record(text, took))
        # In a recurrent network the wrong value is used again, and none may fit.
        changes = good or changes
    for text in changes[: mending.MOST]:
        left = end - time.monotonic()
        if left < LEAST_TO_TRY:
            break
        with contextlib.suppress(Exception, OutOfTime), deadline(left):
            tape, outcome = record(text, left)
            tried = Verdict(verdict.path, "cannot tell", strict=verdict.strict)
            _judge(tried, tape, outcome, left)
            conclude(tried, outcome, text)
            still = sum(len(f.parameters) for f in tried.findings)
            if tried.verdict == "correct" and still >= trained and _same_loss(verdict, tried):
                return text
    return None


def _same_loss(one: Verdict, other: Verdict) -> bool:
    """Do both follow one kind of loss, as far as it has a usual name?"""
    losses = [v.decisive.loss if v.decisive and v.decisive.loss else "" for v in (one, other)]
    kinds = {loss.split()[-1].replace("MSE", "SSE") for loss in losses if loss} & {*LOSSES}
    return len(kinds) < 2


def conclude(
    verdict: Verdict, outcome: Mapping[str, object], source: str, timeout: float = 0.0
) -> None:
    """Set the verdict that follows from the findings; without findings, say why there are none."""
    for f in verdict.findings:
        if f.other_loss and verdict.strict and f.verdict == "correct":
            f.verdict = "wrong"
            verdict.reason = f.warnings[0]
        if f.means and verdict.strict and f.verdict == "correct":
            f.verdict = "wrong"
            verdict.reason = f.means
    if outcome["end"] == "crash" and outcome["left"] and verdict.findings:
        where = verdict.code.where(int(str(outcome["line"])))
        warning = LEFT_AND_CRASHED.format(error=outcome["error"], where=where)
        verdict.findings[-1].warnings.append(warning)
    verdicts = [f.verdict for f in verdict.findings]
    if "wrong" in verdicts:
        verdict.verdict = "wrong"
        return
    if outcome["end"] == "crash" and not outcome["left"]:  # not because we left a loop early
        verdict.traceback = str(outcome["traceback"])
    if verdicts and all(v == "correct" for v in verdicts):
        verdict.verdict = "correct"
    elif verdicts:
        if _never_came_to_its_functions(verdict, outcome):
            for f in verdict.findings:
                f.reason = _why_nothing(outcome, source, timeout)
        verdict.reason = next(f.reason for f in verdict.findings if f.verdict == "cannot tell")
    elif outcome.get("error") == "SyntaxError":  # in one cell; the others have run
        where = verdict.code.where(int(str(outcome["line"])))
        verdict.reason = f"syntax error on {where}: {outcome['message']}"
    else:
        verdict.reason = _why_nothing(outcome, source, timeout, verdict.reason)


def _never_came_to_its_functions(verdict: Verdict, outcome: Mapping[str, object]) -> bool:
    """Did an import fail before the script called any function that was to be checked?"""
    uncalled = all(
        f.pair and f.reason and " before it called " in f.reason for f in verdict.findings
    )
    return outcome.get("error") == "ModuleNotFoundError" and uncalled


def _why_nothing(
    outcome: Mapping[str, object], source: str, timeout: float, seen: str | None = None
) -> str:
    """Why no training was recorded; `seen` says what was, if it is more than nothing."""
    missing = str(outcome.get("module") or "").split(".")[0]
    used = [name for name in FRAMEWORKS if re.search(TRAINS.format(name), source)]
    if missing == "cupy":
        return (
            "the script uses cupy, whose arrays cannot be recorded; let it fall back to NumPy: "
            "try: import cupy as np, except ImportError: import numpy as np"
        )
    if missing in FRAMEWORKS or (used and not missing):
        name = missing or used[0]
        if name == "jax":
            return (
                "the script uses jax, whose arrays cannot be recorded; jax.numpy's functions are "
                "NumPy's: import numpy as jnp, write x[i] = y for x = x.at[i].set(y), and leave "
                "out jit"
            )
        return (
            f"the script uses {name}: only gradients that are written by hand in NumPy, torch or "
            "pure Python can be checked"
        )
    if outcome.get("autograd") and outcome["end"] != "crash":
        return (
            "autograd computes the gradients of this script, so there is no backward pass by hand "
            "to check: update with your own gradients, or compare them with .grad"
        )
    if outcome["end"] == "crash":
        if outcome["error"] == "ModuleNotFoundError":
            return f"the script needs the package {missing}, which is not installed here"
        if outcome["error"] == "EOFError":
            return "the script asks for input, and gets none; give it what it needs as arguments"
        where = ""
        if outcome["error"] == "MemoryError":
            where = "; give it more with --memory"
        if outcome["error"] == "FileNotFoundError":
            where = "; run it from the folder that its files are in"
        return f"the script crashed with {outcome['error']} before it made enough updates{where}"
    if outcome["end"] == "time":
        return OUT_OF_TIME.format(outcome.get("seconds", timeout * SCRIPT_SHARE))
    if outcome["end"] == "exit":
        return (
            f"the script ended itself, with exit {outcome.get('message', 'status')}, before it "
            "made enough updates; arguments for it go after --"
        )
    if outcome["end"] == "full":
        return (
            "no array and no number was replaced twice, by itself plus a change that depends on "
            "it, within the operations that are recorded: give it fewer samples for each update"
        )
    for name in EXACT:
        if re.search(rf"^\s*(import|from) {name}\b", source, re.MULTILINE):
            return (
                f"no training loop was found: what the script computes with {name} is not recorded"
            )
    return seen or (
        "no training loop was found: no array, tensor or float was replaced, at least twice, by "
        "itself plus a change that depends on it"
    )
