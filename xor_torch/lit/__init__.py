"""The network in Lightning: its module and data, training into run directories, what they show.

Other wings and users import the names below from here; the rooms behind them are ours to move.
`xor_torch.lit.runs` finds run directories and checkpoints, and needs neither torch nor Lightning:
the names below are therefore imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what _HOME says, for type checkers
    from .module import XORDataModule as XORDataModule
    from .module import XORModule as XORModule
    from .module import fit as fit
    from .module import load as load

_HOME = {"XORModule": "module", "XORDataModule": "module", "fit": "module", "load": "module"}

__all__ = [*_HOME]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
