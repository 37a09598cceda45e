"""Ctrl-C and SIGTERM: who handles them, and for how long."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], object]


def handlers() -> dict[int, Any]:
    """Who handles each of the two signals now."""
    return {number: signal.getsignal(number) for number in SIGNALS}


def install(handler: Handler, before: Mapping[int, Any]) -> None:
    """Call `handler` for both signals, except for one that `before` ignores.

    A job that nohup or a shell has put into the background ignores Ctrl-C, and goes on doing so.
    """
    for number, earlier in before.items():
        if earlier is not signal.SIG_IGN:
            signal.signal(number, handler)


@contextlib.contextmanager
def handled_by(handler: Handler) -> Iterator[dict[int, Any]]:
    """Call `handler` for both signals during the context; yield the handlers from before."""
    before = handlers()
    install(handler, before)
    try:
        yield before
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
