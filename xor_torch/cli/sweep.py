"""``xor-torch sweep``: train many seeds at once, print a table, write a file and its pictures."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from .. import memory
from ..files import quoted
from ..lit import runs
from ..ranges import DEVICES, LOSSES, MAX_BITS, MAX_HIDDEN
from .parser import (
    FlagValueError,
    Settings,
    choice,
    epoch_count,
    fit_in_memory,
    flag,
    pathname,
    positive,
    refuse,
    switch,
    whole,
)
from .terminal import (
    DIFFERS,
    SUCCESS,
    UsageError,
    exit_code,
    out,
    refuse_output,
    say,
    short,
    tensorboard,
)


def seed_words(value: Any) -> str:
    """What ``--seeds`` takes; `sweep.parse_seeds` reads it."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise FlagValueError(f"must be a number N, a range A:B or a list, got {short(value)}")
    return str(value)


@dataclass
class Sweep(Settings):
    """
    Train many seeds at once: who solves it, who gets stuck, and where.
    Several values for a flag sweep their product.
    """

    exit_codes: ClassVar[str] = "0 done, 2 bad call or input, 130 interrupted"

    seeds: list[str] = flag("N, A:B or a list ({})", seed_words, ["1000"], nargs="+")
    epochs: list[int] = flag("steps ({})", epoch_count, [10_000], nargs="+")
    lr: list[float] = flag("learning rate ({})", positive(math.inf), [0.1], nargs="+")
    hidden: list[int] = flag("hidden units ({})", whole(1, MAX_HIDDEN), [2], nargs="+")
    bits: list[int] = flag("inputs ({})", whole(1, MAX_BITS), [2], nargs="+")
    loss: list[str] = choice("mse or bce ({})", LOSSES, ["mse"], nargs="+")
    device: str = choice("cpu, cuda, or auto: a GPU if it pays ({})", DEVICES, "auto")
    out: str | None = flag("result; its pictures go beside it", pathname, None, metavar="FILE.npz")
    force: bool = switch("overwrite FILE.npz")
    log_dir: str = flag("pictures for TensorBoard, with --out", pathname, "lightning_logs")
    json: bool = switch("one JSON object instead of the tables")


def sweep(settings: Sweep, given: set[str]) -> int:
    """Sweep the product of the flags, print a table or JSON for each."""
    from .. import sweep as sweeps

    names = ("epochs", "lr", "hidden", "bits", "loss")
    if settings.out is None:
        refuse(settings, given, ("force", "log_dir"), "goes with --out FILE.npz")
    elif Path(settings.out).suffix != ".npz":
        raise UsageError(f"--out {settings.out}: the name must end in .npz")
    cells = sweeps.grid(settings.out, **{name: getattr(settings, name) for name in names})
    for _, path in cells:
        if path:
            refuse_output(f"--out {path}", path, settings.force)
            sweeps.check_out(path, settings.force)
    if settings.out is not None:
        _check_log_dir(settings.log_dir)
    seeds = sweeps.parse_seeds(settings.seeds)
    for cell, _ in cells:
        workers = min(os.cpu_count() or 1, len(seeds))
        fit_in_memory(cell["bits"], cell["hidden"], 8 * workers)
        memory.check(f"--seeds {' '.join(settings.seeds)}", len(seeds) * sweeps.row_bytes(**cell))
    found = []
    for cell, path in cells:
        code = SUCCESS
        try:
            with sweeps.progress_bar() as bar:
                show = _import_meanwhile(bar) if path else bar
                result = sweeps.sweep(
                    seeds,
                    **cell,
                    out=path,
                    force=settings.force,
                    device=settings.device,
                    progress=show,
                )
        except sweeps.Interrupted as stopped:
            code, result = exit_code(stopped.__context__), stopped.result
            say("Interrupted; what is finished:" if result else "Interrupted, nothing is finished.")
            if stopped.kept:
                say(f"The same command goes on from {quoted(stopped.kept)}")
        except (FileExistsError, BlockingIOError):  # the last: no worker can be started
            raise
        except OSError as error:  # a full disk, here or in a worker
            if path is None:
                raise
            say(f"xor-torch sweep: error: --out {path}: {error.strerror or error}")
            return DIFFERS
        if result is None:
            return code  # also on a torchrun process that does not merge
        label = "  ".join(f"{name} {value}" for name, value in cell.items())
        if settings.json:
            found.append({**cell, "seeds": len(result.seed), "outcomes": sweeps.summary(result)})
        else:
            out(f"{len(result.seed)} seeds  {label}\n{sweeps.table(result)}")
        if code:
            break
        timing = result.timing
        assert timing is not None
        rate_ns = 1e9 * timing.seconds / len(result.seed) / cell["epochs"]
        ready = timing.compile_seconds
        compiling = f", {ready:.1f} of them to compile or load" if ready else ""
        say(f"{timing.seconds:.1f} s{compiling}; {rate_ns:.3g} ns per network and epoch")
        if timing.note:
            say(timing.note)
        if path:
            say(f"Result: {quoted(path)}")
            _picture(result, path, settings.log_dir)
    if settings.json:
        out(json.dumps({"sweeps": found}, indent=2))
    return code


def _import_meanwhile(bar: Callable[[Any], None]) -> Callable[[Any], None]:
    """`bar`, which also imports what pictures need, in a second in which the workers compute."""

    def show(now: Any) -> None:
        bar(now)
        if find_spec("matplotlib"):
            from ..sweep import plots  # noqa: F401

    return show


def _check_log_dir(log_dir: str) -> None:
    """Refuse `log_dir`, before anything is computed, if no run directory can be made in it."""
    there = next(
        path for path in [Path(log_dir), *Path(log_dir).absolute().parents] if os.path.lexists(path)
    )
    if not there.exists():
        raise UsageError(f"--log-dir {log_dir}: {there} is a link that leads nowhere")
    if not there.is_dir():
        raise UsageError(f"--log-dir {log_dir}: {there} is a file")
    if not os.access(there, os.W_OK):
        raise UsageError(f"--log-dir {log_dir}: {there} cannot be written")


def _picture(result: Any, out: Path, log_dir: str) -> None:
    if not find_spec("matplotlib"):
        say("No pictures: pip install matplotlib for them.")
        return
    from ..sweep import plots

    pictures = plots.save_figures(result, out)
    for path in pictures.values():
        say(f"Picture: {quoted(path)}")
    plots.log_figures(result, pictures, runs.claim(log_dir))
    say(f"To see them:   {tensorboard(log_dir)}")
