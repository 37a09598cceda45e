"""Ctrl-C (SIGINT) and SIGTERM: which function they call, and for how long."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], object]


def listen(handler: Handler) -> None:
    """Have both signals call `handler` from now on, except those that are ignored.

    A signal is ignored under ``nohup``, or in the background of a script.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


@contextlib.contextmanager
def listening(handler: Handler) -> Iterator[Callable[[], None]]:
    """Have both signals call `handler` within the context; afterwards they do what they did before.

    Yields:
        A function that takes the signals back from a library that has claimed them since.

    """
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def claim() -> None:
        for number, earlier in before.items():
            if earlier is not signal.SIG_IGN:
                signal.signal(number, handler)

    claim()
    try:
        yield claim
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
