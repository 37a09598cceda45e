"""What a run saves while it trains: its checkpoint, and the logger of its event file."""

import errno
import io
import os
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
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
        """Save one, after the curves up to its epoch are on disk.

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
    """Logs into the run directory by its literal name; Lightning would expand ``~`` and ``$``."""

    @property
    def log_dir(self) -> str:
        return str(Path(self.save_dir) / str(self.version))

    @property
    def experiment(self) -> SummaryWriter:
        """The writer. Its event file has the last name of all in the run directory.

        TensorBoard reads the files in the order of their names, which begin with the time. If the
        clock was set back, or two runs begin in the same second, a resumed run's file would be
        read first, and its curves would be dropped for those that it replaces.
        """
        before = sorted(runs.event_files(Path(self.log_dir)))
        is_new = self._experiment is None
        made = cast(SummaryWriter, super().experiment)
        # on any process but the first it is a dummy
        if is_new and before and isinstance(made, SummaryWriter):
            _name_after(before[-1], made)
        return made


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
