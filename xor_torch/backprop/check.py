"""Is the backprop of a hand-written NumPy script right? Runs it and judges it.

The file is EXECUTED, unmodified, in a child process: with closed standard input, a time limit and
a plotting backend that opens no window. `assert_backprop` checks one function in a test.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from .recording.limits import Limits
from .recording.recorder import Recorder
from .recording.script import in_place_of_numpy
from .recording.source import Code, read_source
from .tape import Tape
from .verdict import Verdict

MAX_BYTES = 20_000_000
OUT_OF_TIME = (
    "the script was still running after {:g} seconds, without enough updates; give it more with "
    "--timeout"
)
FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "mxnet", "theano", "chainer", "paddle")


def check_file(
    path: str | Path,
    args: Sequence[str] = (),
    timeout: float = 60.0,
    strict: bool = False,
    verbose: bool = False,
) -> Verdict:
    """Run a script or notebook and judge its backpropagation.

    Args:
        path: a ``.py`` or ``.ipynb`` file. It is executed.
        args: its command-line arguments.
        timeout: seconds that it may run.
        strict: call it wrong if it computes another loss than it follows the gradient of.
        verbose: let what it prints through to standard error.

    Returns:
        The verdict. A file that cannot be read or run raises nothing but is "cannot tell", with
        the reason.

    """
    path = Path(path)
    problem = _unreadable(path)
    if problem:
        return Verdict(str(path), "cannot tell", problem)
    try:
        source, places = read_source(path)
        compile(source, str(path), "exec", dont_inherit=True)
    except ValueError as e:
        return Verdict(str(path), "cannot tell", f"{e}")
    except SyntaxError as e:
        where = Code(places=places).where(e.lineno or 0)
        return Verdict(str(path), "cannot tell", f"syntax error on {where}: {e.msg}")
    verdict = Verdict(str(path), "cannot tell", strict=strict)
    if not source.strip():
        verdict.reason = "the file is empty"
        return verdict
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "xor_torch.backprop.recording",
            str(path),
            folder,
            str(timeout),
            *args,
        ]
        home = str(Path(__file__).resolve().parents[2])
        environment = {
            **os.environ,
            "MPLBACKEND": "Agg",
            "PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")])),
        }
        ended = _run_alone(command, environment, timeout + 5, verbose)
        if not (Path(folder) / "tape.json").exists():
            verdict.reason = (
                "the script ended its process, so nothing could be recorded"
                if ended
                else OUT_OF_TIME.format(timeout)
            )
            return verdict
        tape, outcome = Tape.load(Path(folder))
    from .judging.judge import judge  # it imports torch

    verdict.code, verdict.findings = tape.code, judge(tape)
    _conclude(verdict, outcome, source, timeout)
    return verdict


def _run_alone(
    command: Sequence[str], environment: Mapping[str, str], seconds: float, verbose: bool
) -> bool:
    """Run a process in time, and end with it whatever processes it has started."""
    out, err = (sys.stderr, None) if verbose else (subprocess.DEVNULL, subprocess.DEVNULL)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        env=environment,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    finally:
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
    return True


def _unreadable(path: Path) -> str | None:
    if not path.exists():
        return "there is no such file"
    if path.is_dir():
        return "it is a directory: give one .py or .ipynb file"
    if path.stat().st_size > MAX_BYTES:
        return f"it has {path.stat().st_size} bytes: too large for a script"
    return None


def _conclude(
    verdict: Verdict, outcome: Mapping[str, object], source: str, timeout: float = 0.0
) -> None:
    for f in verdict.findings:
        if f.other_loss and verdict.strict and f.verdict == "correct":
            f.verdict = "wrong"
            verdict.reason = f.warnings[0]
    verdicts = [f.verdict for f in verdict.findings]
    if "wrong" in verdicts:
        verdict.verdict = "wrong"
        return
    if outcome["end"] == "crash" and not outcome["left"]:  # or it may be because a loop was left
        verdict.traceback = str(outcome["traceback"])
    if verdicts and all(v == "correct" for v in verdicts):
        verdict.verdict = "correct"
    elif verdicts:
        verdict.reason = next(f.reason for f in verdict.findings if f.verdict == "cannot tell")
    else:
        verdict.reason = _why_nothing(outcome, source, timeout)


def _why_nothing(outcome: Mapping[str, object], source: str, timeout: float) -> str:
    """Why no training was recorded."""
    missing = str(outcome.get("module") or "").split(".")[0]
    used = [name for name in FRAMEWORKS if f"import {name}" in source or f"from {name}" in source]
    if missing in FRAMEWORKS or (used and not missing):
        name = missing or used[0]
        return f"the script uses {name}: only hand-written NumPy can be checked"
    if outcome["end"] == "crash":
        if outcome["error"] == "ModuleNotFoundError":
            return f"the script needs the package {missing}, which is not installed here"
        if outcome["error"] == "EOFError":
            return "the script asks for input, and gets none; give it what it needs as arguments"
        where = ""
        if outcome["error"] == "FileNotFoundError":
            where = "; run it from the folder that its files are in"
        return f"the script crashed with {outcome['error']} before it made enough updates{where}"
    if outcome["end"] == "time":
        return OUT_OF_TIME.format(timeout)
    if outcome["end"] == "exit":
        return (
            f"the script ended itself, with exit {outcome.get('message', 'status')}, before it "
            "made enough updates; arguments for it go after --"
        )
    if outcome["end"] == "full":
        return (
            "no NumPy array was replaced twice, by itself plus a change that depends on it, within "
            f"the {Limits.nodes_before:,} operations that are recorded: give it fewer samples for "
            "each update"
        )
    if "numpy" not in source:
        return "no NumPy is used to train, in it or beside it: only that can be checked"
    return (
        "no training loop was found: no NumPy array was replaced, at least twice, by itself plus "
        "a change that depends on it"
    )


def assert_backprop(
    gradients: Callable[[np.ndarray, np.ndarray, dict[str, np.ndarray]], Mapping[str, np.ndarray]],
    X: np.ndarray,
    y: np.ndarray,
    params: Mapping[str, np.ndarray],
    rounds: int = 8,
    seed: int = 0,
) -> None:
    """Check a function that computes gradients, against autograd, at random parameters.

    >>> import numpy as np
    >>> def gradients(X, y, params):
    ...     p = X @ params["W"]
    ...     return {"W": X.T @ (p - y)}
    >>> X, y = np.eye(3), np.ones((3, 1))
    >>> assert_backprop(gradients, X, y, {"W": np.zeros((3, 1))})

    Args:
        gradients: called as ``gradients(X, y, params)``; returns a mapping with a gradient for
            each name of `params`, in its shape. A class is called the same way by an instance
            with ``__call__``.
        X: inputs, an array of any shape that `gradients` takes.
        y: targets, likewise.
        params: names and arrays; only their shapes count. `gradients` is given standard normal
            numbers, float64, in these shapes.
        rounds: how many sets of random parameters.
        seed: of the random parameters.

    Raises:
        AssertionError: with the report; also if it cannot be told.

    """
    from .judging.judge import judge  # it imports torch

    rng = np.random.default_rng(seed)
    function = gradients() if isinstance(gradients, type) else gradients
    code = getattr(function, "__code__", None) or type(function).__call__.__code__
    filename = code.co_filename
    recorder = Recorder()
    for own in (filename, __file__):
        recorder.frames.add(own)
    names = list(params)
    shapes = {name: np.shape(params[name]) for name in names}
    with in_place_of_numpy(recorder, function):
        start = {n: rng.normal(0, 1, shapes[n]) for n in names}
        data, targets = recorder.enter(np.asarray(X)), recorder.enter(np.asarray(y))
        current = {n: recorder.enter(v, n) for n, v in start.items()}
        for _ in range(rounds):
            found = function(data, targets, dict(current))
            missing = [n for n in names if n not in found]
            if missing:
                raise AssertionError(f"gradients returned nothing for {', '.join(missing)}")
            for n in names:
                if np.shape(found[n]) != shapes[n]:
                    raise AssertionError(
                        f"the gradient of {n} has shape {np.shape(found[n])}, {n} has {shapes[n]}"
                    )
            current = {n: recorder.assigned(current[n] - found[n], n) for n in names}
    recorder.full = True
    with tempfile.TemporaryDirectory() as folder:
        recorder.tape.save(Path(folder), end="ran", left=False)
        tape, outcome = Tape.load(Path(folder))
    try:
        lines = Path(filename).read_text().splitlines()
    except OSError:
        lines = []
    verdict = Verdict(filename, "cannot tell", findings=judge(tape), code=Code(lines))
    _conclude(verdict, outcome, "numpy")
    if verdict.verdict != "correct":
        raise AssertionError(verdict.report())
