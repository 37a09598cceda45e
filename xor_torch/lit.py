"""The network in Lightning: module, data, and `fit`, which trains at speed into a run directory."""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch.utils.data import DataLoader, TensorDataset

from . import runs
from .checkpoint import FORMAT, check_training, read
from .data import truth_table
from .model import XOR, squared_error
from .views import next_watched
from .views import views as tensorboard_views

CHECKPOINT_EVERY = 1000
LOOPS = ("fit_loop", "validate_loop", "test_loop", "predict_loop")  # in a checkpoint


class XORModule(XOR, L.LightningModule):
    """The XOR network as a LightningModule: one optimizer step is one epoch of the notebook.

    The step follows the SUM of squared errors, the notebook's gradient; the logged
    ``loss/mse`` is the mean, the notebook's printed loss.

    Args:
        seed, hidden, bits: as for `XOR`.
        lr: learning rate of plain SGD, positive and finite.

    Raises:
        ValueError: an argument is out of range.

    Example::

        trainer = L.Trainer(max_epochs=1000)
        trainer.fit(XORModule(seed=7), XORDataModule())

    """

    # Set by `fit`: between two watched epochs, leave out Lightning's hooks.
    fast = False

    def __init__(self, seed: int = 42, hidden: int = 2, bits: int = 2, lr: float = 0.1) -> None:
        if not (lr > 0 and math.isfinite(lr)):
            raise ValueError(f"lr must be positive and finite, got {lr}")
        super().__init__(seed, hidden, bits)
        self.save_hyperparameters()
        self.prediction: torch.Tensor | None = None  # of the last epoch that was watched
        self.settings: dict[str, Any] | None = None  # of `fit`, for a resumed run

    def training_step(self, batch: Sequence[torch.Tensor], batch_idx: int) -> torch.Tensor:
        self.batch = batch
        X, y = batch
        prediction = self(X)
        loss = squared_error(prediction, y)
        self.prediction = prediction.detach()
        self.mse = loss.detach() / len(y)
        self.log("loss/mse", self.mse, prog_bar=True)
        return loss

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["format"] = FORMAT
        checkpoint["settings"] = self.settings
        # of the last epoch, before its update: the weights in the checkpoint give another one
        checkpoint["prediction"] = self.prediction

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.prediction = checkpoint["prediction"]

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: str | Path, **options: Any) -> "XORModule":
        """Lightning's own, for a file that `checkpoint.read` takes; raises as that does."""
        read(checkpoint_path)
        return super().load_from_checkpoint(checkpoint_path, **{"weights_only": True, **options})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        # four parameters of a few numbers: grouping them (foreach) costs more than it saves
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr, foreach=False)

    def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure=None) -> None:
        """One epoch of the notebook as Lightning does it and, where `fast`, on to the next watched.

        Lightning's own work for a step takes twice as long as the network's. The epochs up to
        the next watched one are therefore plain torch on the same batch: the same forward,
        backward and SGD, bit for bit, without the hooks that nobody listens to in between.
        """
        trainer = self.trainer
        epochs = 1
        if self.fast:
            done = trainer.global_step
            epochs = next_watched(done, trainer.max_steps) - done
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        X, y = self.batch
        # global_step, which max_steps, checkpoints and a resumed run go by, reads this counter
        steps = trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step
        for _ in range(epochs - 1):
            steps.increment_completed()
            optimizer.zero_grad()
            squared_error(self(X), y).backward()
            optimizer.optimizer.step()
            steps.increment_ready()


class XORDataModule(L.LightningDataModule):
    """The whole truth table as every epoch's one batch: ``X`` (N, bits), ``y`` (N, 1), float64.

    Args:
        bits: number of inputs; by default as many as the module that is trained has.

    """

    def __init__(self, bits: int | None = None) -> None:
        super().__init__()
        self.bits = bits

    def train_dataloader(self) -> DataLoader:
        bits = self.bits or self.trainer.lightning_module.hparams.bits
        X, y = map(torch.from_numpy, truth_table(bits))
        # a generator of its own, because a DataLoader draws from torch's global one every epoch
        return DataLoader(TensorDataset(X, y), batch_size=len(X), generator=torch.Generator())


class BesideCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it: there is always a whole one."""

    def save_checkpoint(self, checkpoint, path, storage_options=None) -> None:
        with runs.write_beside(Path(path)) as beside:
            torch.save(checkpoint, beside)

    def load_checkpoint(self, path, map_location=None, weights_only=None) -> dict[str, Any]:
        return read(path)


def load(checkpoint: str | Path) -> XORModule:
    """The module that `checkpoint` holds; raises as `checkpoint.read` does."""
    state = read(checkpoint)
    module = XORModule(**state["hyper_parameters"])
    module.load_state_dict(state["state_dict"])
    module.on_load_checkpoint(state)
    return module


def fit(
    module: XORModule,
    epochs: int = 10_000,
    log_dir: str | Path = "lightning_logs",
    resume: str | Path | None = None,
    views: str = "all",
    check: bool = False,
    callbacks: Sequence[L.Callback] = (),
    **trainer_options: Any,
) -> L.Trainer:
    """Train `module` on the CPU into a run directory of its own, at the speed of plain torch.

    The directory is ``log_dir/version_N``, with the event file, ``config.yaml`` and
    ``checkpoints/last.ckpt``; a resumed run goes on in its own.

    Args:
        module: what to train.
        epochs: of the notebook, counted from the first run's start.
        log_dir: where run directories are, made if need be.
        resume: checkpoint to go on from, one of `module`'s settings.
        views: what TensorBoard gets to show: "none", "scalars" or "all".
        check: compare autograd's gradients with the manual ones in every watched epoch.
        callbacks: further ones.
        **trainer_options: any of ``lightning.Trainer``, over our own.

    Returns:
        The trainer after training: ``trainer.log_dir`` is the run directory,
        ``trainer.global_step`` the number of epochs done.

    Raises:
        OSError: `log_dir` or `resume` cannot be written or read.
        parity.DifferenceError: with `check`, a gradient is not the manual one.
        ValueError: Lightning refuses an option, `views` is not one of the three, or `resume` is
            no checkpoint or has done more than `epochs`.

    """
    chosen = tensorboard_views(views, check)
    saved = read(resume) if resume else None
    done = saved["global_step"] if saved else None
    if done is not None and done > epochs:
        raise ValueError(f"epochs {epochs}: {resume} has done {done} already")
    options = {
        "accelerator": "cpu",
        "max_epochs": -1,
        "max_steps": epochs,
        "log_every_n_steps": 0,  # the views log, by the notebook's epoch
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "plugins": [BesideCheckpointIO()],
        # every process has the whole table: the mean of their equal gradients is the gradient
        "use_distributed_sampler": False,
        **trainer_options,
    }
    callbacks = [*chosen, *callbacks]
    if options.get("enable_checkpointing", True):
        callbacks.append(
            ModelCheckpoint(
                filename="last", every_n_train_steps=CHECKPOINT_EVERY, enable_version_counter=False
            )
        )
    try:
        trainer = L.Trainer(callbacks=callbacks, **options)
    except Exception as error:  # of any class: what it does not like, it says in its words
        raise ValueError(f"Lightning's Trainer refuses {trainer_options}: {error}") from error
    if saved:
        if saved["hyper_parameters"] != dict(module.hparams):
            raise ValueError(f"{resume} is of {saved['hyper_parameters']}, not of {module.hparams}")
        loops = {name: getattr(trainer, name).state_dict() for name in LOOPS}
        check_training(resume, saved, loops, module.configure_optimizers().state_dict())
    module.settings = {"epochs": epochs, "trainer": trainer_options}
    # clipping, accumulation and other ranks live in the hooks that the fast path leaves out
    module.fast = (
        trainer.world_size == 1
        and trainer.accumulate_grad_batches == 1
        and not trainer.gradient_clip_val
    )
    if trainer.is_global_zero:
        run_dir = (resume and runs.run_dir_of(resume)) or runs.claim(log_dir)
    else:
        run_dir = Path(log_dir) / "version_of_rank_zero"  # which alone writes
    trainer.logger = TensorBoardLogger(
        run_dir.parent,
        name="",
        version=run_dir.name,
        default_hp_metric=False,
        # what a killed run logged after its last checkpoint comes once more
        purge_step=done,
    )
    trainer.logger.NAME_HPARAMS_FILE = runs.CONFIG  # hparams.yaml would say a part of it again
    settings = {
        **module.hparams,
        "epochs": epochs,
        "log_dir": str(log_dir),
        "views": views,
        "check": check,
        "trainer": trainer_options,
    }
    if trainer.is_global_zero:
        runs.save_config(run_dir, settings)
    with warnings.catch_warnings():
        # Lightning's advice to itself: loader workers for four rows, a checkpoint folder in use
        warnings.filterwarnings("ignore", module="lightning")
        trainer.fit(module, XORDataModule(), ckpt_path=resume, weights_only=True)
    if trainer.checkpoint_callback and trainer.global_step != done:
        trainer.save_checkpoint(run_dir / runs.CHECKPOINT, weights_only=False)
    return trainer
