"""How far a sweep is: counted from the directory of its blocks, and shown as a bar."""

import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice, repeat
from typing import Any, NamedTuple, TextIO

from .. import manual
from ..data import initial_weights, truth_table
from .blocks import Blocks
from .plan import Plan

SECONDS_BETWEEN_LINES = 10.0
LONGEST_PREVIEW = 1000  # sigmoids of a network that NumPy trains beside the workers


class Progress(NamedTuple):
    """How far a sweep is. `sweep` hands it to its argument `progress` twice a second."""

    done: int  #: networks times epochs
    total: int  #: networks times epochs
    finished: int  #: networks
    solved: int  #: finished networks that answer every row correctly
    first: str = ""  #: how the first seed is doing, in words, until a block is finished


class Watch:
    """Look into the directory of blocks and tell how far they are."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._preview = preview(blocks.plan)
        self._finished: dict[int, tuple[int, int]] = {}  # block -> its seeds, how many are solved

    def __call__(self) -> Progress:
        plan = self._blocks.plan
        for number in set(self._blocks.finished()) - set(self._finished):
            answered = self._blocks.load(number)["solved"]
            self._finished[number] = answered.size, int(answered.sum())
        finished = sum(seeds for seeds, _ in self._finished.values())
        solved = sum(solved for _, solved in self._finished.values())
        in_work = self._blocks.in_work()
        done = finished * plan.epochs + sum(in_work[k] for k in in_work if k not in self._finished)
        first = "" if finished else next(self._preview)
        return Progress(done, plan.seed.size * plan.epochs, finished, solved, first)


def preview(plan: Plan) -> Iterator[str]:
    """How the first seed is doing, trained in NumPy: something to see until a block is finished."""
    if plan.loss != "mse" or 2**plan.bits * (plan.hidden + 1) > LONGEST_PREVIEW:
        yield from repeat("")
    X, y = truth_table(plan.bits)
    start = initial_weights(int(plan.seed[0]), plan.hidden, plan.bits)
    epochs = manual.train(X, y, start, plan.lr, plan.epochs)
    while chunk := [*islice(epochs, 100)]:
        last = chunk[-1]
        text = f"seed {plan.seed[0]}: loss {last.mse:.4f} after {last.number + 1} epochs"
        yield text
    yield from repeat(text)


@contextlib.contextmanager
def progress_bar(file: TextIO | None = None) -> Iterator[Callable[[Progress], None]]:
    """A bar for `sweep`'s `progress`: network-epochs a second, time left, how many are solved.

    Args:
        file: where it is drawn, by default standard error. In a file that is not a terminal it is
            a line at the beginning, every ten seconds and at the end.

    """
    from tqdm import tqdm

    file = file or sys.stderr
    at_terminal = file is not None and file.isatty()
    with contextlib.ExitStack() as stack:
        bars: list[tqdm[Any]] = []  # no bar until there is something to show: the call may fail
        next_line = 0.0

        def show(now: Progress) -> None:
            nonlocal next_line
            if not bars:
                bar = tqdm(
                    total=now.total,
                    initial=now.done,  # what an earlier call has finished is not our speed
                    unit=" network-epochs",
                    unit_scale=True,
                    file=file if at_terminal else io.StringIO(),
                    dynamic_ncols=True,
                )
                bars.append(stack.enter_context(bar))
            (bar,) = bars
            bar.n = now.done
            bar.set_postfix_str(
                f"{now.solved} of {now.finished} seeds solved" if now.finished else now.first,
                refresh=False,
            )
            if at_terminal:
                bar.refresh()
            elif file is not None and (now.done == now.total or time.monotonic() >= next_line):
                print(bar, file=file, flush=True)
                next_line = time.monotonic() + SECONDS_BETWEEN_LINES

        yield show
