"""Measures how fast many networks are at once: the part that ``benchmark.py sweep`` runs.

Time per network and epoch on all cores, with one process of one thread for each core; JAX, if it is
installed, with as many threads as it likes. The floor is a loop that computes only twelve sigmoids,
as many as an epoch of a network has, with the same compiler and the same `exp`. Then whole
processes: 1,000 seeds for 10,000 epochs, the default, at the first use after installation and at
the next; 10,000 seeds for 10,000 epochs; 100,000 seeds for 15,000 epochs, and the cost of 10,000
more epochs (the margin), which counts in a larger sweep.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from benchmark_commands import replace_table

from xor_torch.kernel import CPP
from xor_torch.sweep.device import multiprocessors

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

# each prints a line when it is ready, waits for one, and prints seconds per network and epoch
NUMPY = """
from xor_torch import data, manual
import time
print("ready", flush=True); input()
begin = time.perf_counter()
for epoch in manual.train(*data.truth_table(), data.initial_weights(), epochs=5000):
    pass
print((time.perf_counter() - begin) / 5000)
"""

TORCH = """
import time
import numpy as np
from xor_torch.batch import train
from xor_torch.sweep import initial_weights
from xor_torch.threads import one_thread
start = initial_weights(np.arange(10_000))
with one_thread():
    train(start, 20, 0.1, compiled={compiled})
    print("ready", flush=True); input()
    begin = time.perf_counter()
    train(start, {epochs}, 0.1, compiled={compiled})
print((time.perf_counter() - begin) / {epochs} / 10_000)
"""

GPU = """
import time
import numpy as np
from xor_torch.batch import train
from xor_torch.data import Parameters
from xor_torch.sweep import initial_weights
start = Parameters(*(np.tile(p, (100, 1, 1)) for p in initial_weights(np.arange(10_000))))
train(start, 20, 0.1, compiled=True, device="cuda")
print("ready", flush=True); input()
begin = time.perf_counter()
train(start, 10_000, 0.1, compiled=True, device="cuda")
print((time.perf_counter() - begin) / 10_000 / 1_000_000)
"""

JAX = """
import time
import jax, jax.numpy as jnp, numpy as np
from xor_torch.data import truth_table
from xor_torch.sweep import initial_weights
jax.config.update("jax_enable_x64", True)
X, y = map(jnp.asarray, truth_table())
EPOCHS = 500

def error(parameters):
    W1, b1, W2, b2 = parameters
    return ((jax.nn.sigmoid(jax.nn.sigmoid(X @ W1 + b1) @ W2 + b2) - y) ** 2).sum()

def run(parameters):
    def epoch(parameters, _):
        gradient = jax.grad(error)(parameters)
        return jax.tree.map(lambda w, g: w - 0.1 * g, parameters, gradient), None
    return jax.lax.scan(epoch, parameters, None, length=EPOCHS)[0]

start = tuple(map(jnp.asarray, initial_weights(np.arange(10_000))))
run = jax.jit(jax.vmap(run))
jax.block_until_ready(run(start))
print("ready", flush=True); input()
begin = time.perf_counter()
jax.block_until_ready(run(start))
print((time.perf_counter() - begin) / EPOCHS / 10_000)
"""

FLOOR = """
import tempfile, time
from pathlib import Path
import torch
from xor_torch import kernel
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "floor.so")
    kernel.build({text!r}, kernel.CPP, path)
    run = kernel.load(path)
values = torch.randn({sigmoids}, 9_984, dtype=torch.float64)
run(values, 0.0, 20)
print("ready", flush=True); input()
begin = time.perf_counter()
run(values, 0.0, 5_000)
print((time.perf_counter() - begin) / 5_000 / 9_984)
"""
HEAD = "| Time per network and epoch | ns |"  # of the table in docs/speed.md
SIGMOIDS = 12  # of a network in an epoch: three units for each of four rows

SWEEP = "from xor_torch.sweep import sweep; sweep({seeds}, epochs={epochs})"
SEEDS, FEW, MANY = 100_000, 5_000, 15_000  # networks, and epochs of two sweeps


def floor() -> str:
    """A program that replaces numbers by their sigmoid, in the loop of our own kernels."""
    numbers = [(k, f"w{k}", f"s{k}") for k in range(SIGMOIDS)]
    sigmoid = CPP.spelling["aten.sigmoid.default"]
    lines = {
        "load": [CPP.load.format(*number) for number in numbers],
        "epoch": [CPP.line.format(new, sigmoid.format(old)) for _, old, new in numbers],
        "store": [CPP.store.format(*number) for number in numbers],
    }
    return re.sub(r"<(load|epoch|store)>", lambda found: "\n".join(lines[found[1]]), CPP.template)


def together(code: str, processes: int) -> float:
    """Nanoseconds per network and epoch of several processes that begin at the same moment."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(processes)
    ]
    for process in started:
        if process.stdout.readline().strip() != "ready":
            sys.exit(f"a peer failed to start:\n{code}")
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    each = [float(process.communicate()[0]) for process in started]
    return 1e9 / sum(1 / seconds for seconds in each)


def whole(cache: str, seeds: int, epochs: int = 10_000) -> float:
    """Seconds of a sweep as a process of its own."""
    begin = time.perf_counter()
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    code = SWEEP.format(seeds=seeds, epochs=epochs)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return time.perf_counter() - begin


def benchmark_sweep(rounds: int = 3) -> dict[str, float]:
    """Medians: nanoseconds per network and epoch ("... ns"), and seconds ("... s")."""
    peers = {
        "numpy, one network ns": (NUMPY, 1),
        "eager ns": (TORCH.format(compiled=False, epochs=200), CORES),
        "compiled ns": (TORCH.format(compiled=True, epochs=1000), CORES),
        "the floor: twelve sigmoids and nothing else ns": (
            FLOOR.format(text=floor(), sigmoids=SIGMOIDS),
            CORES,
        ),
    }
    if multiprocessors()[0]:
        peers["a GPU, 1,000,000 networks ns"] = (GPU, 1)
    if find_spec("jax"):
        peers["jax vmap(scan) ns"] = (JAX, 1)
    times = {name: [] for name in peers}
    default, small = "1,000 seeds", "10,000 seeds"
    large = f"{SEEDS:,} seeds for {MANY:,} epochs"
    for name in f"{default}, first use s", f"{default}, afterwards s", f"{small}, whole s":
        times[name] = []
    times[f"{large}, whole process ns"], times[f"{large}, at the margin ns"] = [], []
    for _ in range(rounds):
        for name, (code, processes) in peers.items():
            times[name].append(together(code, processes))
        with tempfile.TemporaryDirectory() as cache:
            times[f"{default}, first use s"].append(whole(cache, 1000))  # it compiles
            times[f"{default}, afterwards s"].append(whole(cache, 1000))
            times[f"{small}, whole s"].append(whole(cache, 10_000))
            few, many = whole(cache, SEEDS, FEW), whole(cache, SEEDS, MANY)
            times[f"{large}, whole process ns"].append(1e9 * many / SEEDS / MANY)
            times[f"{large}, at the margin ns"].append(1e9 * (many - few) / SEEDS / (MANY - FEW))
    return {name: statistics.median(values) for name, values in times.items()}


def three_digits(x: float) -> str:
    """Three significant digits, without an exponent: 39,300 and 9.21."""
    return f"{float(f'{x:.3g}'):,g}"


def report(rounds: int, as_json: bool, folder: Path) -> None:
    """Measure and print the table, or one JSON object; see also `replace_table`."""
    medians = benchmark_sweep(rounds)
    if as_json:
        print(json.dumps(medians))
        return
    names = [name for name in medians if name.endswith(" ns")]
    rows = [f"| {name.removesuffix(' ns')} | {three_digits(medians[name])} |" for name in names]
    replace_table(folder, HEAD, rows)
    print(f"{CORES} cores, medians of {rounds}")
    for name, value in medians.items():
        what, unit = name.rsplit(" ", 1)
        print(f"{what:<52}{value:12,.4g} {unit}")
