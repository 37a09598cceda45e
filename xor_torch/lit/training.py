"""The network in Lightning: module, data, and `fit`, which trains at speed into a run directory."""

import contextlib
import errno
import io
import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from ..data import truth_table
from ..files import WriteError, write_beside
from ..model import XOR, squared_error
from ..threads import one_thread
from . import runs
from .checkpoint import FORMAT, check_training, checked, read
from .views import choose_views, next_watched, run_dir_of, writer

CHECKPOINT_EVERY = 1000


class TrainerOptionError(ValueError):
    """An option that Lightning's Trainer does not take."""


class DivergedError(ArithmeticError):
    """Training that cannot go on: a number is not finite, or every prediction is saturated."""


class XORModule(XOR, L.LightningModule):
    """The XOR network as a LightningModule: one optimizer step is one epoch of the notebook.

    The step follows the SUM of squared errors, the notebook's gradient; the logged
    ``loss/mse`` is the mean, the notebook's printed loss. A batch is ``X`` (N, bits) and ``y``
    (N, 1), float64. With several processes (DDP, which takes the mean of their gradients) each
    has to see the whole table, as `XORDataModule` has it.

    Args:
        seed, hidden, bits: as for `XOR`.
        lr: learning rate of plain SGD, positive and finite.

    Raises:
        ValueError: an argument is out of range.
        DivergedError: in training, at the epoch from which no further one can learn.

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
        self.mse: torch.Tensor  # likewise
        self.settings: dict[str, Any] | None = None  # of `fit`, for a resumed run

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
        # Then each error is 0 or 1, and there is one. In such a loss each slope a (1 - a) is 0.
        if value >= 1 and value.is_integer() and not (prediction * (1 - prediction)).any():
            raise DivergedError(
                f"diverged at epoch {self.global_step}: every prediction is exactly 0 or 1, "
                f"{value:.0f} of {len(prediction)} are wrong, and the gradient is exactly 0"
            )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        for name, value in checkpoint["state_dict"].items():
            if not value.isfinite().all():  # what was saved before stays
                raise DivergedError(
                    f"diverged before epoch {self.global_step}: {name} is not finite"
                )
        checkpoint["format"] = FORMAT
        checkpoint["settings"] = self.settings
        # of the last epoch, before its update: the weights in the checkpoint give another one
        checkpoint["prediction"] = self.prediction

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.prediction = checkpoint["prediction"]

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, *args: Any, **options: Any) -> "XORModule":
        """Lightning's own, for a file that `checkpoint.read` takes; raises as that does."""
        read(checkpoint_path)
        whole = checked(checkpoint_path)
        return super().load_from_checkpoint(whole, *args, **{"weights_only": True, **options})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        # four parameters of a few numbers: grouping them (foreach) costs more than it saves
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"], foreach=False)

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: torch.optim.Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """One epoch of the notebook as Lightning does it and, where `fast`, on to the next watched.

        Lightning's own work for a step takes twice as long as the network's. The epochs up to
        the next watched one are therefore plain torch on the same batch: the same forward,
        backward and SGD, bit for bit, without the hooks that nobody listens to in between.
        """
        trainer = self.trainer
        done = trainer.global_step
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if not self.fast:
            return
        assert isinstance(optimizer, LightningOptimizer)
        checkpoint = (done // CHECKPOINT_EVERY + 1) * CHECKPOINT_EVERY
        following = min(next_watched(done, trainer.max_steps), checkpoint)
        X, y = self.batch
        # global_step, which max_steps, checkpoints and a resumed run go by, reads this counter
        steps = trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step
        for _ in range(done + 1, following):
            if not self.fast:  # Ctrl-C has come: the epoch that is under way is the last
                break
            steps.increment_completed()
            optimizer.zero_grad()
            prediction = self(X)
            loss = squared_error(prediction, y)
            self._refuse_divergence(prediction, loss)
            torch.autograd.backward(loss)
            optimizer.optimizer.step()
            steps.increment_ready()


class XORDataModule(L.LightningDataModule):
    """The whole truth table as every epoch's one batch: ``X`` (N, bits), ``y`` (N, 1), float64.

    Each of several processes gets all of it. The mean of their equal gradients, which is what
    DDP follows, is then the gradient, whatever their number; rows that were shared out would
    make it smaller by that number, and padded ones would count twice.

    Args:
        bits: number of inputs; by default as many as the module that is trained has.

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
            # a generator of its own: a DataLoader draws from torch's global one every epoch
            generator=torch.Generator(),
            # Lightning leaves a sampler of this kind as it is, and would shard any other
            sampler=DistributedSampler(table, num_replicas=1, rank=0, shuffle=False),
        )


class BesideCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it: there is always a whole one."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        written = io.BytesIO()  # torch.save hides what a full disk says
        torch.save(checkpoint, written)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with write_beside(Path(path)) as beside:
            beside.write_bytes(written.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return read(path)


class LastCheckpoint(Checkpoint):
    """``checkpoints/last.ckpt``: from before the first epoch on, and every `CHECKPOINT_EVERY`."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.save(trainer)

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step % CHECKPOINT_EVERY == 0:
            self.save(trainer)

    def save(self, trainer: L.Trainer) -> None:
        """Save one, after what the curves have to show up to there.

        Raises:
            FileNotFoundError: somebody has removed the run directory.

        """
        run_dir = run_dir_of(trainer)
        if trainer.is_global_zero:
            if not run_dir.is_dir():
                raise FileNotFoundError(errno.ENOENT, "the run directory is gone", str(run_dir))
            writer(trainer).flush()
        trainer.save_checkpoint(run_dir / runs.CHECKPOINT, weights_only=False)


class RunLogger(TensorBoardLogger):
    """Logs into the run directory by its name as it is; Lightning expands ``~`` and ``$``."""

    @property
    def log_dir(self) -> str:
        return str(Path(self.save_dir) / str(self.version))


def load(checkpoint: str | Path) -> XORModule:
    """The module that `checkpoint` holds, with its weights and its settings.

    Args:
        checkpoint: a file that `fit` has left, ``checkpoints/last.ckpt`` of a run directory.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a whole checkpoint of an `XORModule`, or not as it was written.

    """
    state = read(checkpoint)
    module = XORModule(**state["hyper_parameters"])
    module.load_state_dict(state["state_dict"])
    module.on_load_checkpoint(state)
    return module


@contextlib.contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Without Lightning's tips and device lines: nobody can act on them here."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@_quiet_lightning()
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
        The trainer after training; ``trainer.log_dir`` is the run directory,
        ``trainer.global_step`` the number of epochs done.

    Raises:
        OSError: `log_dir` or `resume` cannot be written or read.
        files.WriteError: the run directory cannot be written any more, while training.
        DivergedError: no further epoch can learn; the checkpoint from before stays.
        parity.DifferenceError: with `check`, a gradient is not the manual one.
        ValueError: Lightning refuses an option, `views` is not one of the three, or `resume` is
            no checkpoint, has done more than `epochs`, or belongs to a run that is under way.

    """
    chosen = choose_views(views, check)
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
        **trainer_options,
    }
    last = LastCheckpoint()
    keep = [last] if options.get("enable_checkpointing", True) else []
    try:
        trainer = L.Trainer(callbacks=[*chosen, *callbacks, *keep], **options)
    except Exception as error:  # of any class: what it does not like, it says in its words
        raise TrainerOptionError(
            f"Lightning's Trainer refuses {trainer_options}: {error}"
        ) from error
    if resume and saved:
        check_training(resume, saved, module, trainer)
    module.settings = {
        "epochs": epochs,
        "views": views,
        "check": check,
        "trainer": trainer_options,
    }
    # clipping, accumulation and other ranks live in the hooks that the fast path leaves out
    module.fast = (
        trainer.world_size == 1
        and trainer.accumulate_grad_batches == 1
        and not trainer.gradient_clip_val
    )
    if trainer.is_global_zero:
        run_dir = (resume and runs.run_of(resume)) or runs.claim(log_dir)
    else:
        run_dir = Path(log_dir) / "version_of_rank_zero"  # which alone writes
    trainer.logger = RunLogger(
        run_dir.parent,
        name="",
        version=run_dir.name,
        default_hp_metric=False,
        # what a killed run logged after its last checkpoint comes once more
        purge_step=done,
    )
    trainer.logger.NAME_HPARAMS_FILE = runs.CONFIG  # hparams.yaml would say a part of it again
    config = {**module.hparams, "log_dir": str(log_dir), **module.settings}
    occupied = runs.occupy(run_dir, config) if trainer.is_global_zero else contextlib.nullcontext()
    try:
        with occupied, warnings.catch_warnings(), _quiet_writer(), one_thread():
            # Lightning's advice to itself: loader workers for four rows, a checkpoint folder in use
            warnings.filterwarnings("ignore", module="lightning")
            # absolute, because Lightning expands ~
            path = Path(resume).absolute() if resume else None
            trainer.fit(module, XORDataModule(), ckpt_path=path, weights_only=True)
            if keep and trainer.global_step != done:
                last.save(trainer)
    except (runs.LogDirError, WriteError, BrokenPipeError):  # the last: nobody reads the output
        raise
    except OSError as error:  # the one file that does not give its name is the event file
        raise WriteError(error, error.filename or run_dir) from error
    return trainer


@contextlib.contextmanager
def _quiet_writer() -> Iterator[None]:
    """No traceback of TensorBoard's writer thread: its error is raised again by the next write."""
    before = threading.excepthook

    def quiet(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, OSError):
            before(args)

    threading.excepthook = quiet
    try:
        yield
    finally:
        threading.excepthook = before
