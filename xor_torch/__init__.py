"""The XOR network by hand in NumPy and by autograd in Lightning, from the same seed.

Public names are imported when they are first used, so that ``import xor_torch`` is
cheap and imports neither torch nor lightning.
"""

from importlib import import_module

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
    "assert_backprop": "check",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
