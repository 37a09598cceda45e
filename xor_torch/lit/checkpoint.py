"""Read a checkpoint, of whatever origin: what is loaded is what `fit` saved, or it is refused."""

import io
import math
import operator
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from packaging.version import InvalidVersion, Version

from ..data import check_network
from ..files import read_zip
from ..model import XOR

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from .module import XORModule

FORMAT = 1  # of what a checkpoint holds; raised when an older xor_torch would misread it

Kind = type | tuple[type, ...]

# What every checkpoint has, and what one that only has the weights lacks.
WEIGHTS: dict[str, Kind] = {
    "format": int,
    "epoch": int,
    "global_step": int,
    "pytorch-lightning_version": str,
    "hparams_name": str,
    "hyper_parameters": dict,
    "state_dict": dict,
    "prediction": (torch.Tensor, type(None)),
    "settings": (dict, type(None)),
    "loops": dict,
}
TRAINING: dict[str, Kind] = {"callbacks": dict, "optimizer_states": list, "lr_schedulers": list}
LOOPS = ("fit_loop", "validate_loop", "test_loop", "predict_loop")


def read(path: str | Path) -> dict[str, Any]:
    """The content of the checkpoint at `path`.

    Nothing in it is executed (``weights_only``), every record fits its checksum, and the weights
    are finite float64 numbers of the network that the hyperparameters describe.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a checkpoint; the message names the file.

    """
    whole = checked(path)
    try:
        state = torch.load(whole, map_location="cpu", weights_only=True)
    except Exception as error:  # torch has no common class for what it does not read
        raise ValueError(f"{path} is not a checkpoint of numbers and names alone") from error
    try:
        _check(state)
    except ValueError as error:
        raise ValueError(f"{path} is not a checkpoint of an XORModule: {error}") from None
    return state  # type: ignore[no-any-return]


def network(state: Mapping[str, Any]) -> XOR:
    """The network whose weights `state` has, which `read` returned: without Lightning."""
    settings = state["hyper_parameters"]
    found = XOR(settings["seed"], settings["hidden"], settings["bits"])
    found.load_state_dict(state["state_dict"])
    return found


def checked(path: str | Path) -> io.BytesIO:
    """The file at `path` for ``torch.load``, made of the records that fit their checksums.

    Not the file itself, which torch reads in its own way: of a record whose entry in the archive's
    table says by a single bit that it is a directory, it returns what was in memory before.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no archive, or not as it was written.

    """
    try:
        records = read_zip(path)
    except ValueError as error:
        raise ValueError(
            f"{path} is not a whole checkpoint file: take another copy, or train anew"
        ) from error
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    whole.seek(0)
    return whole


def check_training(
    path: str | Path, state: Mapping[str, Any], module: "XORModule", trainer: "Trainer"
) -> None:
    """Refuse to resume from what another network, trainer or optimizer has left.

    Args:
        path: of the checkpoint, for the message.
        state: what `read` returned for it.
        module, trainer: new ones, which are to go on. The loops and callbacks in the checkpoint
            must have the same keys as theirs, and its optimizer must be the same.

    Raises:
        ValueError: it cannot be resumed; the message names the file.

    """
    if state["hyper_parameters"] != dict(module.hparams):
        raise ValueError(f"{path} is of {state['hyper_parameters']}, not of {module.hparams}")
    if why := _why_not_resumed(state, module, trainer):
        raise ValueError(f"{path} cannot be resumed: {why}")


def _why_not_resumed(
    state: Mapping[str, Any], module: "XORModule", trainer: "Trainer"
) -> str | None:
    if missing := sorted(TRAINING.keys() - state.keys()):
        return f"it lacks {', '.join(missing)}"
    saved, here = state["pytorch-lightning_version"], version("lightning")
    if Version(saved) > Version(here):
        return f"it is of Lightning {saved}, here is {here}: upgrade that"
    loops = {name: getattr(trainer, name).state_dict() for name in LOOPS}
    if not _alike(state["loops"], loops, lambda number, _: number >= 0):
        return "its loops are not those of this version of Lightning"
    progress = state["loops"]["fit_loop"]["epoch_loop.automatic_optimization.optim_progress"]
    if progress["optimizer"]["step"]["total"]["completed"] != state["global_step"]:
        return f"its loops do not stand at epoch {state['global_step']}"
    optimizer = module.configure_optimizers().state_dict()
    if not _alike(state["optimizer_states"], [optimizer], operator.eq):
        return "its optimizer is not plain descent with the network's learning rate"
    callbacks = {c.state_key: c.state_dict() for c in trainer.callbacks}  # type: ignore[attr-defined]
    for name in callbacks.keys() & state["callbacks"].keys():
        there = state["callbacks"][name]
        if not isinstance(there, dict) or there.keys() != callbacks[name].keys():
            return f"it holds {there} of the callback {name}"
    if state["lr_schedulers"]:
        return "it has a schedule for the learning rate"
    return None


def _alike(saved: Any, new: Any, same: Callable[[Any, Any], bool]) -> bool:
    """Whether two nested structures have the same keys and types, and numbers that are `same`."""
    if type(saved) is not type(new):
        return False
    if isinstance(new, dict):
        return saved.keys() == new.keys() and all(_alike(saved[k], new[k], same) for k in new)
    if isinstance(new, list):
        return len(saved) == len(new) and all(map(_alike, saved, new, repeat(same)))
    return same(saved, new)


def _check(state: Any) -> None:
    if not isinstance(state, dict) or "pytorch-lightning_version" not in state:
        raise ValueError("it is not a Lightning checkpoint")
    number = state.get("format")
    if isinstance(number, int) and number > FORMAT:
        raise ValueError(f"its format is {number}, this xor_torch knows {FORMAT}: upgrade it")
    known = WEIGHTS | TRAINING
    if missing := sorted(WEIGHTS.keys() - state.keys()):
        raise ValueError(f"it lacks {', '.join(missing)}")
    if extra := sorted(map(str, state.keys() - known.keys())):
        raise ValueError(f"it holds {', '.join(extra)}, which no checkpoint of ours does")
    for name, value in state.items():
        _check_type(name, value, known[name])
    for name in "format", "epoch", "global_step":
        if state[name] < 0:
            raise ValueError(f"its {name} is {state[name]}")

    try:
        Version(state["pytorch-lightning_version"])
    except InvalidVersion as error:
        raise ValueError(f"of Lightning's version: {error}") from error

    settings = state["hyper_parameters"]
    types: dict[str, Kind] = {"seed": int, "hidden": int, "bits": int, "lr": (float, int)}
    if settings.keys() != types.keys():
        raise ValueError(f"its hyperparameters are {', '.join(map(str, settings))}")
    for name, kind in types.items():
        _check_type(name, settings[name], kind)
    # before any number of that size is asked for
    hidden, bits = settings["hidden"], settings["bits"]
    check_network(settings["seed"], hidden, bits)
    if not 0 < settings["lr"] < math.inf:
        raise ValueError(f"lr must be positive and finite, got {settings['lr']}")
    shapes = {
        "hidden.weight": (hidden, bits),
        "hidden.bias": (hidden,),
        "output.weight": (1, hidden),
        "output.bias": (1,),
    }
    weights = state["state_dict"]
    if weights.keys() != shapes.keys():
        raise ValueError(f"its weights are {', '.join(map(str, weights))}")
    for name, shape in shapes.items():
        _check_type(name, weights[name], torch.Tensor)
        _check_numbers(name, weights[name], shape)
    if state["prediction"] is not None:
        _check_numbers("prediction", state["prediction"], (2**bits, 1))

    fit = state["settings"]
    if fit is not None:
        if fit.keys() != {"epochs", "views", "check", "trainer"}:
            raise ValueError(f"its settings are {', '.join(map(str, fit))}")
        _check_type("trainer", fit["trainer"], dict)
        _check_type("epochs", fit["epochs"], int)
        _check_type("views", fit["views"], str)
        if type(fit["check"]) is not bool:
            raise ValueError(f"its check is {fit['check']}")
        if fit["epochs"] < 1:
            raise ValueError(f"its epochs are {fit['epochs']}")


def _check_type(name: str, value: object, kind: Kind) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} is of the type {type(value).__name__}")


def _check_numbers(name: str, value: torch.Tensor, shape: tuple[int, ...]) -> None:
    if value.dtype != torch.float64 or value.layout != torch.strided or value.is_meta:
        raise ValueError(f"{name} is {value.dtype}, and not an array of torch.float64")
    if value.shape != shape:
        raise ValueError(f"{name} has the shape {tuple(value.shape)}, and not {shape}")
    if not value.isfinite().all():
        raise ValueError(f"{name} has numbers that are not finite")
