"""Measures how long each command makes a user wait, and its memory: ``benchmark.py commands``.

Whole processes, side by side, medians: seconds on the clock, processor seconds including those of
child processes, and the largest memory of one process. A bar is the limit for a row: a number of
seconds plus a multiple of an import's time in the same run, so that it moves with the machine. On a
busy machine, processor seconds say more than the clock.
"""

import json
import os
import re
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
FLOOR = "importing what `train` imports, 10,000 bare epochs"
HEAD = "| | seconds | of processors | bar | memory |"  # of the table in docs/speed.md
SHORT = {TORCH: "torch", LIGHTNING: "Lightning"}
RUN, PYTHON_FILE = "{run}", "{python}"  # a run directory and a script, made before

# The least that `train` has to do: its imports, without looking for garbage, and the epochs in
# plain torch, without a curve, a picture or a checkpoint.
BARE = """
import gc
gc.disable()
from xor_torch.cli.postponed import postpone
postpone()
import lightning.pytorch, torch, torch.utils.tensorboard
from xor_torch import XOR, squared_error, truth_table
gc.freeze(); gc.enable()
torch.set_num_threads(1)
X, y = map(torch.from_numpy, truth_table())
net = XOR()
weights = [*net.parameters()]
values = [w.detach() for w in weights]
for epoch in range(10_000):
    loss = squared_error(net(X), y)
    for value, gradient in zip(values, torch.autograd.grad(loss, weights)):
        value.add_(gradient, alpha=-0.1)
"""

PYTHON = """
import math, random

def sigmoid(x):
    return 1 / (1 + math.exp(-x))

random.seed(3)
rows = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]
W1 = [[random.uniform(-1, 1) for _ in range(2)] for _ in range(3)]
b1 = [0.0, 0.0, 0.0]
W2 = [random.uniform(-1, 1) for _ in range(3)]
b2 = 0.0
for epoch in range(500):
    for x, y in rows:
        h = [sigmoid(W1[j][0] * x[0] + W1[j][1] * x[1] + b1[j]) for j in range(3)]
        p = sigmoid(sum(W2[j] * h[j] for j in range(3)) + b2)
        d = (p - y) * p * (1 - p)
        e = [d * W2[j] * h[j] * (1 - h[j]) for j in range(3)]
        for j in range(3):
            W2[j] -= 0.5 * d * h[j]
            for i in range(2):
                W1[j][i] -= 0.5 * e[j] * x[i]
            b1[j] -= 0.5 * e[j]
        b2 -= 0.5 * d
"""


# the loop that everybody types
RAW = """
import torch
from xor_torch import XOR, squared_error, truth_table
X, y = map(torch.from_numpy, truth_table())
net = XOR()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(10_000):
    loss = squared_error(net(X), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


class Row(NamedTuple):
    """A process, and how long it may take: seconds and times an import."""

    words: list[str]
    times: float = 0.0
    of: str = TORCH
    seconds: float = 0.0
    first: bool = False  # only up to its first word on a terminal
    new: bool = False  # as after installation, with no program compiled yet


def ours(*words: str, times: float = 0.0, of: str = TORCH, seconds: float = 0.0) -> Row:
    """One of our commands."""
    return Row(["-m", "xor_torch", *words], times, of, seconds)


ROWS = {
    TORCH: Row(["-c", "import torch"]),
    LIGHTNING: Row(["-c", "import lightning.pytorch, torch.utils.tensorboard"]),
    FLOOR: Row(["-c", BARE]),
    "a raw torch loop, 10,000 epochs": Row(["-c", RAW]),
    "`train`": ours("train", times=1.1, of=LIGHTNING),
    "`compare FILE`": ours("compare", str(SCRIPT), seconds=2),
    "`compare FILE`, first word": Row(
        ["-m", "xor_torch", "compare", str(SCRIPT)], seconds=0.5, first=True
    ),
    "`compare FILE`, XOR in pure Python, 500 epochs": ours("compare", PYTHON_FILE, seconds=5),
    "`compare`": ours("compare", times=1.2, seconds=2),
    "`explain`": ours("explain", seconds=5),
    "`predict`": ours("predict", RUN, "0", "1", times=1.2),
    "`export`": ours("export", RUN, "weights.npz", times=1.2),
    "`sweep`, 1000 seeds": ours("sweep", seconds=3),
    "`sweep`, 1000 seeds, the first, which compiles": Row(
        ["-m", "xor_torch", "sweep"], seconds=8, new=True
    ),
    **{
        f"`{name} --help`": ours(name, "--help", seconds=0.2)
        for name in ("train", "compare", "sweep", "explain", "predict", "export", "play")
    },
}


class Cost(NamedTuple):
    """What one process took."""

    clock: float  # seconds
    processors: float  # seconds, with those of children that have ended
    memory: float  # MB


def cost(words: list[str], cwd: str, new: bool = False) -> Cost:
    """A whole process, from start to exit; a `new` one finds nothing that was compiled before."""
    begin = time.perf_counter()
    silent = subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=cwd,
        stdout=silent,
        stderr=silent,
        env={**os.environ, "XDG_CACHE_HOME": cwd} if new else None,
    )
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


def replace_table(folder: Path, head: str, rows: list[str]) -> None:
    """Put `rows` below the `head` of a table in ``folder/speed.md``; do nothing without a page."""
    page = folder / "speed.md"
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        table = re.compile(rf"(^{re.escape(head)}\n\|[-|]+\|\n)(?:\|.*\n)*", re.MULTILINE)
        text, found = table.subn(lambda match: match[1] + "".join(f"{row}\n" for row in rows), text)
        assert found == 1, f"{page} has no table with the head {head}"
        page.write_text(text, encoding="utf-8")


def _bar(row: Row, bar: float) -> str:
    """A bar in words, and in seconds if it is a multiple of an import."""
    parts = [f"{row.times:g} x {SHORT[row.of]}"] if row.times else []
    parts += [f"{row.seconds:g}"] if row.seconds else []
    return " + ".join(parts) + (f": {bar:.1f}" if row.times else "")


def rows_of_table(result: dict[str, dict]) -> list[str]:
    """The lines of the table in docs/speed.md."""
    lines = [
        f"| {name} | {values['clock']:.2g} | {values['processors']:.2g} "
        f"| {_bar(ROWS[name], values['bar'] or 0)} | {values['memory']:.0f} MB |"
        for name, values in result.items()
        if "--help" not in name
    ]
    helps = [values for name, values in result.items() if "--help" in name]
    clock, processors = (
        f"{min(v[key] for v in helps):.2g} to {max(v[key] for v in helps):.2g}"
        for key in ("clock", "processors")
    )
    memory = max(values["memory"] for values in helps)
    return [*lines, f"| `--help` of any command | {clock} | {processors} | 0.2 | {memory:.0f} MB |"]


def report(runs: int, as_json: bool, folder: Path) -> None:
    """Measure and print the table, or one JSON object; see also `replace_table`."""
    costs: dict[str, list[Cost]] = {name: [] for name in ROWS}
    with tempfile.TemporaryDirectory() as home:
        cost(["-m", "xor_torch", "train", "--log-dir", "runs", "--epochs", "1000"], home)
        cost(["-m", "xor_torch", "sweep", "--epochs", "10000"], home)  # it compiles, once
        Path(home, "python.py").write_text(PYTHON)
        for _ in range(runs):
            for name, row in ROWS.items():
                there = {RUN: f"{home}/runs", PYTHON_FILE: f"{home}/python.py"}
                words = [there.get(word, word) for word in row.words]
                with tempfile.TemporaryDirectory() as cwd:
                    costs[name].append(
                        first_word(words, cwd) if row.first else cost(words, cwd, row.new)
                    )
    medians = {name: Cost(*map(statistics.median, zip(*costs[name], strict=True))) for name in ROWS}
    result = {}
    for name, row in ROWS.items():
        bar = row.times * medians[row.of].processors + row.seconds
        result[name] = {**medians[name]._asdict(), "bar": bar or None}
    if as_json:
        print(json.dumps({"runs": runs, "rows": result}, indent=2))
        return
    replace_table(folder, HEAD, rows_of_table(result))
    print(f"medians of {runs}; a bar is for a quiet machine")
    print(f"{'':<57}{'clock':>8}{'processors':>12}{'bar':>8}{'memory':>10}")
    for name, values in result.items():
        bar = f"{values['bar']:.2f}" if values["bar"] else ""
        print(
            f"{name:<57}{values['clock']:>6.2f} s{values['processors']:>10.2f} s"
            f"{bar:>8}{values['memory']:>7.0f} MB"
        )
