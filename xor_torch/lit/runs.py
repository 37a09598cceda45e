"""Run directories: claim one, lock it, save its configuration, find and read its checkpoint."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..files import WriteError, quoted, read_zip, remove_halves, write_beside

LOCK = ".lock"  # there while a process trains in the directory
CONFIG = "config.yaml"
CHECKPOINT = Path("checkpoints") / "last.ckpt"
MOST = 4 * 2**20  # bytes of a checkpoint; the largest network takes 1.2 MB
OUTPUT = "output.txt"
VIEWS = ("none", "scalars", "all")  # what a run writes for TensorBoard, see `views`


class LogDirError(OSError):
    """No run directory can be made in a log directory."""


def claim(log_dir: str | Path) -> Path:
    """Make and return the next free ``log_dir/version_N``.

    ``mkdir`` makes the directory or fails, so several processes that start together each get their
    own.

    Raises:
        LogDirError: `log_dir` cannot be made or written.

    """
    log_dir = Path(log_dir)
    try:
        log_dir.mkdir(parents=True, exist_ok=True)
        version = max(_versions(log_dir), default=-1) + 1
        while True:
            try:
                (log_dir / f"version_{version}").mkdir()
            except FileExistsError:
                version += 1
            else:
                return log_dir / f"version_{version}"
    except OSError as error:
        raise LogDirError(f"cannot make a run directory there: {error.strerror}") from error


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint that `path` means: the file itself, or the last one of a run directory.

    Raises:
        FileNotFoundError: there is none.

    """
    for candidate in Path(path), Path(path) / CHECKPOINT:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"no checkpoint at {path}")


def newest_checkpoint(log_dir: str | Path) -> Path:
    """The last checkpoint of the newest run in `log_dir` that has one.

    Raises:
        FileNotFoundError: there is none.

    """
    for version in sorted(_versions(Path(log_dir)), reverse=True):
        checkpoint = Path(log_dir) / f"version_{version}" / CHECKPOINT
        if checkpoint.is_file():
            return checkpoint
    raise FileNotFoundError(f"no checkpoint at {Path(log_dir) / 'version_*' / CHECKPOINT}")


def read_records(checkpoint: str | Path) -> dict[str, bytes]:
    """The records of a checkpoint file, as bytes that match their checksums.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a zip archive of at most `MOST` bytes, or it is damaged.

    """
    try:
        return read_zip(checkpoint, MOST)
    except ValueError as error:
        raise ValueError(
            f"{checkpoint} is not a whole checkpoint file: take another copy, or train anew"
        ) from error


def run_of(checkpoint: str | Path) -> Path | None:
    """The run directory that `checkpoint` is the last checkpoint of, or None."""
    run_dir = Path(checkpoint).parent.parent
    return run_dir if os.path.lexists(run_dir / CONFIG) else None


@contextlib.contextmanager
def occupy(run_dir: Path, config: Mapping[str, Any]) -> Iterator[None]:
    """Save `config` in `run_dir`, and keep other processes out of it during the context.

    Raises:
        LogDirError: the directory cannot be written; a new one is removed again.
        ValueError: another process trains there, or one of its files is a pipe, a directory or a
            link to nothing.

    """
    for path in (run_dir / name for name in (CONFIG, CHECKPOINT, OUTPUT)):
        if os.path.lexists(path) and not path.is_file():
            raise ValueError(f"{quoted(path)} is not a regular file; move it away to train there")
    try:
        with _lock(run_dir):
            for path in (run_dir / CONFIG, run_dir / CHECKPOINT):
                remove_halves(path)
            try:
                save_config(run_dir, config)
            except WriteError as error:
                raise LogDirError(str(error)) from error
            yield
    except LogDirError:
        with contextlib.suppress(OSError):  # not empty: a run was there before
            run_dir.rmdir()
        raise


@contextlib.contextmanager
def _lock(run_dir: Path) -> Iterator[None]:
    """The system's lock on the run directory; it ends with the context or with the process."""
    from filelock import FileLock, Timeout  # --help would wait for it

    lock = FileLock(run_dir / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise ValueError(
            f"{quoted(run_dir)}: another process trains there; stop it, or wait for its end"
        ) from None
    except (OSError, NotImplementedError):
        pass  # some network file systems have no locks; a directory may be read-only
    try:
        yield
    finally:
        if lock.is_locked:
            # while it is locked: nobody else can have taken it
            Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()


def event_files(directory: Path) -> list[Path]:
    """The files in `directory` that TensorBoard reads."""
    return [p for p in directory.glob("events.out.tfevents.*") if re.match(r"\d+\.", p.name[20:])]


def events_dir(run_dir: Path) -> Path | None:
    """The directory of a run's event files: its own, or one within it; None if there is none."""
    within = sorted(path for path in run_dir.glob("*") if path.is_dir())
    return next((path for path in [run_dir, *within] if event_files(path)), None)


def label(seed: int, lr: float, hidden: int, bits: int) -> str:
    """The name of a directory that says what a run is."""
    return f"seed{seed}-lr{lr:g}-width{hidden}" + (f"-bits{bits}" if bits != 2 else "")


def save_config(run_dir: Path, config: Mapping[str, Any]) -> None:
    """Write ``config.yaml``, which `train --config` takes to repeat the run."""
    with write_beside(run_dir / CONFIG) as beside:
        beside.write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")


def _versions(log_dir: Path) -> list[int]:
    return [int(p.name[8:]) for p in log_dir.glob("version_*") if p.name[8:].isdecimal()]
