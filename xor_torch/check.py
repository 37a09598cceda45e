"""Is the backprop of a hand-written NumPy script right? Runs it, judges it, says it in words.

The file is EXECUTED, unmodified, in a child process: with closed standard input, a time limit and
a plotting backend that opens no window. `assert_backprop` does the same job for one function in
a test.
"""

import ast
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .judge import Finding, judge
from .source import read_source
from .tape import Tape

EXIT_CODES = {"correct": 0, "wrong": 1, "cannot tell": 2}
MAX_BYTES = 20_000_000
OUT_OF_TIME = (
    "the script was still running after {:g} seconds, without enough updates; give it more with "
    "--timeout"
)
FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "mxnet", "theano", "chainer", "paddle")


@dataclass
class Verdict:
    """The outcome for one file."""

    path: str
    verdict: str  #: "correct", "wrong" or "cannot tell"
    reason: str | None = None  #: when it cannot tell
    findings: list[Finding] = field(default_factory=list)
    traceback: str | None = None  #: the script's own, if it crashed
    source: list[str] = field(default_factory=list)
    places: list[tuple[int, int]] | None = None  #: of a notebook: the (cell, line) of each line
    strict: bool = False

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def decisive(self) -> Finding | None:
        """The finding that the verdict rests on."""
        same = [f for f in self.findings if f.verdict == self.verdict]
        return next(iter(same or self.findings), None)

    def to_json(self) -> dict[str, object]:
        """A JSON object; `line` counts from 1 in the file, in a notebook in its `cell`.

        `shape` is that of the wrong value. `actual`, `expected` and `ratio` are of its worst
        element, or of that of a spoilt parameter's step, as `value` and `index` say; they are
        null where it is not determined what the value should be.
        """
        finding = self.decisive
        d = finding.diagnosis if finding else None
        cell, line = self._place(d.line) if d else (None, None)
        return {
            "verdict": self.verdict,
            "line": line,
            "cell": cell,
            "variable": d.variable if d else None,
            "mistake": d.mistake if d else None,
            "shape": list(d.shape) if d else None,
            "value": (d.of or None) if d else None,
            "index": list(d.index) if d and d.of else None,
            "actual": d.actual if d else None,
            "expected": d.expected if d else None,
            "ratio": d.ratio if d else None,
            "reason": self.reason,
            "loss": finding.loss if finding else None,
            "lr": finding.lr if finding else None,
            "updates": finding.updates if finding else None,
            "warnings": [w for f in self.findings for w in f.warnings],
            "notes": [n for f in self.findings for n in f.notes],
            "layers": [layer for f in self.findings for layer in f.layers],
            "parameters": [
                {
                    "name": p["name"],
                    "line": self._place(p["line"])[1],
                    "largest_relative_difference": p["difference"],
                }
                for f in self.findings
                for p in f.parameters
            ],
        }

    def _place(self, line: int) -> tuple[int | None, int]:
        return self.places[line - 1] if self.places and line else (None, line)

    def _where(self, line: int) -> str:
        cell, at = self._place(line)
        return f"line {at}" if cell is None else f"cell {cell}, line {at}"

    def report(self) -> str:
        """The text for a reader."""
        lines = []
        for number, f in enumerate(self.findings, 1):
            if len(self.findings) > 1:
                lines.append(f"Network {number} of {len(self.findings)}")
            lines += self._network(f)
        if self.traceback:
            lines.append(self.traceback.rstrip())
        lines.append(self._verdict_line())
        return "\n".join(lines)

    def _network(self, f: Finding) -> list[str]:
        lines = [f"  {layer}" for layer in f.layers]
        for p in f.parameters:
            difference = p["difference"]
            off = "" if difference is None else f", largest relative difference {difference:.1e}"
            if p["ok"]:
                state = "ok"
            elif difference is not None and difference < 1e-6:
                state = "follows another multiple of the gradient"
            else:
                state = "does not follow the gradient"
            lines.append(
                f"  {p['name']} {p['shape']}: updated on {self._where(p['line'])}{off}, {state}"
            )
        if f.updates:
            lines.append(f"  updates: {f.updates}")
        if f.loss:
            rate = "" if f.lr is None else f", lr {f.lr:.6g}"
            lines.append(f"  loss that the steps follow: {f.loss}{rate}")
        lines += [f"  note: {n}" for n in f.notes]
        lines += [f"  WARNING: {w}" for w in f.warnings]
        if f.diagnosis:
            d = f.diagnosis
            lines.append(f"  first wrong value: {d.variable} {d.shape} on {self._where(d.line)}")
            if d.actual is not None and d.expected is not None:
                ratio = "" if d.ratio is None else f", ratio {d.ratio:.6g}"
                lines.append(
                    f"  {d.of} {list(d.index)}: actual {d.actual:.6g}, "
                    f"expected {d.expected:.6g}{ratio}"
                )
            lines.append(
                f"  mistake: {d.mistake or 'none of the known ones'}; spoils {', '.join(d.spoils)}"
            )
        if f.verdict == "cannot tell":
            lines.append(f"  cannot tell: {f.reason}")
        lines += self._listing(f)
        return lines

    def _listing(self, f: Finding) -> list[str]:
        first, last = self._loop(f.labels) or f.lines
        if not last or last - first > 150:
            numbers = sorted(f.labels)
        else:
            numbers = list(range(first, last + 1))
        lines = []
        for n in numbers:
            if not 0 < n <= len(self.source):
                continue
            labels = f.labels.get(n, [])
            words = ", ".join(name if not ok else f"{name} ok" for name, ok in labels[-3:])
            line = f"  {self._place(n)[1]:>5} | {self.source[n - 1]:<70}"
            lines.append(f"{line}  # {words}" if words else line.rstrip())
        return lines

    def _loop(self, labels: Collection[int]) -> tuple[int, int] | None:
        """The lines of the innermost loop or function that all the labelled lines are in."""
        with contextlib.suppress(SyntaxError):  # a notebook's magics
            around = [
                (node.lineno, node.end_lineno or node.lineno)
                for node in ast.walk(ast.parse("\n".join(self.source)))
                if isinstance(node, ast.For | ast.While | ast.FunctionDef)
            ]
            whole = [(a, b) for a, b in around if labels and all(a <= n <= b for n in labels)]
            return max(whole, default=None)
        return None

    def _verdict_line(self) -> str:
        if self.verdict == "correct":
            return f"CORRECT: {self.path}: every update follows the gradient of the loss"
        if self.verdict == "wrong":
            d = self.decisive.diagnosis if self.decisive else None
            if d is None:
                return f"WRONG: {self.path}: {self.reason}"
            what = d.mistake or "not the derivative"
            return f"WRONG: {self.path}, {self._where(d.line)}: {d.variable}: {what}"
        return f"CANNOT TELL: {self.path}: {self.reason}"


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
        where = Verdict(str(path), "cannot tell", places=places)._where(e.lineno or 0)
        return Verdict(str(path), "cannot tell", f"syntax error on {where}: {e.msg}")
    verdict = Verdict(
        str(path), "cannot tell", source=source.splitlines(), places=places, strict=strict
    )
    if not source.strip():
        verdict.reason = "the file is empty"
        return verdict
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "xor_torch.record", str(path), folder, str(timeout), *args]
        home = str(Path(__file__).resolve().parent.parent)
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
    verdict.findings = judge(tape)
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
        return f"the script crashed with {outcome['error']} before it made enough updates"
    if outcome["end"] == "time":
        return OUT_OF_TIME.format(timeout)
    if outcome["end"] == "exit":
        return (
            f"the script ended itself, with exit {outcome.get('message', 'status')}, before it "
            "made enough updates; arguments for it go after --"
        )
    if "numpy" not in source:
        return "the script does not use NumPy: only hand-written NumPy can be checked"
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
    from .record import Recorder

    rng = np.random.default_rng(seed)
    function = gradients() if isinstance(gradients, type) else gradients
    code = getattr(function, "__code__", None) or type(function).__call__.__code__
    filename = code.co_filename
    recorder = Recorder()
    recorder.files = {filename: {}, __file__: {}}
    names = list(params)
    shapes = {name: np.shape(params[name]) for name in names}
    with recorder.in_place_of_numpy(function):
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
            current = {n: recorder.note(current[n] - found[n], n) for n in names}
    recorder.full = True
    with tempfile.TemporaryDirectory() as folder:
        recorder.tape.save(Path(folder), end="ran", left=False)
        tape, outcome = Tape.load(Path(folder))
    try:
        lines = Path(filename).read_text().splitlines()
    except OSError:
        lines = []
    verdict = Verdict(filename, "cannot tell", findings=judge(tape), source=lines)
    _conclude(verdict, outcome, "numpy")
    if verdict.verdict != "correct":
        raise AssertionError(verdict.report())
