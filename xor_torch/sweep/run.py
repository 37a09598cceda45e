"""Run a sweep: lock its directory, have its blocks computed, merge them into one file.

The seeds go in blocks whose numbers fit a core's cache. Processes of one thread each share the
blocks: workers that this module starts on one machine, or those of ``torchrun`` on several.
What a block holds does not depend on who computed it, so neither does the merged file, to the
byte. Any process may be killed at any moment: what is finished is kept, and the same call goes
on from there.
"""

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from ..files import remove_halves
from .blocks import LOCK, Blocks, clear
from .plan import Plan, make_plan, missing_device, read_plan, write_plan
from .progress import Progress, Watch
from .result import Result, Timing
from .workers import compiling, cores, employ


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep.

    Attributes:
        result: of the seeds that were finished, or None.
        kept: the directory that the same call goes on from, or None.

    """

    def __init__(self, result: Result | None, kept: Path | None) -> None:
        super().__init__("interrupted")
        self.result, self.kept = result, kept


def sweep(
    seeds: str | int | Iterable[int],
    *,
    epochs: int = 10_000,
    lr: float = 0.1,
    hidden: int = 2,
    bits: int = 2,
    loss: str = "mse",
    out: Path | str | None = None,
    force: bool = False,
    device: str = "auto",
    compiled: bool | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Result | None:
    """Train one network for each seed and say what became of it.

    Row k equals the single run with ``seeds[k]`` up to rounding. With `out`, finished blocks are
    kept in the directory ``OUT.blocks`` until the sweep is complete, and the same call goes on
    from there. That directory is locked while the call lasts.

    Under ``torchrun`` every process makes this call; all take blocks, and rank 0 merges them.

    Args:
        seeds: see `parse_seeds`; or the seeds themselves.
        epochs, lr, hidden, bits: as in a single run.
        loss: "mse", squared error as in the notebook, or "bce", cross-entropy.
        out: the ``.npz`` file to write.
        force: overwrite it, and drop what another sweep has left beside it.
        device: "cpu", "cuda", or "auto": a GPU where there is one and the work is worth it.
        compiled: whether to compile the epoch; by default where it pays.
        workers: processes of one thread each; by default one for each core.
        progress: called twice a second.

    Returns:
        The result, or None on the processes of ``torchrun`` that do not merge.

    Raises:
        ValueError: an argument is out of range; the message names the flag and the value.
        WriteError: a file cannot be written, as on a full disk; an OSError.
        FileExistsError: `out` exists, another sweep is under way there, or the blocks beside it
            are of another sweep.
        ChildProcessError: all workers have failed; what is finished is kept.
        Interrupted: Ctrl-C; what is finished is kept.

    """
    begin = time.monotonic()
    if workers is not None and workers < 1:
        raise ValueError(f"--workers must be at least 1, got {workers}")
    plan, note = make_plan(seeds, epochs, lr, hidden, bits, loss, compiled, device)
    launched = "TORCHELASTIC_RUN_ID" in os.environ
    if out is None:
        if launched:
            raise ValueError("--out must name a file, in a directory that all processes share")
        with tempfile.TemporaryDirectory(prefix="xor_torch-") as name:
            directory = Path(name)
            write_plan(plan, directory)
            return _complete(Blocks(directory, plan), workers, progress, begin, note, None)
    out = Path(out)
    directory = out.with_name(f"{out.name}.blocks")
    if launched and os.environ["RANK"] != "0":
        there = _wait_for_plan(plan, directory, out)
        if there is not None:
            from .work import work

            work(Blocks(directory, there))
        return None
    check_out(out, force)
    with _locked(out, directory):
        check_out(out, force)  # another sweep may have finished since the first look
        remove_halves(out)
        plan = _begin(plan, out, directory, force)
        result = _complete(Blocks(directory, plan), workers, progress, begin, note, out)
        with contextlib.suppress(OSError):  # the result is there, and only litter stays
            clear(directory)
            (directory / LOCK).unlink()
            directory.rmdir()
        return result


def check_out(out: Path, force: bool) -> None:
    """Refuse a result's file that cannot be written, or that must be kept.

    Raises:
        FileNotFoundError: its directory is missing.
        FileExistsError: it exists, and `force` is false.
        ValueError: what is there is not a regular file.

    """
    if not out.parent.is_dir():
        raise FileNotFoundError(f"--out {out}: there is no directory {out.parent}")
    if not os.path.lexists(out):
        return
    if not out.is_file():
        what = "a link that leads nowhere" if out.is_symlink() and not out.exists() else "there"
        raise ValueError(f"--out {out} is {what}, not a regular file: give another name")
    if not force:
        raise FileExistsError(f"--out {out} exists: --force overwrites it")


@contextlib.contextmanager
def _locked(out: Path, directory: Path) -> Iterator[None]:
    """Keep other sweeps out of `directory`, which is made; the system ends the lock with us."""
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        raise ValueError(f"--out {out}: {directory} must be a directory of its own; move it away")
    made = not directory.exists()
    lock = FileLock(directory / LOCK)
    try:
        directory.mkdir(exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise FileExistsError(
            f"--out {out}: another sweep is under way in {directory}; "
            "wait for its end, or stop it (--force does not), or give another --out"
        ) from None
    except OSError as error:
        raise ValueError(f"--out {out}: cannot write there: {error.strerror}") from error
    try:
        yield
    except ValueError:
        if made:  # a bad call leaves nothing behind
            with contextlib.suppress(OSError):
                (directory / LOCK).unlink()
                directory.rmdir()
        raise
    finally:
        lock.release()


def _begin(plan: Plan, out: Path, directory: Path, force: bool) -> Plan:
    """Write the plan, or go on with the one that is there."""
    try:
        there = read_plan(directory)
    except FileNotFoundError:
        pass
    except ValueError:
        if not force:
            raise
    else:
        if there.same_sweep(plan):
            why_not = missing_device(there)
            if not why_not:
                Blocks(directory, there).check()
                return there
            if not force:
                raise ValueError(
                    f"{directory} holds blocks of a GPU, and {why_not}: "
                    "--force drops them, another --out leaves them"
                )
        elif not force:
            raise FileExistsError(
                f"{directory} holds blocks of another sweep ({there}): "
                "--force drops them, another --out leaves them"
            )
    try:
        if force:
            clear(directory)
        write_plan(plan, directory)
    except OSError as error:  # nothing has been computed yet: a bad call
        raise ValueError(f"--out {out}: cannot write there: {error.strerror}") from error
    return plan


def _complete(
    blocks: Blocks,
    workers: int | None,
    progress: Callable[[Progress], None] | None,
    begin: float,
    note: str,
    out: Path | None,
) -> Result:
    """Have all blocks computed, merge them, save the result in `out`."""
    plan = blocks.plan
    launched = "TORCHELASTIC_RUN_ID" in os.environ
    processes = int(os.environ["WORLD_SIZE"]) if launched else cores()
    workers = min(workers or processes, plan.blocks)
    try:
        # Where torch is already imported, a single block is done before a worker could start.
        if launched or (workers == 1 and not plan.compiled and "torch" in sys.modules):
            if progress:
                progress(Watch(blocks)())  # something to see while torch is imported
            from .work import work  # it imports torch

            work(blocks, progress)
        else:
            employ(workers, blocks, progress)
        result = blocks.merge()
        assert result is not None
        seconds = time.monotonic() - begin
        ready, why_not = compiling(blocks.directory)
        result = replace(result, timing=Timing(seconds, ready, workers, note or why_not))
        if out is not None:
            result.save(out)
    except KeyboardInterrupt:
        raise Interrupted(blocks.merge(), blocks.directory if out else None) from None
    return result


def _wait_for_plan(plan: Plan, directory: Path, out: Path) -> Plan | None:
    """The plan that rank 0 has begun with; None if it has already finished."""
    for second in range(60):
        with contextlib.suppress(FileNotFoundError):
            there = read_plan(directory)
            if there.same_sweep(plan):
                return there
        if second > 5 and out.exists():
            return None
        time.sleep(1)
    raise TimeoutError(f"rank 0 has not begun in {directory}: do all machines share --out?")
