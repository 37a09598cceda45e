"""Measures how costs grow: ``benchmark.py growth --folder docs`` also fits and draws plots.

A cost is in processor seconds. The curve ``a + b n^k`` is fitted to its points: a is the part that
does not grow, and k says how fast the rest grows; 1 is linear.
"""

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from benchmark_commands import SCRIPT, cost

EPOCHS = 300  # of a network, where epochs are not what grows


def epochs_of_train(epochs: int = EPOCHS, bits: int = 2, hidden: int = 2) -> float:
    """Training through Lightning, with curves and without pictures; without the imports."""
    from xor_torch import XORModule, fit

    with tempfile.TemporaryDirectory() as home:
        module = XORModule(42, hidden, bits, lr=1e-6)  # so small that no size diverges
        begin = time.process_time()
        fit(module, epochs, home, views="scalars")
        return time.process_time() - begin


def rows_of_table(rows: int) -> float:
    """Training with a truth table of this many rows."""
    return epochs_of_train(bits=rows.bit_length() - 1)


def hidden_units(hidden: int) -> float:
    """Training with a hidden layer of this many units, and a table of 256 rows."""
    return epochs_of_train(bits=8, hidden=hidden)


def files_in_folder(files: int) -> float:
    """``compare FOLDER`` of this many scripts, each a little different."""
    with tempfile.TemporaryDirectory() as home:
        for k in range(files):
            Path(home, f"script{k}.py").write_text(f"# {k}\n{SCRIPT.read_text()}")
        return cost(["-m", "xor_torch", "compare", home], home).processors


DEEP = """
import numpy as np
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
y = np.array([[0], [1], [1], [0.0]])
draw = np.random.RandomState(0).randn
Ws = [draw(2, 2) for _ in range({layers})] + [draw(2, 1)]
for epoch in range(20):
    values = [X]
    for W in Ws:
        values.append(1 / (1 + np.exp(-values[-1] @ W)))
    delta = 2 * (values[-1] - y)
    gradients = []
    for W, a, before in zip(Ws[::-1], values[:0:-1], values[-2::-1]):
        delta = delta * a * (1 - a)
        gradients.insert(0, before.T @ delta)
        delta = delta @ W.T
    Ws = [W - 0.1 * gradient for W, gradient in zip(Ws, gradients)]
"""


def operations_of_script(operations: int) -> float:
    """``compare FILE`` of a network with this many operations in an epoch, in layers of 18."""
    with tempfile.TemporaryDirectory() as home:
        Path(home, "deep.py").write_text(DEEP.format(layers=operations // 18 - 1))
        return cost(["-m", "xor_torch", "compare", "deep.py", "--tolerant"], home).processors


class Growth(NamedTuple):
    """What grows: its name in the plot, how it is measured, and at which sizes."""

    what: str
    measure: Callable[[int], float]
    sizes: list[int]


GROWTHS = {
    "rows": Growth("rows of the truth table", rows_of_table, [2**k for k in range(2, 16)]),
    "hidden": Growth("hidden units (256 rows)", hidden_units, [2**k for k in range(1, 11)]),
    "epochs": Growth("epochs", epochs_of_train, [1000 * 2**k for k in range(6)]),
    "files": Growth("scripts in a folder", files_in_folder, [1, 2, 4, 8, 16, 32]),
    "operations": Growth(
        "operations in an epoch of a script", operations_of_script, [18 * 2**k for k in range(1, 6)]
    ),
}


def fitted(sizes: list[int], seconds: list[float]) -> tuple[float, float, float]:
    """The a, b and k of ``a + b n^k`` with the least squares of relative errors."""
    n, t = np.array(sizes, dtype=float), np.array(seconds)
    best = (np.inf, 0.0, 0.0, 1.0)
    for k in np.arange(0.1, 3.001, 0.05):
        columns = np.stack([1 / t, n**k / t], axis=1)
        (a, b), *_ = np.linalg.lstsq(columns, np.ones_like(t), rcond=None)
        if a < 0:  # no cost is negative
            a, b = 0.0, (n**k / t).sum() / ((n**k / t) ** 2).sum()
        error = float(((a + b * n**k) / t - 1) @ ((a + b * n**k) / t - 1))
        if error < best[0]:
            best = error, float(a), float(b), float(k)
    return best[1:]


def draw(path: Path, growth: Growth, seconds: list[float], fit: tuple[float, float, float]) -> None:
    """One plot on logarithmic axes: the points and the fit."""
    import matplotlib

    matplotlib.rcParams["svg.hashsalt"] = "the same file each time"
    from matplotlib.figure import Figure

    a, b, k = fit
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    n = np.geomspace(growth.sizes[0], growth.sizes[-1])
    axes.loglog(n, a + b * n**k, color="0.6", label=in_words(fit))
    axes.loglog(growth.sizes, seconds, "o", color="C0")
    axes.set(xlabel=f"n, {growth.what}", ylabel="seconds of processors")
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def in_words(fit: tuple[float, float, float]) -> str:
    """A fit as docs/speed.md has it."""
    a, b, k = fit
    return f"{a:.2g} s + {b:.2g} s n^{k:.2f}"


def replace_fit(folder: Path, name: str, fit: tuple[float, float, float]) -> None:
    """Put a fit above its plot in ``speed.md`` of `folder`; do nothing without a page."""
    page = folder / "speed.md"
    if page.is_file():
        text = page.read_text(encoding="utf-8")
        begin, plot, rest = text.partition(f"](growth-{name}.svg)")
        assert plot, f"{page} has no growth-{name}.svg"
        *before, last = re.split(r"(?m)^(?=### )", begin)
        last, found = re.subn(r"(?m)^`[^`]* n\^[\d.]+`", f"`{in_words(fit)}`", last)
        assert found == 1, f"{page} has no fit above growth-{name}.svg"
        page.write_text("".join([*before, last, plot, rest]), encoding="utf-8")


def report(runs: int, as_json: bool, folder: Path, names: list[str]) -> None:
    """Measure, draw ``growth-NAME.svg`` into `folder`, and print the fits; see `replace_fit`."""
    result = {}
    epochs_of_train(10)  # the first use imports modules
    for name in names or GROWTHS:
        growth = GROWTHS[name]
        # the smallest of several: other programs only add time
        seconds = [min(growth.measure(n) for _ in range(runs)) for n in growth.sizes]
        fit = fitted(growth.sizes, seconds)
        draw(folder / f"growth-{name}.svg", growth, seconds, fit)
        replace_fit(folder, name, fit)
        points = dict(zip(growth.sizes, seconds, strict=True))
        result[name] = {"seconds": points, **dict(zip("abk", fit, strict=True))}
        if not as_json:
            print(f"{growth.what}: {in_words(fit)}")
            sys.stdout.flush()
    if as_json:
        print(json.dumps(result, indent=2))
