"""Helpers of several test files: call the commands, read what a run has written."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from xor_torch import cli
from xor_torch.lit import runs

ROOT = Path(__file__).parents[1]
NOTEBOOK = (ROOT / "tests/notebook_output.txt").read_text()

PATIENCE = 120  # seconds to wait for something that must come, however busy the machine is


@contextlib.contextmanager
def patience():
    """Fail if the body takes longer than `PATIENCE`."""

    def miss(number, frame):
        raise AssertionError(f"it did not end within {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, miss)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run_cli(*arguments):
    """The exit code of ``xor-torch ARGUMENTS``, in this process."""
    return cli.main([str(a) for a in arguments])


def script(name, *arguments, cwd, **options):
    """Run ``python scripts/NAME.py ARGUMENTS`` in a process of its own, to its end.

    One that hangs fails its test after ten minutes, however busy the machine is.
    """
    options.setdefault("timeout", 600)
    command = [sys.executable, ROOT / "scripts" / f"{name}.py", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, **options)


def events(run_dir):
    """The content of a run's event file."""
    keep_all = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0}
    where = str(runs.events_dir(run_dir))
    return EventAccumulator(where, size_guidance=keep_all).Reload()
