"""Which seeds are swept, as a user writes them, and the weights that they stand for."""

from collections.abc import Sequence

import numpy as np

from .. import memory
from ..data import Parameters
from ..ranges import MAX_SEED


def parse_seeds(text: str | int | Sequence[str | int]) -> np.ndarray:
    """Read seeds as a user writes them.

    ``"N"`` is 0 to N - 1, ``"A:B"`` is A to B - 1, ``"3,5,8"`` or several words are those seeds,
    and ``"42,"`` is seed 42 alone.

    Returns:
        int64, shape (S,).

    Raises:
        ValueError: there is no seed, one occurs twice, or one is outside 0 to 2**32 - 1.

    """
    words = [str(text)] if isinstance(text, str | int) else [str(word) for word in text]
    said = " ".join(words)
    try:
        if len(words) == 1 and "," not in said:
            first, colon, end = said.partition(":")
            start, stop = (int(first), int(end)) if colon else (0, int(first))
            if start >= stop:
                raise ValueError(f"--seeds {said} is an empty range")
            check_seeds(np.array(sorted({start, stop - 1})), said)
            memory.check(f"--seeds {said}", (stop - start) * row_bytes(bits=1, hidden=1))
            return np.arange(start, stop)
        seeds = [int(word) for part in words for word in part.split(",") if word.strip()]
    except ValueError as error:
        if "--seeds" in str(error):
            raise
        raise ValueError(
            f"--seeds {said} is neither a number N, nor a range A:B, nor a list A,B,C"
        ) from None
    return check_seeds(np.array(seeds), said)


def spell_seeds(seeds: np.ndarray) -> str:
    """The shortest text that `parse_seeds` reads as `seeds`."""
    first, last = int(seeds[0]), int(seeds[-1])
    consecutive = last - first + 1 == seeds.size and (np.diff(seeds) == 1).all()
    return f"{first}:{last + 1}" if consecutive else ",".join(map(str, seeds)) + ","


def check_seeds(seeds: np.ndarray, said: str = "") -> np.ndarray:
    """Return `seeds` as int64.

    Raises:
        ValueError: there is no seed, one occurs twice, or one is outside 0 to 2**32 - 1.

    """
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


def row_bytes(bits: int, hidden: int, **_: object) -> int:
    """Bytes of memory that one seed takes while blocks are merged or written: its row, twice."""
    return 2 * 8 * ((bits + 2) * hidden + 1 + 2 * (1 << bits) + 9)


def initial_weights(seeds: np.ndarray, hidden: int = 2, bits: int = 2) -> Parameters:
    """Draw the initial weights of many seeds, bit for bit as `xor_torch.data.initial_weights`.

    Returns:
        ``W1`` (S, bits, hidden), ``b1`` (S, 1, hidden), ``W2`` (S, hidden, 1), ``b2`` (S, 1, 1).

    """
    S = len(seeds)
    draws = np.empty((S, bits * hidden + hidden))
    generator = np.random.RandomState()  # seeding it again costs a thirtieth of building one
    for k, seed in enumerate(seeds.tolist()):  # Python's integers are faster here
        generator.seed(seed)
        draws[k] = generator.randn(draws.shape[1])  # W1 first, then W2
    W1, W2 = np.split(draws, [bits * hidden], axis=1)
    return Parameters(
        W1.reshape(S, bits, hidden),
        np.zeros((S, 1, hidden)),
        W2.reshape(S, hidden, 1),
        np.zeros((S, 1, 1)),
    )
