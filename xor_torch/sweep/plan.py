"""The plan of a sweep: what determines its result, and how it is cut into blocks."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..files import read_regular, write_beside
from ..kernel import compiler
from ..ranges import DEVICES, LOSSES, MAX_BITS, MAX_HIDDEN
from .device import multiprocessors
from .seeds import check_seeds, parse_seeds, spell_seeds

BLOCK = 10_000  # networks of XOR's size whose numbers stay in a core's cache
# Networks of XOR's size for each multiprocessor of a GPU. With more, the kernel gains a tenth; but
# then fewer processes draw and save blocks while the GPU computes.
ON_MULTIPROCESSOR = 1024
RECORDED = 100  # epochs of a run

# In sigmoids. For less work than the first, compiling takes longer than ten sweeps save; with more
# than the second, those who have no compiler should hear of it, and a GPU is worth its start.
# A network larger than the last takes the compiler long and gains less.
WORTH_COMPILING = 10**8
MUCH = 4 * 10**9
LONGEST_COMPILED = 32

NOT_COMPILED = {
    "cpu": "not compiled, four times as slow",
    "cuda": "not compiled, thirty times as slow",
}

FILE = "plan.json"
FORMAT = 3  # of the directory of blocks; 2 had no device, and in 1 blocks did not carry their plan


@dataclass(frozen=True)
class Plan:
    """What determines a sweep's result, to the byte."""

    seeds: str  # as `parse_seeds` reads them
    epochs: int
    lr: float
    hidden: int
    bits: int
    loss: str
    device: str  # "cpu" or "cuda"
    compiled: bool
    width: int  # seeds in each block; the last may have fewer

    def same_sweep(self, other: "Plan") -> bool:
        """Whether both train the same runs; how they compute them may differ."""
        as_other = replace(self, device=other.device, compiled=other.compiled, width=other.width)
        return as_other == other

    @cached_property
    def seed(self) -> np.ndarray:
        """All seeds, shape (S,) int64."""
        return parse_seeds(self.seeds)

    def block(self, number: int) -> np.ndarray:
        """The seeds of a block."""
        return self.seed[number * self.width :][: self.width]

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return -(-self.seed.size // self.width)

    @property
    def curve(self) -> list[int]:
        """The recorded epochs; the first is 1."""
        return sorted({*range(0, self.epochs, -(-self.epochs // RECORDED)), self.epochs} - {0})

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of everything above: blocks carry it, so that plans are never mixed."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def __str__(self) -> str:
        seeds = self.seeds if len(self.seeds) <= 40 else f"{self.seeds[:37]}..."
        names = ("epochs", "lr", "hidden", "bits", "loss")
        return f"seeds {seeds}, " + ", ".join(f"{name} {getattr(self, name)}" for name in names)


def make_plan(
    seeds: str | int | Iterable[int],
    epochs: int,
    lr: float,
    hidden: int,
    bits: int,
    loss: str,
    compiled: bool | None,
    device: str = "cpu",
) -> tuple[Plan, str]:
    """Check the arguments of a sweep and cut it into blocks.

    Returns:
        The plan; and why it is not compiled although that would pay, or "".

    Raises:
        ValueError: an argument is out of range; the message names the flag and the value.

    """
    given = parse_seeds(seeds) if isinstance(seeds, str | int) else check_seeds(np.array([*seeds]))
    for flag, value, high in ("hidden", hidden, MAX_HIDDEN), ("bits", bits, MAX_BITS):
        if not 1 <= value <= high:
            raise ValueError(f"--{flag} must be from 1 to {high}, got {value}")
    if epochs < 1:
        raise ValueError(f"--epochs must be at least 1, got {epochs}")
    if not 0 < lr < np.inf:
        raise ValueError(f"--lr must be a positive number, got {lr}")
    if loss not in LOSSES:
        raise ValueError(f"--loss must be one of {', '.join(LOSSES)}, got {loss}")

    if device not in DEVICES:
        raise ValueError(f"--device must be one of {', '.join(DEVICES)}, got {device}")

    length = 2**bits * (hidden + 1)  # of one network, in sigmoids
    work = given.size * epochs * length
    short = length <= LONGEST_COMPILED
    processors = 0
    if device == "cuda" or (device == "auto" and short and work >= MUCH):
        processors, why_not = multiprocessors()
        if device == "cuda" and not processors:
            raise ValueError(f"--device cuda: {why_not}; leave it out, and the CPU computes")
    device = "cuda" if processors else "cpu"
    note = ""
    if compiled is None:
        compiled = short and (work >= WORTH_COMPILING or device == "cuda")
        if compiled and device == "cpu" and not shutil.which(compiler()):
            compiled = False
            if work >= MUCH:
                note = f"{NOT_COMPILED[device]}: there is no C++ compiler {compiler()}"
    width = _width(given.size, length, compiled, processors)
    words = spell_seeds(given)
    return Plan(words, epochs, float(lr), hidden, bits, loss, device, compiled, width), note


def _width(seeds: int, length: int, compiled: bool, processors: int) -> int:
    """How many seeds there are in a block.

    Args:
        seeds: of the sweep.
        length: sigmoids of a network.
        compiled: whether the epoch is.
        processors: multiprocessors of the GPU; 0 for a sweep on the CPU.

    """
    if processors:
        # A block fills the GPU, and others can be drawn and saved while it is computed.
        blocks = -(-seeds // max(1, processors * ON_MULTIPROCESSOR * 12 // length))
        return -(-seeds // blocks)
    # Eager operations want every intermediate in the cache, and long arrays: no more blocks than
    # two cores need. The compiled loop does not care: more processes can share a sweep.
    widest = BLOCK if compiled else max(1, BLOCK * 12 // length)
    narrowest = 1000 if compiled else min(-(-widest // 2), max(1000, -(-seeds // 2)))
    blocks = -(-seeds // min(widest, max(narrowest, -(-seeds // 8))))
    blocks += blocks % 2 if blocks > 1 else 0  # so that neither of two cores waits for the other
    return -(-seeds // blocks)


def missing_device(plan: Plan) -> str:
    """Why this machine cannot go on with a plan for a GPU, or ""."""
    return multiprocessors()[1] if plan.device == "cuda" else ""


def write_plan(plan: Plan, directory: Path) -> None:
    """Put the plan into a directory of blocks.

    Raises:
        WriteError: it cannot be written.

    """
    with write_beside(directory / FILE) as beside:
        beside.write_text(json.dumps({"format": FORMAT, **asdict(plan)}), encoding="utf-8")


def read_plan(directory: Path) -> Plan:
    """Read the plan of a directory of blocks.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not a plan, or a plan of another version.

    """
    path = directory / FILE
    try:
        settings = dict(json.loads(read_regular(path)))
        if settings.pop("format", None) != FORMAT:
            raise ValueError("another version of xor_torch has written it")
        plan = Plan(**settings)
        for f in fields(Plan):
            if type(value := getattr(plan, f.name)) is not f.type:
                raise ValueError(f"{f.name} is {value!r}")
        if plan.width < 1:
            raise ValueError(f"width is {plan.width}")
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{path} is not the plan of a sweep: {error}; "
            "--force drops the blocks beside it, another --out leaves them"
        ) from error
    return plan


def grid(
    out: Path | str | None = None, **flags: object
) -> list[tuple[dict[str, Any], Path | None]]:
    """The product of flags that have several values, as arguments of `sweep`.

    Args:
        out: the file of the whole call. With several sweeps, each one's file name tells the
            flags that differ: ``xor.npz`` becomes ``xor-lr=0.5.npz``.
        flags: a value or a list of values for each name.

    Raises:
        ValueError: a value occurs twice.

    """
    lists = {name: value if isinstance(value, list) else [value] for name, value in flags.items()}
    for name, several in lists.items():
        if len({*several}) < len(several):
            raise ValueError(f"--{name} {' '.join(map(str, several))}: a value occurs twice")
    out = None if out is None else Path(out)
    cells = []
    for values in product(*lists.values()):
        cell = dict(zip(lists, values, strict=True))
        differ = "".join(f"-{name}={cell[name]}" for name in lists if len(lists[name]) > 1)
        cells.append((cell, out and out.with_name(f"{out.stem}{differ}{out.suffix}")))
    return cells
