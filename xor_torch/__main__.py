"""The process ``xor-torch``: what Ctrl-C and SIGTERM do before there is anything to save."""

import os
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from . import signals, streams


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run ``xor-torch`` with `argv`, by default the process's own, and exit with its code."""
    signals.listen(_leave)
    streams.settle()
    from .cli import main as run

    sys.exit(run(argv))


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    # Not by an exception: raised within an import it can be lost, or turn into another one.
    os.write(2, b"\nInterrupted before it began; the same command starts it.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
