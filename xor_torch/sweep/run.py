"""Thousands of seeds at once: who learns parity, who gets stuck, and where.

The seeds go in blocks whose numbers fit a core's cache. The blocks are shared out among
processes of one thread each: by this module on one machine, by ``torchrun`` on several (see
`xor_torch.sweep.blocks`). What a block holds does not depend on who computed it, so neither does
the merged result, to the byte.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from itertools import islice, product, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import numpy as np

from .. import data, manual, memory
from ..data import MAX_BITS, MAX_HIDDEN, MAX_SEED, Parameters, truth_table
from ..files import read_arrays, write_arrays, write_beside
from ..outcome import LOSSES, OUTCOMES, classify, fraction, wilson
from .blocks import Blocks, Claim

if TYPE_CHECKING:
    from ..batch import Trained

BLOCK = 10_000  # networks of XOR's size: their numbers stay in a core's cache
RECORDED = 100  # epochs of a run

# In sigmoids. Below the one, compiling takes longer than it saves on two cores; a network longer
# than the other takes the compiler minutes, and gains less.
WORTH_COMPILING = 4 * 10**9
LONGEST_COMPILED = 32
LONGEST_PREVIEW = 1000

_SLOW = "not compiled, four times as slow"


class Progress(NamedTuple):
    """How far a sweep is, handed to `sweep`'s `progress` twice a second."""

    done: int  # networks times epochs
    total: int
    finished: int  # networks
    solved: int  # of those that are finished
    first: str = ""  # how the first seed fares, in words, as long as there is nothing else


@dataclass(frozen=True)
class Result:
    """S networks after training, one row for each seed; the fields are those of the file.

    ``loss`` and ``prediction`` are those of the last epoch's forward pass, before its update;
    the parameters are those after it.
    """

    seed: np.ndarray  #: (S,) int64
    W1: np.ndarray  #: (S, bits, hidden)
    b1: np.ndarray  #: (S, 1, hidden)
    W2: np.ndarray  #: (S, hidden, 1)
    b2: np.ndarray  #: (S, 1, 1)
    loss: np.ndarray  #: (S,), mean over the rows
    prediction: np.ndarray  #: (S, 2**bits)
    solved: np.ndarray  #: (S,) bool: every prediction on the right side of 1/2
    gradient_norm: np.ndarray  #: (S,), of the last epoch's gradient, of the SUM over the rows
    outcome: np.ndarray  #: (S,) str, see `xor_torch.outcome`
    level: np.ndarray  #: (S,), of the plateau, nan where there is none
    tied: np.ndarray  #: (S, 2**bits) int: rows of equal number are tied, 0 is a row that is not
    curve_epoch: np.ndarray  #: (C,), the recorded epochs, the first is 1
    curve_loss: np.ndarray  #: (C, K), of the first K networks
    curve_solved: np.ndarray  #: (C,), how many of all S answered every row rightly
    epochs: int
    lr: float
    criterion: str  #: "mse" or "bce"
    timing: "Timing | None" = field(default=None, compare=False)  #: not in the file

    @property
    def parameters(self) -> Parameters:
        return Parameters(self.W1, self.b1, self.W2, self.b2)

    def save(self, path: Path | str) -> None:
        """Write the file beside its place and rename it."""
        write_arrays(Path(path), {name: getattr(self, name) for name in _SAVED})

    @classmethod
    def load(cls, path: Path | str) -> "Result":
        """Read a sweep's file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not a sweep's file, or not as it was written.

        """
        arrays = read_arrays(path)
        try:
            if arrays.keys() != {*_SAVED}:
                raise ValueError(f"it holds {', '.join(arrays)}")
            _check_settings({name: arrays[name].tolist() for name in ("epochs", "lr", "criterion")})
            _check_rows(arrays, *arrays["W1"].shape[1:])
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is not a sweep's file: {error}") from error
        values: dict[str, Any] = {k: a if a.ndim else a.item() for k, a in arrays.items()}
        return cls(**values)


_SAVED = tuple(f.name for f in fields(Result) if f.name != "timing")


def _check_settings(settings: Mapping[str, object]) -> None:
    """Refuse what `sweep` would not have written as the settings of a file."""
    for name, kind in ("epochs", int), ("lr", float), ("criterion", str):
        if type(settings[name]) is not kind:
            raise ValueError(f"{name} is {settings[name]}")
    if settings["criterion"] not in LOSSES:
        raise ValueError(f"criterion is {settings['criterion']}")


def _check_rows(rows: Mapping[str, np.ndarray], bits: int, hidden: int) -> None:
    """Refuse what is not S rows of trained networks and their C recorded epochs."""
    S, N = len(rows["seed"]), 2**bits
    C, K = np.shape(rows["curve_loss"])
    layout = {
        "seed": (np.int64, (S,)),
        "W1": (np.float64, (S, bits, hidden)),
        "b1": (np.float64, (S, 1, hidden)),
        "W2": (np.float64, (S, hidden, 1)),
        "b2": (np.float64, (S, 1, 1)),
        "loss": (np.float64, (S,)),
        "prediction": (np.float64, (S, N)),
        "solved": (np.bool_, (S,)),
        "gradient_norm": (np.float64, (S,)),
        "outcome": (np.str_, (S,)),
        "level": (np.float64, (S,)),
        "tied": (np.integer, (S, N)),
        "curve_epoch": (np.integer, (C,)),
        "curve_loss": (np.float64, (C, K)),
        "curve_solved": (np.integer, (C,)),
    }
    for name in layout.keys() & rows.keys():
        kind, shape = layout[name]
        if not np.issubdtype(rows[name].dtype, kind) or rows[name].shape != shape:
            raise ValueError(f"{name} is {rows[name].dtype} of shape {rows[name].shape}")
    _check_seeds(rows["seed"])
    if not np.isin(rows["outcome"], OUTCOMES).all():
        raise ValueError("outcome has a word that is none")
    if (rows["solved"] != (rows["outcome"] == "solved")).any():
        raise ValueError("solved is not where outcome is solved")
    for name in *Parameters._fields, "loss", "prediction":
        finite = np.isfinite(rows[name]).reshape(S, -1).all(axis=1)
        if not (finite | (rows["outcome"] == "diverged")).all():
            raise ValueError(f"{name} has numbers that are not finite")


class Timing(NamedTuple):
    """How long a sweep took, and how it was done."""

    seconds: float  # from the call to the merged result
    compile_seconds: float  # of these, until the compiled epoch was there; 0 if eager
    workers: int
    note: str  # why it was not compiled although it would have paid, or ""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep.

    Attributes:
        result: of the seeds that were finished, or None.
        kept: the directory that the same call goes on from, or None.

    """

    def __init__(self, result: Result | None, kept: Path | None) -> None:
        super().__init__("interrupted")
        self.result, self.kept = result, kept


def parse_seeds(text: str | int | Sequence[str | int]) -> np.ndarray:
    """Seeds as a user writes them.

    ``"N"`` is 0 to N - 1, ``"A:B"`` is A to B - 1, ``"3,5,8"`` or several words are those seeds,
    and ``"42,"`` is seed 42 alone.

    Returns:
        int64, shape (S,).

    Raises:
        ValueError: there is none, one occurs twice, or one is outside 0 to 2**32 - 1.

    """
    words = [str(text)] if isinstance(text, str | int) else [str(word) for word in text]
    said = " ".join(words)
    try:
        if len(words) == 1 and "," not in said:
            first, colon, end = said.partition(":")
            start, stop = (int(first), int(end)) if colon else (0, int(first))
            if start >= stop:
                raise ValueError(f"--seeds {said} is an empty range")
            _check_seeds(np.array(sorted({start, stop - 1})), said)
            memory.check(f"--seeds {said}", (stop - start) * row_bytes(bits=1, hidden=1))
            return np.arange(start, stop)
        seeds = [int(word) for part in words for word in part.split(",") if word.strip()]
    except ValueError as error:
        if "--seeds" in str(error):
            raise
        raise ValueError(
            f"--seeds {said} is neither a number N, nor a range A:B, nor a list A,B,C"
        ) from None
    return _check_seeds(np.array(seeds), said)


def row_bytes(bits: int, hidden: int, **_: object) -> int:
    """What one seed takes in memory while blocks are merged, or written: its row, twice."""
    return 2 * 8 * ((bits + 2) * hidden + 1 + 2 * (1 << bits) + 9)


def _check_seeds(seeds: np.ndarray, said: str = "") -> np.ndarray:
    said = f"--seeds {said}".rstrip()
    if not seeds.size:
        raise ValueError(f"{said} has no seed")
    outside = seeds[(seeds < 0) | (seeds > MAX_SEED)]
    if outside.size:
        raise ValueError(f"{said}: seed {outside[0]} is outside 0 to {MAX_SEED}")
    values, counts = np.unique(seeds, return_counts=True)
    if values.size < seeds.size:
        raise ValueError(f"{said}: seed {values[counts > 1][0]} occurs twice")
    return seeds.astype(np.int64)


@dataclass(frozen=True)
class Plan:
    """What determines a sweep's result, to the byte."""

    seeds: str  # as `parse_seeds` reads them
    epochs: int
    lr: float
    hidden: int
    bits: int
    loss: str
    compiled: bool
    width: int  # seeds in a block, but for the last

    def same_sweep(self, other: "Plan") -> bool:
        """Whether the results are of the same runs; how they are computed may differ."""
        return replace(self, compiled=other.compiled, width=other.width) == other

    @cached_property
    def seed(self) -> np.ndarray:
        return parse_seeds(self.seeds)

    def block(self, number: int) -> np.ndarray:
        """The seeds of a block."""
        return self.seed[number * self.width :][: self.width]

    @property
    def blocks(self) -> int:
        return -(-self.seed.size // self.width)

    @property
    def curve(self) -> list[int]:
        """The recorded epochs, the first is 1."""
        return sorted({*range(0, self.epochs, -(-self.epochs // RECORDED)), self.epochs} - {0})


def _plan(
    seeds: str | int | Iterable[int],
    epochs: int,
    lr: float,
    hidden: int,
    bits: int,
    loss: str,
    compiled: bool | None,
) -> tuple[Plan, str]:
    """The plan of a sweep, and why it is not compiled where that would pay, or ""."""
    given = parse_seeds(seeds) if isinstance(seeds, str | int) else _check_seeds(np.array([*seeds]))
    for flag, value, high in ("hidden", hidden, MAX_HIDDEN), ("bits", bits, MAX_BITS):
        if not 1 <= value <= high:
            raise ValueError(f"--{flag} must be from 1 to {high}, got {value}")
    if epochs < 1:
        raise ValueError(f"--epochs must be at least 1, got {epochs}")
    if not 0 < lr < np.inf:
        raise ValueError(f"--lr must be a positive number, got {lr}")
    if loss not in LOSSES:
        raise ValueError(f"--loss must be one of {', '.join(LOSSES)}, got {loss}")

    length = 2**bits * (hidden + 1)  # of one network, in sigmoids
    note = ""
    if compiled is None:
        compiled = given.size * epochs * length >= WORTH_COMPILING and length <= LONGEST_COMPILED
        if compiled and not shutil.which(_compiler()):
            compiled = False
            note = f"{_SLOW}: there is no C++ compiler {_compiler()}"
    # Eager operations want every intermediate in the cache, and to be long: no more blocks than
    # two cores need. The compiled loop does not care: more processes can share a sweep.
    widest = BLOCK if compiled else max(1, BLOCK * 12 // length)
    narrowest = 1000 if compiled else min(-(-widest // 2), max(1000, -(-given.size // 2)))
    blocks = -(-given.size // min(widest, max(narrowest, -(-given.size // 8))))
    blocks += blocks % 2 if blocks > 1 else 0  # so that neither of two cores waits for the other
    width = -(-given.size // blocks)
    first, last = given[0], given[-1]
    run = last - first + 1 == given.size and (np.diff(given) == 1).all()
    words = f"{first}:{last + 1}" if run else ",".join(map(str, given)) + ","
    return Plan(words, epochs, float(lr), hidden, bits, loss, compiled, width), note


def _compiler() -> str:
    """The C++ compiler that inductor will call."""
    return os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")


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
    compiled: bool | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Result | None:
    """Train one network for each seed and say what became of it.

    Row k equals the single run with ``seeds[k]`` up to rounding. With `out`, finished blocks are
    kept in the directory ``OUT.blocks`` until the sweep is complete, and the same call goes on
    from there.

    Under ``torchrun`` every process makes this call; all take blocks, and rank 0 merges them.

    Args:
        seeds: see `parse_seeds`; or the seeds themselves.
        epochs, lr, hidden, bits: as in a single run.
        loss: "mse", squared error as in the notebook, or "bce", cross-entropy.
        out: the ``.npz`` file to write.
        force: overwrite it, and drop what another sweep has left beside it.
        compiled: whether to compile the epoch; by default where it pays.
        workers: processes of one thread each; by default one for each core.
        progress: called twice a second.

    Returns:
        The result, or None on the processes of ``torchrun`` that do not merge.

    Raises:
        ValueError: an argument is out of range; the message names the flag and the value.
        WriteError: a file cannot be written, as on a full disk; an OSError.
        FileExistsError: `out` exists, or the blocks beside it are of another sweep.
        ChildProcessError: all workers have failed; what is finished is kept.
        Interrupted: Ctrl-C; what is finished is kept.

    """
    begin = time.monotonic()
    if workers is not None and workers < 1:
        raise ValueError(f"--workers must be at least 1, got {workers}")
    plan, note = _plan(seeds, epochs, lr, hidden, bits, loss, compiled)
    launched = "TORCHELASTIC_RUN_ID" in os.environ
    out = None if out is None else Path(out)
    if out is None and launched:
        raise ValueError("--out must name a file, in a directory that all processes share")
    with contextlib.ExitStack() as stack:
        if out is None:
            temporary = tempfile.TemporaryDirectory(prefix="xor_torch-")
            directory = Path(stack.enter_context(temporary))
        else:
            directory = out.with_name(out.name + ".blocks")
        if launched and out and os.environ["RANK"] != "0":
            if _wait_for_plan(plan, directory, out):
                work(directory)
            return None
        if out is not None and not out.parent.is_dir():
            raise FileNotFoundError(f"--out {out}: there is no directory {out.parent}")
        if out is not None and out.exists() and not force:
            raise FileExistsError(f"--out {out} exists: --force overwrites it")
        try:
            plan = _begin(plan, directory, force)
        except FileExistsError:
            raise
        except OSError as error:  # nothing has been computed yet: a bad call
            if out is None:
                raise
            raise ValueError(f"--out {out}: cannot write there: {error.strerror}") from error
        cores = int(os.environ["WORLD_SIZE"]) if launched else _cores()
        workers = min(workers or cores, plan.blocks)
        try:
            if launched or (workers == 1 and not plan.compiled):
                work(directory, progress)
            else:
                _employ(workers, plan, directory, progress)
        except KeyboardInterrupt:
            finished = (
                _merge(plan, directory) if Blocks(directory, plan.blocks).finished() else None
            )
            raise Interrupted(finished, directory if out else None) from None
        result = _merge(plan, directory)
        seconds = time.monotonic() - begin
        result = replace(result, timing=_timing(directory, seconds, workers, note))
        if out is not None:
            result.save(out)
            shutil.rmtree(directory)
    return result


def work(directory: Path, progress: Callable[[Progress], None] | None = None) -> None:
    """Take blocks of the sweep that was begun in `directory` until all are finished."""
    begin = time.monotonic()
    plan = _read_plan(directory)
    blocks = Blocks(directory, plan.blocks)
    watch = _Watch(plan, blocks)
    from ..batch import train
    from ..threads import one_thread

    def run(seeds: np.ndarray, epochs: int, compiled: bool, **more: Any) -> "Trained":
        start = initial_weights(seeds, plan.hidden, plan.bits)
        return train(start, epochs, plan.lr, plan.loss, compiled=compiled, **more)

    with one_thread():
        compiled = plan.compiled
        if compiled:
            note = ""
            try:
                run(np.arange(2), 2, compiled=True)
            except (RuntimeError, OSError, ImportError, AttributeError) as error:
                # no headers of Python's, a full disk, a torch that cannot do it yet
                compiled = False
                note = f"{_SLOW}: {str(error).strip().splitlines()[0]}"
            report = {"compile_seconds": time.monotonic() - begin, "note": note}
            (directory / f"worker.{os.getpid()}.json").write_text(json.dumps(report))

        for claim in blocks.claims():
            seeds = plan.block(claim.number)

            def tick(epochs: int, claim: Claim = claim, size: int = seeds.size) -> None:
                claim.beat(epochs * size)
                if progress:
                    progress(watch())

            curve = [epoch - 1 for epoch in plan.curve]
            trained = run(seeds, plan.epochs, compiled, curve=curve, tick=tick)
            finite = np.all([np.isfinite(p).all(axis=(1, 2)) for p in trained.parameters], axis=0)
            outcomes = classify(
                trained.prediction, trained.loss, trained.gradient_norm,
                plan.epochs, plan.lr, plan.loss, finite,
            )  # fmt: skip
            claim.finish(
                seed=seeds,
                **trained.parameters._asdict(),
                loss=trained.loss,
                prediction=trained.prediction,
                solved=outcomes.outcome == "solved",
                gradient_norm=trained.gradient_norm,
                **outcomes._asdict(),
                # one block's curves show the classes; those of a million seeds would fill disks
                curve_loss=trained.curve_loss if claim.number == 0 else trained.curve_loss[:, :0],
                curve_solved=trained.curve_solved.sum(axis=1),
            )
            if progress:
                progress(watch())


def initial_weights(seeds: np.ndarray, hidden: int = 2, bits: int = 2) -> Parameters:
    """The initial weights of many seeds, bit for bit those of `xor_torch.data.initial_weights`.

    Returns:
        ``W1`` (S, bits, hidden), ``b1`` (S, 1, hidden), ``W2`` (S, hidden, 1), ``b2`` (S, 1, 1).

    """
    S = len(seeds)
    draws = np.empty((S, bits * hidden + hidden))
    generator = np.random.RandomState()  # to seed it anew takes a thirtieth of building it
    for k, seed in enumerate(seeds):
        generator.seed(seed)
        draws[k] = generator.randn(draws.shape[1])  # W1 first, then W2
    W1, W2 = np.split(draws, [bits * hidden], axis=1)
    return Parameters(
        W1.reshape(S, bits, hidden),
        np.zeros((S, 1, hidden)),
        W2.reshape(S, hidden, 1),
        np.zeros((S, 1, 1)),
    )


def _begin(plan: Plan, directory: Path, force: bool) -> Plan:
    """Write the plan, or go on with the one that is there."""
    try:
        there = _read_plan(directory)
    except FileNotFoundError:
        pass
    except ValueError:
        if not force:
            raise
        shutil.rmtree(directory)
    else:
        if there.same_sweep(plan):
            _merge(there, directory)  # what is damaged is said before hours of work, not after
            return there
        if not force:
            raise FileExistsError(
                f"{directory} holds blocks of another sweep ({there}): "
                "--force drops them, another --out leaves them"
            )
        shutil.rmtree(directory)
    directory.mkdir(exist_ok=True)
    with write_beside(directory / "plan.json") as beside:
        beside.write_text(json.dumps(asdict(plan)))
    return plan


def _read_plan(directory: Path) -> Plan:
    path = directory / "plan.json"
    try:
        plan = Plan(**json.loads(path.read_text(encoding="utf-8")))
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


def _wait_for_plan(plan: Plan, directory: Path, out: Path) -> bool:
    """Whether there are blocks to take: rank 0 begins, and may be done before we come."""
    for second in range(60):
        with contextlib.suppress(FileNotFoundError):
            if _read_plan(directory).same_sweep(plan):
                return True
        if second > 5 and out.exists():
            return False
        time.sleep(1)
    raise TimeoutError(f"rank 0 has not begun in {directory}: do all machines share --out?")


def _employ(
    workers: int, plan: Plan, directory: Path, progress: Callable[[Progress], None] | None
) -> None:
    """Have processes of one thread take the blocks; wait for them."""
    watch = _Watch(plan, Blocks(directory, plan.blocks))
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    processes = []
    next_look = 0.0
    try:
        for k in range(workers):
            with (directory / f"worker.{k}.log").open("wb") as log:
                command = [sys.executable, "-m", "xor_torch.sweep", str(directory)]
                processes.append(subprocess.Popen(command, env=environment, stderr=log))
        while True:
            working = any(p.poll() is None for p in processes)
            if len(watch.blocks.finished()) == plan.blocks:  # not: wait until torch has shut down
                break
            if not working:
                raise ChildProcessError(_last_words(directory, processes))
            if progress and time.monotonic() >= next_look:  # to look costs the workers time
                progress(watch())
                next_look = time.monotonic() + 0.5
            time.sleep(0.05)
        if progress:
            progress(watch())
    finally:
        for process in processes:
            process.kill()
            process.wait()


class _Watch:
    """How far the blocks are, as seen from the directory."""

    def __init__(self, plan: Plan, blocks: Blocks) -> None:
        self.plan, self.blocks = plan, blocks
        self._preview = _preview(plan)
        self._finished: dict[int, tuple[int, int]] = {}  # seeds and solved of a block

    def __call__(self) -> Progress:
        for number in set(self.blocks.finished()) - set(self._finished):
            solved = _load_block(self.plan, self.blocks, number)["solved"]
            self._finished[number] = solved.size, int(solved.sum())
        finished, solved = (
            sum(column) for column in zip((0, 0), *self._finished.values(), strict=True)
        )
        in_work = self.blocks.in_work()
        done = finished * self.plan.epochs + sum(
            in_work[k] for k in in_work if k not in self._finished
        )
        first = "" if finished else next(self._preview)
        return Progress(done, self.plan.seed.size * self.plan.epochs, finished, solved, first)


def _preview(plan: Plan) -> Iterator[str]:
    """How the first seed fares, trained in NumPy: something to see until a block is finished."""
    if plan.loss != "mse" or 2**plan.bits * (plan.hidden + 1) > LONGEST_PREVIEW:
        yield from repeat("")
    X, y = truth_table(plan.bits)
    start = data.initial_weights(int(plan.seed[0]), plan.hidden, plan.bits)
    epochs = manual.train(X, y, start, plan.lr, plan.epochs)
    while chunk := [*islice(epochs, 100)]:
        last = chunk[-1]
        text = f"seed {plan.seed[0]}: loss {last.mse:.4f} after {last.number + 1} epochs"
        yield text
    yield from repeat(text)


def _load_block(plan: Plan, blocks: Blocks, number: int) -> dict[str, np.ndarray]:
    """A finished block, if it is one of this sweep."""
    try:
        rows = blocks.load(number)
        if rows.keys() != {*_SAVED} - {"curve_epoch", "epochs", "lr", "criterion"}:
            raise ValueError(f"it holds {', '.join(rows)}")
        _check_rows(rows, plan.bits, plan.hidden)
        if not np.array_equal(rows["seed"], plan.block(number)):
            raise ValueError("its seeds are others")
        if len(rows["curve_solved"]) != len(plan.curve):
            raise ValueError("its epochs are others")
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{blocks.path(number)} is not block {number} of this sweep: {error}; "
            "delete it, and the same command computes it again"
        ) from error
    return rows


def _merge(plan: Plan, directory: Path) -> Result:
    """The rows of all blocks that are finished, at least one."""
    blocks = Blocks(directory, plan.blocks)
    parts = [_load_block(plan, blocks, number) for number in blocks.finished()]
    columns: dict[str, Any] = {
        "curve_epoch": np.array(plan.curve),
        "curve_loss": parts[0].pop("curve_loss"),
        "curve_solved": np.sum([part.pop("curve_solved") for part in parts], axis=0),
    }
    for name in [*parts[0]]:
        columns[name] = np.concatenate([part.pop(name) for part in parts])
    return Result(**columns, epochs=plan.epochs, lr=plan.lr, criterion=plan.loss)


def _timing(directory: Path, seconds: float, workers: int, note: str) -> Timing:
    reports = []
    for path in directory.glob("worker.*.json"):
        # a worker may have been killed while it wrote
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
            report = json.loads(path.read_text())
            reports.append((float(report["compile_seconds"]), str(report["note"])))
    notes = [note for _, note in reports if note]
    return Timing(
        seconds=seconds,
        compile_seconds=max([seconds for seconds, _ in reports], default=0.0),
        workers=workers,
        note=note or (notes[0] if notes else ""),
    )


def _last_words(directory: Path, processes: list[subprocess.Popen[bytes]]) -> str:
    """Why the workers failed: the last line of the first that says something."""
    for k, process in enumerate(processes):
        words = (directory / f"worker.{k}.log").read_text(errors="replace").strip()
        if process.returncode and words:
            return f"a worker failed: {words.splitlines()[-1]}"
    codes = ", ".join(str(process.returncode) for process in processes)
    return f"the workers ended without a word, with exit codes {codes}"


def _cores() -> int:
    """How many processes can run at once; a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def progress_bar(file: TextIO | None = None) -> Iterator[Callable[[Progress], None]]:
    """A bar for `sweep`'s `progress`: rate in network-epochs a second, time left, what is solved.

    Args:
        file: standard error by default.

    """
    from tqdm import tqdm

    with contextlib.ExitStack() as stack:
        # none before there is something to show: the call may be refused
        bars: list[tqdm[Any]] = []

        def show(now: Progress) -> None:
            if not bars:  # what an earlier call had finished is not our rate
                bar = tqdm(
                    total=now.total,
                    initial=now.done,
                    unit=" network-epochs",
                    unit_scale=True,
                    file=file,
                    dynamic_ncols=True,
                )
                bars.append(stack.enter_context(bar))
            (bar,) = bars
            bar.n = now.done
            bar.set_postfix_str(
                f"{now.solved} of {now.finished} seeds solved" if now.finished else now.first,
                refresh=False,
            )
            bar.refresh()

        yield show


def summary(result: Result, shown: int = 5) -> list[dict[str, Any]]:
    """What became of the seeds: one entry for each class that occurs, the largest first.

    Returns:
        Dictionaries with ``outcome``; ``level`` (None if there is none); ``tied``, the groups of
        rows that are tied, each a list of rows as their bits; ``count``; ``share`` and its 95 %
        interval ``low`` to ``high``; and the first `shown` ``seeds``.

    """
    S, N = result.prediction.shape
    level = np.nan_to_num(result.level.round(12), nan=-1.0)
    entries = []
    for outcome, height in {*zip(result.outcome.tolist(), level.tolist(), strict=True)}:
        of_level = (result.outcome == outcome) & (level == height)
        for tied in np.unique(result.tied[of_level], axis=0):
            members = of_level & (result.tied == tied).all(axis=1)
            count = int(members.sum())
            low, high = wilson(count, S)
            width = N.bit_length() - 1
            groups = [
                [f"{row:0{width}b}" for row in np.flatnonzero(tied == group)]
                for group in range(1, tied.max() + 1)
            ]
            entry = {
                "outcome": outcome,
                "level": height if height >= 0 else None,
                "tied": groups,
                "count": count,
                "share": count / S,
                "low": low,
                "high": high,
                "seeds": result.seed[members][:shown].tolist(),
            }
            entries.append(entry)
    return sorted(entries, key=lambda entry: (-entry["count"], entry["seeds"]))


def table(result: Result) -> str:
    """`summary` as a table."""
    rows = [("outcome", "level", "tied", "seeds", "share", "95 % interval", "the first")]
    for entry in summary(result):
        rows.append((
            entry["outcome"],
            "" if entry["level"] is None else fraction(entry["level"]),
            "; ".join(" ".join(group) for group in entry["tied"]),
            f"{entry['count']}",
            f"{entry['share']:.2%}",
            f"{entry['low']:.2%} to {entry['high']:.2%}",
            ",".join(map(str, entry["seeds"])),
        ))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = {3, 4}  # to the right
    return "\n".join(
        "  ".join(
            cell.rjust(width) if k in numbers else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def grid(
    out: Path | str | None = None, **flags: object
) -> list[tuple[dict[str, Any], Path | None]]:
    """The product of flags that have several values, as arguments of `sweep`.

    Args:
        out: of the whole; with several sweeps the flags that differ go into each one's name:
            ``xor.npz`` becomes ``xor-lr=0.5.npz``.
        flags: by name, a value or a list of values.

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
