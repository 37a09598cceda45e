"""What a training run prints: the notebook's report, and a progress bar beside it."""

import logging
import signal
import sys

import lightning.pytorch as L
import numpy as np
from tqdm import tqdm

from .data import truth_table

REPORT_EVERY = 1000


class Report(L.Callback):
    """The notebook's lines on standard output, a bar that counts epochs on standard error."""

    def on_train_start(self, trainer, pl_module) -> None:
        self.bar = tqdm(
            total=trainer.max_steps if trainer.max_steps != -1 else None,
            initial=trainer.global_step,
            unit=" epochs",
            disable=not trainer.is_global_zero,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        epoch = trainer.global_step
        if epoch % REPORT_EVERY == 0 and trainer.is_global_zero:
            # through the bar, so that on a terminal the two do not write over each other
            self.bar.write(f"Epoch {epoch}, Loss: {pl_module.mse:.4f}", file=sys.stdout)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.bar.set_postfix_str(f"loss {pl_module.mse:.4f}", refresh=False)
        self.bar.update(trainer.global_step - self.bar.n)

    def on_train_end(self, trainer, pl_module) -> None:
        self.bar.close()

    def on_exception(self, trainer, pl_module, exception) -> None:
        if hasattr(self, "bar"):
            self.bar.close()


class Interrupt(L.Callback):
    """Ctrl-C and SIGTERM end the run after the batch that is under way, with its checkpoint."""

    signal = 0  # which one came

    def __init__(self) -> None:
        self.before = {}

    def on_train_start(self, trainer, pl_module) -> None:
        self.before = {n: signal.signal(n, self._note) for n in (signal.SIGINT, signal.SIGTERM)}

    def _note(self, number, frame) -> None:
        self.signal = number

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        if self.signal:
            trainer.should_stop = True

    def on_train_end(self, trainer, pl_module) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def quiet_lightning() -> None:
    """Silence Lightning's tips and device lines in this process."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


def print_predictions(prediction: np.ndarray) -> None:
    """The notebook's closing lines for the last epoch's predictions, shape (N, 1)."""
    bits = len(prediction).bit_length() - 1
    _, y = truth_table(bits)
    print("\nFinal Predictions (rounded):")
    print(prediction.round(3))
    print("Predicted classes:\n", (prediction >= 0.5).astype(int))
    print("True classes:\n", y.astype(int))
