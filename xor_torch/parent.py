"""Ends a process when its parent ends, whatever ended the parent.

It imports nothing of ours: a process calls it before all other imports, which may take seconds on a
busy machine.
"""

import contextlib
import ctypes
import os
import select
import signal
import threading

PR_SET_PDEATHSIG = 1  # of Linux's prctl


def end_with_parent() -> None:
    """End this process as soon as its parent ends, which alone holds the other end of its input.

    Linux kills it. Elsewhere a thread sees the end of standard input, as soon as an import lets it
    run.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(OSError):  # not Windows: there select takes sockets only
        if select.select([0], [], [], 0)[0]:  # the parent has ended before we asked
            end_with_input()
    threading.Thread(target=end_with_input, daemon=True).start()


def end_with_input() -> None:
    """End this process when standard input ends: only the parent held the other end."""
    while os.read(0, 1):
        pass
    os._exit(1)
