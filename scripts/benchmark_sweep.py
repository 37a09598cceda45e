"""How fast are many networks at once? The part of benchmark.py that ``benchmark.py sweep`` runs.

Time per network and epoch on all cores, as one process of one thread per core; JAX, if it can be
imported, with as many threads as it likes. Then whole processes, of 10,000 epochs: 1,000 seeds,
the default, at the first use after installation and at the next; 10,000 and 100,000 seeds.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec

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

SWEEP = "from xor_torch.sweep import sweep; sweep({seeds})"


def together(code: str, processes: int) -> float:
    """Nanoseconds per network and epoch of so many processes that begin at the same moment."""
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


def whole(cache: str, seeds: int) -> float:
    """Seconds of a sweep as a process of its own."""
    begin = time.perf_counter()
    environment = {**os.environ, "XDG_CACHE_HOME": cache}
    subprocess.run([sys.executable, "-c", SWEEP.format(seeds=seeds)], check=True, env=environment)
    return time.perf_counter() - begin


def benchmark_sweep(rounds: int = 3) -> dict[str, float]:
    """Medians: nanoseconds per network and epoch ("... ns"), and seconds ("... s")."""
    peers = {
        "numpy, one network ns": (NUMPY, 1),
        "eager ns": (TORCH.format(compiled=False, epochs=200), CORES),
        "compiled ns": (TORCH.format(compiled=True, epochs=1000), CORES),
    }
    if multiprocessors()[0]:
        peers["a GPU, 1,000,000 networks ns"] = (GPU, 1)
    if find_spec("jax"):
        peers["jax vmap(scan) ns"] = (JAX, 1)
    times = {name: [] for name in peers}
    default, small, large = "1,000 seeds", "10,000 seeds", "100,000 seeds"
    for name in f"{default}, first use s", f"{default}, afterwards s", f"{small}, whole s":
        times[name] = []
    times[f"{large}, whole ns"] = []
    for _ in range(rounds):
        for name, (code, processes) in peers.items():
            times[name].append(together(code, processes))
        with tempfile.TemporaryDirectory() as cache:
            times[f"{default}, first use s"].append(whole(cache, 1000))  # it compiles
            times[f"{default}, afterwards s"].append(whole(cache, 1000))
            times[f"{small}, whole s"].append(whole(cache, 10_000))
            times[f"{large}, whole ns"].append(whole(cache, 100_000))  # x 1e9 / (1e5 * 1e4)
    return {name: statistics.median(values) for name, values in times.items()}


def report(rounds: int, as_json: bool) -> None:
    """Measure and print the table, or one JSON object."""
    medians = benchmark_sweep(rounds)
    if as_json:
        print(json.dumps(medians))
        return
    print(f"{CORES} cores, medians of {rounds}")
    for name, value in medians.items():
        what, unit = name.rsplit(" ", 1)
        print(f"{what:<32}{value:12,.4g} {unit}")
