"""The network as a LightningModule, and its truth table as a LightningDataModule."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from ..data import truth_table
from ..model import XOR, squared_error
from .checkpoint import FORMAT, checked, read
from .schedule import next_stop


class DivergedError(ArithmeticError):
    """Training cannot go on: a number is not finite, or every prediction is saturated."""


class XORModule(XOR, L.LightningModule):
    """The XOR network as a LightningModule: one optimizer step is one epoch of the notebook.

    The step follows the SUM of squared errors, as the notebook's gradient does; the logged
    ``loss/mse`` is their mean, the loss that the notebook prints. A batch is ``X`` (N, bits) and
    ``y`` (N, 1), float64. With several processes (DDP, which follows the mean of their gradients)
    each must see the whole table, as `XORDataModule` gives it.

    Args:
        seed, hidden, bits: as for `XOR`.
        lr: learning rate of plain SGD, positive and finite.

    Raises:
        ValueError: an argument is out of range.
        DivergedError: while training, at the first epoch from which the network cannot learn.

    Example::

        trainer = L.Trainer(max_epochs=1000)
        trainer.fit(XORModule(seed=7), XORDataModule())

    """

    # `fit` sets it where nothing needs Lightning's hooks between two watched epochs.
    fast = False

    def __init__(self, seed: int = 42, hidden: int = 2, bits: int = 2, lr: float = 0.1) -> None:
        if not (lr > 0 and math.isfinite(lr)):
            raise ValueError(f"lr must be positive and finite, got {lr}")
        super().__init__(seed, hidden, bits)
        self.save_hyperparameters()
        self.prediction: torch.Tensor | None = None  # (N, 1), at the last epoch with hooks
        self.mse: torch.Tensor  # at the same epoch
        self.settings: dict[str, Any] | None = None  # of `fit`; a resumed run reads them

    def training_step(self, batch: Sequence[torch.Tensor], batch_idx: int) -> torch.Tensor:
        self.batch = batch
        X, y = batch
        prediction = self(X)
        loss = squared_error(prediction, y)
        self._refuse_divergence(prediction, loss)
        self.prediction = prediction.detach()
        self.mse = loss.detach() / len(y)
        self.log("loss/mse", self.mse, prog_bar=True)
        return loss

    def _refuse_divergence(self, prediction: torch.Tensor, loss: torch.Tensor) -> None:
        value = float(loss.item())
        if not math.isfinite(value):
            raise DivergedError(f"diverged at epoch {self.global_step}: the loss is {value}")
        # If every prediction is 0 or 1, the loss counts the wrong ones, and each slope a (1 - a)
        # is 0. The first two conditions are cheap and nearly always decide.
        if value >= 1 and value.is_integer() and not (prediction * (1 - prediction)).any():
            raise DivergedError(
                f"diverged at epoch {self.global_step}: every prediction is exactly 0 or 1, "
                f"{value:.0f} of {len(prediction)} are wrong, and the gradient is exactly 0"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        for name, value in checkpoint["state_dict"].items():
            if not value.isfinite().all():  # so the checkpoint from before stays
                raise DivergedError(
                    f"diverged before epoch {self.global_step}: {name} is not finite"
                )
        checkpoint["format"] = FORMAT
        checkpoint["settings"] = self.settings
        # From before the last update: the weights in the checkpoint would give another one.
        checkpoint["prediction"] = self.prediction

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.prediction = checkpoint["prediction"]

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **options: Any) -> "XORModule":
        """Lightning's own method; a file that `checkpoint.read` refuses raises as there."""
        read(checkpoint_path)
        whole = checked(checkpoint_path)
        return super().load_from_checkpoint(whole, *args, **{"weights_only": True, **options})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        # foreach groups parameters: with four small ones that costs more than it saves
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"], foreach=False)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: torch.optim.Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """One epoch as Lightning does it and, if `fast`, plain ones up to the next `next_stop`.

        Lightning's own work for a step takes twice as long as the network's, and that of
        ``torch.optim`` half as long. The epochs between two stops are therefore plain torch on
        the same batch: the same forward pass, backward pass and descent, bit for bit, without
        hooks that nobody listens to.
        """
        trainer = self.trainer
        done = trainer.global_step
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if not self.fast:
            return
        X, y = self.batch
        # trainer.global_step reads this counter, and max_steps, checkpoints and --resume read that
        steps = trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step
        (group,) = optimizer.param_groups
        weights, lr = group["params"], group["lr"]
        values = [w.detach() for w in weights]  # the same memory, without a history
        for _ in range(done + 1, next_stop(done, trainer.max_steps)):
            if not self.fast:  # Ctrl-C has come: finish this epoch and stop
                break
            steps.increment_completed()
            prediction = self(X)
            loss = squared_error(prediction, y)
            self._refuse_divergence(prediction, loss)
            for value, g in zip(values, torch.autograd.grad(loss, weights), strict=True):
                value.add_(g, alpha=-lr)  # as torch.optim.SGD does
            steps.increment_ready()


class XORDataModule(L.LightningDataModule):
    """The whole truth table as the one batch of an epoch: ``X`` (N, bits), ``y`` (N, 1), float64.

    Each of several processes gets the whole table. DDP follows the mean of their gradients, which
    is then the gradient itself, however many processes there are. If the rows were shared out,
    the gradient would be smaller by their number, and rows added for padding would count twice.

    Args:
        bits: number of inputs; by default that of the module that is trained.

    """

    def __init__(self, bits: int | None = None) -> None:
        super().__init__()
        self.bits = bits

    def train_dataloader(self) -> "DataLoader[tuple[torch.Tensor, ...]]":
        assert self.trainer is not None
        bits = self.bits or self.trainer.lightning_module.hparams["bits"]
        table = TensorDataset(*map(torch.from_numpy, truth_table(bits)))
        return DataLoader(
            table,
            batch_size=len(table),
            # its own generator: otherwise a DataLoader draws from torch's global one every epoch
            generator=torch.Generator(),
            # Lightning keeps a sampler of this class; any other it would replace by shares
            sampler=DistributedSampler(table, num_replicas=1, rank=0, shuffle=False),
        )
