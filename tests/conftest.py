"""What holds for all tests: the collector leaves alone what the imports have made.

Collecting garbage finds none while torch and Lightning are imported, and takes a third of the time;
and in the tests each collection would look at all that they have made again. A recording is some
hundred thousand objects, none of which is garbage: it is looked through rarely.
"""

import gc
import os

import pytest

gc.disable()
# There are more workers than cores: a second thread of torch in each waits for the first, busily.
# Tests that ask about threads set their number themselves.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two cores: a third of the time, tests wait for a process or a browser."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(2, (cores or 1) * 3 // 2)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session")
def shared_programs(tmp_path_factory):
    """A directory of compiled programs for all tests and all workers: compiling takes seconds."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "programs"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def compiled_once(monkeypatch, shared_programs):
    """Kernels are compiled into `shared_programs`, and found there by the next test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_programs))
