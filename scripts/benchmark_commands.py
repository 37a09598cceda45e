"""What each command makes a user wait, and its memory: ``benchmark.py commands``.

Whole processes, side by side, medians: seconds on the clock, seconds of processors with those of
child processes, and the largest memory of one process. A bar is a sum of seconds and of imports
that are measured in the same run, so that it moves with the machine. On a busy machine the seconds
of processors say more than the clock.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import resource  # not on Windows

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parent / "tests" / "backprop" / "homework" / "networks" / "plain.py"
TORCH, LIGHTNING = "importing torch", "importing Lightning and TensorBoard"
RUN = "{run}"  # a run directory, made before


class Row(NamedTuple):
    """A process, and how long it may take: seconds and times an import."""

    words: list[str]
    times: float = 0.0
    of: str = TORCH
    seconds: float = 0.0
    first: bool = False  # only up to its first word on a terminal


def ours(*words: str, times: float = 0.0, of: str = TORCH, seconds: float = 0.0) -> Row:
    """One of our commands."""
    return Row(["-m", "xor_torch", *words], times, of, seconds)


ROWS = {
    TORCH: Row(["-c", "import torch"]),
    LIGHTNING: Row(["-c", "import lightning.pytorch, torch.utils.tensorboard"]),
    "train": ours("train", times=1.1, of=LIGHTNING),
    "compare FILE": ours("compare", str(SCRIPT), seconds=2),
    "compare FILE, first word": Row(
        ["-m", "xor_torch", "compare", str(SCRIPT)], seconds=0.5, first=True
    ),
    "compare": ours("compare", times=1.2, seconds=2),
    "explain": ours("explain", seconds=5),
    "predict": ours("predict", RUN, "0", "1", times=1.2),
    "export": ours("export", RUN, "weights.npz", times=1.2),
    "sweep, 1000 seeds": ours("sweep", seconds=3),
    "train --help": ours("train", "--help", seconds=0.2),
}


class Cost(NamedTuple):
    """What one process took."""

    clock: float  # seconds
    processors: float  # seconds, with those of children that have ended
    memory: float  # MB


def cost(words: list[str], cwd: str) -> Cost:
    """A whole process, from start to exit."""
    begin = time.perf_counter()
    silent = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, *words], cwd=cwd, stdout=silent, stderr=silent)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(words)} ended with {process.returncode}")
    return _cost(time.perf_counter() - begin, used)


def first_word(words: list[str], cwd: str) -> Cost:
    """A process on a terminal, up to the first character that it writes."""
    import pty  # not on Windows

    begin = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execv(sys.executable, [sys.executable, *words])
    os.read(terminal, 1)
    clock = time.perf_counter() - begin
    os.kill(pid, 9)
    _, _, used = os.wait4(pid, 0)
    os.close(terminal)
    return _cost(clock, used)


def _cost(clock: float, used: "resource.struct_rusage") -> Cost:
    megabytes = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Cost(clock, used.ru_utime + used.ru_stime, megabytes)


def report(runs: int, as_json: bool) -> None:
    """Measure and print the table, or one JSON object."""
    costs: dict[str, list[Cost]] = {name: [] for name in ROWS}
    with tempfile.TemporaryDirectory() as home:
        cost(["-m", "xor_torch", "train", "--log-dir", "runs", "--epochs", "1000"], home)
        cost(["-m", "xor_torch", "sweep", "--epochs", "10000"], home)  # it compiles, once
        for _ in range(runs):
            for name, row in ROWS.items():
                words = [f"{home}/runs" if word == RUN else word for word in row.words]
                with tempfile.TemporaryDirectory() as cwd:
                    costs[name].append((first_word if row.first else cost)(words, cwd))
    medians = {name: Cost(*map(statistics.median, zip(*costs[name], strict=True))) for name in ROWS}
    result = {}
    for name, row in ROWS.items():
        bar = row.times * medians[row.of].processors + row.seconds
        result[name] = {**medians[name]._asdict(), "bar": bar or None}
    if as_json:
        print(json.dumps({"runs": runs, "rows": result}, indent=2))
        return
    print(f"medians of {runs}; a bar is for a quiet machine")
    print(f"{'':<38}{'clock':>8}{'processors':>12}{'bar':>8}{'memory':>10}")
    for name, values in result.items():
        bar = f"{values['bar']:.2f}" if values["bar"] else ""
        print(
            f"{name:<38}{values['clock']:>6.2f} s{values['processors']:>10.2f} s"
            f"{bar:>8}{values['memory']:>7.0f} MB"
        )
