"""Go on from a checkpoint: the module that it holds, and whether a trainer can go on from it."""

import operator
from collections.abc import Callable, Mapping
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer
from packaging.version import Version

from .checkpoint import TRAINING, read
from .module import XORModule

LOOPS = ("fit_loop", "validate_loop", "test_loop", "predict_loop")


def load(checkpoint: str | Path) -> XORModule:
    """The module that `checkpoint` holds, with its weights and its settings.

    Args:
        checkpoint: a file that `fit` has saved, ``checkpoints/last.ckpt`` of a run directory.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is damaged, or not a checkpoint of an `XORModule`.

    """
    state = read(checkpoint)
    module = XORModule(**state["hyper_parameters"])
    module.load_state_dict(state["state_dict"])
    module.on_load_checkpoint(state)
    return module


def check_training(
    path: str | Path, state: Mapping[str, Any], module: XORModule, trainer: Trainer
) -> None:
    """Refuse to resume from the state of another network, trainer or optimizer.

    Args:
        path: of the checkpoint, for the message.
        state: what `checkpoint.read` returned for it.
        module, trainer: new ones, which are to go on. The loops and callbacks in the checkpoint
            must have the same keys as theirs, and its optimizer must be the same.

    Raises:
        ValueError: the run cannot be resumed; the message names the file.

    """
    if state["hyper_parameters"] != dict(module.hparams):
        raise ValueError(f"{path} is of {state['hyper_parameters']}, not of {module.hparams}")
    if why := _why_not_resumed(state, module, trainer):
        raise ValueError(f"{path} cannot be resumed: {why}")


def _why_not_resumed(state: Mapping[str, Any], module: XORModule, trainer: Trainer) -> str | None:
    if missing := sorted(TRAINING.keys() - state.keys()):
        return f"it lacks {', '.join(missing)}"
    saved, here = state["pytorch-lightning_version"], version("lightning")
    if Version(saved) > Version(here):
        return f"Lightning {saved} wrote it, Lightning {here} is installed: upgrade Lightning"
    loops = {name: getattr(trainer, name).state_dict() for name in LOOPS}
    if not _alike(state["loops"], loops, lambda number, _: number >= 0):
        return "its loops are not those of this version of Lightning"
    progress = state["loops"]["fit_loop"]["epoch_loop.automatic_optimization.optim_progress"]
    if progress["optimizer"]["step"]["total"]["completed"] != state["global_step"]:
        return f"its loops are not at epoch {state['global_step']}"
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
