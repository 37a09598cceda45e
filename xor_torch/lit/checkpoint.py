"""Read a checkpoint from anywhere: load what `fit` saved, refuse everything else."""

import io
import math
import pickletools
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from packaging.version import InvalidVersion, Version

from ..data import check_network
from ..model import XOR
from .runs import read_records

MOST_PICKLE = 2**16  # bytes; a run has about 3000
FORMAT = 1  # raise it when an older xor_torch would misread what a checkpoint holds

Kind = type | tuple[type, ...]

# Every checkpoint has the keys of WEIGHTS; one that can be resumed has those of TRAINING too.
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

# The options of Lightning's Trainer that a resumed run takes from its checkpoint. None of them
# names code, and none of them starts processes: a user who wants that asks for it again.
OPTIONS: dict[str, Kind] = {
    "accumulate_grad_batches": int,
    "deterministic": (bool, str),
    "detect_anomaly": bool,
    "enable_checkpointing": bool,
    "enable_model_summary": bool,
    "enable_progress_bar": bool,
    "gradient_clip_algorithm": str,
    "gradient_clip_val": (int, float),
    "log_every_n_steps": int,
    "max_time": (str, dict),
}


def read(path: str | Path) -> dict[str, Any]:
    """The content of the checkpoint at `path`.

    Nothing in it is executed (``weights_only``), every record matches its checksum, and the
    weights are finite float64 numbers of the network that the hyperparameters describe. Of the
    Trainer's options in its settings only those in `OPTIONS` are left.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not such a checkpoint; the message names it.

    """
    whole = checked(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a pickle that torch itself would not write
            state = torch.load(whole, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many classes
        raise ValueError(f"{path} is not a checkpoint of numbers and names alone") from error
    try:
        _check(state)
    except ValueError as error:
        raise ValueError(f"{path} is not a checkpoint of an XORModule: {error}") from None
    if state["settings"] is not None:
        saved = state["settings"]["trainer"]
        state["settings"]["trainer"] = {name: saved[name] for name in saved if name in OPTIONS}
    return state  # type: ignore[no-any-return]


def _why_not_unpickled(data: bytes) -> str | None:
    """Why a pickle takes more time or memory than its size says, None if it does not.

    To be a key, a tuple is hashed as often as it occurs in itself: 40 levels of ``t = (t, t)`` are
    200 bytes, and take hours.
    """
    if len(data) > MOST_PICKLE:
        return f"it has {len(data)} bytes of names; at most {MOST_PICKLE} are read"
    tuples, previous = set(), ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in what may be any bytes
            instructions = [*pickletools.genops(data)]
    except Exception:  # pickletools raises many classes
        return "it is not a pickle"
    for opcode, argument, _ in instructions:
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and previous.startswith("TUPLE"):
            tuples.add(argument)
        elif opcode.name in ("GET", "BINGET", "LONG_BINGET") and argument in tuples:
            return "a tuple occurs twice"
        elif opcode.name in ("DUP", "MEMOIZE"):  # other ways to the same; torch writes neither
            return f"it uses the instruction {opcode.name}"
        previous = opcode.name
    return None


def network(state: Mapping[str, Any]) -> XOR:
    """The network with the weights in `state`, which `read` returned; needs no Lightning."""
    settings = state["hyper_parameters"]
    found = XOR(settings["seed"], settings["hidden"], settings["bits"])
    found.load_state_dict(state["state_dict"])
    return found


def checked(path: str | Path) -> io.BytesIO:
    """A copy of the file at `path` for ``torch.load``, of records that match their checksums.

    ``torch.load`` must not read the file itself: if one bit in the archive's table turns a record
    into a directory, torch does not read the record and returns uninitialised memory.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not a zip archive, or it is damaged.

    """
    records = read_records(path)
    for name, data in records.items():
        if name.endswith("data.pkl") and (why := _why_not_unpickled(data)):
            raise ValueError(f"{path} is not a checkpoint of numbers and names alone: {why}")
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    whole.seek(0)
    return whole


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
        raise ValueError(f"its version of Lightning is wrong: {error}") from error

    settings = state["hyper_parameters"]
    types: dict[str, Kind] = {"seed": int, "hidden": int, "bits": int, "lr": (float, int)}
    if settings.keys() != types.keys():
        raise ValueError(f"its hyperparameters are {', '.join(map(str, settings))}")
    for name, kind in types.items():
        _check_type(name, settings[name], kind)
    # check the sizes before anything of that size is allocated
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
        for name, value in fit["trainer"].items():
            _check_option(str(name), value)
        _check_type("epochs", fit["epochs"], int)
        _check_type("views", fit["views"], str)
        if type(fit["check"]) is not bool:
            raise ValueError(f"its check is {fit['check']}")
        if fit["epochs"] < 1:
            raise ValueError(f"its epochs are {fit['epochs']}")


def _check_option(name: str, value: object) -> None:
    if isinstance(value, dict) and not all(type(v) in (int, float) for v in value.values()):
        raise ValueError(f"its trainer option {name} is not a plain value")
    kinds = OPTIONS.get(name)
    if value is None or kinds is None:
        return
    if type(value) not in (kinds if isinstance(kinds, tuple) else (kinds,)):
        raise ValueError(f"its trainer option {name} is of the type {type(value).__name__}")


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
