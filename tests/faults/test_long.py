"""A million epochs: memory stays flat, and the event file small."""

import os
import statistics
from pathlib import Path

import pytest

from . import warm


def resident(pid):
    """The memory of a process in MiB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
@pytest.mark.skipif(not warm.LINUX, reason="reads /proc")
def test_a_million_epochs(tmp_path):
    here = tmp_path / "here"
    memory = []
    with warm.ended(warm.Command("train", "--epochs", 10**6, cwd=here)) as command:
        for thousand in range(50, 1000, 10):
            command.until(lambda line=f"Epoch {thousand}000,": line in command.stdout)
            memory.append(resident(command.process.pid))
        end = command.process
        end.join(600)
        assert end.exitcode == 0
    early, late = statistics.median(memory[:10]), statistics.median(memory[-10:])
    (events,) = warm.the_run(here).glob("events.*")
    size = events.stat().st_size / 2**20
    print(
        f"\n{early:.1f} MiB after 100,000 epochs, {late:.1f} MiB after 950,000; events {size:.1f}"
    )
    assert late - early < 2
    assert size < 10
    assert len(warm.curves(warm.the_run(here))["loss/mse"]) == 2626
