"""The blocks of a sweep as files in a directory, shared by processes that share nothing else.

Block k is claimed by creating ``k.claim``, which only one process can do, and finished by
renaming its result to ``k.npz``. A claim says who holds it and is written again while the work
goes on: a claim whose process has ended, or that has been silent for a minute, is taken over.
Claims only save work. If two processes compute the same block, both write the same result.

Every block carries the hash of its plan. A process writes a block only while the directory has
the process's own plan, and a block of another plan is refused.
"""

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..files import alive, read_arrays, read_regular, write_arrays
from .plan import FILE, Plan, read_plan
from .result import SAVED, SETTINGS, Result, check_rows

SILENCE = 60.0  # seconds; a claim is written about twice a second
LOCK = "lock"
# What a sweep writes into its directory, and the halves that a killed process leaves.
_OWN = re.compile(r"\d+\.(npz|claim|dead\..*)|worker\.\w+\.\w+|\.(\d+\.npz|plan\.json)\..*")
_COLUMNS = {*SAVED} - {*SETTINGS, "curve_epoch"}


class Claim:
    """A block that this process works at."""

    def __init__(self, blocks: "Blocks", number: int) -> None:
        self.number = number
        self._blocks = blocks
        self._file = blocks.directory / f"{number}.claim"

    def beat(self, done: int) -> None:
        """Say that the work goes on, and how many networks times epochs are done."""
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "done": done}
        with contextlib.suppress(FileNotFoundError):  # the sweep is over; `claims` will see it
            self._file.write_text(json.dumps(holder))

    def finish(self, **arrays: np.ndarray) -> None:
        """Put the block's result in its place, unless nobody waits for it any more.

        Raises:
            WriteError: it cannot be written.

        """
        if self._blocks.wanted():
            plan = np.array(self._blocks.plan.hash)
            write_arrays(self._blocks.path(self.number), {**arrays, "plan": plan})


class Blocks:
    """The blocks of `plan` in `directory`."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self.directory = directory
        self.plan = plan
        self._loaded: dict[int, dict[str, np.ndarray]] = {}  # until they are merged

    def wanted(self) -> bool:
        """Whether the directory is there and has this plan."""
        try:
            return read_plan(self.directory) == self.plan
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False

    def finished(self) -> list[int]:
        """The numbers of the blocks that are finished, in order."""
        there = {path.stem for path in self.directory.glob("*.npz")}
        return [k for k in range(self.plan.blocks) if str(k) in there]

    def path(self, number: int) -> Path:
        """Where the result of a block is when it is finished."""
        return self.directory / f"{number}.npz"

    def load(self, number: int) -> dict[str, np.ndarray]:
        """The rows of a finished block, which is read once.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is damaged, or not this block of this plan.

        """
        if number in self._loaded:
            return self._loaded[number]
        try:
            rows = read_arrays(self.path(number))
            if rows.keys() != _COLUMNS | {"plan"}:
                raise ValueError(f"it holds {', '.join(rows)}")
            if rows.pop("plan").tolist() != self.plan.hash:
                raise ValueError("it is of another plan")
            check_rows(rows, self.plan.bits, self.plan.hidden)
            if not np.array_equal(rows["seed"], self.plan.block(number)):
                raise ValueError("it has other seeds")
            if len(rows["curve_solved"]) != len(self.plan.curve):
                raise ValueError("it has other epochs")
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{self.path(number)} is not block {number} of this sweep: {error}; "
                "delete it, and the same command computes it again"
            ) from error
        self._loaded[number] = rows
        return rows

    def check(self) -> None:
        """Load every finished block, as a damaged one is better found before hours of work.

        Raises:
            OSError, ValueError: as `load`.

        """
        for number in self.finished():
            self.load(number)

    def merge(self) -> Result | None:
        """The rows of all finished blocks, or None if no block is finished.

        Raises:
            OSError, ValueError: as `load`.

        """
        parts = [self.load(number) for number in self.finished()]
        self._loaded.clear()  # the parts are taken apart below
        if not parts:
            return None
        columns: dict[str, Any] = {
            "curve_epoch": np.array(self.plan.curve),
            "curve_loss": parts[0].pop("curve_loss"),
            "curve_solved": np.sum([part.pop("curve_solved") for part in parts], axis=0),
        }
        for name in [*parts[0]]:
            columns[name] = np.concatenate([part.pop(name) for part in parts])
        plan = self.plan
        return Result(**columns, epochs=plan.epochs, lr=plan.lr, criterion=plan.loss)

    def in_work(self) -> dict[int, int]:
        """How much of each claimed block is done, in networks times epochs, by block number."""
        held = {}
        for path in self.directory.glob("*.claim"):
            if path.stem.isdecimal() and (holder := _holder(path)):
                held[int(path.stem)] = holder["done"]
        return held

    def claims(self) -> Iterator[Claim]:
        """Claim one unfinished block after the other, until some process has finished each.

        A block that is still unfinished when the next is asked for is given back.
        """
        while self.wanted() and (left := sorted({*range(self.plan.blocks)} - {*self.finished()})):
            for number in left:
                claim = self._claim(number)
                if claim:
                    try:
                        yield claim
                    finally:
                        _forget(self.directory / f"{number}.claim")
                    break
            else:
                time.sleep(0.2)  # others hold all that is left: wait, one of them may die

    def _claim(self, number: int) -> Claim | None:
        path = self.directory / f"{number}.claim"
        if _abandoned(path):
            # of all processes that see this, only one can rename it
            grave = path.with_suffix(f".dead.{socket.gethostname()}.{os.getpid()}")
            with contextlib.suppress(FileNotFoundError):
                path.replace(grave)
            _forget(grave)
        try:
            path.open("x").close()
        except (FileExistsError, FileNotFoundError):  # claimed by another; or the sweep is over
            return None
        claim = Claim(self, number)
        try:
            claim.beat(0)
        except OSError:
            _forget(path)  # a claim that names no holder keeps the block for a minute
            raise
        if self.path(number).exists():  # its former holder has finished it since we looked
            _forget(path)
            return None
        return claim


def clear(directory: Path) -> None:
    """Delete what a sweep has written into `directory`, except the lock, and nothing else.

    The plan goes last: blocks without their plan never stay behind.

    Raises:
        OSError: a file cannot be deleted.

    """
    for path in directory.iterdir():
        if _OWN.fullmatch(path.name):
            path.unlink(missing_ok=True)
    (directory / FILE).unlink(missing_ok=True)


def _forget(path: Path) -> None:
    """Delete a claim if possible: one that stays costs at most time."""
    with contextlib.suppress(OSError):
        path.unlink()


def _abandoned(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):  # finished
        if time.time() - path.stat().st_mtime > SILENCE:
            return True
    holder = _holder(path)
    return (
        holder is not None and holder["host"] == socket.gethostname() and not alive(holder["pid"])
    )


def _holder(path: Path) -> dict[str, Any] | None:
    """Who holds a claim; None if it is gone, half written, or not a claim."""
    try:
        holder = json.loads(read_regular(path))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    kinds = {"host": str, "pid": int, "done": int}
    if not isinstance(holder, dict) or {k: type(v) for k, v in holder.items()} != kinds:
        return None
    return holder
