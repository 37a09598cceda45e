"""``python -m xor_torch.sweep DIRECTORY``: take blocks of a sweep until all are finished."""

import gc

gc.disable()  # nothing here is made in cycles, and the imports are faster without

import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from .run import work  # noqa: E402

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches us too: no traceback
    parent = os.getppid()

    def stop_if_orphaned(_: object) -> None:
        if os.getppid() != parent:
            sys.exit("the sweep has ended")

    work(Path(sys.argv[1]), stop_if_orphaned)
