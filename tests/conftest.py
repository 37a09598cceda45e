"""Set-up for all tests: the garbage collector does not look at what the imports have made.

While torch and Lightning are imported there is no garbage, and looking for it takes a third of the
time; later each collection would look at all their objects again. A recording has hundreds of
thousands of objects, none of them garbage: the collector looks at them rarely.
"""

import gc
import os

import pytest

LONGEST = {"test_cli", "test_kernel", "test_compare", "test_readme", "test_processes", "test_disk"}

gc.disable()
# There are more workers than cores: a second thread of torch in each would wait, and burn time.
# Tests that ask about threads set their number themselves.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two cores: a third of the time, tests wait for a process or a browser."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(2, (cores or 1) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files with the longest tests come first, so that no worker ends alone with one."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 20)
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
    """Compile kernels into `shared_programs`, where the next test finds them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_programs))
