"""What a run writes for TensorBoard: callbacks, the only users of the writer.

Every view looks at an epoch between its backward pass and its update, where the loss, the
predictions, the gradients and the weights that they were computed at are all at hand. The
step on TensorBoard's axis is the notebook's epoch.
"""

import lightning.pytorch as L
import numpy as np

from . import data

WATCH_EVERY = 100


def watched(trainer: L.Trainer) -> bool:
    """Whether the epoch that `trainer` is in is shown: every 100th, and the last one."""
    epoch = trainer.global_step
    return epoch % WATCH_EVERY == 0 or epoch == trainer.max_steps - 1


def next_watched(epoch: int, max_steps: int) -> int:
    """The first shown epoch after `epoch`, or `max_steps` if none is left (-1: no end)."""
    following = (epoch // WATCH_EVERY + 1) * WATCH_EVERY
    if max_steps == -1:
        return following
    last = max_steps - 1
    return min(following, last if epoch < last else max_steps)


class Scalars(L.Callback):
    """The loss, the prediction for each row and the gradient norm of each parameter."""

    def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
        if not watched(trainer):
            return
        X, _ = data.truth_table(pl_module.hparams.bits)
        values = {"loss/mse": pl_module.mse}
        for row, p in zip(X.astype(int), pl_module.prediction[:, 0], strict=True):
            values[f"prediction/{''.join(map(str, row))}"] = p
        for name, gradient in pl_module.gradients()._asdict().items():
            values[f"gradient_norm/{name}"] = np.linalg.norm(gradient)
        trainer.logger.log_metrics(values, step=trainer.global_step)
