"""Keeps a script within its limits, and ends every process that the script has started.

On Linux a supervisor process stands between the checker and the script. Processes that lose their
parent become its children (PR_SET_CHILD_SUBREAPER), so it also finds daemons. When the process
that started it dies, it ends them all (PR_SET_PDEATHSIG); when it dies itself, the script does.
A script that tries to escape can do so: only a container would hold it.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
# Memory above the script's limit, so that its recording can still be saved.
SPARE_BYTES = 2**30
TIME_IS_OVER = 3  # exit code of a supervisor that has stopped the script
CLEANUP_SECONDS = 2.0  # to end what the script has started


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def end_with_parent() -> None:
    """Let the system kill this process when the thread that started it ends (Linux only)."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def supervise(seconds: float) -> None:
    """Return in a new process, which is the script's; this one waits for it and never returns.

    After `seconds`, or when the script's process has ended, all that it has started is killed.
    On other systems than Linux it does nothing.
    """
    if sys.platform != "linux":
        return
    end = time.monotonic() + seconds

    def leave(*_: object, code: int = TIME_IS_OVER) -> NoReturn:
        _kill_children()
        os._exit(code)

    # The checker sends SIGTERM, and so does the system when the checker has died.
    signal.signal(signal.SIGTERM, leave)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    supervisor = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    with warnings.catch_warnings():
        # Python 3.12 warns because NumPy's BLAS has threads; it is made to be forked.
        warnings.simplefilter("ignore", DeprecationWarning)
        script = os.fork()
    if script == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        end_with_parent()
        if os.getppid() != supervisor:
            os._exit(1)
        return
    while not (ended := script in _reap()) and (left := end - time.monotonic()) > 0:
        signal.sigtimedwait({signal.SIGCHLD}, left)
    leave(code=0 if ended else TIME_IS_OVER)


def _reap() -> list[int]:
    """The children that have ended."""
    ended = []
    with contextlib.suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) > 0:
            ended.append(pid)
    return ended


def _kill_children() -> None:
    """Kill all children, and theirs, which become ours when their parent has died."""
    end = time.monotonic() + CLEANUP_SECONDS
    while (children := _children()) and time.monotonic() < end:
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            # pid (name) state ppid: a name may hold spaces and brackets
            parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            if int(parent) == os.getpid():
                found.append(int(folder.name))
    return found


def limit_memory(limit: int) -> None:
    """Limit the bytes of data of this process and of each that it starts; see `spare_memory`."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = limit + SPARE_BYTES
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (min(limit, most), most))


@contextlib.contextmanager
def spare_memory() -> Iterator[None]:
    """Let this process use `SPARE_BYTES` more while it saves."""
    if sys.platform == "win32":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
