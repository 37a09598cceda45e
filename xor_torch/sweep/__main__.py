"""A worker: a process that takes blocks of a sweep until all are finished."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from pathlib import Path

from .blocks import Blocks
from .plan import read_plan

PR_SET_PDEATHSIG = 1  # of Linux's prctl


def main() -> None:
    """Work in the directory ``argv[1]``; standard input is a pipe that the parent keeps open."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches us too: end without a traceback
    end_with_parent()
    from .work import work  # torch takes seconds, and the parent may end in them

    directory = Path(sys.argv[1])
    work(Blocks(directory, read_plan(directory)))


def end_with_parent() -> None:
    """End this process as soon as its parent ends, however that ends."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # not Linux
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # elsewhere, and where the parent has ended before we could ask
    threading.Thread(target=end_with_input, daemon=True).start()


def end_with_input() -> None:
    """End this process when standard input ends: its other end was the parent's alone."""
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
