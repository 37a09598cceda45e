"""What a training run prints: the notebook's report, and a progress bar beside it."""

import contextlib
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, cast

import lightning.pytorch as L
import numpy as np
from tqdm import tqdm

from .. import files, signals
from ..data import truth_table
from ..outcome import predicts_one
from . import runs
from .module import XORModule
from .saving import run_dir_of
from .schedule import REPORT_EVERY

RECENT = 2**20  # bytes at the end of a run's output: the lines of 38 million epochs


class Report(L.Callback):
    """The notebook's lines on standard output, a bar that counts epochs on standard error.

    Each printed line also goes into the run's ``output.txt``, and a resumed run does not print it
    again. The line is written there, with one call, as soon as it is printed. A kill -9 between
    the two makes the resumed run print that line twice. The other order would lose it, which
    nobody would notice.
    """

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.bar = tqdm(
            total=trainer.max_steps if trainer.max_steps != -1 else None,
            initial=trainer.global_step,
            unit=" epochs",
            disable=not trainer.is_global_zero or sys.stderr is None,
            file=sys.stderr,
            # seconds; in a file each redraw is one more line
            mininterval=0.1 if sys.stderr and sys.stderr.isatty() else 10.0,
            dynamic_ncols=True,
        )
        if trainer.is_global_zero:
            self.output = run_dir_of(trainer) / runs.OUTPUT
            self.output.touch()
            with files.open_regular(self.output) as (output, size):
                output.seek(max(0, size - RECENT))
                self.printed = set(output.read(RECENT).decode(errors="replace").splitlines())

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object
    ) -> None:
        epoch = trainer.global_step
        if epoch % REPORT_EVERY == 0 and trainer.is_global_zero:
            line = f"Epoch {epoch}, Loss: {cast(XORModule, pl_module).mse:.4f}"
            if line not in self.printed:
                with self.output.open("ab", buffering=0) as output, self._bar_away():
                    files.write_out(f"{line}\n")
                    output.write(f"{line}\n".encode())

    def _bar_away(self) -> contextlib.AbstractContextManager[None]:
        """On a terminal, the bar and a line must not write over each other."""
        if sys.stderr and sys.stderr.isatty():
            return tqdm.external_write_mode()
        return contextlib.nullcontext()  # in a file, each redraw would be one more line

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object
    ) -> None:
        loss = cast(XORModule, pl_module).mse
        self.bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
        self.bar.update(trainer.global_step - self.bar.n)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.bar.close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        if hasattr(self, "bar"):
            self.bar.close()


class Interrupt(L.Callback):
    """Ctrl-C and SIGTERM end a run after the epoch that is under way, with its checkpoint.

    Before the first epoch, and at the second signal, the process ends at once: a whole checkpoint
    from before is there. After the context, signals do what they did before.

    Args:
        run_dir: the directory of the run that is resumed, or None for a new run.

    """

    signal = 0  # the number of the signal that came
    is_first = True  # of several processes, one reports

    def __init__(self, run_dir: Path | None) -> None:
        self.run_dir = run_dir
        self.module: XORModule | None = None  # set when it can be asked to stop

    def __enter__(self) -> "Interrupt":
        self.stack = contextlib.ExitStack()
        self.claim = self.stack.enter_context(signals.listening(self._note))
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal or self.module is None:
            self._leave(number)
        self.signal = number
        self.module.fast = False

    def _leave(self, number: int) -> NoReturn:
        how = "nothing is kept"
        if self.run_dir and (self.run_dir / runs.CHECKPOINT).is_file():
            how = f"to go on from its last checkpoint: --resume {files.quoted(self.run_dir)}"
        os.write(2, f"\nInterrupted; {how}\n".encode(errors="backslashreplace"))
        os._exit(128 + number)

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self.is_first = trainer.is_global_zero

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.run_dir = run_dir_of(trainer)
        self.claim()  # Lightning has installed a handler of its own

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object
    ) -> None:
        self.module = cast(XORModule, pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        # if one of several processes gets the signal, all of them stop
        if trainer.strategy.reduce_boolean_decision(bool(self.signal), all=False):
            trainer.should_stop = True


def print_predictions(prediction: "np.ndarray[Any, np.dtype[np.float64]]") -> None:
    """The notebook's closing lines for the last epoch's predictions, shape (N, 1)."""
    bits = len(prediction).bit_length() - 1
    _, y = truth_table(bits)
    files.write_out(
        f"\nFinal Predictions (rounded):\n{prediction.round(3)}\n"
        f"Predicted classes:\n {predicts_one(prediction).astype(int)}\n"
        f"True classes:\n {y.astype(int)}\n"
    )
