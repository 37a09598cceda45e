"""The result of a sweep: one row for each seed, in memory and as a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..data import Parameters
from ..files import read_arrays, write_arrays
from ..outcome import OUTCOMES
from ..ranges import LOSSES
from .seeds import check_seeds


class Timing(NamedTuple):
    """How long a sweep took, and how it was computed."""

    seconds: float  #: from the call to the merged result
    compile_seconds: float  #: of these, until the compiled epoch was ready; 0 if eager
    workers: int
    note: str  #: why it was not compiled although that would have paid, or ""


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
    solved: np.ndarray  #: (S,) bool: every prediction is on the right side of 1/2
    gradient_norm: np.ndarray  #: (S,), of the last epoch's gradient of the SUM over the rows
    outcome: np.ndarray  #: (S,) str, see `xor_torch.outcome`
    level: np.ndarray  #: (S,), loss of the plateau, nan where there is none
    tied: np.ndarray  #: (S, 2**bits) int: rows of equal number are tied, 0 means not tied
    curve_epoch: np.ndarray  #: (C,), the recorded epochs, the first is 1
    curve_loss: np.ndarray  #: (C, K), of the first K networks
    curve_solved: np.ndarray  #: (C,), how many of all S answered every row correctly
    epochs: int
    lr: float
    criterion: str  #: "mse" or "bce"
    timing: Timing | None = field(default=None, compare=False)  #: not in the file

    @property
    def parameters(self) -> Parameters:
        """The weights of all networks, as `xor_torch.data.Parameters` with a first axis of S."""
        return Parameters(self.W1, self.b1, self.W2, self.b2)

    def save(self, path: Path | str) -> None:
        """Write the file whole or not at all.

        Raises:
            WriteError: it cannot be written.

        """
        write_arrays(Path(path), {name: getattr(self, name) for name in SAVED})

    @classmethod
    def load(cls, path: Path | str) -> "Result":
        """Read a sweep's file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is not a sweep's file, or it has changed since it was written.

        """
        arrays = read_arrays(path)
        try:
            if arrays.keys() != {*SAVED}:
                raise ValueError(f"it holds {', '.join(arrays)}")
            _check_settings({name: arrays[name].tolist() for name in SETTINGS})
            check_rows(arrays, *arrays["W1"].shape[1:])
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is not a sweep's file: {error}") from error
        values: dict[str, Any] = {k: a if a.ndim else a.item() for k, a in arrays.items()}
        return cls(**values)


SETTINGS = ("epochs", "lr", "criterion")
SAVED = tuple(f.name for f in fields(Result) if f.name != "timing")


def check_rows(rows: Mapping[str, np.ndarray], bits: int, hidden: int) -> None:
    """Check that `rows` are S trained networks and their C recorded epochs.

    Raises:
        ValueError: an array has another type or shape, or values that no sweep writes.

    """
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
    check_seeds(rows["seed"])
    if not np.isin(rows["outcome"], OUTCOMES).all():
        raise ValueError(f"outcome has a word other than {', '.join(OUTCOMES)}")
    if (rows["solved"] != (rows["outcome"] == "solved")).any():
        raise ValueError("solved and outcome contradict each other")
    for name in *Parameters._fields, "loss", "prediction":
        finite = np.isfinite(rows[name]).reshape(S, -1).all(axis=1)
        if not (finite | (rows["outcome"] == "diverged")).all():
            raise ValueError(f"{name} has numbers that are not finite")


def _check_settings(settings: Mapping[str, object]) -> None:
    for name, kind in zip(SETTINGS, (int, float, str), strict=True):
        if type(settings[name]) is not kind:
            raise ValueError(f"{name} is {settings[name]}")
    if settings["criterion"] not in LOSSES:
        raise ValueError(f"criterion is {settings['criterion']}")
