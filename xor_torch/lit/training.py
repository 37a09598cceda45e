"""`fit`: train a module on the CPU, at speed, into a run directory of its own."""

import contextlib
import inspect
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.rank_zero import rank_zero_only

from ..files import WriteError
from ..threads import one_thread
from . import runs
from .checkpoint import read
from .module import DivergedError, XORDataModule, XORModule
from .resume import check_training
from .saving import BesideCheckpointIO, LastCheckpoint, RunLogger
from .views import choose_views


class TrainerOptionError(ValueError):
    """Lightning's Trainer does not take an option."""


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
        log_dir: the directory of all runs; it is made if it does not exist.
        resume: the checkpoint to go on from; its settings must be those of `module`.
        views: what TensorBoard shows: "none", "scalars" or "all".
        check: compare autograd's gradients with the manual ones in every watched epoch.
        callbacks: further callbacks of Lightning.
        **trainer_options: any option of ``lightning.Trainer``; they replace ours.

    Returns:
        The trainer after training; ``trainer.log_dir`` is the run directory,
        ``trainer.global_step`` the number of epochs done.

    Raises:
        OSError: `log_dir` cannot be written, or `resume` cannot be read.
        files.WriteError: while training, the run directory cannot be written any more.
        DivergedError: the network cannot learn any more; the checkpoint from before stays.
        parity.DifferenceError: with `check`, a gradient is not the manual one.
        ValueError: Lightning refuses an option, `views` is not one of the three, or `resume` is
            not a checkpoint, has done more than `epochs`, or belongs to a run that is under way.

    """
    chosen = choose_views(views, check)
    saved = read(resume) if resume else None
    done = saved["global_step"] if saved else None
    if done is not None and done > epochs:
        raise ValueError(f"epochs {epochs}: {resume} has done {done} already")
    last = LastCheckpoint()
    keep = [last] if trainer_options.get("enable_checkpointing", True) else []
    with _quiet_lightning(), _first_process(trainer_options):
        trainer = _trainer(epochs, [*chosen, *callbacks, *keep], trainer_options)
        if resume and saved:
            check_training(resume, saved, module, trainer)
        module.settings = {
            "epochs": epochs,
            "views": views,
            "check": check,
            "trainer": trainer_options,
        }
        # clipping, accumulation and other processes live in the hooks that the fast path skips,
        # and it knows plain descent alone
        module.fast = (
            trainer.world_size == 1
            and trainer.accumulate_grad_batches == 1
            and not trainer.gradient_clip_val
            and type(module).configure_optimizers is XORModule.configure_optimizers
        )
        config = {**module.hparams, "log_dir": str(log_dir), **module.settings}
        with (
            _run_directory(trainer, log_dir, resume, done, config),
            warnings.catch_warnings(),
            _quiet_writer(),
            one_thread(),
        ):
            # Lightning advises loader workers, and warns of a checkpoint folder that is in use
            warnings.filterwarnings("ignore", module="lightning")
            # absolute, because Lightning expands ~
            path = Path(resume).absolute() if resume else None
            trainer.fit(module, XORDataModule(), ckpt_path=path, weights_only=True)
            if keep and trainer.global_step != done:
                last.save(trainer)
    return trainer


class OneProcess(LightningEnvironment):
    """One process on one machine, whatever RANK, LOCAL_RANK or SLURM_PROCID say."""

    def local_rank(self) -> int:
        return 0

    def node_rank(self) -> int:
        return 0


def _several(trainer_options: Mapping[str, Any]) -> bool:
    """Whether the user asks for several processes, or says how processes are started."""
    asked = {"devices": (None, "auto", 1, "1"), "num_nodes": (None, 1), "plugins": (None,)}
    asked["strategy"] = (None, "auto", "single_device")
    return any(trainer_options.get(name) not in few for name, few in asked.items())


@contextlib.contextmanager
def _first_process(trainer_options: Mapping[str, Any]) -> Iterator[None]:
    """Be the process that writes, unless several were asked for.

    Lightning takes the rank from RANK, LOCAL_RANK or SLURM_PROCID when it is imported. With one
    that a job left behind, it would write no event file, without a word.
    """
    its: Any = rank_zero_only  # a function with an attribute
    before = its.rank
    if not _several(trainer_options):
        its.rank = 0
    try:
        yield
    finally:
        its.rank = before


def _trainer(
    epochs: int, callbacks: Sequence[L.Callback], trainer_options: Mapping[str, Any]
) -> L.Trainer:
    # Every option is given, so that no environment variable PL_TRAINER_... can set one: what
    # changes a result is in config.yaml.
    defaults = {name: p.default for name, p in inspect.signature(L.Trainer).parameters.items()}
    plugins = [BesideCheckpointIO(), *([] if _several(trainer_options) else [OneProcess()])]
    options: dict[str, Any] = {
        **defaults,
        "accelerator": "cpu",
        "max_epochs": -1,
        "max_steps": epochs,
        "log_every_n_steps": 0,  # the views log, by the notebook's epoch
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "plugins": plugins,
        **trainer_options,
    }
    try:
        return L.Trainer(**{**options, "callbacks": [*callbacks]})
    except Exception as error:  # Lightning raises many classes; its text says what it refuses
        raise TrainerOptionError(
            f"Lightning's Trainer refuses {dict(trainer_options)}: {error}"
        ) from error


@contextlib.contextmanager
def _run_directory(
    trainer: L.Trainer,
    log_dir: str | Path,
    resume: str | Path | None,
    done: int | None,
    config: Mapping[str, Any],
) -> Iterator[None]:
    """Claim a run directory, or the resumed one, log into it, and keep others out meanwhile.

    Raises:
        WriteError: for any OSError of the training, which a full disk raises without a file name.

    """
    occupied: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if trainer.is_global_zero:
        run_dir = (resume and runs.run_of(resume)) or runs.claim(log_dir)
        occupied = runs.occupy(run_dir, config)
    else:
        run_dir = Path(log_dir) / "version_of_rank_zero"  # only rank zero writes
    name = runs.label(*(config[key] for key in ("seed", "lr", "hidden", "bits")))
    # what a killed run logged after its last checkpoint, the resumed run logs again
    trainer.logger = logger = RunLogger(run_dir, name, purge_step=done)
    try:
        with occupied:
            try:
                yield
            except DivergedError:
                logger.ended = "diverged"
                raise
            finally:
                logger.name_after_its_end()
    except (runs.LogDirError, WriteError, BrokenPipeError):  # the last: nobody reads the output
        raise
    except OSError as error:  # the event file is the only one whose errors do not name it
        raise WriteError(error, error.filename or run_dir) from error


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


@contextlib.contextmanager
def _quiet_writer() -> Iterator[None]:
    """No traceback of TensorBoard's writer thread: the next write raises its error again."""
    before = threading.excepthook

    def quiet(args: threading.ExceptHookArgs) -> None:
        if not isinstance(args.exc_value, OSError):
            before(args)

    threading.excepthook = quiet
    try:
        yield
    finally:
        threading.excepthook = before
