"""The XOR network by hand in NumPy and by autograd in Lightning, from the same seed.

Public names are imported when they are first used, so that ``import xor_torch`` is
cheap and imports neither torch nor lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what _HOME says, for type checkers
    from .backprop import assert_backprop as assert_backprop
    from .data import Parameters as Parameters
    from .data import initial_weights as initial_weights
    from .data import truth_table as truth_table
    from .lit import XORDataModule as XORDataModule
    from .lit import XORModule as XORModule
    from .lit import fit as fit
    from .model import XOR as XOR
    from .model import squared_error as squared_error

__version__ = "0.1.0"

_HOME = {
    "Parameters": "data",
    "initial_weights": "data",
    "truth_table": "data",
    "XOR": "model",
    "squared_error": "model",
    "XORModule": "lit",
    "XORDataModule": "lit",
    "fit": "lit",
    "assert_backprop": "backprop",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
