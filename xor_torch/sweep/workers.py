"""Start the workers of a sweep, wait for them, and say why they failed."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ..files import read_regular
from .blocks import Blocks
from .progress import Progress, Watch

# A worker imports this package from where it is, and nothing from the directory in which the
# command was started: there a file random.py would be taken for Python's. (`python -P` is newer
# than Python 3.10.) Before it imports what takes long, it sees to it that it ends with its parent;
# Ctrl-C reaches it too, and ends it without a traceback. The collector finds nothing in imports
# and makes them slower.
_START = """
import gc, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
gc.disable()
sys.path[:] = [place for place in sys.path if place]
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
spec = PathFinder.find_spec("xor_torch", [sys.argv.pop(1)])
package = sys.modules["xor_torch"] = module_from_spec(spec)
spec.loader.exec_module(package)
from xor_torch.parent import end_with_parent
end_with_parent()
from xor_torch.sweep.__main__ import main
main()
"""


def command(k: int, directory: Path) -> tuple[list[str], dict[str, str]]:
    """The words that start worker number `k` of the sweep in `directory`, and its environment."""
    root = str(Path(__file__).parents[2])
    words = [sys.executable, "-c", _START, root, str(directory)]
    return words, {**os.environ, "OMP_NUM_THREADS": "1", "LOCAL_RANK": str(k)}


def employ(
    workers: int, blocks: Blocks, progress: Callable[[Progress], None] | None = None
) -> None:
    """Have `workers` processes of one thread finish the blocks; none outlives the call.

    Raises:
        ChildProcessError: all of them have failed; the message quotes one.

    """
    watch = Watch(blocks)
    processes: list[subprocess.Popen[bytes]] = []
    next_look = 0.0
    try:
        for k in range(workers):
            with _log(blocks.directory, k).open("wb") as log:
                words, environment = command(k, blocks.directory)
                # nothing is written to the pipe: it tells the worker that its parent lives
                process = subprocess.Popen(
                    words, env=environment, stdin=subprocess.PIPE, stderr=log
                )
                processes.append(process)
        while True:
            working = any(p.poll() is None for p in processes)
            if len(blocks.finished()) == blocks.plan.blocks:  # do not wait for torch to shut down
                break
            if not working:
                raise ChildProcessError(_last_words(blocks.directory, processes))
            if progress and time.monotonic() >= next_look:  # each look takes time from the workers
                progress(watch())
                next_look = time.monotonic() + 0.5
            time.sleep(0.05)
        if progress:
            progress(watch())
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.communicate()  # closes the pipe, and waits


def compiling(directory: Path) -> tuple[float, str]:
    """The seconds until the slowest worker's epoch was compiled; why it was not, or ""."""
    reports = [(0.0, "")]
    for path in directory.glob("worker.*.json"):
        # a worker may have been killed while it wrote
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            report = json.loads(read_regular(path))
            reports.append((float(report["compile_seconds"]), str(report["note"])))
    seconds, notes = zip(*reports, strict=True)
    return max(seconds), next(filter(None, notes), "")


def cores() -> int:
    """How many processes can run at once; a container may have fewer cores than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _log(directory: Path, k: int) -> Path:
    return directory / f"worker.{k}.log"


def _last_words(directory: Path, processes: list[subprocess.Popen[bytes]]) -> str:
    """Why the workers failed: the last line of the first one that says something."""
    for k, process in enumerate(processes):
        words = _log(directory, k).read_text(errors="replace").strip()
        if process.returncode and words:
            return f"a worker failed: {words.splitlines()[-1]}"
    codes = ", ".join(str(process.returncode) for process in processes)
    return f"the workers ended without a message, with exit codes {codes}"
