"""Work in numbered blocks, shared by processes that have nothing in common but a directory.

Block k is claimed by creating ``k.claim``, which only one process can do, and finished by
renaming its result to ``k.npz``. A claim says who holds it and is written anew while the work
goes on: a claim whose process is gone, or that has been silent for a minute, is taken over.
Claims only save work. Should two processes compute the same block after all, both write the
same result.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..files import read_arrays, write_arrays

SILENCE = 60.0  # seconds; a claim is written about twice a second


class Claim:
    """A block that this process works at."""

    def __init__(self, blocks: "Blocks", number: int) -> None:
        self.number = number
        self._blocks = blocks
        self._file = blocks.directory / f"{number}.claim"

    def beat(self, done: int) -> None:
        """Say that the work goes on, and how much of it is done."""
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "done": done}
        self._file.write_text(json.dumps(holder))

    def finish(self, **arrays: np.ndarray) -> None:
        """Put the block's result in its place."""
        write_arrays(self._file.with_suffix(".npz"), arrays)


class Blocks:
    """The blocks 0 to `count` - 1 in `directory`."""

    def __init__(self, directory: Path, count: int) -> None:
        self.directory = directory
        self.count = count

    def finished(self) -> list[int]:
        """The numbers of the blocks that are finished, in order."""
        there = {path.stem for path in self.directory.glob("*.npz")}
        return [k for k in range(self.count) if str(k) in there]

    def path(self, number: int) -> Path:
        """Where the result of a block is, when it is finished."""
        return self.directory / f"{number}.npz"

    def load(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of a finished block; raises as `files.read_arrays` does."""
        return read_arrays(self.path(number))

    def in_work(self) -> dict[int, int]:
        """The numbers of the claimed blocks, and how much of each is done."""
        held = {}
        for path in self.directory.glob("*.claim"):
            if path.stem.isdecimal() and (holder := _holder(path)):
                held[int(path.stem)] = holder["done"]
        return held

    def claims(self) -> Iterator[Claim]:
        """Claim one unfinished block after the other, until all are finished, by whomever.

        A block that is still unfinished when the next is asked for is given back.
        """
        while self.directory.exists() and (
            left := sorted({*range(self.count)} - {*self.finished()})
        ):
            for number in left:
                claim = self._claim(number)
                if claim:
                    try:
                        yield claim
                    finally:
                        (self.directory / f"{number}.claim").unlink(missing_ok=True)
                    break
            else:
                time.sleep(0.2)  # the others hold what is left: wait, one of them may die

    def _claim(self, number: int) -> Claim | None:
        path = self.directory / f"{number}.claim"
        if _abandoned(path):
            # of all who see this, one renames it
            grave = path.with_suffix(f".dead.{socket.gethostname()}.{os.getpid()}")
            with contextlib.suppress(FileNotFoundError):
                path.replace(grave)
            grave.unlink(missing_ok=True)
        try:
            path.open("x").close()
        except (FileExistsError, FileNotFoundError):  # another's; or all is done and cleared away
            return None
        claim = Claim(self, number)
        claim.beat(0)
        # finished by its former holder since we looked
        if path.with_suffix(".npz").exists():
            path.unlink(missing_ok=True)
            return None
        return claim


def _abandoned(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):  # finished
        if time.time() - path.stat().st_mtime > SILENCE:
            return True
    holder = _holder(path)
    return (
        holder is not None and holder["host"] == socket.gethostname() and not _alive(holder["pid"])
    )


def _holder(path: Path) -> dict[str, Any] | None:
    """Who holds a claim; None if it is gone, or being written just now, or was never one."""
    try:
        holder = json.loads(path.read_text())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    kinds = {"host": str, "pid": int, "done": int}
    if not isinstance(holder, dict) or {k: type(v) for k, v in holder.items()} != kinds:
        return None
    return holder


def _alive(pid: int) -> bool:
    if os.name != "posix":  # elsewhere os.kill would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's, or no number of a process
        pass
    return True
