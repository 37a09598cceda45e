"""The XOR network by hand in NumPy and by autograd in Lightning, from the same seed."""

from .faces import lazy

__version__ = "0.1.0"

_HOMES = {
    "Parameters": "data",
    "initial_weights": "data",
    "truth_table": "data",
    "XOR": "model",
    "squared_error": "model",
    "XORModule": "lit",
    "XORDataModule": "lit",
    "fit": "lit",
    "assert_backprop": "backprop",
    "assert_backward": "backprop",
}

__all__ = [*_HOMES]


def load_ipython_extension(shell: object) -> None:
    """What ``%load_ext xor_torch`` calls: it adds ``%backprop`` and ``%%backprop``."""
    from .backprop import add_magic

    add_magic(shell)


__getattr__, __dir__ = lazy(__name__, _HOMES)
