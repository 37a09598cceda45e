"""What a run saves while it trains: its checkpoint, and the logger of its event file."""

import contextlib
import errno
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as L
import torch
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.summary_pb2 import Summary as Record
from torch.utils.tensorboard import SummaryWriter

from ..files import write_beside
from . import runs
from .checkpoint import read
from .schedule import is_saved


class BesideCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it: there is always a whole one."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        written = io.BytesIO()  # written to a full disk, torch.save would hide the system's error
        torch.save(checkpoint, written)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with write_beside(Path(path)) as beside:
            beside.write_bytes(written.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return read(path)


class LastCheckpoint(Checkpoint):
    """``checkpoints/last.ckpt``: before the first epoch, then whenever `schedule.is_saved`."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.save(trainer)

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        if is_saved(trainer.global_step):
            self.save(trainer)

    def save(self, trainer: L.Trainer) -> None:
        """Save the checkpoint, after the curves up to its epoch are on disk.

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
    """Logs a run into a directory within the run directory, whose name says what the run is.

    TensorBoard names a run after the directory of its event file, and has no other place for a
    name: `version_0/seed42-lr0.1-width2`, and at the end how it ended. A run of an earlier version,
    whose event file is in the run directory itself, goes on there.

    Args:
        run_dir: the run directory, by its literal name; Lightning would expand ``~`` and ``$``.
        label: what the run is.
        purge_step: what a resumed run logged from this epoch on is dropped; None for a new run.

    """

    def __init__(self, run_dir: Path, label: str, purge_step: int | None) -> None:
        super().__init__(
            run_dir.parent, name="", version=run_dir.name, default_hp_metric=False,
            purge_step=purge_step,
        )  # fmt: skip
        # config.yaml says more than Lightning's hparams.yaml would: it replaces that
        self.NAME_HPARAMS_FILE = runs.CONFIG
        self.earlier = runs.events_dir(run_dir)
        self.events_dir = run_dir if self.earlier == run_dir else run_dir / label
        self.ended = ""  # how the run ended, in a word or two

    @property
    def log_dir(self) -> str:
        return str(Path(self.save_dir) / str(self.version))

    @property
    @rank_zero_experiment
    def experiment(self) -> SummaryWriter:
        """The writer. Of the event files in its directory, its own comes last by name.

        TensorBoard reads the files in the order of their names, which begin with the time. If the
        clock was set back, or two runs begin in the same second, a resumed run's file would be
        read first, and its curves would be dropped for those that it replaces.
        """
        if self._experiment is None:
            if self.earlier and self.earlier != self.events_dir:
                self.earlier.rename(self.events_dir)
            before = sorted(runs.event_files(self.events_dir))
            self._experiment = SummaryWriter(log_dir=str(self.events_dir), **self._kwargs)
            if before:
                _name_after(before[-1], self._experiment)
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Write all values as one record, so that TensorBoard never reads some of them alone."""
        values = [Record.Value(tag=tag, simple_value=float(v)) for tag, v in metrics.items()]
        self.experiment._get_file_writer().add_summary(Record(value=values), step)

    def name_after_its_end(self) -> None:
        """Add how the run ended to the name of the event file's directory."""
        if self._experiment is None or self.events_dir == Path(self.log_dir):
            return
        name = f"{self.events_dir.name}-{self.ended}" if self.ended else None
        ended = self.events_dir.with_name(name) if name else self.earlier
        if ended:
            with contextlib.suppress(OSError):  # somebody has removed it
                self.events_dir.rename(ended)


def _name_after(newest: Path, made: SummaryWriter) -> None:
    """Rename the event file of `made` if its name is not later than that of `newest`."""
    made.flush()
    events = made._get_file_writer().event_writer
    path = Path(events._file_name)
    if path.name > newest.name:
        return
    start, _, rest = path.name.partition("tfevents.")
    stamp = int(newest.name.partition("tfevents.")[2].split(".")[0]) + 1
    later = path.with_name(f"{start}tfevents.{stamp:010d}.{rest.partition('.')[2]}")
    path.rename(later)
    # the writer opens the file by its name for each write
    events._file_name = str(later)
    events._general_file_writer.filename = os.fsencode(later)


def writer(trainer: L.Trainer) -> SummaryWriter:
    """The writer of the run's event file; it does nothing on any process but the first."""
    assert isinstance(trainer.logger, TensorBoardLogger)
    return cast(SummaryWriter, trainer.logger.experiment)


def run_dir_of(trainer: L.Trainer) -> Path:
    """The run directory. Not ``trainer.log_dir``, which makes all processes wait for each other."""
    assert isinstance(trainer.logger, TensorBoardLogger)
    return Path(trainer.logger.log_dir)
