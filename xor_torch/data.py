"""The truth table that the network learns, and the weights that it starts from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ranges import MAX_BITS, MAX_HIDDEN, MAX_SEED

Array = NDArray[np.float64]


class Parameters(NamedTuple):
    """The network's four parameters, or their gradients: float64, in NumPy layout (in, out)."""

    W1: Array  #: (bits, hidden)
    b1: Array  #: (1, hidden)
    W2: Array  #: (hidden, 1)
    b2: Array  #: (1, 1)


def truth_table(bits: int = 2) -> tuple[Array, Array]:
    """Every row of `bits` bits in counting order, and its parity: XOR is ``bits=2``.

    Args:
        bits: number of inputs, 1 to 16.

    Returns:
        ``X`` of shape (2**bits, bits), most significant bit first, and ``y`` of shape
        (2**bits, 1), 1 where the number of ones in the row is odd. Both float64.

    Raises:
        ValueError: `bits` is out of range.

    """
    _check_range("bits", bits, 1, MAX_BITS)
    rows = np.arange(2**bits)
    X = rows[:, None] >> np.arange(bits)[::-1] & 1
    y = X.sum(axis=1, keepdims=True) % 2
    return X.astype(np.float64), y.astype(np.float64)


def initial_weights(seed: int = 42, hidden: int = 2, bits: int = 2) -> Parameters:
    """The notebook's initial weights, bit for bit.

    Drawn as after ``np.random.seed(seed)``, W1 first and then W2; biases are zero. The
    generator is private: NumPy's global random state is left as it is.

    Args:
        seed: 0 to 2**32 - 1.
        hidden: number of hidden units, 1 to 4096.
        bits: number of inputs, 1 to 16.

    Returns:
        float64 arrays ``W1`` (bits, hidden), ``b1`` (1, hidden), ``W2`` (hidden, 1) and
        ``b2`` (1, 1).

    Raises:
        ValueError: an argument is out of range.

    """
    check_network(seed, hidden, bits)
    draw = np.random.RandomState(seed).randn
    W1 = draw(bits, hidden)
    W2 = draw(hidden, 1)
    return Parameters(W1, np.zeros((1, hidden)), W2, np.zeros((1, 1)))


def check_equal_shapes(prediction: tuple[int, ...], y: tuple[int, ...]) -> None:
    """Raise ValueError unless the shapes of a prediction and its targets are the same."""
    if prediction != y:
        raise ValueError(
            f"prediction has shape {tuple(prediction)} and y has shape {tuple(y)}: "
            "they must be equal, because their difference would be broadcast"
        )


def check_network(seed: int, hidden: int, bits: int) -> None:
    """Raise a ValueError that names the first argument that is out of its range."""
    _check_range("seed", seed, 0, MAX_SEED)
    _check_range("hidden", hidden, 1, MAX_HIDDEN)
    _check_range("bits", bits, 1, MAX_BITS)


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, got {value}")
