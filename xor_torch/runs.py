"""Run directories: claim one, save its configuration, find its checkpoint."""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CONFIG = "config.yaml"
CHECKPOINT = Path("checkpoints") / "last.ckpt"
OUTPUT = "output.txt"
STANDARD_OUTPUT = "standard output"


class LogDirError(OSError):
    """A log directory in which no run can be made."""


class WriteError(OSError):
    """A file of a run that cannot be written while it trains: a full disk, a directory gone."""

    def __init__(self, error: OSError, path: str | bytes | Path) -> None:
        super().__init__(error.errno, error.strerror or str(error), os.fsdecode(path))

    def __str__(self) -> str:
        what = self.filename if self.filename == STANDARD_OUTPUT else quoted(self.filename)
        return f"cannot write {what}: {self.strerror}"


def claim(log_dir: str | Path) -> Path:
    """Make and return the next free ``log_dir/version_N``.

    ``mkdir`` either makes the directory or fails, so of several processes that start together
    each gets one of its own.

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


def find_checkpoint(path: str | Path | None, log_dir: str | Path) -> Path:
    """The checkpoint that `path` means: itself, a run directory's, or None: the newest run's.

    Raises:
        FileNotFoundError: there is none.

    """
    if path is None:
        versions = sorted(_versions(Path(log_dir)), reverse=True)
        candidates = [Path(log_dir) / f"version_{n}" / CHECKPOINT for n in versions]
    else:
        candidates = [Path(path), Path(path) / CHECKPOINT]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"no checkpoint at {path or Path(log_dir) / 'version_*' / CHECKPOINT}")


def run_dir_of(checkpoint: str | Path) -> Path | None:
    """The run directory that `checkpoint` is the last checkpoint of, or None."""
    run_dir = Path(checkpoint).parent.parent
    return run_dir if (run_dir / CONFIG).is_file() else None


def save_config(run_dir: Path, config: Mapping[str, Any]) -> None:
    """Write ``config.yaml``, which `train --config` takes to repeat the run."""
    with write_beside(run_dir / CONFIG) as beside:
        beside.write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")


def write_out(text: str) -> None:
    """Print in one piece, and at once: whoever is killed then has printed it, or has not.

    Raises:
        WriteError: it cannot be written, as on a full disk.
        BrokenPipeError: nobody reads it.

    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # what it holds would fail once more at exit
        raise WriteError(error, STANDARD_OUTPUT) from error


def quoted(path: str | Path) -> str:
    """`path` as one line that a shell takes."""
    text = str(path)
    if text.isprintable():
        return shlex.quote(text)
    escaped = text.encode("unicode_escape").decode().replace("'", r"\'")
    return f"$'{escaped}'"


def _versions(log_dir: Path) -> list[int]:
    return [int(p.name[8:]) for p in log_dir.glob("version_*") if p.name[8:].isdecimal()]


@contextlib.contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when all is written, and only then.

    Raises:
        WriteError: it cannot be written.

    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:  # a full disk does not say which file
        raise WriteError(error, path) from error
    finally:
        beside.unlink(missing_ok=True)


def remove_halves(run_dir: Path) -> None:
    """Remove what a killed process was writing with `write_beside`."""
    for path in (run_dir / CONFIG, run_dir / CHECKPOINT):
        for half in path.parent.glob(f".{path.name}.*"):
            half.unlink(missing_ok=True)
